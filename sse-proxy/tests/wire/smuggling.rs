//! Two readings of where a message ends, or of what is a header, are what smuggling lives on. The
//! frameworks refuse most of them; the proxy never passes a length or a coding on, so that what goes
//! on has one reading.

use std::net::SocketAddr;
use std::time::Duration;

use actix_web::{App, HttpServer};
use http::Method;
use sse_proxy::Forward;
use tokio::time::timeout;

use crate::support::{ByHand, Conn, END, STREAM, front, unchunked};

/// A request that must never reach the upstream.
const EVIL: &str = "GET /evil HTTP/1.1\r\nHost: evil\r\n\r\n";

async fn actix(forward: Forward) -> SocketAddr {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap();
    let app = move || App::new().route("/", sse_actix::tower(forward.clone()));
    let server = HttpServer::new(app).workers(1).disable_signals().listen(listener).unwrap();
    tokio::spawn(server.run());
    addr
}

/// Heads, and what stands in for the rest, that have two readings.
const REQUESTS: [&str; 17] = [
    "Content-Length: 5\r\nContent-Length: 6\r\n\r\n",
    "Content-Length: 5, 6\r\n\r\n",
    "Content-Length: +5\r\n\r\n",
    "Content-Length: -1\r\n\r\n",
    "Content-Length: 0x5\r\n\r\n",
    "Content-Length: 99999999999999999999999\r\n\r\n",
    "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "Transfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n",
    "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n",
    "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
    "Transfer-Encoding: \u{b}chunked\r\n\r\n0\r\n\r\n",
    "X: y\r\n folded: z\r\nContent-Length: 0\r\n\r\n",
    "X: a\0b\r\nContent-Length: 0\r\n\r\n",
    "X: a\rEvil: b\r\nContent-Length: 0\r\n\r\n",
    "Transfer-Encoding: chunked\r\n\r\n0x0\r\n\r\n",
    "Transfer-Encoding: chunked\r\n\r\n-1\r\n\r\n",
    "Transfer-Encoding: chunked\r\n\r\nFFFFFFFFFFFFFFFFF\r\n\r\n",
];

#[tokio::test]
async fn a_request_with_two_readings_never_becomes_two() {
    let upstream = ByHand::listen().await;
    let forward = upstream.upstream().plain("/x").methods([Method::POST]);
    for (name, front) in [("axum", front(forward.clone()).await), ("actix", actix(forward).await)] {
        for framing in REQUESTS {
            let request = format!("POST / HTTP/1.1\r\nHost: f\r\n{framing}{EVIL}");
            let mut client = Conn::client(front, request).await;
            tokio::select! {
                // Refused, and the connection with it: what follows is read by nobody.
                rest = client.rest() => {
                    let rest = String::from_utf8(rest).unwrap();
                    let is_refused = rest.is_empty() || rest.starts_with("HTTP/1.1 4");
                    assert!(is_refused, "{name} {framing:?}: {rest}");
                    assert_eq!(rest.matches("HTTP/1.1 ").count(), usize::from(!rest.is_empty()));
                }
                // Or sent up, as far as it has one reading.
                server = upstream.listener.accept() => {
                    drop(client);
                    has_one_reading(server, name, framing).await;
                }
            }
            // Both may have begun.
            let late = timeout(Duration::from_millis(50), upstream.listener.accept());
            if let Ok(server) = late.await {
                has_one_reading(server, name, framing).await;
            }
        }
    }
}

async fn has_one_reading(mut server: Conn, name: &str, framing: &str) {
    let rest = String::from_utf8(server.rest().await).unwrap().to_lowercase();
    let lengths = rest.matches("content-length").count();
    let codings = rest.matches("transfer-encoding").count();
    assert!(lengths + codings <= 1, "{name} {framing:?}: {rest}");
    assert!(!rest.contains("evil"), "{name} {framing:?}: {rest}");
}

#[tokio::test]
async fn both_a_length_and_chunks_are_refused_or_go_up_as_chunks() {
    let upstream = ByHand::listen().await;
    let forward = upstream.upstream().plain("/x").methods([Method::POST]);
    let both = "POST / HTTP/1.1\r\nHost: f\r\nContent-Length: 3\r\n\
                Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n";
    let _client = Conn::client(front(forward.clone()).await, both).await;
    let (mut server, head) = upstream.accept().await;
    assert!(!head.contains("content-length"), "{head}");
    assert!(head.contains("transfer-encoding: chunked\r\n"), "{head}");
    assert_eq!(server.until(END).await, format!("2\r\nab\r\n{END}"));
}

#[tokio::test]
async fn nothing_in_a_query_becomes_a_header_or_a_path() {
    let upstream = ByHand::listen().await;
    let stream = upstream.upstream().stream("/sse");
    for front in [front(stream.clone()).await, actix(stream).await] {
        let path = "/?lastEventId=1%0d%0aEvil:%20x&a=%0d%0a%0d%0aGET%20/evil%20HTTP/1.1";
        let _client = Conn::get(front, path).await;
        let (_, head) = upstream.accept().await;
        assert!(head.starts_with("get /sse?lasteventid=1%0d%0aevil:%20x&a="), "{head}");
        assert_eq!(head.lines().filter(|line| line.starts_with("evil")).count(), 0, "{head}");
        assert!(!head.contains("last-event-id"), "{head}");
    }
}

#[tokio::test]
async fn an_answer_with_two_readings_is_502() {
    for framing in [
        "Content-Length: 5\r\nContent-Length: 6\r\n",
        "Content-Length: 5, 6\r\n",
        "Content-Length: x\r\n",
        "Content-Length: -1\r\n",
        "Content-Length: 99999999999999999999999\r\n",
        "Transfer-Encoding: gzip, chunked\r\n",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: xchunked\r\n",
        "Bad Name: y\r\nContent-Length: 0\r\n",
        "X: a\0b\r\nContent-Length: 0\r\n",
    ] {
        let upstream = ByHand::listen().await;
        let mut client = Conn::get(front(upstream.upstream().stream("/sse")).await, "/").await;
        let (mut server, _) = upstream.accept().await;
        let head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n";
        server.send(format!("{head}{framing}\r\n")).await;
        let head = client.head().await;
        assert!(head.starts_with("http/1.1 502 "), "{framing:?}: {head}");
    }
}

#[tokio::test]
async fn chunks_with_two_readings_are_a_loss() {
    for chunk in [
        "0x9\r\ndata: x\n\n\r\n",
        "+9\r\ndata: x\n\n\r\n",
        "-1\r\n",
        "FFFFFFFFFFFFFFFFF\r\n",
        "9\r\ndata: x\n\nxx",
        "\r\n",
    ] {
        let upstream = ByHand::listen().await;
        let mut client = Conn::get(front(upstream.upstream().stream("/sse")).await, "/").await;
        let (mut server, _) = upstream.accept().await;
        server.send(STREAM).await;
        assert!(client.head().await.starts_with("http/1.1 200 "));
        server.send(format!("{chunk}{END}")).await;
        let (_, is_whole) = unchunked(&client.rest().await);
        assert!(!is_whole, "{chunk:?}");
    }
}

#[tokio::test]
async fn an_answer_that_nobody_asked_for_is_nobodys() {
    let upstream = ByHand::listen().await;
    let front = front(upstream.upstream().plain("/x")).await;
    let mut client = Conn::get(front, "/").await;
    let (mut server, _) = upstream.accept().await;
    let answer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
    server.send(format!("{answer}HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil")).await;
    let head = client.head().await;
    assert_eq!(client.body(&head).await, "ok");

    let mut client = Conn::get(front, "/").await;
    let (mut server, _) = upstream.accept().await;
    server.send(answer).await;
    let head = client.head().await;
    assert_eq!(client.body(&head).await, "ok");
}
