//! Methods, headers and what a framework's middleware makes of them.

use http::HeaderMap;
use sse_core::{CloseReason, Event};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::rig::silent;
use crate::{App, Framework, Middleware, Rig, Version};

/// The headers of a stream, without those of the connection and the server's clock.
pub(super) fn of_the_stream(headers: &HeaderMap) -> Vec<String> {
    let mut lines: Vec<_> = headers
        .iter()
        .filter(|(name, _)| *name != "date")
        .map(|(name, value)| format!("{name}: {}", value.to_str().unwrap()))
        .collect();
    lines.sort();
    lines
}

pub(super) fn expected(version: Version) -> Vec<&'static str> {
    let mut lines = vec![
        "cache-control: no-cache, no-transform",
        "content-encoding: identity",
        "content-type: text/event-stream",
        "transfer-encoding: chunked",
        "x-accel-buffering: no",
    ];
    if version == Version::Http2 {
        lines.remove(3);
    }
    lines
}

pub async fn a_stream_has_these_headers_and_no_others<F: Framework>(version: Version) {
    let mut rig = Rig::start::<F>(version, silent).await;
    let (_client, response, _feed) = rig.open().await;
    assert_eq!(of_the_stream(response.headers()), expected(version));
}

pub async fn a_head_has_the_headers_and_runs_no_stream<F: Framework>(version: Version) {
    let mut rig = Rig::start::<F>(version, silent).await;
    let mut client = rig.connect().await;
    for _ in 0..2 {
        // The second one finds the connection free: nothing is left of the first.
        let mut response = client.send("HEAD", "/events", &[]).await;
        assert_eq!(response.status(), 200);
        let headers = of_the_stream(response.headers());
        let headers: Vec<_> =
            headers.iter().filter(|line| *line != "transfer-encoding: chunked").collect();
        assert_eq!(headers, expected(Version::Http2));
        assert_eq!(response.rest().await, (String::new(), true));
        let feed = rig.feed().await;
        feed.is_dropped().await;
        let (reason, stats) = feed.closed().await;
        assert_eq!((reason, stats.bytes), (CloseReason::ClientGone, 0));
    }
}

pub async fn a_client_that_takes_no_stream_gets_406<F: Framework>(version: Version) {
    let mut rig = Rig::start::<F>(version, silent).await;
    let mut client = rig.connect().await;
    let mut response = client.get("/events", &[("accept", "application/json, text/html")]).await;
    assert_eq!(response.status(), 406);
    assert_eq!(response.rest().await, ("text/event-stream".into(), true));
    // No handler was run, so the first feed is of the next request.
    for accept in [&[("accept", "*/*")][..], &[]] {
        let mut client = rig.connect().await;
        let mut response = client.get("/events", accept).await;
        assert_eq!(response.status(), 200);
        rig.feed().await.send([Event::new("next")]);
        response.until("data: next\n\n").await;
    }
}

pub async fn compression_leaves_a_stream_alone<F: Framework>(version: Version) {
    let mut rig = Rig::start_behind::<F>(Middleware::Compression, version).await;
    let mut client = rig.connect().await;
    let plain = client.get("/plain", &[("accept-encoding", "gzip")]).await;
    assert_eq!(plain.headers()["content-encoding"], "gzip", "compression is on");

    let mut client = rig.connect().await;
    let mut response = client.get("/events", &[("accept-encoding", "gzip")]).await;
    assert_eq!(of_the_stream(response.headers()), expected(version));
    assert_eq!(response.until("\n\n").await, ":\n\n");
    let feed = rig.feed().await;
    for text in ["one", "two", "three"] {
        feed.send([Event::new(text)]);
        assert_eq!(response.until("\n\n").await, format!("data: {text}\n\n"));
    }
    drop(feed);
    assert_eq!(response.rest().await, (String::new(), true));
}

pub async fn a_client_of_http_1_0_gets_no_chunks<F: Framework>(version: Version) {
    let mut rig = Rig::start::<F>(version, silent).await;
    let mut stream = TcpStream::connect(rig.server.address).await.unwrap();
    stream.write_all(b"GET /events HTTP/1.0\r\n\r\n").await.unwrap();
    let feed = rig.feed().await;
    feed.send([Event::new("one"), Event::new("two")]);
    drop(feed);
    let mut text = String::new();
    let read = stream.read_to_string(&mut text);
    tokio::time::timeout(testkit::BOUND, read).await.expect("the end closes").unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    assert!(head.contains(" 200 "), "{head}");
    assert!(!head.to_ascii_lowercase().contains("transfer-encoding"), "{head}");
    assert_eq!(body, ":\n\ndata: one\n\ndata: two\n\n");

    let mut stream = TcpStream::connect(rig.server.address).await.unwrap();
    stream.write_all(b"GET /events HTTP/1.0\r\n\r\n").await.unwrap();
    let feed = rig.feed().await;
    drop(stream);
    feed.is_dropped().await;
    assert_eq!(feed.closed().await.0, CloseReason::ClientGone);
    assert!(App::PLAIN.len() > 1024, "worth compressing");
}
