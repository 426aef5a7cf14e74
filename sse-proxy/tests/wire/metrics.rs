//! What is counted.

use std::collections::BTreeSet;
use std::time::Duration;

use sse_proxy::{Backoff, Resume, Upstream};
use testkit::{Answer, Metrics, Scripted};

use crate::support::{ByHand, Conn, END, STREAM, front, opened};

/// The crate's page, where each metric has a row.
const PAGE: &str = include_str!("../../src/lib.rs");

#[tokio::test]
async fn streams_bytes_closes_refusals_and_failures_are_counted() {
    let counted = Metrics::default();
    // For this thread, which is that of the front too.
    let _guard = counted.record();
    let upstream = ByHand::listen().await;
    let builder = upstream.builder().header_timeout(Duration::from_secs(1));
    let front = front(builder.build().unwrap().stream("/sse")).await;

    let mut client = Conn::get(front, "/").await;
    let (mut server, _) = upstream.accept().await;
    server.send(STREAM.replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n")).await;
    server.chunk("data: x\n\n").await;
    client.until("data: x\n\n\r\n").await;
    counted
        .says(&[
            ("sse_proxy_streams path=/sse", 1.0),
            ("sse_proxy_streams_total path=/sse", 1.0),
            ("sse_proxy_bytes_total path=/sse", 9.0),
        ])
        .await;
    server.send(END).await;
    client.until(END).await;

    let (mut client, server) = opened(&upstream, front).await;
    drop(server);
    client.rest().await;
    let (client, _server) = opened(&upstream, front).await;
    drop(client);

    // One that is lost, one that is too slow, one that is no stream, one that is elsewhere.
    for script in ["", "wait", "200 OK", "302 Found"] {
        let mut client = Conn::get(front, "/").await;
        let (mut server, _) = upstream.accept().await;
        match script {
            "" => drop(server),
            "wait" => server.is_closed().await,
            _ => server.send(format!("HTTP/1.1 {script}\r\nConnection: close\r\n\r\n")).await,
        }
        client.head().await;
    }
    let mut client = Conn::client(front, "DELETE / HTTP/1.1\r\nHost: f\r\n\r\n").await;
    client.head().await;

    counted
        .says(&[
            ("sse_proxy_streams path=/sse", 0.0),
            ("sse_proxy_streams_total path=/sse", 3.0),
            ("sse_proxy_events_total path=/sse", 0.0),
            ("sse_proxy_closes_total path=/sse reason=upstream ended", 1.0),
            ("sse_proxy_closes_total path=/sse reason=upstream lost", 1.0),
            ("sse_proxy_closes_total path=/sse reason=client gone", 1.0),
            ("sse_proxy_upstream_failures_total path=/sse kind=lost", 2.0),
            ("sse_proxy_upstream_failures_total path=/sse kind=header timeout", 1.0),
            ("sse_proxy_upstream_failures_total path=/sse kind=no event stream", 1.0),
            ("sse_proxy_upstream_failures_total path=/sse kind=unexpected status", 1.0),
            ("sse_proxy_refusals_total path=/sse code=upstream_lost", 1.0),
            ("sse_proxy_refusals_total path=/sse code=upstream_timeout", 1.0),
            ("sse_proxy_refusals_total path=/sse code=upstream_not_event_stream", 1.0),
            ("sse_proxy_refusals_total path=/sse code=upstream_unexpected_status", 1.0),
            ("sse_proxy_refusals_total path=/sse code=method_not_allowed", 1.0),
        ])
        .await;
}

#[tokio::test]
async fn events_and_what_became_of_losses_are_counted() {
    let counted = Metrics::default();
    let _guard = counted.record();
    let wait = Duration::from_millis(20);
    let backoff = Backoff::new().bounds(wait, wait);
    let upstream = Scripted::start([
        Answer::stream().chunk("id: 1\ndata: one\n\nid: 2\ndata: two\n\n").close(),
        Answer::stream().chunk(": c\n\ndata: three\n\n").close(),
        Answer::status(403),
    ])
    .await;
    let front = front(
        Upstream::builder(upstream.url(""))
            .build()
            .unwrap()
            .stream("/sse")
            .resume(Resume::new().backoff(backoff)),
    )
    .await;
    Conn::get(front, "/").await.until(END).await;

    upstream.push(Answer::stream().chunk("data: no id\n\n").close());
    Conn::get(front, "/").await.until(END).await;
    counted
        .says(&[
            ("sse_proxy_streams path=/sse", 0.0),
            ("sse_proxy_events_total path=/sse", 4.0),
            ("sse_proxy_resumes_total path=/sse result=resumed", 1.0),
            ("sse_proxy_resumes_total path=/sse result=refused", 1.0),
            ("sse_proxy_resumes_total path=/sse result=impossible", 1.0),
            ("sse_proxy_upstream_failures_total path=/sse kind=lost", 3.0),
            ("sse_proxy_upstream_failures_total path=/sse kind=unexpected status", 1.0),
            ("sse_proxy_closes_total path=/sse reason=upstream lost", 2.0),
        ])
        .await;
    Conn::client(front, "DELETE / HTTP/1.1\r\nHost: f\r\n\r\n").await.head().await;
    let rows = PAGE.lines().filter_map(|line| line.strip_prefix("//! "));
    let rows = rows.filter(|line| line.starts_with("| `sse_proxy_"));
    let rows: BTreeSet<String> =
        rows.map(|row| row.split_inclusive('|').take(4).collect::<String>()).collect();
    assert_eq!(counted.rows(), rows);
}

#[tokio::test]
async fn what_is_refused_in_the_stream_in_place_of_the_upstream_is_counted() {
    let counted = Metrics::default();
    let _guard = counted.record();
    let upstream = Scripted::start([Answer::status(503), Answer::status(503)]).await;
    let second = Duration::from_secs(1);
    let builder = Upstream::builder(upstream.url("")).in_stream_refusals(second..=second);
    let front = front(builder.build().unwrap().stream("/sse")).await;
    for (accept, count) in [("text/event-stream", 1.0), ("*/*", 1.0)] {
        let request = format!("GET / HTTP/1.1\r\nHost: f\r\nAccept: {accept}\r\n\r\n");
        Conn::client(front, request).await.head().await;
        counted
            .says(&[("sse_proxy_refusals_total path=/sse code=upstream_unavailable", count)])
            .await;
    }
}
