//! Each timer, by itself.

use std::time::Duration;

use http::Method;
use socket2::{Domain, SockAddr, Socket, Type};
use sse_proxy::{KeepAlive, MaxLifetime, Upstream};
use testkit::MORE_THAN_SOCKETS_HOLD;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::{ByHand, END, answer, front, opened, opened_saying, unchunked, within};

/// A moment that tests of timers wait for in earnest.
const SHORT: Duration = Duration::from_millis(100);

/// A port whose connections never come about: its queue is full, and nobody takes one out.
async fn stuck_port() -> (std::net::SocketAddr, Socket, Vec<TcpStream>) {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    let any: std::net::SocketAddr = ([127, 0, 0, 1], 0).into();
    socket.bind(&SockAddr::from(any)).unwrap();
    socket.listen(0).unwrap();
    let addr = socket.local_addr().unwrap().as_socket().unwrap();
    let mut queued = vec![];
    while let Ok(stream) = tokio::time::timeout(SHORT, TcpStream::connect(addr)).await {
        queued.push(stream.unwrap());
    }
    (addr, socket, queued)
}

#[tokio::test]
async fn a_connection_that_does_not_come_about_is_502() {
    let (addr, _socket, _queued) = stuck_port().await;
    let upstream = Upstream::builder(format!("http://{addr}")).connect_timeout(SHORT);
    let (head, body) = answer(upstream.build().unwrap().stream("/sse")).await;
    assert!(head.starts_with("http/1.1 502 "), "{head}");
    assert!(body.contains(r#""code":"upstream_unreachable""#), "{body}");
}

#[tokio::test]
async fn headers_that_do_not_come_are_504_and_the_upstream_is_let_go() {
    let upstream = ByHand::listen().await;
    // It begins before the request has come.
    let limited = upstream.builder().header_timeout(SHORT * 10);
    let forward = limited.build().unwrap().stream("/sse");
    let ((head, body), (mut server, _)) = tokio::join!(answer(forward), upstream.accept());
    assert!(head.starts_with("http/1.1 504 "), "{head}");
    assert!(body.contains(r#""code":"upstream_timeout""#), "{body}");
    server.is_closed().await;
}

#[tokio::test]
async fn an_upstream_that_does_not_read_the_body_is_504_and_a_client_that_does_not_send_it_408() {
    let upstream = ByHand::listen().await;
    // It begins before the client has sent all that there is room for.
    let limited = upstream.builder().header_timeout(SHORT * 10);
    let forward = limited.build().unwrap().plain("/x").methods([Method::POST]);
    let front = front(forward).await;
    for (sent, status) in [(9, "408"), (MORE_THAN_SOCKETS_HOLD, "504")] {
        let head = format!(
            "POST / HTTP/1.1\r\nHost: f\r\nContent-Length: {MORE_THAN_SOCKETS_HOLD}\r\n\r\n"
        );
        let (mut answer, mut request) = TcpStream::connect(front).await.unwrap().into_split();
        let sending = tokio::spawn(async move {
            request.write_all(head.as_bytes()).await.unwrap();
            let _ = request.write_all(&vec![b'x'; sent]).await;
            request
        });
        let (_server, _) = upstream.accept().await;
        let mut said = [0; 12];
        within("an answer", answer.read_exact(&mut said)).await.unwrap();
        assert_eq!(said, *format!("HTTP/1.1 {status}").as_bytes());
        sending.abort();
    }
}

#[tokio::test]
async fn a_first_event_that_does_not_come_is_an_abort() {
    let upstream = ByHand::listen().await;
    let limited = upstream.builder().first_event_timeout(SHORT);
    let front = front(limited.build().unwrap().stream("/sse")).await;
    let comments = [": hold on\n\n", "retry: 9\n\n"];
    let (mut client, mut server) = opened_saying(&upstream, front, &comments).await;
    let said = b": hold on\n\nretry: 9\n\n".to_vec();
    assert_eq!(unchunked(&client.rest().await), (said, false));
    server.is_closed().await;
}

#[tokio::test]
async fn after_the_first_event_no_other_is_waited_for() {
    let upstream = ByHand::listen().await;
    let limited =
        upstream.builder().first_event_timeout(SHORT).keep_alive(KeepAlive::every(SHORT * 2));
    let front = front(limited.build().unwrap().stream("/sse")).await;
    let (mut client, mut server) = opened_saying(&upstream, front, &["data: first\n\n"]).await;
    client.until("first\n\n\r\n").await;
    // Twice the time goes by before this.
    assert_eq!(client.until(":\n\n\r\n").await, "3\r\n:\n\n\r\n");
    server.chunk("data: next\n\n").await;
    client.until("next\n\n\r\n").await;
}

#[tokio::test]
async fn a_silent_stream_is_aborted() {
    let upstream = ByHand::listen().await;
    let limited = upstream.builder().idle_timeout(Duration::from_millis(100));
    let front = front(limited.build().unwrap().stream("/sse")).await;
    let (mut client, mut server) = opened_saying(&upstream, front, &["data: x\n\n"]).await;
    assert_eq!(unchunked(&client.rest().await), (b"data: x\n\n".to_vec(), false));
    server.is_closed().await;
}

#[tokio::test]
async fn a_silence_is_filled_by_comments() {
    let upstream = ByHand::listen().await;
    let kept = upstream.builder().keep_alive(KeepAlive::every(SHORT));
    let front = front(kept.build().unwrap().stream("/sse")).await;
    let (mut client, mut server) = opened(&upstream, front).await;
    assert_eq!(client.until(":\n\n\r\n").await, "3\r\n:\n\n\r\n");
    server.chunk("data: x\n\n").await;
    client.until("data: x\n\n\r\n").await;
    assert_eq!(client.until(":\n\n\r\n").await, "3\r\n:\n\n\r\n");
}

#[tokio::test]
async fn the_longest_lifetime_is_a_clean_end_with_a_time_to_come_back() {
    let upstream = ByHand::listen().await;
    let lifetime = MaxLifetime::new(SHORT).jitter(Duration::ZERO);
    let limited = upstream.builder().max_lifetime(lifetime);
    let front = front(limited.build().unwrap().stream("/sse")).await;
    let (mut client, mut server) = opened_saying(&upstream, front, &["data: x\n\n"]).await;
    client.until("data: x\n\n\r\n").await;
    let last = client.until(END).await;
    assert!(last.split_once("\r\n").unwrap().1.starts_with("retry: "), "{last:?}");
    server.is_closed().await;
}
