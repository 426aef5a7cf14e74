//! A front that stops.

use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use futures_util::FutureExt;
use http::Method;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::support::{ByHand, Conn, END, opened, within};

/// A front that stops gracefully, and its streams with it.
async fn stopping(
    upstream: &ByHand,
    methods: &[Method],
) -> (SocketAddr, oneshot::Sender<()>, JoinHandle<()>) {
    let (stop, stopped) = oneshot::channel::<()>();
    let stopped = stopped.map(|_| ()).shared();
    let forward = upstream
        .builder()
        .shutdown(stopped.clone())
        .drain_timeout(Duration::from_millis(100))
        .build()
        .unwrap()
        .stream("/sse")
        .methods(methods.to_vec());
    let router = Router::new().route_service("/", forward);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let serving = tokio::spawn(async move {
        let serve = axum::serve(listener, router).with_graceful_shutdown(stopped);
        serve.await.unwrap();
    });
    (addr, stop, serving)
}

#[tokio::test]
async fn open_streams_end_cleanly_and_the_server_stops() {
    let upstream = ByHand::listen().await;
    let (addr, stop, serving) = stopping(&upstream, &[Method::GET]).await;
    let mut streams = vec![];
    for _ in 0..20 {
        let (mut client, mut server) = opened(&upstream, addr).await;
        server.chunk("data: x\n\n").await;
        client.until("data: x\n\n\r\n").await;
        streams.push((client, server));
    }
    stop.send(()).unwrap();
    for (mut client, mut server) in streams {
        let last = client.until(END).await;
        let (_, block) = last.split_once("\r\n").unwrap();
        assert!(block.starts_with("retry: "), "{last:?}");
        assert!(block.ends_with(&format!("\n\n\r\n{END}")), "{last:?}");
        client.is_closed().await;
        server.is_closed().await;
    }
    within("the end of the server", serving).await.unwrap();
}

#[tokio::test]
async fn a_stream_stuck_in_an_event_is_aborted_and_the_server_stops() {
    let upstream = ByHand::listen().await;
    let (addr, stop, serving) = stopping(&upstream, &[Method::GET]).await;
    let (mut client, mut server) = opened(&upstream, addr).await;
    server.chunk("data: half").await;
    client.until("half\r\n").await;
    stop.send(()).unwrap();
    client.is_closed().await;
    server.is_closed().await;
    within("the end of the server", serving).await.unwrap();
}

#[tokio::test]
async fn a_stream_without_headers_yet_is_told_to_come_back() {
    for (method, accept, in_stream) in [
        (Method::GET, "Accept: text/event-stream\r\n", true), // EventSource
        (Method::GET, "Accept: */*\r\n", false),              // curl
        (Method::GET, "Accept: application/json\r\n", false),
        (Method::GET, "", false),
        (Method::POST, "Accept: text/event-stream\r\n", false),
    ] {
        let upstream = ByHand::listen().await;
        let (addr, stop, serving) = stopping(&upstream, std::slice::from_ref(&method)).await;
        let request =
            format!("{method} / HTTP/1.1\r\nHost: f\r\n{accept}Content-Length: 0\r\n\r\n");
        let mut client = Conn::client(addr, request).await;
        let (mut server, _) = upstream.accept().await;
        stop.send(()).unwrap();
        let head = client.head().await;
        if in_stream {
            assert!(head.starts_with("http/1.1 200 "), "{head}");
            assert!(head.contains("content-type: text/event-stream\r\n"), "{head}");
            assert!(client.rest().await.starts_with(b"retry: "));
        } else {
            assert!(head.starts_with("http/1.1 503 "), "{head}");
            assert!(head.contains("\r\nretry-after: "), "{head}");
            assert_eq!(head.matches("\r\ncache-control: ").count(), 1, "{head}");
            let body = String::from_utf8(client.rest().await).unwrap();
            assert!(body.contains(r#""code":"shutting_down""#), "{body}");
        }
        server.is_closed().await;
        within("the end of the server", serving).await.unwrap();
    }
}
