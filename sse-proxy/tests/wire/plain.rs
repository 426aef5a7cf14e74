//! Plain routes, and bodies that go up.

use http::Method;

use crate::support::{ByHand, Conn, END, STREAM, answer, front};

#[tokio::test]
async fn a_plain_answer_passes_with_its_length_and_its_tag() {
    let upstream = ByHand::listen().await;
    let front = front(upstream.upstream().plain("/events")).await;
    let mut client = Conn::get(front, "/?after=3").await;
    let (mut server, head) = upstream.accept().await;
    assert!(head.starts_with("get /events?after=3 http/1.1\r\n"), "{head}");
    server
        .send(
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\
             ETag: \"1\"\r\nCache-Control: no-store\r\n\r\n[]",
        )
        .await;
    let head = client.head().await;
    assert!(head.contains("content-type: application/json\r\n"), "{head}");
    assert!(head.contains("etag: \"1\"\r\n"), "{head}");
    assert!(head.contains("cache-control: no-store\r\n"), "{head}");
    assert_eq!(client.body(&head).await, "[]");

    // The same connection serves the next request, on both sides.
    client.send("GET / HTTP/1.1\r\nHost: f\r\nIf-None-Match: \"1\"\r\n\r\n").await;
    let head = server.head().await;
    assert!(head.contains("if-none-match: \"1\"\r\n"), "{head}");
    server.send("HTTP/1.1 304 Not Modified\r\nETag: \"1\"\r\n\r\n").await;
    assert!(client.head().await.starts_with("http/1.1 304 "));
}

#[tokio::test]
async fn a_head_keeps_the_length_that_a_get_would_have() {
    let upstream = ByHand::listen().await;
    let front = front(upstream.upstream().plain("/events")).await;
    let mut client = Conn::client(front, "HEAD / HTTP/1.1\r\nHost: f\r\n\r\n").await;
    let (mut server, head) = upstream.accept().await;
    assert!(head.starts_with("head /events http/1.1\r\n"), "{head}");
    server
        .send("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 42\r\n\r\n")
        .await;
    let head = client.head().await;
    assert!(head.contains("content-length: 42\r\n"), "{head}");
}

#[tokio::test]
async fn a_head_of_a_stream_has_its_headers_and_no_body() {
    let upstream = ByHand::listen().await;
    let front = front(upstream.upstream().stream("/sse")).await;
    let request = "HEAD / HTTP/1.1\r\nHost: f\r\nConnection: close\r\n\r\n";
    let mut client = Conn::client(front, request).await;
    let (mut server, _) = upstream.accept().await;
    server.send("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n").await;
    let head = client.head().await;
    assert!(head.contains("content-type: text/event-stream\r\n"), "{head}");
    client.is_closed().await;
}

#[tokio::test]
async fn a_plain_body_cut_off_stays_cut_off() {
    let upstream = ByHand::listen().await;
    let front = front(upstream.upstream().plain("/events")).await;
    let mut client = Conn::get(front, "/").await;
    let (mut server, _) = upstream.accept().await;
    server.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n[1,").await;
    drop(server);
    let head = client.head().await;
    assert!(head.contains("content-length: 10\r\n"), "{head}");
    assert_eq!(client.rest().await, b"[1,");
}

#[tokio::test]
async fn a_body_goes_up_as_it_comes_framed_as_it_came() {
    let upstream = ByHand::listen().await;
    let forward = upstream.upstream().stream("/v1").methods([Method::POST]);
    let front = front(forward).await;

    let request = "POST / HTTP/1.1\r\nHost: f\r\nContent-Type: application/json\r\n\
                   Content-Length: 6\r\n\r\n";
    let mut client = Conn::client(front, request).await;
    let (mut server, head) = upstream.accept().await;
    assert!(head.starts_with("post /v1 http/1.1\r\n"), "{head}");
    assert!(head.contains("content-length: 6\r\n"), "{head}");
    assert!(head.contains("content-type: application/json\r\n"), "{head}");
    assert!(!head.contains("transfer-encoding"), "{head}");
    client.send("abc").await;
    assert_eq!(server.until("abc").await, "abc");
    client.send("def").await;
    assert_eq!(server.until("def").await, "def");
    server.send(STREAM).await;
    server.chunk("data: [DONE]\n\n").await;
    client.until("[DONE]").await;

    let request = "POST / HTTP/1.1\r\nHost: f\r\nTransfer-Encoding: chunked\r\n\r\n";
    let mut client = Conn::client(front, request).await;
    client.chunk("abc").await;
    let (mut server, head) = upstream.accept().await;
    assert!(!head.contains("content-length"), "{head}");
    assert_eq!(server.until("abc\r\n").await, "3\r\nabc\r\n");
    client.send(END).await;
    assert_eq!(server.until(END).await, END);
}

#[tokio::test]
async fn a_post_without_a_body_says_so() {
    let upstream = ByHand::listen().await;
    let forward = upstream.upstream().plain("/x").methods([Method::POST]);
    let request = "POST / HTTP/1.1\r\nHost: f\r\nContent-Length: 0\r\n\r\n";
    let _client = Conn::client(front(forward).await, request).await;
    let (_, head) = upstream.accept().await;
    assert!(head.contains("content-length: 0\r\n"), "{head}");
}

#[tokio::test]
async fn a_redirect_of_a_plain_route_is_not_the_clients_to_see() {
    for status in ["301 Moved", "302 Found", "303 Other", "307 There", "308 There"] {
        let upstream = ByHand::listen().await;
        let forward = upstream.upstream().plain("/x");
        let redirect = async {
            let (mut server, _) = upstream.accept().await;
            let head = "Location: http://inside.example/\r\nContent-Length: 0\r\n\r\n";
            server.send(format!("HTTP/1.1 {status}\r\n{head}")).await;
        };
        let ((head, body), ()) = tokio::join!(answer(forward), redirect);
        assert!(head.starts_with("http/1.1 502 ") && !head.contains("inside"), "{head}");
        assert!(body.contains(r#""code":"upstream_unexpected_status""#), "{body}");
    }
}

#[tokio::test]
async fn a_body_that_the_client_breaks_is_the_clients_fault() {
    let upstream = ByHand::listen().await;
    let front = front(upstream.upstream().plain("/x").methods([Method::POST])).await;
    let head = "POST / HTTP/1.1\r\nHost: f\r\nTransfer-Encoding: chunked\r\n\r\n";
    let mut client = Conn::client(front, format!("{head}2\r\nab\r\n")).await;
    let (mut server, _) = upstream.accept().await;
    server.until("ab").await;
    client.send("no length\r\n").await;
    let head = client.head().await;
    assert!(head.starts_with("http/1.1 400 "), "{head}");
    assert!(client.body(&head).await.contains(r#""code":"request_broken""#));
    server.rest().await;
}
