//! What a client is told when the upstream does not do what it should.

use crate::support::{ByHand, Conn, answer, front};
use http::Method;

/// The answer to a GET when the upstream says this.
async fn answer_to(script: &str) -> (String, String) {
    let upstream = ByHand::listen().await;
    let forward = upstream.upstream().stream("/sse");
    let server = async {
        let (mut server, _) = upstream.accept().await;
        server.send(script).await;
        server
    };
    tokio::join!(answer(forward), server).0
}

#[tokio::test]
async fn an_upstream_that_is_not_there_is_502_with_a_reason_and_no_address() {
    let upstream = ByHand::listen().await;
    let (addr, builder) = (upstream.addr, upstream.builder());
    drop(upstream);
    let upstream = builder.build().unwrap();
    for forward in [upstream.stream("/sse"), upstream.plain("/events")] {
        let (head, body) = answer(forward).await;
        assert!(head.starts_with("http/1.1 502 "), "{head}");
        assert!(head.contains("content-type: application/json\r\n"));
        assert!(head.contains("cache-control: no-store\r\n"));
        assert_eq!(
            body,
            r#"{"error":{"code":"upstream_unreachable","message":"the upstream cannot be reached"}}"#
        );
        assert!(!head.contains(&addr.port().to_string()));
    }
}

#[tokio::test]
async fn an_upstream_that_hangs_up_before_its_headers_is_502() {
    let upstream = ByHand::listen().await;
    let forward = upstream.upstream().stream("/sse");
    let hangs_up = async { drop(upstream.accept().await) };
    let ((head, body), ()) = tokio::join!(answer(forward), hangs_up);
    assert!(head.starts_with("http/1.1 502 "), "{head}");
    assert!(body.contains(r#""code":"upstream_lost""#), "{body}");
}

#[tokio::test]
async fn a_200_that_is_no_event_stream_is_502() {
    for head in [
        "Content-Type: text/html\r\n",
        "Content-Type: text/event-stream\r\nContent-Encoding: gzip\r\n",
        "",
    ] {
        let script = format!("HTTP/1.1 200 OK\r\n{head}Content-Length: 2\r\n\r\nno");
        let (head, body) = answer_to(&script).await;
        assert!(head.starts_with("http/1.1 502 "), "{head}");
        assert!(body.contains(r#""code":"upstream_not_event_stream""#), "{body}");
    }
}

#[tokio::test]
async fn a_redirect_is_neither_followed_nor_shown() {
    let elsewhere = ByHand::listen().await;
    for status in ["301 Moved", "302 Found", "307 Temporary", "308 Permanent"] {
        let script = format!(
            "HTTP/1.1 {status}\r\nLocation: http://{}/\r\nContent-Length: 0\r\n\r\n",
            elsewhere.addr
        );
        let (head, body) = answer_to(&script).await;
        assert!(head.starts_with("http/1.1 502 "), "{head}");
        assert!(!head.contains("location"), "{head}");
        assert!(body.contains(r#""code":"upstream_unexpected_status""#), "{body}");
    }
    assert!(!elsewhere.has_caller().await);
}

#[tokio::test]
async fn a_success_that_is_no_200_is_no_stream() {
    for status in ["101 Switching Protocols", "201 Created", "206 Partial Content"] {
        let script = format!(
            "HTTP/1.1 {status}\r\nContent-Type: text/event-stream\r\nContent-Length: 0\r\n\r\n"
        );
        let (head, _) = answer_to(&script).await;
        assert!(head.starts_with("http/1.1 502 "), "{status}: {head}");
    }
}

#[tokio::test]
async fn no_content_passes() {
    let upstream = ByHand::listen().await;
    let mut client = Conn::get(front(upstream.upstream().stream("/sse")).await, "/").await;
    let (mut server, _) = upstream.accept().await;
    server.send("HTTP/1.1 204 No Content\r\n\r\n").await;
    assert!(client.head().await.starts_with("http/1.1 204 "));
}

#[tokio::test]
async fn refusals_of_the_upstream_pass_with_their_reason_and_their_time() {
    for status in ["400 Bad Request", "404 Not Found", "429 Slow", "500 Oh", "503 Later"] {
        let (head, body) = answer_to(&format!(
            "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nRetry-After: 7\r\n\
             Content-Length: 13\r\n\r\n{{\"why\":\"not\"}}"
        ))
        .await;
        assert!(head.starts_with(&format!("http/1.1 {}", &status[..3])), "{head}");
        assert!(head.contains("retry-after: 7\r\n"), "{head}");
        assert!(head.contains("content-type: application/json\r\n"), "{head}");
        assert_eq!(body, r#"{"why":"not"}"#);
    }
}

#[tokio::test]
async fn a_method_that_is_not_listed_is_405_and_goes_nowhere() {
    let upstream = ByHand::listen().await;
    let told = upstream.upstream().stream("/sse").methods([Method::POST, Method::TRACE]);
    for (forward, method, allow) in [
        (upstream.upstream().stream("/sse"), "POST", "get, head"),
        (upstream.upstream().plain("/x"), "DELETE", "get, head"),
        (told.clone(), "GET", "post"),
        (told, "TRACE", "post"),
    ] {
        let request = format!("{method} / HTTP/1.1\r\nHost: f\r\nContent-Length: 0\r\n\r\n");
        let mut client = Conn::client(front(forward).await, request).await;
        let head = client.head().await;
        assert!(head.starts_with("http/1.1 405 "), "{head}");
        assert!(head.contains(&format!("allow: {allow}\r\n")), "{head}");
    }
    assert!(!upstream.has_caller().await);
}
