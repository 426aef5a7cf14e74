//! What is counted.

use std::collections::BTreeSet;
use std::time::Duration;

use futures_util::{FutureExt as _, StreamExt as _};
use sse_hub::{Hub, Overload};
use sse_store::{EventStore as _, Topic};
use testkit::Metrics;

use crate::support::{Client, Told, hub, publish, publish_all, settle};

/// The crate's page, where each metric has a row.
const PAGE: &str = include_str!("../../src/lib.rs");

async fn opened(hub: &Hub, user: &'static str) -> Client {
    let mut client = Client::new(hub.subscribe(["t"]).user(user).await.unwrap());
    client.read().await;
    client
}

/// Until what was published before is older than what begins now, by the clock that events are dated by.
fn real_time_has_passed() {
    let start = std::time::Instant::now();
    while start.elapsed() < Duration::from_millis(2) {
        std::hint::spin_loop();
    }
}

#[tokio::test(start_paused = true)]
async fn connections_events_and_bytes_are_counted_and_timed() {
    let counted = Metrics::default();
    let _guard = counted.record();
    let (hub, _) = hub(|hub| hub).await;
    let mut client = opened(&hub, "a").await;
    drop(opened(&hub, "b").await);
    publish(&hub, "t", "a").await;
    publish_all(&hub, "t", ["b", "c"]).await;
    publish(&hub, "other", "d").await;
    let told = client.read().await;
    let frame = |told: &Told| format!("id: {}\ndata: {}\n\n", told.id.as_ref().unwrap(), told.data);
    let bytes: usize = told.iter().map(|told| frame(told).len()).sum();
    counted
        .says(&[
            ("sse_hub_connections", 1.0),
            ("sse_hub_connections_total", 2.0),
            ("sse_hub_published_events_total", 4.0),
            ("sse_hub_events_total", 3.0),
            ("sse_hub_bytes_total", bytes as f64),
            ("sse_hub_publish_to_write_seconds", 3.0),
        ])
        .await;
    assert!((1.0..=3.0).contains(&counted.value("sse_hub_feed_lag_seconds")), "once a page");
    assert!(counted.value("sse_hub_window_bytes") >= 4.0 * 256.0);

    // Of what a client was not there for, the time says nothing.
    real_time_has_passed();
    let mut late = Client::new(hub.subscribe(["t"]).last(2).await.unwrap());
    late.read().await;
    counted.says(&[("sse_hub_events_total", 5.0), ("sse_hub_publish_to_write_seconds", 3.0)]).await;
    drop((hub, client, late));
    settle().await;
    counted.says(&[("sse_hub_connections", 0.0), ("sse_hub_window_bytes", 0.0)]).await;
}

#[tokio::test(start_paused = true)]
async fn each_event_of_a_batch_is_counted_and_timed() {
    let counted = Metrics::default();
    let _guard = counted.record();
    let (hub, _) = hub(|hub| hub).await;
    let mut batches = hub.subscribe(["t"]).await.unwrap().in_batches();
    publish_all(&hub, "t", 0..10).await;
    settle().await;
    let mut bytes = 0;
    while let Some(batch) = batches.next().now_or_never() {
        let frames = batch.unwrap().unwrap();
        let events = frames.into_iter().filter(|frame| frame.event_type().is_none());
        bytes += events.map(|frame| frame.as_bytes().len()).sum::<usize>();
    }
    counted
        .says(&[
            ("sse_hub_events_total", 10.0),
            ("sse_hub_bytes_total", bytes as f64),
            ("sse_hub_publish_to_write_seconds", 10.0),
        ])
        .await;
}

#[tokio::test(start_paused = true)]
async fn ends_are_counted_by_their_reason() {
    let counted = Metrics::default();
    let _guard = counted.record();
    let (hub, store) = hub(|hub| hub.max_connections_per_user(1)).await;
    drop(opened(&hub, "a").await);
    let _replaced = opened(&hub, "a").await;
    let by_name = opened(&hub, "a").await;
    hub.disconnect(by_name.subscription.id());
    let _stalled = opened(&hub, "b").await;
    publish(&hub, "t", "x").await;
    tokio::time::sleep(Duration::from_secs(100)).await;
    let mut completed = opened(&hub, "c").await;
    hub.complete("t").await.unwrap();
    completed.read().await;
    let _drained = Client::new(hub.subscribe(["u"]).await.unwrap());
    hub.drain(Duration::ZERO).await;
    let hub = Hub::new(store.clone());
    let _closed = Client::new(hub.subscribe(["u"]).await.unwrap());
    store.close();
    settle().await;
    let reasons =
        ["dropped", "replaced", "disconnected", "stalled", "completed", "drained", "closed"];
    for reason in reasons {
        counted.says(&[(&format!("sse_hub_ends_total reason={reason}"), 1.0)]).await;
    }
    counted.says(&[("sse_hub_connections", 0.0), ("sse_hub_connections_total", 7.0)]).await;
}

#[tokio::test(start_paused = true)]
async fn refusals_are_counted_by_their_reason_and_are_no_connections() {
    let counted = Metrics::default();
    let _guard = counted.record();
    let limits = |hub: sse_hub::HubBuilder| hub.max_connections(1).max_topics_per_connection(2);
    let (hub, store) = hub(limits).await;
    let may_have = |topic: Topic| async move { topic.as_str() != "secret" };
    let client = Client::new(hub.subscribe(["t"]).authorise(may_have).await.unwrap());
    let id = client.subscription.id();

    hub.subscribe([""]).await.unwrap_err();
    hub.add_topics(id, None, [""]).await.unwrap_err();
    hub.subscribe(["a", "b", "c"]).await.unwrap_err();
    hub.add_topics(id, None, ["a", "b"]).await.unwrap_err();
    hub.subscribe(["secret"]).authorise(may_have).await.unwrap_err();
    hub.add_topics(id, None, ["secret"]).await.unwrap_err();
    hub.add_topics(id, Some("other"), ["a"]).await.unwrap_err();
    hub.subscribe(["t"]).await.unwrap_err();
    drop(client);
    hub.complete("t").await.unwrap();
    settle().await;
    hub.subscribe(["t"]).await.unwrap_err();
    store.set_down(true);
    hub.subscribe(["never seen"]).await.unwrap_err();
    Hub::new(store.clone()).subscribe(["t"]).await.unwrap_err();
    store.set_down(false);
    hub.drain(Duration::ZERO).await;
    hub.subscribe(["t"]).await.unwrap_err();
    let hub = Hub::new(store.clone());
    store.close();
    hub.subscribe(["t"]).await.unwrap_err();
    for (reason, count) in [
        ("invalid topic", 2.0),
        ("too many topics", 2.0),
        ("forbidden", 2.0),
        ("unknown connection", 1.0),
        ("full", 1.0),
        ("complete", 1.0),
        ("store failed", 1.0),
        ("starting", 1.0),
        ("draining", 1.0),
        ("store closed", 1.0),
    ] {
        counted.says(&[(&format!("sse_hub_refusals_total reason={reason}"), count)]).await;
    }
    counted.says(&[("sse_hub_connections", 0.0), ("sse_hub_connections_total", 1.0)]).await;
}

#[tokio::test(start_paused = true)]
async fn resumes_are_counted_by_their_result_and_gaps_and_resets_as_they_are_told() {
    let counted = Metrics::default();
    let _guard = counted.record();
    let (hub, store) = hub(|hub| hub.window(0)).await;
    let first = publish(&hub, "t", "a").await.to_string();
    let second = publish(&hub, "t", "b").await.to_string();
    publish(&hub, "t", "c").await;
    store.trim(1).await.unwrap();
    settle().await;
    for id in [&*first, &*second, "garbage"] {
        Client::new(hub.subscribe(["t"]).resume_from(id).await.unwrap()).read().await;
    }
    counted
        .says(&[
            ("sse_hub_resumes_total result=exact", 1.0),
            ("sse_hub_resumes_total result=gap", 1.0),
            ("sse_hub_resumes_total result=reset", 1.0),
            ("sse_hub_gaps_total", 1.0),
            ("sse_hub_resets_total", 1.0),
            ("sse_hub_pages_read_total", store.reads() as f64),
        ])
        .await;
    // A first visit resumes nothing, and a gap may come later too.
    let subscribe = hub.subscribe(["t"]).overload(Overload::SkipWhenBehind(1));
    let mut client = Client::new(subscribe.await.unwrap());
    client.read().await;
    publish_all(&hub, "t", 0..5).await;
    client.read().await;
    counted
        .says(&[
            ("sse_hub_resumes_total result=exact", 1.0),
            ("sse_hub_gaps_total", 2.0),
            ("sse_hub_feed_failures_total", 0.0),
        ])
        .await;
    store.set_down(true);
    let _hub = Hub::new(store);
    settle().await;
    counted.says(&[("sse_hub_feed_failures_total", 1.0)]).await;
}

#[tokio::test(start_paused = true)]
async fn each_metric_has_its_row_on_the_crates_page_and_there_is_none_else() {
    let counted = Metrics::default();
    let _guard = counted.record();
    let (hub, store) = hub(|hub| hub.window(0)).await;
    publish(&hub, "t", "a").await;
    let mut client = Client::new(hub.subscribe(["t"]).resume_from("garbage").await.unwrap());
    client.read().await;
    hub.clear("t").await.unwrap();
    publish_all(&hub, "t", 0..3).await;
    hub.clear("t").await.unwrap();
    client.read().await;
    drop(client);
    hub.subscribe([""]).await.unwrap_err();
    store.set_down(true);
    let _hub = Hub::new(store);
    settle().await;
    let rows = PAGE.lines().filter_map(|line| line.strip_prefix("//! "));
    let rows = rows.filter(|line| line.starts_with("| `sse_hub_"));
    let rows: BTreeSet<String> =
        rows.map(|row| row.split_inclusive('|').take(4).collect::<String>()).collect();
    assert_eq!(counted.rows(), rows);
}
