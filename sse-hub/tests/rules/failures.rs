//! What happens to the connected when something goes wrong with the store.

use std::sync::atomic::Ordering;
use std::time::Duration;

use sse_hub::Hub;

use crate::support::{Client, TestStore, hub, publish, settle};

#[tokio::test(start_paused = true)]
async fn while_the_store_is_down_subscribers_wait_and_then_go_on_without_a_loss() {
    for window in [0, 1 << 20] {
        let (hub, store) = hub(|hub| hub.window(window)).await;
        let mut client = Client::new(hub.subscribe(["t"]).await.unwrap());
        publish(&hub, "t", "a").await;
        assert_eq!(client.words().await, ["position", "a"]);
        // Another process publishes what this one's feed cannot read.
        store.holds_feed.send_replace(true);
        publish(&hub, "t", "b").await;
        store.set_down(true);
        store.holds_feed.send_replace(false);
        tokio::time::sleep(Duration::from_secs(50)).await;
        assert!(client.words().await.is_empty() && !client.is_over);
        let error = hub.publish("t", sse_core::Event::new("x")).await.unwrap_err();
        assert!(error.is_unavailable() && error.store().is_some());
        store.set_down(false);
        tokio::time::sleep(Duration::from_secs(10)).await;
        publish(&hub, "t", "c").await;
        assert_eq!(client.words().await, ["b", "c"], "window {window}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_catch_up_that_fails_is_tried_again() {
    let (hub, store) = hub(|hub| hub.window(0)).await;
    let first = publish(&hub, "t", "a").await.to_string();
    publish(&hub, "t", "b").await;
    settle().await;
    let mut client = Client::new(hub.subscribe(["t"]).resume_from(&*first).await.unwrap());
    store.set_down(true);
    assert_eq!(client.words().await, ["position"]);
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert!(client.words().await.is_empty() && !client.is_over);
    store.set_down(false);
    tokio::time::sleep(Duration::from_secs(10)).await;
    assert_eq!(client.words().await, ["b"]);
}

#[tokio::test(start_paused = true)]
async fn a_read_that_nobody_waits_for_any_more_is_given_up() {
    let (hub, store) = hub(|hub| hub.window(0)).await;
    let first = publish(&hub, "t", "a").await.to_string();
    publish(&hub, "t", "b").await;
    settle().await;
    let mut client = Client::new(hub.subscribe(["t"]).resume_from(&*first).await.unwrap());
    store.set_down(true);
    client.read().await;
    drop(client);
    let reads = store.reads();
    tokio::time::sleep(Duration::from_secs(50)).await;
    assert!(store.reads() <= reads + 1);
}

#[tokio::test(start_paused = true)]
async fn a_hub_whose_store_is_down_at_the_start_refuses_after_a_while_and_then_works() {
    let store = std::sync::Arc::new(TestStore::new());
    store.set_down(true);
    let hub = Hub::new(store.clone());
    let start = tokio::time::Instant::now();
    let error = hub.subscribe(["t"]).await.unwrap_err();
    assert!(error.is_unavailable() && error.refusal().is_some());
    assert_eq!(start.elapsed().as_secs(), 5);
    let waiting = tokio::spawn(hub.subscribe(["t"]).into_future());
    settle().await;
    store.set_down(false);
    assert!(waiting.await.unwrap().is_ok());
    use std::future::IntoFuture as _;
}

#[tokio::test(start_paused = true)]
async fn another_log_is_told_to_all_as_a_reset() {
    for window in [0, 1 << 20] {
        let (hub, store) = hub(|hub| hub.window(window)).await;
        let mut t = Client::new(hub.subscribe(["t"]).await.unwrap());
        let mut idle = Client::new(hub.subscribe(["idle"]).await.unwrap());
        for number in 0..20 {
            publish(&hub, "t", &number.to_string()).await;
        }
        assert_eq!(t.words().await.len(), 21);
        assert_eq!(idle.words().await, ["position"]);
        store.exchange();
        assert_eq!(t.words().await, ["reset"], "window {window}");
        assert_eq!(idle.words().await, ["reset"]);
        let position = publish(&hub, "t", "a").await;
        let told = t.read().await;
        assert_eq!((&*told[0].data, told[0].id.clone()), ("a", Some(position.to_string())));
        assert!(idle.words().await.is_empty());
        // The position of the new log comes even to those to whom nothing else does.
        tokio::time::sleep(Duration::from_secs(10)).await;
        assert_eq!(idle.read().await[0].id, Some(position.to_string()));
    }
}

#[tokio::test(start_paused = true)]
async fn a_reset_gives_what_the_new_log_has() {
    use sse_store::{EventStore as _, NewEntry};
    let (hub, store) = hub(|hub| hub).await;
    let mut client = Client::new(hub.subscribe(["t"]).await.unwrap());
    publish(&hub, "t", "old").await;
    assert_eq!(client.words().await, ["position", "old"]);
    // Before the feed has seen that the log is another one, there is something in it.
    store.exchange();
    let new = |data: &str| NewEntry::new(crate::support::topic("t"), sse_core::Event::new(data));
    store.append(vec![new("a"), new("b")]).await.unwrap();
    assert_eq!(client.words().await, ["reset", "a", "b"]);
    publish(&hub, "t", "c").await;
    assert_eq!(client.words().await, ["c"]);
}

#[tokio::test(start_paused = true)]
async fn a_closed_store_ends_all_with_an_error_and_the_hub_with_them() {
    let (hub, store) = hub(|hub| hub).await;
    let mut client = Client::new(hub.subscribe(["t"]).await.unwrap());
    client.read().await;
    store.close();
    client.read().await;
    assert!(client.is_over);
    assert!(client.error.as_ref().is_some_and(|error| error.is_closed()));
    let error = hub.subscribe(["t"]).await.unwrap_err();
    assert!(error.is_closed() && error.refusal().is_some());
    assert_eq!(hub.connection_count(), 0);
}

#[tokio::test(start_paused = true)]
async fn the_feed_ends_with_the_last_handle_and_subscription() {
    let (hub, store) = hub(|hub| hub).await;
    let held = std::sync::Arc::downgrade(&store);
    let mut client = Client::new(hub.subscribe(["t"]).await.unwrap());
    drop(hub);
    use sse_store::{EventStore as _, NewEntry};
    let event = NewEntry::new(crate::support::topic("t"), sse_core::Event::new("a"));
    store.append(vec![event]).await.unwrap();
    assert_eq!(client.words().await, ["position", "a"], "a subscription keeps it going");
    drop((client, store));
    settle().await;
    assert!(held.upgrade().is_none());
}

#[tokio::test(start_paused = true)]
async fn a_client_that_does_not_read_keeps_no_page() {
    // Many who each have their own topic, each with a page of its own, none of whom reads on.
    let (hub, store) = hub(|hub| hub.window(0).catch_up_memory(100_000)).await;
    let first = publish(&hub, "first", "a").await.to_string();
    for number in 0..50 {
        publish(&hub, &format!("t{number}"), &"x".repeat(20_000)).await;
        publish(&hub, &format!("t{number}"), "end").await;
    }
    settle().await;
    let mut clients = Vec::new();
    for number in 0..50 {
        let subscribe = hub.subscribe([format!("t{number}")]).resume_from(&*first);
        let mut client = Client::new(subscribe.await.unwrap());
        client.take_ready(1);
        client.take_ready(1);
        settle().await;
        assert_eq!(client.take_ready(1).len(), 1);
        clients.push(client);
    }
    let reads = store.reads.load(Ordering::SeqCst);
    for client in &mut clients {
        assert_eq!(client.words().await, ["end"]);
    }
    // Most pages had to be read again, since they were not kept.
    assert!(store.reads() >= reads + 40, "{} reads after {reads}", store.reads());
}

#[tokio::test(start_paused = true)]
async fn a_page_of_the_old_log_is_not_taken_for_the_new_ones_start() {
    let (hub, store) = hub(|hub| hub.window(0)).await;
    let mut client = Client::new(hub.subscribe(["t"]).from_start().await.unwrap());
    publish(&hub, "u", "old").await;
    assert_eq!(client.words().await, ["position"]);
    store.exchange();
    publish(&hub, "t", "a").await;
    assert_eq!(client.words().await, ["reset", "a"]);
}
