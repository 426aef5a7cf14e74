//! The service.

use std::convert::Infallible;
use std::fmt;
use std::future::Future;
use std::ops::RangeInclusive;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use futures_util::future::{Either, select};
use http::header::CONTENT_LENGTH;
use http::{HeaderName, HeaderValue, Method, Request, Response, StatusCode};
use http_body::Body;
use reqwest::Url;
use sse_client::ResponseBody;
use sse_core::{Reconnect, StreamRequest, has_event_stream, retry_after};
use tokio::time::Instant;
use tower_service::Service;
use tracing::Instrument;

use crate::close::Closing;
use crate::error::BoxError;
use crate::exchange::{Outgoing, is_unavailable, send};
use crate::headers::{self, Extra};
use crate::link::{Again, Link};
use crate::meter;
use crate::pace::Pace;
use crate::pass::Pass;
use crate::refusal::Refusal;
use crate::request_body::RequestBody;
use crate::resume::Resume;
use crate::resumed::Resumed;
use crate::source::Source;
use crate::{ProxyBody, Upstream};

/// Forwards requests to one path of an [`Upstream`]: a tower service that never fails. Cheap to clone.
///
/// Made by [`Upstream::stream`] and [`Upstream::plain`]. Dropping the future of a call, as a server
/// does when its client leaves, drops the request to the upstream at once; so does dropping the
/// body.
#[derive(Clone)]
pub struct Forward {
    route: Arc<Route>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Stream,
    Plain,
}

#[derive(Clone)]
struct Route {
    upstream: Upstream,
    kind: Kind,
    url: Url,
    path: Arc<str>,
    methods: Vec<Method>,
    extra: Extra,
    resume: Option<Resume>,
}

/// What a stream that resumes begins with.
struct Resuming<'a> {
    resume: &'a Resume,
    again: Again,
    machine: Reconnect,
}

impl Forward {
    pub(crate) fn stream(upstream: Upstream, path: &str) -> Self {
        Self::new(upstream, path, Kind::Stream)
    }

    pub(crate) fn plain(upstream: Upstream, path: &str) -> Self {
        Self::new(upstream, path, Kind::Plain)
    }

    fn new(upstream: Upstream, path: &str, kind: Kind) -> Self {
        let url = upstream.url(path);
        Self {
            route: Arc::new(Route {
                path: url.path().into(),
                upstream,
                kind,
                url,
                methods: vec![Method::GET, Method::HEAD],
                extra: Extra::default(),
                resume: None,
            }),
        }
    }

    fn change(mut self, change: impl FnOnce(&mut Route)) -> Self {
        change(Arc::make_mut(&mut self.route));
        self
    }

    /// The methods that are forwarded: GET and HEAD, until told otherwise. Any other is answered 405
    /// here. CONNECT and TRACE are never forwarded.
    #[must_use]
    pub fn methods(self, methods: impl IntoIterator<Item = Method>) -> Self {
        let is_forwarded = |it: &Method| *it != Method::CONNECT && *it != Method::TRACE;
        let methods = methods.into_iter().filter(is_forwarded).collect();
        self.change(|route| route.methods = methods)
    }

    /// Decodes the stream, and takes it up again when its upstream is lost: the second
    /// [mode](crate#modes). A plain route has no stream to take up.
    #[must_use]
    pub fn resume(self, resume: Resume) -> Self {
        self.change(|route| route.resume = Some(resume))
    }

    /// Passes this request header to the upstream too, beside those of the
    /// [table](crate#headers). This is how an upstream is given `Cookie` or `Authorization`: only
    /// do so if it may have them. Headers of one connection never pass.
    #[must_use]
    pub fn pass_request_header(self, name: HeaderName) -> Self {
        self.change(|route| route.extra.request.push(name))
    }

    /// Passes this response header to the client too, beside those of the [table](crate#headers),
    /// such as `Set-Cookie`. Headers of one connection never pass.
    #[must_use]
    pub fn pass_response_header(self, name: HeaderName) -> Self {
        self.change(|route| route.extra.response.push(name))
    }
}

impl fmt::Debug for Forward {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Forward")
            .field("kind", &self.route.kind)
            .field("url", &self.route.url.as_str())
            .field("methods", &self.route.methods)
            .field("extra", &self.route.extra)
            .field("resume", &self.route.resume)
            .finish()
    }
}

impl<B> Service<Request<B>> for Forward
where
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    type Response = Response<ProxyBody>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let route = self.route.clone();
        let span = tracing::info_span!("forward", method = %request.method(), path = &*route.path);
        let answer = async move {
            let asked = StreamRequest::new(request.method(), request.headers()).unwrap_or_default();
            let result = route.forward(request, asked).await;
            Ok(result.unwrap_or_else(|refusal| route.refuse(&refusal, asked)))
        };
        Box::pin(answer.instrument(span))
    }
}

impl Route {
    async fn forward<B>(
        &self,
        request: Request<B>,
        asked: StreamRequest,
    ) -> Result<Response<ProxyBody>, Refusal>
    where
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        let method = request.method().clone();
        let parts = self.upstream.parts();
        let outgoing = self.outgoing(request)?;
        let upload = outgoing.upload.clone();
        let resume = self.resume.as_ref().filter(|_| self.kind == Kind::Stream);
        let resuming = resume.map(|resume| self.resuming(resume, &outgoing));
        let answer = match self.kind {
            Kind::Plain => send(parts, outgoing).await?,
            Kind::Stream => self.send_unless_shut_down(outgoing).await?,
        };
        if let Some(refused) = self.come_back_later(&answer, asked) {
            return Ok(refused);
        }
        let answer = ResponseBody::of(answer, upload.is_sent());
        let answer = self.answer(&method, resuming, answer);
        answer.inspect_err(|refusal| refusal.count(&self.path))
    }

    /// An answer of the proxy's own.
    fn refuse(&self, refusal: &Refusal, asked: StreamRequest) -> Response<ProxyBody> {
        self.note_refusal(refusal.code());
        let parts = self.upstream.parts();
        let wait = match refusal {
            Refusal::ShuttingDown => Some(&parts.limits.shutdown_retry),
            _ if refusal.of_upstream().is_some() => self.in_stream_refusals(),
            _ => None,
        };
        let mut response = refusal.response();
        if let Some(wait) = wait {
            let in_stream = sse_core::Refusal::unavailable(wait.clone()).in_stream();
            let refused = asked.refuse(&in_stream).into_response();
            if refused.status() == StatusCode::OK {
                return refused.map(ProxyBody::full);
            }
            response.headers_mut().extend(refused.into_parts().0.headers);
        }
        response
    }

    fn in_stream_refusals(&self) -> Option<&RangeInclusive<Duration>> {
        let refusals = self.upstream.parts().in_stream_refusals.as_ref();
        refusals.filter(|_| self.kind == Kind::Stream)
    }

    /// The upstream's own refusal, put into the stream where its status would keep the client away
    /// for good.
    fn come_back_later(
        &self,
        answer: &reqwest::Response,
        asked: StreamRequest,
    ) -> Option<Response<ProxyBody>> {
        let status = answer.status();
        if !is_unavailable(status) && status != StatusCode::TOO_MANY_REQUESTS {
            return None;
        }
        let wait = self.in_stream_refusals()?;
        let least = retry_after(answer.headers(), SystemTime::now()).unwrap_or_default();
        let wait = wait.start().saturating_add(least)..=wait.end().saturating_add(least);
        let refused = asked.refuse(&sse_core::Refusal::unavailable(wait).in_stream());
        let refused = refused.into_response();
        (refused.status() == StatusCode::OK).then(|| {
            self.note_refusal("upstream_unavailable");
            refused.map(ProxyBody::full)
        })
    }

    fn note_refusal(&self, code: &'static str) {
        tracing::debug!(path = &*self.path, code, "refused");
        meter::refused(&self.path, code);
    }

    fn outgoing<B>(&self, request: Request<B>) -> Result<Outgoing, Refusal>
    where
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        let (from, body) = request.into_parts();
        let via = &self.upstream.parts().via;
        if !self.methods.contains(&from.method) {
            return Err(Refusal::MethodNotAllowed(self.methods.clone()));
        }
        if headers::has_passed(&from.headers, via) {
            return Err(Refusal::LoopDetected);
        }
        let mut url = self.url.clone();
        url.set_query(from.uri.query());
        let mut headers = match self.kind {
            Kind::Stream => headers::stream_request(&from.headers, from.uri.query(), &self.extra),
            Kind::Plain => headers::plain_request(&from.headers, &self.extra),
        };
        self.upstream.parts().telling.tell(&from, &mut headers);
        headers::add_via(&from.headers, &mut headers, from.version, via);
        let is_empty = body.is_end_stream();
        if is_empty && !from.method.is_safe() {
            // RFC 9110 §8.6: some servers refuse a POST that does not say that it has nothing to say.
            headers.insert(CONTENT_LENGTH, HeaderValue::from_static("0"));
        }
        let (body, upload) = RequestBody::new(body);
        Ok(Outgoing {
            method: from.method,
            url,
            headers,
            body: (!is_empty).then(|| reqwest::Body::wrap(body)),
            upload,
        })
    }

    /// The upstream's answer, unless the front shuts down first.
    async fn send_unless_shut_down(
        &self,
        outgoing: Outgoing,
    ) -> Result<reqwest::Response, Refusal> {
        let parts = self.upstream.parts();
        let answer = std::pin::pin!(send(parts, outgoing));
        match parts.shutdown.clone() {
            None => answer.await,
            Some(shutdown) => match select(shutdown, answer).await {
                Either::Left(_) => Err(Refusal::ShuttingDown),
                Either::Right((result, _)) => result,
            },
        }
    }

    /// What it takes to send the request again, before it is sent.
    fn resuming<'a>(&self, resume: &'a Resume, outgoing: &Outgoing) -> Resuming<'a> {
        let parts = self.upstream.parts();
        let again = Again {
            upstream: self.upstream.clone(),
            method: outgoing.method.clone(),
            url: outgoing.url.clone(),
            headers: outgoing.headers.clone(),
        };
        let machine = resume.machine(
            &again.method,
            &again.headers,
            outgoing.body.is_some(),
            parts.header_timeout,
            parts.limits.idle_timeout,
        );
        Resuming { resume, again, machine }
    }

    fn answer(
        &self,
        method: &Method,
        resuming: Option<Resuming<'_>>,
        answer: Response<ResponseBody>,
    ) -> Result<Response<ProxyBody>, Refusal> {
        let (from, body) = answer.into_parts();
        if !headers::is_coding_known(&from.headers) {
            tracing::warn!(path = &*self.path, "upstream sent an unknown transfer coding");
            return Err(Refusal::UnknownCoding);
        }
        let is_stream = self.kind == Kind::Stream && from.status == StatusCode::OK;
        if is_stream && !has_event_stream(&from.headers) {
            tracing::warn!(path = &*self.path, "upstream sent no event stream");
            return Err(Refusal::NotEventStream);
        }
        if !is_stream && !self.passes(from.status) {
            tracing::warn!(path = &*self.path, status = %from.status, "upstream sent a status that is not passed on");
            return Err(Refusal::UnexpectedStatus);
        }
        let parts = self.upstream.parts();
        let body = if method == Method::HEAD {
            ProxyBody::full(Bytes::new())
        } else if is_stream {
            let closing = Closing::new(self.path.clone(), parts.on_close.clone());
            let pace = Pace::new(parts.limits.clone(), parts.shutdown.clone());
            match resuming {
                Some(Resuming { resume, again, mut machine }) => {
                    let now = Instant::now().into_std();
                    let _connect = machine.step(now);
                    machine.responded(from.status, &from.headers, now, SystemTime::now());
                    let is_get = again.method == Method::GET;
                    ProxyBody::resumed(Resumed::new(
                        Link::up(body),
                        again,
                        machine,
                        resume,
                        is_get,
                        pace,
                        closing,
                    ))
                }
                None => {
                    let close_delimited = headers::is_close_delimited(from.version, &from.headers);
                    ProxyBody::stream(Pass::new(body, close_delimited, pace, closing))
                }
            }
        } else {
            ProxyBody::plain(Source::new(body, parts.limits.idle_timeout))
        };
        let mut response = Response::new(body);
        *response.status_mut() = from.status;
        *response.headers_mut() = headers::response(&from.headers, &self.extra);
        if is_stream {
            sse_core::response_headers(response.headers_mut());
        } else if method == Method::HEAD {
            // The only answer whose length is not that of its body.
            if let Some(length) = from.headers.get(CONTENT_LENGTH) {
                response.headers_mut().insert(CONTENT_LENGTH, length.clone());
            }
        }
        Ok(response)
    }

    /// Whether an answer that is not a stream is the client's to see. A redirect would show, or lead
    /// round, the proxy; a client that asked for a stream can do nothing with another success.
    fn passes(&self, status: StatusCode) -> bool {
        let is_error = status.is_client_error() || status.is_server_error();
        is_error
            || match self.kind {
                Kind::Stream => status == StatusCode::NO_CONTENT,
                Kind::Plain => status.is_success() || status == StatusCode::NOT_MODIFIED,
            }
    }
}
