//! What happens without a line of the configuration.

use std::time::Duration;

use behaviour::{Rig, Version};
use sse_core::Event;
use testkit::{Conn, Listener};
use tokio::time::timeout;

use crate::framework::Axum;
use crate::passing::{GET_GZIP, POST, STREAM, open, silent};
use crate::server::Nginx;

/// Long enough for what does come; what is held would not come in hours.
const A_MOMENT: Duration = Duration::from_millis(50);

/// nginx's own defaults, until 1.29.7.
const NO_LINES: [(&str, &str); 2] = [
    ("proxy_buffering off;", ""),
    (
        "proxy_http_version 1.1;\n        proxy_set_header Connection \"\";\n\n        # How",
        "proxy_http_version 1.0;\n\n        # How",
    ),
];

pub(crate) async fn by_default_events_of_others_are_held_and_ours_are_not() {
    let service = Listener::bind().await;
    let nginx = Nginx::changed(service.addr(), &NO_LINES).await;
    let mut client = Conn::get(nginx.http1, "/events").await;
    let mut served = service.accept().await;
    assert!(served.head().await.starts_with("get /events http/1.0\r\n"));
    served.send("HTTP/1.0 200 OK\r\nContent-Type: text/event-stream\r\n\r\n").await;
    for number in 0..10 {
        served.send(format!("data: {number}\n\n")).await;
        assert!(timeout(A_MOMENT, client.until("data: ")).await.is_err(), "event {number} came");
    }
    drop(served);
    let text = client.until("0\r\n\r\n").await;
    assert_eq!(text.matches("data: ").count(), 10, "they were held: {text}");

    // `X-Accel-Buffering: no` says the same as the line.
    let mut rig = Rig::start::<Axum>(Version::Http1, silent).await;
    let nginx = Nginx::changed(rig.server.address, &NO_LINES).await;
    let (_client, mut response, feed) = open(&nginx, &mut rig).await;
    for number in 0..10 {
        feed.send([Event::new(number.to_string())]);
        assert_eq!(response.until("\n\n").await, format!("data: {number}\n\n"));
    }
}

pub(crate) async fn with_buffering_the_head_of_a_stream_waits_for_its_first_event() {
    for (changes, is_held) in [(&[][..], false), (&NO_LINES[..1], true)] {
        let service = Listener::bind().await;
        let nginx = Nginx::changed(service.addr(), changes).await;
        let mut client = Conn::get(nginx.http1, "/events").await;
        let mut served = service.accept().await;
        served.head().await;
        served.send(STREAM).await;
        if is_held {
            assert!(timeout(A_MOMENT, client.head()).await.is_err());
            served.chunk("data: one\n\n").await;
        }
        assert!(client.head().await.starts_with("http/1.1 200 "));
    }
}

pub(crate) async fn with_request_buffering_a_body_is_held() {
    let service = Listener::bind().await;
    let nginx = Nginx::changed(service.addr(), &[("proxy_request_buffering off;", "")]).await;
    let mut client = Conn::client(nginx.http1, POST).await;
    client.chunk("part 0").await;
    assert!(!service.has_caller().await);
    client.send("0\r\n\r\n").await;
    service.accept().await.until("part 0").await;
}

pub(crate) async fn with_http_1_0_a_lost_service_looks_like_an_end() {
    let mut rig = Rig::start::<Axum>(Version::Http1, silent).await;
    let nginx = Nginx::changed(rig.server.address, &NO_LINES[1..]).await;
    let (_client, mut response, feed) = open(&nginx, &mut rig).await;
    feed.send_and_fail([Event::new("last")]);
    assert_eq!(response.rest().await, ("data: last\n\n".into(), true));
}

pub(crate) async fn with_gzip_a_stream_of_others_is_compressed_and_ours_is_not() {
    let without = [("gzip off;", "")];
    let service = Listener::bind().await;
    let nginx = Nginx::changed(service.addr(), &without).await;
    let mut client = Conn::client(nginx.http1, GET_GZIP).await;
    let mut served = service.accept().await;
    served.send(STREAM).await;
    served.chunk("data: plain text\n\n").await;
    assert!(client.head().await.contains("content-encoding: gzip\r\n"));

    // `Content-Encoding: identity` says the same as the line.
    let mut rig = Rig::start::<Axum>(Version::Http1, silent).await;
    let nginx = Nginx::changed(rig.server.address, &without).await;
    let mut client = Conn::client(nginx.http1, GET_GZIP).await;
    rig.feed().await.send([Event::new("plain text")]);
    assert!(client.head().await.contains("content-encoding: identity\r\n"));
    client.until("data: plain text\n\n").await;
}
