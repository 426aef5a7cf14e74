//! An upstream that is not there yet.

use std::time::Duration;

use http::Method;
use sse_proxy::Upstream;
use testkit::NOWHERE;

use crate::support::{ByHand, Conn, STREAM, front};

#[tokio::test]
async fn a_cold_upstream_is_one_stream_that_begins_late() {
    let upstream = ByHand::listen().await;
    let addr = upstream.addr;
    let patient = upstream
        .builder()
        .cold_start(Duration::from_secs(60))
        .header_timeout(Duration::from_secs(1));
    let front = front(patient.build().unwrap().stream("/sse")).await;
    drop(upstream);
    let mut client =
        Conn::client(front, "GET /?a=b HTTP/1.1\r\nHost: f\r\nLast-Event-ID: 7\r\n\r\n").await;
    let upstream = ByHand::listen_on(addr).await;

    let (mut server, _) = upstream.accept().await;
    server.send("HTTP/1.1 503 Later\r\nRetry-After: 0\r\nContent-Length: 0\r\n\r\n").await;
    let (server, _) = upstream.accept().await;
    drop(server);
    let (mut server, _) = upstream.accept().await;
    server.is_closed().await; // it was too slow

    let (mut server, head) = upstream.accept().await;
    assert!(head.starts_with("get /sse?a=b "), "{head}");
    assert!(head.contains("last-event-id: 7\r\n"), "{head}");
    server.send(STREAM).await;
    server.chunk("data: x\n\n").await;
    assert!(client.head().await.starts_with("http/1.1 200 "));
    assert_eq!(client.until("\n\n\r\n").await, "9\r\ndata: x\n\n\r\n");

    // Once the client has a byte, a loss is a loss.
    drop(server);
    client.is_closed().await;
    assert!(!upstream.has_caller().await);
}

#[tokio::test]
async fn a_patience_without_end_is_one() {
    let upstream = ByHand::listen().await;
    let builder = upstream.builder().cold_start(Duration::MAX);
    let mut client = Conn::get(front(builder.build().unwrap().stream("/sse")).await, "/").await;
    drop(upstream.accept().await);
    let (mut server, _) = upstream.accept().await;
    server.send(STREAM).await;
    assert!(client.head().await.starts_with("http/1.1 200 "));
}

#[tokio::test]
async fn the_patience_ends() {
    let builder = Upstream::builder(format!("http://{NOWHERE}"));
    let builder = builder.cold_start(Duration::from_millis(300));
    let forward = builder.build().unwrap().stream("/sse");
    let mut client = Conn::get(front(forward).await, "/").await;
    assert!(client.head().await.starts_with("http/1.1 502 "));
}

#[tokio::test]
async fn a_time_that_is_too_far_is_the_clients_to_know() {
    let upstream = ByHand::listen().await;
    for after in ["61", "18446744073709551615", "99999999999999999999"] {
        let builder = upstream.builder().cold_start(Duration::from_secs(60));
        let mut client = Conn::get(front(builder.build().unwrap().stream("/sse")).await, "/").await;
        let (mut server, _) = upstream.accept().await;
        let answer = "HTTP/1.1 503 Later\r\nContent-Length: 0\r\nRetry-After:";
        server.send(format!("{answer} {after}\r\n\r\n")).await;
        let head = client.head().await;
        assert!(head.starts_with("http/1.1 503 "), "{head}");
        assert!(head.contains(&format!("retry-after: {after}\r\n")), "{head}");
    }
}

#[tokio::test]
async fn a_cold_upstream_that_says_now_is_not_hammered() {
    let upstream = ByHand::listen().await;
    let builder = upstream.builder().cold_start(Duration::from_secs(1));
    let mut client = Conn::get(front(builder.build().unwrap().stream("/sse")).await, "/").await;
    let answer = "HTTP/1.1 503 Later\r\nConnection: close\r\nRetry-After: 0\r\n\r\n";
    let mut asked = 0;
    let head = loop {
        tokio::select! {
            (mut server, _) = upstream.accept() => {
                server.send(answer).await;
                asked += 1;
            }
            head = client.head() => break head,
        }
    };
    assert!(head.starts_with("http/1.1 503 "), "{head}");
    // Each pause is 100 ms or longer.
    assert!((2..=10).contains(&asked), "{asked}");
}

#[tokio::test]
async fn nothing_is_sent_twice_that_might_do_something_twice() {
    let upstream = ByHand::listen().await;
    let patient = upstream.builder().cold_start(Duration::from_secs(60));
    let patient = patient.build().unwrap();
    let post = patient.stream("/sse").methods([Method::POST]);
    let empty = "POST / HTTP/1.1\r\nHost: f\r\nContent-Length: 0\r\n\r\n";
    let with_body = "GET / HTTP/1.1\r\nHost: f\r\nContent-Length: 1\r\n\r\nx";
    let plain = "GET / HTTP/1.1\r\nHost: f\r\n\r\n";
    for (forward, request) in [
        (post, empty),
        (patient.stream("/sse"), with_body),
        (upstream.upstream().stream("/sse"), plain), // not told to be patient
    ] {
        let mut client = Conn::client(front(forward).await, request).await;
        drop(upstream.accept().await);
        assert!(client.head().await.starts_with("http/1.1 502 "));
        assert!(!upstream.has_caller().await);
    }
}

#[tokio::test]
async fn a_client_that_leaves_is_waited_for_no_longer() {
    let upstream = ByHand::listen().await;
    let patient = upstream.builder().cold_start(Duration::from_secs(60));
    let front = front(patient.build().unwrap().stream("/sse")).await;
    let client = Conn::get(front, "/").await;
    let (mut server, _) = upstream.accept().await;
    drop(client);
    server.is_closed().await;
    assert!(!upstream.has_caller().await);
}
