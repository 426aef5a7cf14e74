//! An upstream, a front and a client, in each combination.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use actix_web::{App, HttpServer};
use axum::Router;
use axum::body::{Body, Bytes};
use axum::serve::ListenerExt;
use futures_util::stream;
use http::{HeaderMap, Method, Request, Response, StatusCode, Version, header};
use sse_proxy::{Forward, KeepAlive, Upstream, UpstreamBuilder};
use testkit::{BOUND, NOWHERE};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

/// A moment that tests of timers wait for in earnest.
pub(crate) const SHORT: Duration = Duration::from_millis(100);

/// Waits, but not for ever.
pub(crate) async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    timeout(BOUND, future).await.unwrap_or_else(|_| panic!("{what} did not happen"))
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Framework {
    Axum,
    Actix,
}

/// One combination.
pub(crate) struct Rig {
    pub(crate) framework: Framework,
    /// Whether the client, and the proxy towards its upstream, speak HTTP/2.
    pub(crate) down_h2: bool,
    pub(crate) up_h2: bool,
    addr: SocketAddr,
    asked: mpsc::UnboundedReceiver<Asked>,
}

/// A request that the upstream has got and that waits for its answer.
pub(crate) struct Asked {
    pub(crate) version: Version,
    pub(crate) method: Method,
    pub(crate) path_and_query: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Body,
    answer: oneshot::Sender<Response<Body>>,
}

/// The upstream's end of a body: dropped, it ends as it should.
pub(crate) struct Sending(mpsc::Sender<io::Result<Bytes>>);

/// Runs a rule in each combination, and names the one in which it fails.
#[allow(clippy::print_stdout)] // Shown where the test fails.
pub(crate) async fn each(rule: impl AsyncFn(&mut Rig)) {
    for framework in [Framework::Axum, Framework::Actix] {
        for (down_h2, up_h2) in [(false, false), (false, true), (true, false), (true, true)] {
            println!("{framework:?}, HTTP/2 down: {down_h2}, up: {up_h2}");
            let (sender, asked) = mpsc::unbounded_channel();
            let addr = upstream(sender).await;
            let mut rig = Rig { framework, down_h2, up_h2, addr, asked };
            within("the rule", rule(&mut rig)).await;
        }
    }
}

/// A server whose answers the test gives.
async fn upstream(asked: mpsc::UnboundedSender<Asked>) -> SocketAddr {
    let answer = move |request: Request<Body>| {
        let asked = asked.clone();
        async move {
            let (parts, body) = request.into_parts();
            let (answer, answered) = oneshot::channel();
            let path_and_query = parts.uri.path_and_query().unwrap().to_string();
            let (version, method) = (parts.version, parts.method);
            let headers = parts.headers;
            let _ = asked.send(Asked { version, method, path_and_query, headers, body, answer });
            match answered.await {
                Ok(response) => response,
                // The test has dropped it: the connection is to hang up.
                Err(_) => panic!("hangs up"),
            }
        }
    };
    serve_axum(Router::new().fallback(answer)).await
}

async fn serve_axum(router: Router) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let listener = listener.tap_io(|stream| stream.set_nodelay(true).unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    addr
}

fn serve_actix(forward: Forward) -> SocketAddr {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap();
    let app = move || App::new().route("/", sse_actix::tower(forward.clone()));
    let server = HttpServer::new(app)
        .workers(1)
        .disable_signals()
        .h1_allow_half_closed(false)
        .listen_auto_h2c(listener)
        .unwrap();
    tokio::spawn(server.run());
    addr
}

impl Rig {
    pub(crate) fn builder(&self) -> UpstreamBuilder {
        let builder = Upstream::builder(format!("http://{}", self.addr)).via("front");
        if self.up_h2 { builder.http2_prior_knowledge() } else { builder }
    }

    /// The same, of a front that hears of a client's leaving soon: over HTTP/2 Actix does when it
    /// next writes.
    pub(crate) fn listening(&self) -> UpstreamBuilder {
        let is_deaf = self.framework == Framework::Actix && self.down_h2;
        let keep_alive = KeepAlive::every(if is_deaf { SHORT } else { BOUND * 2 });
        self.builder().keep_alive(keep_alive)
    }

    /// One that is not there.
    pub(crate) fn nowhere(&self) -> UpstreamBuilder {
        Upstream::builder(format!("http://{NOWHERE}"))
    }

    /// A front that forwards `/` by this, and a request to it.
    pub(crate) async fn request(
        &self,
        method: Method,
        forward: Forward,
    ) -> reqwest::RequestBuilder {
        let addr = match self.framework {
            Framework::Axum => serve_axum(Router::new().route_service("/", forward)).await,
            Framework::Actix => serve_actix(forward),
        };
        // reqwest looks for one as soon as it can do TLS; it does not matter which comes first.
        #[cfg(feature = "tls")]
        let _ = rustls::crypto::ring::default_provider().install_default();
        let builder =
            reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none());
        let builder = if self.down_h2 { builder.http2_prior_knowledge() } else { builder };
        builder.build().unwrap().request(method, format!("http://{addr}/?a=b&lastEventId=5"))
    }

    pub(crate) async fn get(&self, forward: Forward) -> reqwest::RequestBuilder {
        self.request(Method::GET, forward).await
    }

    /// The upstream's next request.
    pub(crate) async fn asked(&mut self) -> Asked {
        let asked = within("a request", self.asked.recv()).await.unwrap();
        assert_eq!(asked.version == Version::HTTP_2, self.up_h2);
        asked
    }

    /// The upstream's request, where it was sent at all.
    pub(crate) fn asked_already(&mut self) -> Option<Asked> {
        self.asked.try_recv().ok()
    }

    pub(crate) async fn is_asked_no_more(&mut self) -> bool {
        timeout(SHORT, self.asked.recv()).await.is_err()
    }

    /// A stream that is open: the client's answer, and the upstream's end of it.
    pub(crate) async fn open(&mut self, forward: Forward) -> (reqwest::Response, Sending) {
        self.open_saying(forward, "").await
    }

    /// The same, where the upstream says this with its headers: a short timer that they start may be over before
    /// anything comes after them.
    pub(crate) async fn open_saying(
        &mut self,
        forward: Forward,
        text: &'static str,
    ) -> (reqwest::Response, Sending) {
        let request = self.get(forward).await.send();
        let stream = async { self.asked().await.stream_saying(text) };
        let (response, sending) = tokio::join!(within("an answer", request), stream);
        let response = response.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(response.version() == Version::HTTP_2, self.down_h2);
        (response, sending)
    }
}

impl Asked {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    /// Answers with an event stream.
    pub(crate) fn stream(self) -> Sending {
        self.stream_saying("")
    }

    /// The same, which begins with this.
    pub(crate) fn stream_saying(self, text: &'static str) -> Sending {
        let (sender, receiver) = mpsc::channel(16);
        if !text.is_empty() {
            sender.try_send(Ok(text.into())).unwrap();
        }
        let chunks = stream::unfold(receiver, |mut receiver| async {
            Some((receiver.recv().await?, receiver))
        });
        let response = Response::builder()
            .header(header::CONTENT_TYPE, "text/event-stream")
            .body(Body::from_stream(chunks));
        self.say(response.unwrap());
        Sending(sender)
    }

    /// Answers with a status, a time to come back and a text.
    pub(crate) fn status(self, status: u16) {
        let response = Response::builder()
            .status(status)
            .header(header::RETRY_AFTER, "7")
            .header(header::CONTENT_TYPE, "text/plain")
            .header(header::LOCATION, "/elsewhere");
        let body = if status == 204 { Body::empty() } else { Body::from("because") };
        self.say(response.body(body).unwrap());
    }

    pub(crate) fn say(self, response: Response<Body>) {
        let _ = self.answer.send(response);
    }

    /// Waits until the client has gone.
    pub(crate) async fn is_gone(&mut self) {
        within("the upstream is let go", self.answer.closed()).await;
    }
}

impl Sending {
    pub(crate) async fn says(&self, text: &str) {
        let sent = self.0.send(Ok(Bytes::copy_from_slice(text.as_bytes())));
        within("sending", sent).await.unwrap();
    }

    /// Breaks off: HTTP/1.1 without a last chunk, HTTP/2 by a reset.
    pub(crate) async fn breaks(self) {
        let error = io::Error::from(io::ErrorKind::ConnectionReset);
        within("breaking", self.0.send(Err(error))).await.unwrap();
    }

    /// Waits until the client has gone.
    pub(crate) async fn is_gone(&self) {
        within("the upstream is let go", self.0.closed()).await;
    }
}

/// The next that comes of a body, until it is this.
pub(crate) async fn reads(response: &mut reqwest::Response, expected: &str) {
    let mut got = String::new();
    while got.len() < expected.len() {
        let chunk = within(expected, response.chunk()).await.unwrap();
        let chunk = chunk.unwrap_or_else(|| panic!("the end after {got:?}"));
        got.push_str(std::str::from_utf8(&chunk).unwrap());
    }
    assert_eq!(got, expected);
}

/// The same, after however many keep-alives.
pub(crate) async fn reads_at_last(response: &mut reqwest::Response, expected: &str) {
    let mut got = String::new();
    while !got.ends_with(expected) {
        let chunk = within(expected, response.chunk()).await.unwrap();
        got.push_str(std::str::from_utf8(&chunk.expect("no end")).unwrap());
    }
    assert_eq!(got.replace(":\n\n", ""), expected);
}

/// What comes of a body, until this has been among it.
pub(crate) async fn sees(response: &mut reqwest::Response, expected: &str) {
    let mut got = String::new();
    while !got.contains(expected) {
        let chunk = within(expected, response.chunk()).await.unwrap();
        got.push_str(std::str::from_utf8(&chunk.expect("no end")).unwrap());
    }
}

/// All of the rest of a body, if it is whole.
pub(crate) async fn rest(response: &mut reqwest::Response) -> Result<String, reqwest::Error> {
    let mut got = String::new();
    while let Some(chunk) = within("the end", response.chunk()).await? {
        got.push_str(std::str::from_utf8(&chunk).unwrap());
    }
    Ok(got)
}
