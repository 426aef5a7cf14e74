//! A stream that resumes, read off the wire.

use std::time::Duration;

use http::Method;
use sse_proxy::{Backoff, Completion, Forward, Resume, Upstream};
use testkit::{Answer, Gate, Listener, Scripted};

use crate::support::{Conn, END, front, unchunked};

const ONE: &str = "id: 1\ndata: one\n\n";
const TWO: &str = "id: 2\ndata: two\n\n";

/// Resumes without long waits.
fn soon() -> Resume {
    let wait = Duration::from_millis(20);
    Resume::new().backoff(Backoff::new().bounds(wait, wait))
}

fn stream(addr: std::net::SocketAddr, resume: Resume) -> Forward {
    let upstream = Upstream::builder(format!("http://{addr}")).via("front").build().unwrap();
    upstream.stream("/sse").resume(resume)
}

/// The body of a chunked answer that has ended, and whether it is whole.
async fn rest(client: &mut Conn) -> (String, bool) {
    let (body, is_whole) = unchunked(&client.rest().await);
    (String::from_utf8(body).unwrap(), is_whole)
}

const GET: &str = "GET /?room=1&lastEventId=0 HTTP/1.1\r\nHost: f\r\nAccept-Language: de\r\n\
    Cookie: a=b\r\nConnection: close\r\n\r\n";

#[tokio::test]
async fn a_stream_in_an_unknown_coding_is_not_gone_on_with() {
    let coded = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\
        Transfer-Encoding: gzip, chunked\r\n\r\n";
    let upstream = Scripted::start([
        Answer::stream().chunk(ONE).close(),
        Answer::raw().bytes(coded).bytes("b\r\ndata: \x1f\x00\n\n\n\r\n").close(),
        Answer::stream().chunk(TWO).chunk("data: [DONE]\n\n"),
    ])
    .await;
    let resume = soon().complete_on(Completion::data("[DONE]")).linger(Duration::ZERO);
    let mut client = Conn::client(front(stream(upstream.addr(), resume)).await, GET).await;
    client.head().await;
    assert_eq!(rest(&mut client).await, (format!("{ONE}{TWO}data: [DONE]\n\n"), true));
}

#[tokio::test]
async fn a_lost_upstream_is_asked_for_what_follows_and_the_client_sees_one_stream() {
    let upstream = Scripted::start([
        Answer::stream().chunk(ONE).chunk("id: 2\ndata: t").close(),
        Answer::status(503),
        Answer::stream().chunk(TWO).chunk("data: [DONE]\n\n"),
    ])
    .await;
    let resume = soon().complete_on(Completion::data("[DONE]")).linger(Duration::ZERO);
    let front = front(stream(upstream.addr(), resume)).await;
    let mut client = Conn::client(front, GET).await;
    let head = client.head().await;
    assert!(head.contains("content-type: text/event-stream\r\n"), "{head}");
    assert!(!head.contains("content-length"), "{head}");
    assert_eq!(rest(&mut client).await, ([ONE, TWO, "data: [DONE]\n\n"].concat(), true));
    upstream.gone(2).await;

    // The same request each time, but for the position.
    let requests = upstream.requests();
    assert_eq!(requests.len(), 3);
    for (request, id) in requests.iter().zip(["0", "1", "1"]) {
        assert_eq!(request.target, format!("/sse?room=1&lastEventId={id}"));
        let mut headers: Vec<_> = request
            .headers
            .iter()
            .map(|(name, value)| format!("{name}: {}", value.escape_ascii()))
            .collect();
        headers.sort_unstable();
        assert_eq!(
            headers,
            [
                "accept-encoding: identity",
                "accept-language: de",
                "accept: text/event-stream",
                &format!("host: {}", upstream.addr()),
                &format!("last-event-id: {id}"),
                "via: 1.1 front",
            ]
        );
    }
}

#[tokio::test]
async fn an_upstream_that_is_down_for_a_while_is_found_again() {
    let listener = Listener::bind().await;
    let addr = listener.addr();
    let front = front(stream(addr, soon())).await;
    let mut client = Conn::get(front, "/").await;
    let mut server = listener.accept().await;
    server.head().await;
    server.send(crate::support::STREAM).await;
    server.chunk(ONE).await;
    client.until("one\n\n\r\n").await;
    // The port is closed for some attempts.
    drop(listener);
    drop(server);
    tokio::time::sleep(Duration::from_millis(100)).await;
    let listener = Listener::bind_to(addr).await;
    let mut server = listener.accept().await;
    assert!(server.head().await.contains("last-event-id: 1\r\n"));
    server.send(crate::support::STREAM).await;
    server.chunk(TWO).await;
    assert_eq!(client.until("two\n\n\r\n").await, format!("11\r\n{TWO}\r\n"));
}

#[tokio::test]
async fn a_lost_post_is_told_in_the_stream_and_not_sent_again() {
    let upstream = Scripted::start([Answer::stream().chunk(ONE).close()]).await;
    let front = front(stream(upstream.addr(), soon()).methods([Method::POST])).await;
    let request = "POST / HTTP/1.1\r\nHost: f\r\nContent-Length: 3\r\nConnection: close\r\n\r\nabc";
    let mut client = Conn::client(front, request).await;
    client.head().await;
    let error = "event: stream-error\ndata: {\"code\":\"upstream_lost\",\
        \"message\":\"the upstream was lost\"}\n\n";
    assert_eq!(rest(&mut client).await, ([ONE, error].concat(), true));
    assert_eq!(upstream.requests().len(), 1);
    assert_eq!(upstream.requests()[0].body, b"abc");
}

#[tokio::test]
async fn a_completing_event_ends_the_answer_and_lets_the_upstream_go() {
    let upstream =
        Scripted::start([Answer::stream().chunk("data: [DONE]\n\ndata: more\n\n")]).await;
    let resume = soon().complete_on(Completion::data("[DONE]"));
    let front = front(stream(upstream.addr(), resume).methods([Method::POST])).await;
    let request = "POST / HTTP/1.1\r\nHost: f\r\nContent-Length: 0\r\n\r\n";
    let mut client = Conn::client(front, request).await;
    client.head().await;
    assert_eq!(client.until(END).await, format!("E\r\ndata: [DONE]\n\n\r\n{END}"));
    upstream.gone(0).await;
}

#[tokio::test]
async fn a_client_that_leaves_ends_the_upstream_whatever_it_waits_for() {
    let gate = Gate::new();
    let upstream = Scripted::start([
        Answer::stream().chunk(ONE),
        Answer::stream().chunk(ONE).close(),
        // The second attempt has no answer yet.
        Answer::raw().pause(&gate),
    ])
    .await;
    let front = front(stream(upstream.addr(), soon())).await;
    for asked in [0, 2] {
        let mut client = Conn::get(front, "/").await;
        client.until("one\n\n\r\n").await;
        upstream.request(asked).await;
        drop(client);
        upstream.gone(asked).await;
    }
    assert_eq!(upstream.requests().len(), 3);
}

#[tokio::test]
async fn what_is_no_stream_passes_as_ever() {
    for (status, expected) in [(204, "204"), (404, "404"), (429, "429"), (302, "502")] {
        let answer = Answer::status(status).header("retry-after", "7");
        let upstream = Scripted::start([answer]).await;
        let mut client = Conn::get(front(stream(upstream.addr(), soon())).await, "/").await;
        let head = client.head().await;
        assert!(head.starts_with(&format!("http/1.1 {expected} ")), "{head}");
        assert_eq!(head.contains("retry-after: 7\r\n"), expected != "502", "{head}");
    }
}

#[tokio::test]
async fn the_hook_works_on_the_wire() {
    let script = Answer::stream().chunk("id: 1\ndata: secret\n\n").chunk("data: fine\n\n").end();
    let upstream = Scripted::start([script]).await;
    let resume = soon().on_event(|message| (message.data != "secret").then_some(message));
    let front = front(stream(upstream.addr(), resume).methods([Method::POST])).await;
    let request = "POST / HTTP/1.1\r\nHost: f\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    let mut client = Conn::client(front, request).await;
    client.head().await;
    let (body, is_whole) = rest(&mut client).await;
    assert!(is_whole && !body.contains("secret"), "{body}");
    let mut decoder = sse_core::Decoder::new();
    decoder.feed(&body);
    let message = decoder.next_message().unwrap().unwrap();
    assert_eq!((message.data.as_str(), message.last_event_id.as_str()), ("fine", "1"));
}

#[tokio::test]
async fn a_client_that_does_not_read_stops_an_upstream_that_resumes() {
    let listener = Listener::bind().await;
    let front = front(stream(listener.addr(), soon())).await;
    let _client = Conn::get(front, "/").await;
    let mut server = listener.accept().await;
    server.head().await;
    server.send(crate::support::STREAM).await;
    let event = format!("data: {}\n\n", "x".repeat(64 * 1024 - 8));
    let chunk = format!("{:x}\r\n{event}\r\n", event.len());
    let sent = server.flood(chunk.repeat(4).as_bytes()).await;
    assert!(sent < 32 << 20, "{sent} bytes");
}
