//! Which headers pass, and what is asked of the upstream.

use axum::Router;
use http::header::{AUTHORIZATION, COOKIE, SET_COOKIE};
use sse_proxy::Upstream;

use crate::support::{ByHand, Conn, STREAM, front, serve};

const REQUEST: &str = "GET /?session=a%20b&x='1' HTTP/1.1\r\nHost: front.example\r\n\
    Accept: */*\r\nAccept-Encoding: gzip, br\r\nAccept-Language: de\r\n\
    Authorization: Bearer t\r\nConnection: keep-alive, x-hop\r\nCookie: a=b\r\n\
    Forwarded: for=1\r\nKeep-Alive: timeout=5\r\nLast-Event-ID: 7\r\nOrigin: http://o\r\n\
    Proxy-Authorization: p\r\nReferer: r\r\nTE: trailers\r\nTraceparent: 00-1\r\n\
    User-Agent: u\r\nX-Forwarded-For: 1.2.3.4\r\nX-Hop: h\r\nX-Other: o\r\n\r\n";

fn lines(head: &str) -> Vec<&str> {
    let mut lines: Vec<_> = head.trim_end().split("\r\n").skip(1).collect();
    lines.sort_unstable();
    lines
}

#[tokio::test]
async fn the_upstream_sees_the_listed_headers_alone() {
    let upstream = ByHand::listen().await;
    let stream = upstream.builder().via("front").build().unwrap().stream("/sse");
    let _client = Conn::client(front(stream).await, REQUEST).await;
    let (_, head) = upstream.accept().await;
    assert_eq!(
        lines(&head),
        [
            "accept-encoding: identity",
            "accept-language: de",
            "accept: text/event-stream",
            &format!("host: {}", upstream.addr),
            "last-event-id: 7",
            "traceparent: 00-1",
            "via: 1.1 front",
        ]
    );
}

#[tokio::test]
async fn a_plain_route_asks_for_what_the_client_asked_for() {
    let upstream = ByHand::listen().await;
    let plain = upstream.builder().via("front").build().unwrap().plain("/x");
    let _client = Conn::client(front(plain).await, REQUEST).await;
    let (_, head) = upstream.accept().await;
    assert_eq!(
        lines(&head),
        [
            "accept-encoding: gzip, br",
            "accept-language: de",
            "accept: */*",
            &format!("host: {}", upstream.addr),
            "traceparent: 00-1",
            "via: 1.1 front",
        ]
    );
}

#[tokio::test]
async fn credentials_pass_only_when_told() {
    let upstream = ByHand::listen().await;
    let stream = upstream
        .upstream()
        .stream("/sse")
        .pass_request_header(COOKIE)
        .pass_request_header(AUTHORIZATION);
    let _client = Conn::client(front(stream).await, REQUEST).await;
    let (_, head) = upstream.accept().await;
    assert!(head.contains("\r\ncookie: a=b\r\n"), "{head}");
    assert!(head.contains("\r\nauthorization: bearer t\r\n"), "{head}");
}

#[tokio::test]
async fn the_path_is_the_configured_one_and_the_query_the_clients() {
    let upstream = ByHand::listen().await;
    for (base, path, expected) in [
        ("", "/sse", "/sse"),
        ("/", "sse", "/sse"),
        ("/base/", "/sse", "/base/sse"),
        ("/base", "/../x?y#z", "/base/%252e%252e/x%3fy%23z"),
    ] {
        let base = format!("http://{}{base}", upstream.addr);
        let stream = Upstream::builder(base).build().unwrap().stream(path);
        let addr = serve(Router::new().route_service("/{*rest}", stream)).await;
        let _client =
            Conn::get(addr, "/other/%2e%2e/path?session=a%20b&lastEventId=5&x=/../").await;
        let (_, head) = upstream.accept().await;
        let line = format!("get {expected}?session=a%20b&lasteventid=5&x=/../ http/1.1\r\n");
        assert!(head.starts_with(&line), "{head}");
        assert!(head.contains("\r\nlast-event-id: 5\r\n"), "{head}");
    }
}

#[tokio::test]
async fn the_client_sees_the_listed_headers_alone() {
    let upstream = ByHand::listen().await;
    let answer = "HTTP/1.1 404 Not Found\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\
        Access-Control-Allow-Origin: *\r\nConnection: keep-alive, vary\r\nETag: e\r\n\
        Keep-Alive: timeout=5\r\nLocation: http://10.0.0.1/\r\nServer: s\r\nSet-Cookie: a=1\r\n\
        Set-Cookie: b=2\r\nVary: x\r\nX-Internal: i\r\n\r\nno";
    let stream = upstream.upstream().stream("/sse");
    let mut client = Conn::get(front(stream.clone()).await, "/").await;
    upstream.accept().await.0.send(answer).await;
    let head = client.head().await;
    let names: Vec<_> =
        lines(&head).into_iter().map(|line| line.split(':').next().unwrap()).collect();
    assert_eq!(names, ["content-length", "content-type", "date", "etag"]);
    assert_eq!(client.body(&head).await, "no");

    let told = stream.pass_response_header(SET_COOKIE);
    let mut client = Conn::get(front(told).await, "/").await;
    upstream.accept().await.0.send(answer).await;
    let head = client.head().await;
    assert!(head.contains("set-cookie: a=1\r\nset-cookie: b=2\r\n"), "{head}");
}

#[tokio::test]
async fn a_request_that_comes_round_is_508() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let upstream = Upstream::builder(format!("http://{addr}")).build().unwrap();
    let router = Router::new().route_service("/", upstream.plain("/"));
    tokio::spawn(async move { axum::serve(listener, router).await });
    let mut client = Conn::get(addr, "/").await;
    let head = client.head().await;
    assert!(head.starts_with("http/1.1 508 "), "{head}");
    assert!(client.body(&head).await.contains(r#""code":"loop_detected""#));
}

#[tokio::test]
async fn two_fronts_in_a_row_are_no_loop() {
    let upstream = ByHand::listen().await;
    let inner = front(upstream.upstream().stream("/sse")).await;
    let outer = Upstream::builder(format!("http://{inner}")).build().unwrap();
    let mut client = Conn::get(front(outer.stream("/")).await, "/").await;
    let (mut server, head) = upstream.accept().await;
    assert_eq!(head.matches("\r\nvia: 1.1 sse-proxy-").count(), 2, "{head}");
    server.send(STREAM).await;
    assert!(client.head().await.starts_with("http/1.1 200 "));
}
