//! A stream passes as it is.

use crate::support::{ByHand, Conn, END, STREAM, front, opened, unchunked};

#[tokio::test]
async fn each_event_arrives_before_the_next_is_sent() {
    let upstream = ByHand::listen().await;
    let front = front(upstream.upstream().stream("/sse")).await;
    let (mut client, mut server) = opened(&upstream, front).await;
    for number in 0..100 {
        let event = format!("data: {number}\n\n");
        server.chunk(&event).await;
        let chunk = client.until("\n\n\r\n").await;
        assert!(chunk.ends_with(&format!("\r\n{event}\r\n")), "{chunk:?}");
    }
    server.send(END).await;
    assert_eq!(client.until(END).await, END);
}

#[tokio::test]
async fn headers_arrive_before_any_event() {
    let upstream = ByHand::listen().await;
    let front = front(upstream.upstream().stream("/sse")).await;
    let (_client, _server) = opened(&upstream, front).await;
}

#[tokio::test]
async fn the_answer_has_the_headers_of_a_stream_and_no_length() {
    let upstream = ByHand::listen().await;
    let front = front(upstream.upstream().stream("/sse")).await;
    let mut client = Conn::get(front, "/").await;
    let (mut server, _) = upstream.accept().await;
    server
        .send(
            "HTTP/1.1 200 OK\r\nContent-Type: Text/Event-Stream; charset=utf-8\r\n\
             Cache-Control: max-age=60\r\nContent-Length: 9\r\n\r\ndata: x\n\n",
        )
        .await;
    let head = client.head().await;
    for line in [
        "content-type: text/event-stream\r\n",
        "cache-control: no-cache, no-transform\r\n",
        "x-accel-buffering: no\r\n",
        "transfer-encoding: chunked\r\n",
    ] {
        assert!(head.contains(line), "{line} in {head}");
    }
    assert!(!head.contains("content-length"), "{head}");
    assert_eq!(client.until(END).await, format!("9\r\ndata: x\n\n\r\n{END}"));
}

#[tokio::test]
async fn bytes_are_equal_however_the_upstream_writes_them() {
    let text: Vec<u8> = (0..400)
        .flat_map(|number| {
            let end = ["\n", "\r\n", "\r"][number % 3];
            format!("id: {number}{end}data: ä…{number}{end}: c{end}{end}").into_bytes()
        })
        .chain(*b"data: never ended \xFF\x00")
        .collect();
    let upstream = ByHand::listen().await;
    let front = front(upstream.upstream().stream("/sse")).await;
    for longest in [1, 3, 17, 400, 20_000] {
        let mut client =
            Conn::client(front, "GET / HTTP/1.1\r\nHost: f\r\nConnection: close\r\n\r\n").await;
        let (mut server, _) = upstream.accept().await;
        server.send(STREAM).await;
        client.head().await;
        let mut rest = &text[..];
        let mut random = fastrand::Rng::with_seed(longest as u64);
        while !rest.is_empty() {
            let (chunk, after) = rest.split_at(random.usize(1..=longest.min(rest.len())));
            server.chunk(chunk).await;
            rest = after;
        }
        server.send(END).await;
        let (body, is_whole) = unchunked(&client.rest().await);
        assert!(is_whole);
        assert!(body == text, "with chunks of up to {longest}");
    }
}

#[tokio::test]
async fn an_upstream_cut_in_an_event_leaves_the_clients_body_incomplete() {
    for by_reset in [false, true] {
        let upstream = ByHand::listen().await;
        let front = front(upstream.upstream().stream("/sse")).await;
        let (mut client, mut server) = opened(&upstream, front).await;
        server.chunk("data: one\n\ndata: tw").await;
        client.until("tw\r\n").await;
        if by_reset {
            server.reset();
        } else {
            drop(server);
        }
        // Neither a last chunk nor anything else.
        client.is_closed().await;
    }
}

#[tokio::test]
async fn an_event_sent_just_before_the_loss_arrives_and_the_body_is_incomplete() {
    let upstream = ByHand::listen().await;
    let front = front(upstream.upstream().stream("/sse")).await;
    for _ in 0..50 {
        let mut client = Conn::get(front, "/").await;
        let (mut server, _) = upstream.accept().await;
        server.send(format!("{STREAM}9\r\ndata: x\n\n\r\n")).await;
        drop(server);
        client.head().await;
        assert_eq!(unchunked(&client.rest().await), (b"data: x\n\n".to_vec(), false));
    }
}

#[tokio::test]
async fn a_loss_after_the_headers_alone_comes_after_the_headers() {
    let upstream = ByHand::listen().await;
    let front = front(upstream.upstream().stream("/sse")).await;
    let mut client = Conn::get(front, "/").await;
    let (mut server, _) = upstream.accept().await;
    server.send(STREAM).await;
    drop(server);
    assert!(client.head().await.starts_with("http/1.1 200 "));
    client.is_closed().await;
}

#[tokio::test]
async fn a_body_shorter_than_its_length_is_a_loss() {
    let upstream = ByHand::listen().await;
    let front = front(upstream.upstream().stream("/sse")).await;
    let mut client = Conn::get(front, "/").await;
    let (mut server, _) = upstream.accept().await;
    server
        .send("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: 99\r\n\r\ndata: x\n\n")
        .await;
    drop(server);
    client.head().await;
    assert_eq!(unchunked(&client.rest().await), (b"data: x\n\n".to_vec(), false));
}

#[tokio::test]
async fn a_body_that_only_the_connection_ends_is_a_loss_in_an_event() {
    let upstream = ByHand::listen().await;
    let front = front(upstream.upstream().stream("/sse")).await;
    for (text, is_whole) in [("data: x\n\n", true), ("data: x\n", false)] {
        let mut client =
            Conn::client(front, "GET / HTTP/1.1\r\nHost: f\r\nConnection: close\r\n\r\n").await;
        let (mut server, _) = upstream.accept().await;
        server
            .send(format!("HTTP/1.0 200 OK\r\nContent-Type: text/event-stream\r\n\r\n{text}"))
            .await;
        drop(server);
        client.head().await;
        let answer = unchunked(&client.rest().await);
        assert_eq!(answer, (text.as_bytes().to_vec(), is_whole));
    }
}

#[tokio::test]
async fn a_client_that_does_not_read_stops_the_upstream() {
    let upstream = ByHand::listen().await;
    let front = front(upstream.upstream().stream("/sse")).await;
    let (_client, mut server) = opened(&upstream, front).await;
    let event = format!("data: {}\n\n", "x".repeat(64 * 1024 - 8));
    let chunk = format!("{:x}\r\n{event}\r\n", event.len());
    // Most of it lies in the buffers of the kernel's four sockets.
    let sent = server.flood(chunk.repeat(4).as_bytes()).await;
    assert!(sent < 32 << 20, "{sent} bytes");
}

#[tokio::test]
async fn no_proxy_is_read_from_the_environment() {
    // Settings of the environment are for the whole process: another one runs a test with them.
    let nowhere = "http://127.0.0.1:9";
    let program = std::env::current_exe().unwrap();
    let output = tokio::task::spawn_blocking(move || {
        std::process::Command::new(program)
            .args(["--exact", "stream::headers_arrive_before_any_event"])
            .env("HTTP_PROXY", nowhere)
            .env("http_proxy", nowhere)
            .env("ALL_PROXY", nowhere)
            .env_remove("NO_PROXY")
            .env_remove("no_proxy")
            .output()
    });
    let output = output.await.unwrap().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.contains("1 passed"), "{text}");
}
