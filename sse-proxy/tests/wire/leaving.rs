//! The client's end is the upstream's.

use std::sync::{Arc, Mutex};

use http::Method;
use sse_proxy::ForwardCloseReason;

use crate::support::{ByHand, Conn, STREAM, front, opened, within};

#[tokio::test]
async fn a_client_that_leaves_in_mid_stream_ends_the_upstream() {
    let upstream = ByHand::listen().await;
    let front = front(upstream.upstream().stream("/sse")).await;
    for by_reset in [false, true] {
        let (mut client, mut server) = opened(&upstream, front).await;
        server.chunk("data: x\n\n").await;
        client.until("\n\n").await;
        if by_reset {
            client.reset();
        } else {
            drop(client);
        }
        server.is_closed().await;
    }
}

#[tokio::test]
async fn a_client_that_leaves_before_the_headers_ends_the_upstream() {
    let upstream = ByHand::listen().await;
    let front = front(upstream.upstream().stream("/sse")).await;
    let client = Conn::get(front, "/").await;
    let (mut server, _) = upstream.accept().await;
    drop(client);
    server.is_closed().await;
}

#[tokio::test]
async fn a_client_that_leaves_before_the_first_event_ends_the_upstream() {
    let upstream = ByHand::listen().await;
    let front = front(upstream.upstream().stream("/sse")).await;
    let (client, mut server) = opened(&upstream, front).await;
    drop(client);
    server.is_closed().await;
}

#[tokio::test]
async fn a_client_that_leaves_in_its_own_body_ends_the_upstream() {
    let upstream = ByHand::listen().await;
    let forward = upstream.upstream().stream("/sse").methods([Method::POST]);
    let front = front(forward).await;
    let request = "POST / HTTP/1.1\r\nHost: f\r\nContent-Length: 10\r\n\r\nabc";
    let client = Conn::client(front, request).await;
    let (mut server, _) = upstream.accept().await;
    server.until("abc").await;
    drop(client);
    server.is_closed().await;
}

#[tokio::test]
async fn a_post_whose_client_leaves_in_mid_stream_ends_the_upstream() {
    let upstream = ByHand::listen().await;
    let forward = upstream.upstream().stream("/sse").methods([Method::POST]);
    let front = front(forward).await;
    let request = "POST / HTTP/1.1\r\nHost: f\r\nContent-Length: 3\r\n\r\nabc";
    let mut client = Conn::client(front, request).await;
    let (mut server, _) = upstream.accept().await;
    server.until("abc").await;
    server.send(STREAM).await;
    server.chunk("data: token\n\n").await;
    client.until("token").await;
    drop(client);
    server.is_closed().await;
}

#[tokio::test]
async fn how_a_stream_ended_is_told_once() {
    let upstream = ByHand::listen().await;
    let told = Arc::new(Mutex::new(vec![]));
    let (sender, mut closed) = tokio::sync::mpsc::unbounded_channel();
    let log = told.clone();
    let builder = upstream.builder().on_close(move |reason, stats| {
        log.lock().unwrap().push(reason);
        sender.send(stats.bytes).unwrap();
    });
    let front = front(builder.build().unwrap().stream("/sse")).await;

    let (client, _server) = opened(&upstream, front).await;
    drop(client);
    assert_eq!(within("a close", closed.recv()).await, Some(0));

    let (_client, server) = opened(&upstream, front).await;
    drop(server);
    assert_eq!(within("a close", closed.recv()).await, Some(0));

    let (mut client, mut server) = opened(&upstream, front).await;
    server.chunk("data: x\n\n").await;
    server.send("0\r\n\r\n").await;
    client.until("0\r\n\r\n").await;
    assert_eq!(within("a close", closed.recv()).await, Some(9));

    drop((client, server));
    let expected = [
        ForwardCloseReason::ClientGone,
        ForwardCloseReason::UpstreamLost,
        ForwardCloseReason::UpstreamEnded,
    ];
    assert_eq!(*told.lock().unwrap(), expected);
}
