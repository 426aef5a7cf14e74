//! The scripted server, seen from the other end.

use testkit::{Answer, BOUND, Conn, Gate, Listener, Scripted, unchunked, until};

#[tokio::test]
async fn a_request_is_remembered_whole_with_its_body_in_either_framing() {
    let server = Scripted::start([Answer::status(200), Answer::status(503)]).await;
    let mut client = Conn::client(
        server.addr(),
        "POST /a?b=c HTTP/1.1\r\nX-Odd:  \u{e9} \r\nContent-Length: 4\r\n\r\nbody",
    )
    .await;
    assert!(client.head().await.starts_with("http/1.1 200 "));
    client.send("PUT /d HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n").await;
    client.chunk("in ").await;
    client.chunk("chunks").await;
    assert_eq!(server.requests().len(), 1, "it is not whole");
    client.send("0\r\n\r\n").await;
    assert!(client.head().await.starts_with("http/1.1 503 "));

    let [post, put] = server.requests().try_into().unwrap();
    assert_eq!((&*post.method, &*post.target, &*post.body), ("POST", "/a?b=c", &b"body"[..]));
    assert_eq!(post.header("x-odd"), Some("\u{e9}"));
    assert_eq!((&*put.method, &*put.body), ("PUT", &b"in chunks"[..]));
    assert_eq!((post.connection, put.connection, server.connections()), (0, 0, 1));
}

#[tokio::test]
async fn each_request_takes_the_next_answer_and_what_is_left_is_held() {
    let server = Scripted::start([Answer::redirect(302, "/there"), Answer::status(204)]).await;
    for (expected, header) in [("302", Some("location: /there")), ("204", None)] {
        let mut client = Conn::get(server.addr(), "/").await;
        let head = client.head().await;
        assert!(head.starts_with(&format!("http/1.1 {expected} ")), "{head}");
        assert!(header.is_none_or(|it| head.contains(it)), "{head}");
    }
    let mut late = Conn::get(server.addr(), "/late").await;
    assert_eq!(server.request(2).await.target, "/late");
    assert!(!server.is_gone(2));
    server.push(Answer::status(404));
    let mut last = Conn::get(server.addr(), "/last").await;
    assert!(last.head().await.starts_with("http/1.1 404 "));
    drop(server);
    late.is_closed().await;
}

#[tokio::test]
async fn an_end_is_whole_a_close_is_not_and_a_reset_is_an_error() {
    let stream = || Answer::stream().chunk("data: x\n\n");
    let gate = Gate::new();
    let server =
        Scripted::start([stream().end(), stream().close(), stream().pause(&gate).reset()]).await;
    for is_whole in [true, false] {
        let mut client = Conn::get(server.addr(), "/").await;
        let head = client.head().await;
        assert!(head.contains("content-type: text/event-stream\r\n"), "{head}");
        if is_whole {
            assert_eq!(client.until("0\r\n\r\n").await, "9\r\ndata: x\n\n\r\n0\r\n\r\n");
        } else {
            assert_eq!(unchunked(&client.rest().await), (b"data: x\n\n".to_vec(), false));
        }
    }
    let mut client = tokio::net::TcpStream::connect(server.addr()).await.unwrap();
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    client.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
    assert!(client.read(&mut [0; 1000]).await.unwrap() > 0);
    gate.open();
    let mut rest = vec![];
    let error = client.read_to_end(&mut rest).await.unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
}

#[tokio::test]
async fn a_client_that_leaves_a_pause_or_a_held_answer_is_noted() {
    let gate = Gate::new();
    let paused = Answer::stream().pause(&gate).end();
    let server = Scripted::start([paused, Answer::stream()]).await;
    for number in 0..2 {
        let mut client = Conn::get(server.addr(), "/").await;
        client.head().await;
        assert!(!server.is_gone(number));
        drop(client);
        server.gone(number).await;
    }
}

#[tokio::test]
async fn raw_bytes_are_sent_as_they_are() {
    let answer = Answer::raw().bytes("HTTP/1.0 200 Fine\r\n\r\nid: ").bytes(b"\xff").close();
    let server = Scripted::start([answer]).await;
    let mut client = Conn::get(server.addr(), "/").await;
    assert_eq!(client.rest().await, b"HTTP/1.0 200 Fine\r\n\r\nid: \xff");
}

#[tokio::test]
async fn a_port_is_served_by_hand() {
    let listener = Listener::bind().await;
    let mut client = Conn::client(listener.addr(), "GET /x HTTP/1.1\r\nA: b\r\n\r\n").await;
    let mut server = listener.accept().await;
    assert_eq!(server.request().await.header("a"), Some("b"));
    server.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").await;
    let head = client.head().await;
    assert_eq!(client.body(&head).await, "ok");
    server.reset();
    client.is_closed().await;
    assert!(!listener.has_caller().await);
}

#[tokio::test]
async fn a_status_may_have_a_body_and_other_headers() {
    let answer = Answer::status(429).header("retry-after", "1").chunk("wait").end();
    let typed = Answer::stream().with("Content-Type", "text/html").end();
    let server = Scripted::start([answer, typed]).await;
    let mut client = Conn::get(server.addr(), "/").await;
    let head = client.head().await;
    assert!(head.contains("retry-after: 1\r\n") && head.contains("chunked"), "{head}");
    client.until("4\r\nwait\r\n0\r\n\r\n").await;
    client.send("GET / HTTP/1.1\r\n\r\n").await;
    let head = client.head().await;
    assert!(head.contains("text/html") && !head.contains("event-stream"), "{head}");
    drop(client);
    until(BOUND, "the client goes", async || server.is_gone(0) && server.is_gone(1)).await;
}
