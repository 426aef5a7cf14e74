//! What passes, and what must not be lost on the way.

use std::time::Duration;

use behaviour::{App, Client, Feed, Framework, Response, Rig, Version};
use sse_core::{CloseReason, Event, KeepAlive, Lifecycle};
use testkit::{Conn, Listener};

use crate::framework::Axum;
use crate::front;
use crate::server::Nginx;

/// A stream that says nothing of its own after its first byte.
pub(crate) fn silent() -> Lifecycle {
    Lifecycle::new().keep_alive(None)
}

/// A stream through nginx.
pub(crate) async fn open(nginx: &Nginx, rig: &mut Rig) -> (Client, Response, Feed) {
    let mut client = Client::connect(nginx.http1, Version::Http1).await;
    let mut response = client.get("/events", &[]).await;
    assert_eq!(response.status(), 200);
    let feed = rig.feed().await;
    response.until("\n\n").await;
    (client, response, feed)
}

pub(crate) async fn events_arrive_one_at_a_time_as_they_are_sent<F: Framework>(version: Version) {
    let mut rig = Rig::start::<F>(version, silent).await;
    let (_client, mut response, feed) = rig.open_and_read().await;
    for number in 0..100 {
        feed.send([Event::new(number.to_string())]);
        assert_eq!(response.until("\n\n").await, format!("data: {number}\n\n"));
    }
}

/// How often a stream is kept alive, and for how long nginx waits: thirty times as long.
const EVERY: Duration = Duration::from_millis(100);
const TIMEOUT: [(&str, &str); 1] = [("proxy_read_timeout 75s;", "proxy_read_timeout 3s;")];

/// Reads on for longer than nginx waits; then an event still comes.
async fn outlives_the_timeout(mut response: Response, feed: Feed) {
    for _ in 0..40 {
        assert_eq!(response.until("\n\n").await.replace(":\n\n", ""), "");
    }
    feed.send([Event::new("late")]);
    assert!(response.until("data: late\n\n").await.starts_with([':', 'd']));
}

pub(crate) async fn a_services_keep_alives_hold_a_stream_past_the_read_timeout() {
    let keep_alive = || Lifecycle::new().keep_alive(KeepAlive::every(EVERY));
    let mut rig = Rig::start::<Axum>(Version::Http1, keep_alive).await;
    let nginx = Nginx::changed(rig.server.address, &TIMEOUT).await;
    let (_client, response, feed) = open(&nginx, &mut rig).await;
    outlives_the_timeout(response, feed).await;
}

pub(crate) async fn a_fronts_keep_alives_hold_a_stream_past_the_read_timeout() {
    let mut rig = Rig::start::<Axum>(Version::Http1, silent).await;
    let keep_alive = KeepAlive::every(EVERY);
    let front = front(rig.server.address, |builder| builder.keep_alive(keep_alive)).await;
    let nginx = Nginx::changed(front, &TIMEOUT).await;
    let (_client, response, feed) = open(&nginx, &mut rig).await;
    outlives_the_timeout(response, feed).await;
}

pub(crate) async fn a_stream_without_keep_alives_is_cut_at_the_read_timeout() {
    let mut rig = Rig::start::<Axum>(Version::Http1, silent).await;
    let timeout = [("proxy_read_timeout 75s;", "proxy_read_timeout 500ms;")];
    let nginx = Nginx::changed(rig.server.address, &timeout).await;
    let (_client, mut response, feed) = open(&nginx, &mut rig).await;
    assert_eq!(response.rest().await, (String::new(), false));
    assert_eq!(feed.closed().await.0, CloseReason::ClientGone);
}

pub(crate) async fn compression_that_is_on_for_others_leaves_a_stream_alone() {
    let mut rig = Rig::start::<Axum>(Version::Http1, silent).await;
    let nginx = Nginx::start(rig.server.address).await;
    let gzip = [("accept-encoding", "gzip")];
    let mut client = Client::connect(nginx.http1, Version::Http1).await;
    let plain = client.get("/plain", &gzip).await;
    assert_eq!(plain.headers()["content-encoding"], "gzip", "compression is on");
    assert!(App::PLAIN.len() > 1024, "worth compressing");

    let mut client = Client::connect(nginx.http1, Version::Http1).await;
    let mut response = client.get("/events", &gzip).await;
    assert_eq!(response.headers()["content-encoding"], "identity");
    rig.feed().await.send([Event::new("plain text")]);
    response.until("data: plain text\n\n").await;

    // Nor one that does not say so itself.
    let service = Listener::bind().await;
    let nginx = Nginx::start(service.addr()).await;
    let mut client = Conn::client(nginx.http1, GET_GZIP).await;
    let mut served = service.accept().await;
    served.head().await;
    served.send(STREAM).await;
    served.chunk("data: plain text\n\n").await;
    assert!(!client.head().await.contains("content-encoding"));
    client.until("data: plain text\n\n").await;
}

/// A request that takes a compressed answer.
pub(crate) const GET_GZIP: &str =
    "GET /events HTTP/1.1\r\nHost: n\r\nAccept-Encoding: gzip\r\n\r\n";

/// The head of a stream of a service that says no more of it than it must.
pub(crate) const STREAM: &str =
    "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";

/// The head of a request whose body comes in chunks.
pub(crate) const POST: &str = "POST /events/ask HTTP/1.1\r\nHost: n\r\n\
     Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n";

pub(crate) async fn a_request_body_streams_up() {
    let service = Listener::bind().await;
    let nginx = Nginx::start(service.addr()).await;
    let mut client = Conn::client(nginx.http1, POST).await;
    client.chunk("part 0").await;
    let mut served = service.accept().await;
    assert!(served.head().await.starts_with("post /events/ask http/1.1\r\n"));
    served.until("part 0").await;
    for part in ["part 1", "part 2"] {
        client.chunk(part).await;
        served.until(part).await;
    }
    // The answer may begin before the question has ended.
    served.send(STREAM).await;
    served.chunk("data: one\n\n").await;
    client.until("data: one\n\n").await;
    client.send("0\r\n\r\n").await;
    served.until("0\r\n\r\n").await;
    drop(client);
    served.is_closed().await;
}

pub(crate) async fn a_client_that_goes_in_its_own_body_is_found_out() {
    let service = Listener::bind().await;
    let nginx = Nginx::start(service.addr()).await;
    let mut client = Conn::client(nginx.http1, POST).await;
    client.chunk("part 0").await;
    let mut served = service.accept().await;
    served.until("part 0\r\n").await;
    drop(client);
    served.is_closed().await;
}

pub(crate) async fn who_asked_is_told() {
    let service = Listener::bind().await;
    let nginx = Nginx::start(service.addr()).await;
    let request = "GET /events HTTP/1.1\r\nHost: page.example\r\nX-Forwarded-For: 10.0.0.9\r\n\
        X-Forwarded-Proto: https\r\nX-Forwarded-Host: sly.example\r\nLast-Event-ID: 7-1\r\n\r\n";
    let _client = Conn::client(nginx.http1, request).await;
    let head = service.accept().await.head().await;
    for line in [
        "\r\nhost: page.example\r\n",
        "x-forwarded-for: 10.0.0.9, 127.0.0.1\r\n",
        "x-forwarded-proto: http\r\n",
        "x-forwarded-host: page.example\r\n",
        "last-event-id: 7-1\r\n",
    ] {
        assert_eq!(head.matches(line).count(), 1, "{line} in {head}");
    }
    assert!(!head.contains("connection: close"), "{head}");
}
