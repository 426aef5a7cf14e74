//! HTTP/2 on either side.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::response::Response;
use axum::routing::get;
use futures_util::stream;
use http::header::{CONTENT_TYPE, ETAG};
use http::{HeaderValue, Request};
use http_body::Frame;
use sse_proxy::Upstream;
use tower_service::Service;

use crate::support::{ByHand, Conn, END, STREAM, front, serve, unchunked, within};

fn h2() -> reqwest::Client {
    // reqwest looks for one as soon as it can do TLS; it does not matter which comes first.
    #[cfg(feature = "tls")]
    let _ = rustls::crypto::ring::default_provider().install_default();
    let builder = reqwest::Client::builder().no_proxy();
    builder.http2_prior_knowledge().build().unwrap()
}

#[tokio::test]
async fn over_http2_a_lost_upstream_resets_the_clients_stream() {
    let upstream = ByHand::listen().await;
    let front = front(upstream.upstream().stream("/sse")).await;
    let script = async {
        let (mut server, head) = upstream.accept().await;
        assert!(head.contains("via: 2 sse-proxy-"), "{head}");
        server.send(STREAM).await;
        server.chunk("data: x\n\n").await;
        server
    };
    let answer = h2().get(format!("http://{front}/")).send();
    let (mut answer, server) = within("an answer", async { tokio::join!(answer, script) }).await;
    let answer = answer.as_mut().unwrap();
    assert_eq!(answer.version(), http::Version::HTTP_2);
    assert_eq!(answer.chunk().await.unwrap().unwrap(), "data: x\n\n");
    drop(server);
    within("a reset", answer.chunk()).await.unwrap_err();
}

#[tokio::test]
async fn over_http2_an_event_sent_just_before_the_loss_arrives() {
    let upstream = ByHand::listen().await;
    let front = front(upstream.upstream().stream("/sse")).await;
    for _ in 0..5 {
        let script = async {
            let (mut server, _) = upstream.accept().await;
            server.send(format!("{STREAM}9\r\ndata: x\n\n\r\n")).await;
        };
        let answer = h2().get(format!("http://{front}/")).send();
        let (answer, ()) = within("an answer", async { tokio::join!(answer, script) }).await;
        let mut answer = answer.unwrap();
        assert_eq!(answer.chunk().await.unwrap().unwrap(), "data: x\n\n");
        within("a reset", answer.chunk()).await.unwrap_err();
    }
}

#[tokio::test]
async fn over_http2_a_client_that_leaves_ends_the_upstream() {
    let upstream = ByHand::listen().await;
    let front = front(upstream.upstream().stream("/sse")).await;
    let client = h2();
    let script = async {
        let (mut server, _) = upstream.accept().await;
        server.send(STREAM).await;
        server
    };
    let answer = client.get(format!("http://{front}/")).send();
    let (answer, mut server) = within("an answer", async { tokio::join!(answer, script) }).await;
    drop(answer);
    server.is_closed().await;
    drop(client);
}

#[tokio::test]
async fn an_upstream_that_resets_its_stream_is_lost_also_where_the_reset_is_no_error() {
    for (code, is_whole) in [(None, true), (Some(0), false), (Some(2), false), (Some(8), false)] {
        let addr = testkit::by_http2("data: x\n\n", code).await;
        let upstream = Upstream::builder(format!("http://{addr}")).http2_prior_knowledge();
        let upstream = upstream.build().unwrap();
        for forward in [upstream.stream("/sse"), upstream.plain("/sse")] {
            let request = "GET / HTTP/1.1\r\nHost: f\r\nConnection: close\r\n\r\n";
            let mut client = Conn::client(front(forward).await, request).await;
            client.head().await;
            let rest = unchunked(&client.rest().await);
            assert_eq!(rest, (b"data: x\n\n".to_vec(), is_whole), "{code:?}");
        }
    }
}

/// A body of an event and trailers, which over HTTP/2 are what ends it.
struct Trailed(u8);

impl http_body::Body for Trailed {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.0 += 1;
        Poll::Ready(match self.0 {
            1 => Some(Ok(Frame::data("data: x\n\n".into()))),
            2 => Some(Ok(Frame::trailers(
                [(ETAG, HeaderValue::from_static("1"))].into_iter().collect(),
            ))),
            _ => None,
        })
    }
}

#[tokio::test]
async fn an_answer_that_its_trailers_end_is_whole() {
    let trailed = || async {
        let response = Response::builder().header(CONTENT_TYPE, "text/event-stream");
        response.body(Body::new(Trailed(0))).unwrap()
    };
    let upstream = serve(Router::new().route("/", get(trailed))).await;
    let upstream = Upstream::builder(format!("http://{upstream}")).http2_prior_knowledge();
    let upstream = upstream.build().unwrap();
    for forward in [upstream.stream("/"), upstream.plain("/")] {
        let request = "GET / HTTP/1.1\r\nHost: f\r\nConnection: close\r\n\r\n";
        let mut client = Conn::client(front(forward).await, request).await;
        client.head().await;
        assert_eq!(unchunked(&client.rest().await), (b"data: x\n\n".to_vec(), true));
    }
}

#[tokio::test]
async fn an_answer_before_the_whole_request_may_be_followed_by_a_reset_that_is_no_error() {
    let addr = testkit::by_http2("data: x\n\n", Some(0)).await;
    let upstream = Upstream::builder(format!("http://{addr}")).http2_prior_knowledge();
    let forward = upstream.build().unwrap().plain("/x").methods([http::Method::POST]);
    let request = "POST / HTTP/1.1\r\nHost: f\r\nContent-Length: 9\r\n\r\nhalf";
    let mut client = Conn::client(front(forward).await, request).await;
    client.head().await;
    assert_eq!(client.until(END).await, format!("9\r\ndata: x\n\n\r\n{END}"));
}

fn events(events: impl futures_util::Stream<Item = Bytes> + Send + 'static) -> Response {
    use futures_util::StreamExt;
    let body = Body::from_stream(events.map(Ok::<_, Infallible>));
    let response = Response::builder().header(CONTENT_TYPE, "text/event-stream");
    response.body(body).unwrap()
}

#[tokio::test]
async fn clients_that_do_not_read_hold_up_no_other_on_the_same_upstream_connection() {
    let event = Bytes::from(format!("data: {}\n\n", "x".repeat(16 * 1024 - 8)));
    let flood = move || async { events(stream::repeat(event)) };
    let one = || async { events(stream::iter([Bytes::from("data: one\n\n")])) };
    let upstream = serve(Router::new().route("/flood", get(flood)).route("/one", get(one))).await;
    let upstream = Upstream::builder(format!("http://{upstream}")).http2_prior_knowledge();
    let upstream = upstream.build().unwrap();
    let ask = |path| {
        let request = Request::new(Body::empty());
        within("an answer", upstream.stream(path).call(request))
    };
    // Together they could hold more than HTTP/2's usual window of a connection.
    let mut stuck = vec![];
    for _ in 0..120 {
        stuck.push(ask("/flood").await.unwrap());
    }
    let one = ask("/one").await.unwrap().into_body();
    let one = within("its event", axum::body::to_bytes(Body::new(one), 99)).await;
    assert_eq!(one.unwrap(), "data: one\n\n");
}
