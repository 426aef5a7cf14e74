//! How an event source is set up.

use std::fmt;
use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use reqwest::{Body, Client, Request, Url};
use sse_core::Reconnect;
use sse_core::{Backoff, Completion, Decoder, DecoderBuilder, EventId, LastEventId, Overflow};

use crate::template::Template;
use crate::{Error, EventSource, HttpClient};

/// The settings of an [`EventSource`]: what is asked, how often, and how it ends.
///
/// What is wrong with them is told by [`build`](Self::build).
///
/// ```
/// use std::time::Duration;
/// use sse_client::{Backoff, Completion, EventId, EventSource, EventType};
///
/// let source = EventSource::builder("http://127.0.0.1:3000/jobs/7")
///     .header("authorization", "Bearer secret")
///     .last_event_id(EventId::from(41))
///     .complete_on(Completion::event_type(EventType::from_static("done")))
///     .idle_timeout(Duration::from_secs(30))
///     .backoff(Backoff::new().budget(10))
///     .build()?;
/// assert_eq!(source.last_event_id(), "41");
/// # Ok::<(), sse_client::Error>(())
/// ```
#[must_use]
pub struct EventSourceBuilder {
    request: Result<Request, Error>,
    endpoints: Vec<Url>,
    client: Option<Client>,
    settings: HttpClient,
    reconnect: Reconnect,
    decoder: DecoderBuilder,
    last_event_id: Option<EventId>,
    comments: bool,
    resend: Option<bool>,
}

impl EventSourceBuilder {
    fn new(request: Result<Request, Error>, client: Option<Client>) -> Self {
        Self {
            request,
            endpoints: vec![],
            client,
            settings: HttpClient::new(),
            reconnect: Reconnect::new(),
            decoder: Decoder::builder(),
            last_event_id: None,
            comments: false,
            resend: None,
        }
    }

    pub(crate) fn of_url(url: &str) -> Self {
        let url = url_of(url).map(|url| Request::new(Method::GET, url));
        Self::new(url, None)
    }

    /// The method; GET by default.
    pub fn method(mut self, method: Method) -> Self {
        if let Ok(request) = &mut self.request {
            *request.method_mut() = method;
        }
        self
    }

    /// A header of every request, in place of those that have this name. `Accept`, `Cache-Control` and
    /// `Last-Event-ID` can be set too; the last is where the source begins, as
    /// [`last_event_id`](Self::last_event_id) is.
    pub fn header<N, V>(mut self, name: N, value: V) -> Self
    where
        N: TryInto<HeaderName, Error: Into<http::Error>>,
        V: TryInto<HeaderValue, Error: Into<http::Error>>,
    {
        let refused = |error: http::Error| Error::configuration_by("a header was refused", error);
        self.request = self.request.and_then(|mut request| {
            let name = name.try_into().map_err(|error| refused(error.into()))?;
            let value = value.try_into().map_err(|error| refused(error.into()))?;
            request.headers_mut().insert(name, value);
            Ok(request)
        });
        self
    }

    /// The same for many; a name may occur more than once.
    pub fn headers(mut self, headers: HeaderMap) -> Self {
        if let Ok(request) = &mut self.request {
            for name in headers.keys() {
                request.headers_mut().remove(name);
            }
            request.headers_mut().extend(headers);
        }
        self
    }

    /// The body. With one, the request is sent once, unless [`resend`](Self::resend) says otherwise.
    pub fn body(mut self, body: impl Into<Body>) -> Self {
        if let Ok(request) = &mut self.request {
            *request.body_mut() = Some(body.into());
        }
        self
    }

    /// Whether the request may be sent more than once, its body with it. By default only one that is
    /// safe (RFC 9110 §9.2.1) and has no body.
    pub fn resend(mut self, allowed: bool) -> Self {
        self.resend = Some(allowed);
        self
    }

    /// Another server of the same stream. They are asked in turn: a failure moves on to the next, and an
    /// end comes back to the same. Each gets all headers.
    pub fn endpoint(mut self, url: impl AsRef<str>) -> Self {
        match url_of(url.as_ref()) {
            Ok(url) => self.endpoints.push(url),
            Err(error) => self.request = self.request.and(Err(error)),
        }
        self
    }

    /// Where the source begins: an id that was stored. The first request has it as `Last-Event-ID`, and
    /// so have all others, until an event brings one.
    pub fn last_event_id(mut self, id: EventId) -> Self {
        self.last_event_id = Some(id);
        self
    }

    /// Which event is the last. It is yielded, and the source ends without another request.
    pub fn complete_on(mut self, completion: Completion) -> Self {
        self.reconnect = self.reconnect.complete_on(completion);
        self
    }

    /// How long to wait before another attempt, and how many there may be. [`Backoff::new`] by default,
    /// which never gives up.
    pub fn backoff(mut self, backoff: Backoff) -> Self {
        self.reconnect = self.reconnect.backoff(backoff);
        self
    }

    /// Which statuses ask for another attempt; 429, 500, 502, 503 and 504 by default. With none at all
    /// every status but 200 is final, as in a browser.
    pub fn retry_on(mut self, statuses: impl IntoIterator<Item = StatusCode>) -> Self {
        self.reconnect = self.reconnect.retry_on(statuses);
        self
    }

    /// How long the head of a response may take, with its redirects; without end by default.
    pub fn response_timeout(mut self, timeout: Duration) -> Self {
        self.reconnect = self.reconnect.response_timeout(timeout);
        self
    }

    /// How long an open stream may be silent; without end by default. Any byte is a sign of life.
    pub fn idle_timeout(mut self, timeout: Duration) -> Self {
        self.reconnect = self.reconnect.idle_timeout(timeout);
        self
    }

    /// How many bytes an event may have; 16 MiB by default.
    pub fn max_event_size(mut self, bytes: usize) -> Self {
        self.decoder = self.decoder.max_event_size(bytes);
        self
    }

    /// What becomes of a larger event: a final error by default, or it is
    /// [skipped](EventSource::skipped).
    pub fn overflow(mut self, overflow: Overflow) -> Self {
        self.decoder = self.decoder.overflow(overflow);
        self
    }

    /// Whether comments are items too. Not by default.
    pub fn comments(mut self, wanted: bool) -> Self {
        self.comments = wanted;
        self
    }

    /// The HTTP client, in place of the source's own: to share one, for other certificates, for a proxy.
    /// Redirects are then first its own affair, see the [crate's page](crate#redirects-and-credentials).
    pub fn client(mut self, client: Client) -> Self {
        self.client = Some(client);
        self
    }

    /// How long connecting may take; 10 s by default. Of no effect with a client of one's own, as all
    /// that follows.
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.settings = self.settings.connect_timeout(timeout);
        self
    }

    /// HTTP/2 without asking, also without TLS. Not by default: with TLS the server chooses.
    pub fn http2_prior_knowledge(mut self, wanted: bool) -> Self {
        self.settings = self.settings.http2_prior_knowledge(wanted);
        self
    }

    /// The certificates to trust in place of the platform's, as PEM.
    #[cfg(feature = "tls")]
    pub fn root_certificates(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.settings = self.settings.root_certificates(pem);
        self
    }

    /// The source. No request is sent before it is polled.
    ///
    /// # Errors
    ///
    /// [`is_configuration`](Error::is_configuration) when a URL is not one of HTTP, a header or a
    /// certificate was refused, or a body that is a stream is to be sent again;
    /// [`is_client`](Error::is_client) when the HTTP client could not be made.
    pub fn build(self) -> Result<EventSource, Error> {
        let mut request = self.request?;
        let is_repeatable = request.method().is_safe() && request.body().is_none();
        let resend = self.resend.unwrap_or(is_repeatable);
        if resend && request.try_clone().is_none() {
            return Err(Error::configuration("a body that is a stream cannot be sent again"));
        }
        let by_header = request.headers_mut().remove(LastEventId::HEADER);
        let id = match (self.last_event_id, by_header) {
            (Some(id), _) => id,
            (None, Some(value)) => id_of(&value)?,
            (None, None) => EventId::EMPTY,
        };
        let reconnect = self
            .reconnect
            .decoder(self.decoder.comments(self.comments).last_event_id(&id).build())
            .endpoints(1 + self.endpoints.len())
            .resend(resend);
        if reconnect.last_event_id_header().is_none() && !id.as_str().is_empty() {
            return Err(Error::configuration("no header can carry the last event ID"));
        }
        let (client, is_own) = match self.client {
            Some(client) => (client, false),
            None => (self.settings.build()?, true),
        };
        let template = Template::new(client, is_own, request, self.endpoints)?;
        Ok(EventSource::of(reconnect, template, self.comments))
    }
}

impl fmt::Debug for EventSourceBuilder {
    /// Without the request, whose URL, headers and body may be secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventSourceBuilder")
            .field("settings", &self.settings)
            .field("reconnect", &self.reconnect)
            .finish_non_exhaustive()
    }
}

fn url_of(text: &str) -> Result<Url, Error> {
    Url::parse(text).map_err(|error| Error::configuration_by("the URL is none", error))
}

fn id_of(value: &HeaderValue) -> Result<EventId, Error> {
    const WHAT: &str = "the last event ID was refused";
    let text = std::str::from_utf8(value.as_bytes());
    let text = text.map_err(|error| Error::configuration_by(WHAT, error))?;
    EventId::new(text).map_err(|error| Error::configuration_by(WHAT, error))
}

/// Turns a request of reqwest's into an event source.
pub trait RequestBuilderExt {
    /// An event source that sends this request, by its client.
    ///
    /// ```no_run
    /// use sse_client::RequestBuilderExt;
    ///
    /// let client = reqwest::Client::new();
    /// let source = client.get("http://127.0.0.1/events").bearer_auth("secret").event_source().build()?;
    /// # Ok::<(), sse_client::Error>(())
    /// ```
    fn event_source(self) -> EventSourceBuilder;
}

impl RequestBuilderExt for reqwest::RequestBuilder {
    fn event_source(self) -> EventSourceBuilder {
        let (client, request) = self.build_split();
        let refused = |error: reqwest::Error| {
            Error::configuration_by("the request was refused", error.without_url())
        };
        EventSourceBuilder::new(request.map_err(refused), Some(client))
    }
}
