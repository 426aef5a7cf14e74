//! Refusals in the stream, where they are asked for.

use std::time::Duration;

use http::Method;
use sse_proxy::{Forward, Upstream};
use testkit::NOWHERE;

use crate::support::{ByHand, Conn, END, front};

const SECOND: Duration = Duration::from_secs(1);

/// What a GET with this `Accept` is answered: the head and all of the rest.
async fn answer(forward: Forward, method: &Method, accept: &str) -> (String, String) {
    let request = format!(
        "{method} / HTTP/1.1\r\nHost: f\r\nAccept: {accept}\r\nContent-Length: 0\r\n\
         Connection: close\r\n\r\n"
    );
    let mut client = Conn::client(front(forward).await, request).await;
    let head = client.head().await;
    (head, String::from_utf8(client.rest().await).unwrap())
}

/// The time to come back that the body of a stream says, which says nothing else.
fn retry(head: &str, body: &str) -> u64 {
    assert!(head.starts_with("http/1.1 200 "), "{head}");
    assert!(head.contains("content-type: text/event-stream\r\n"), "{head}");
    let number = body.strip_prefix("retry: ").and_then(|it| it.strip_suffix("\n\n"));
    number.unwrap_or_else(|| panic!("{body:?}")).parse().unwrap()
}

/// The same answers, from upstreams that fail in each way.
const FAILURES: [(&str, &str, Option<&str>); 8] = [
    ("hangs up", "", Some("502")),
    ("is too slow", "wait", Some("504")),
    ("no event stream", "200 OK\r\nContent-Type: text/html", Some("502")),
    ("a redirect", "302 Found\r\nLocation: /", Some("502")),
    ("429", "429 Slow down", None),
    ("502", "502 Bad", None),
    ("503", "503 Later", None),
    ("504", "504 Slow", None),
];

async fn answer_to(
    script: &str,
    is_asked: bool,
    method: &Method,
    accept: &str,
) -> (String, String) {
    let upstream = ByHand::listen().await;
    let mut builder = upstream.builder();
    if script == "wait" {
        builder = builder.header_timeout(Duration::from_millis(100));
    }
    if is_asked {
        builder = builder.in_stream_refusals(5 * SECOND..=9 * SECOND);
    }
    let forward = builder.build().unwrap().stream("/sse").methods([Method::GET, Method::POST]);
    let server = async {
        let mut server = upstream.listener.accept().await;
        if script == "wait" {
            // On a busy machine the request may not even have been sent in time.
            server.rest().await;
            return;
        }
        server.head().await;
        match script {
            "" => drop(server),
            head => server.send(format!("HTTP/1.1 {head}\r\nContent-Length: 0\r\n\r\n")).await,
        }
    };
    tokio::join!(answer(forward, method, accept), server).0
}

#[tokio::test]
async fn a_browser_is_told_of_each_failure_in_the_stream() {
    for (what, script, _) in FAILURES {
        let (head, body) = answer_to(script, true, &Method::GET, "text/event-stream").await;
        assert!((5_000..=9_000).contains(&retry(&head, &body)), "{what}");
    }
}

#[tokio::test]
async fn other_clients_are_told_by_the_status() {
    for (method, accept) in [(Method::GET, "*/*"), (Method::POST, "text/event-stream")] {
        for (what, script, own) in FAILURES {
            let (head, _) = answer_to(script, true, &method, accept).await;
            let status = own.unwrap_or(what);
            assert!(head.starts_with(&format!("http/1.1 {status} ")), "{what}: {head}");
            // Only with an answer of the proxy's own: the upstream's are its own.
            assert_eq!(head.contains("\r\nretry-after: "), own.is_some(), "{what}: {head}");
        }
    }
}

#[tokio::test]
async fn unless_asked_a_browser_sees_the_status() {
    for (what, script, own) in FAILURES {
        let (head, _) = answer_to(script, false, &Method::GET, "text/event-stream").await;
        let status = own.unwrap_or(what);
        assert!(head.starts_with(&format!("http/1.1 {status} ")), "{what}: {head}");
        assert!(!head.contains("retry-after"), "{what}: {head}");
    }
}

#[tokio::test]
async fn the_upstreams_own_time_is_kept_to() {
    let script = "503 Later\r\nRetry-After: 60";
    let (head, body) = answer_to(script, true, &Method::GET, "text/event-stream").await;
    assert!((65_000..=69_000).contains(&retry(&head, &body)), "{body}");
}

#[tokio::test]
async fn what_is_for_good_stays_for_good() {
    for script in ["204 No Content", "400 Bad", "404 Not Found", "410 Gone", "500 Oh"] {
        let (head, _) = answer_to(script, true, &Method::GET, "text/event-stream").await;
        assert!(head.starts_with(&format!("http/1.1 {}", &script[..3])), "{head}");
    }
}

#[tokio::test]
async fn a_plain_route_has_no_stream_to_refuse_in() {
    let builder = Upstream::builder(format!("http://{NOWHERE}"));
    let builder = builder.in_stream_refusals(SECOND..=SECOND);
    let forward = builder.build().unwrap().plain("/x");
    let (head, body) = answer(forward, &Method::GET, "text/event-stream").await;
    assert!(head.starts_with("http/1.1 502 "), "{head}");
    assert!(!head.contains("retry-after") && !body.contains(END), "{head}");
}
