//! What is counted.

use std::collections::BTreeSet;

use sse_client::{Completion, EventSource, Item};
use testkit::{Answer, BOUND, Listener, Metrics, Scripted, until};

use crate::support::*;

/// The crate's page, where each metric has a row.
const PAGE: &str = include_str!("../../src/lib.rs");

#[tokio::test]
async fn streams_events_bytes_and_reconnects_by_cause_are_counted() {
    let counted = Metrics::default();
    let _guard = counted.record();
    let server = Scripted::start([
        Answer::stream().chunk("data: a\n\n: c\n\nid: 7\n\n").end(),
        Answer::status(503),
        Answer::raw().close(),
        Answer::stream().chunk("data: b\n\nda").close(),
        Answer::stream().chunk("data: e\n\n"),
        Answer::stream().chunk("data: done\n\ndata: never\n\n"),
    ])
    .await;
    let mut source = builder(&server).complete_on(Completion::data("done")).build().unwrap();
    let mut opens = 0;
    while let Some(item) = next(&mut source).await {
        match item.unwrap() {
            Item::Open(_) => {
                opens += 1;
                assert_eq!(counted.value("sse_client_streams"), 1.0);
            }
            Item::Message(message) if message.data == "e" => source.restart(),
            _ => {}
        }
    }
    assert_eq!(opens, 4);
    counted
        .says(&[
            ("sse_client_streams", 0.0),
            ("sse_client_streams_total", 4.0),
            ("sse_client_events_total", 4.0),
            ("sse_client_bytes_total", (21 + 11 + 9 + 25) as f64),
            ("sse_client_reconnects_total cause=ended", 1.0),
            ("sse_client_reconnects_total cause=status", 1.0),
            ("sse_client_reconnects_total cause=failed", 1.0),
            ("sse_client_reconnects_total cause=cut", 1.0),
            ("sse_client_reconnects_total cause=restarted", 1.0),
        ])
        .await;
    let rows = PAGE.lines().filter_map(|line| line.strip_prefix("//! "));
    let rows = rows.filter(|line| line.starts_with("| `sse_client_"));
    let rows: BTreeSet<String> =
        rows.map(|row| row.split_inclusive('|').take(4).collect::<String>()).collect();
    assert_eq!(counted.rows(), rows);
}

#[tokio::test]
async fn a_server_that_is_not_there_or_is_silent_is_counted_and_a_source_that_is_dropped() {
    let counted = Metrics::default();
    let _guard = counted.record();
    let listener = Listener::bind().await;
    let url = format!("http://{}/", listener.addr());
    let backoff = quick().budget(1);
    let timeout = 100 * MILLI;
    let of_url = || EventSource::builder(&url).backoff(backoff.clone());
    let mut silent = of_url().response_timeout(timeout).build().unwrap();
    assert_eq!(seen(&mut silent).await, lost("no response came in time"));
    counted.says(&[("sse_client_reconnects_total cause=response timeout", 1.0)]).await;
    drop((silent, listener));
    let mut gone = of_url().build().unwrap();
    assert!(matches!(seen(&mut gone).await, Seen::Lost(_)));
    counted.says(&[("sse_client_reconnects_total cause=unreachable", 1.0)]).await;

    let server = Scripted::start([Answer::stream(), Answer::status(204)]).await;
    let mut silent = builder(&server).idle_timeout(timeout).build().unwrap();
    assert_eq!(all(&mut silent).await.last(), Some(&Seen::End));
    counted.says(&[("sse_client_reconnects_total cause=idle timeout", 1.0)]).await;

    let server = Scripted::start([Answer::stream()]).await;
    let mut source = source(&server);
    assert_eq!(seen(&mut source).await, Seen::Open);
    counted.says(&[("sse_client_streams", 1.0)]).await;
    drop(source);
    until(BOUND, "it is let go", async || counted.value("sse_client_streams") == 0.0).await;
}
