//! What happens to the connected when something goes wrong with the store.

use std::time::Duration;

use futures_util::StreamExt as _;
use sse_hub::Hub;

use crate::support::{Client, TestStore, hub, publish, settle, topic};

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
async fn a_page_of_the_old_log_is_not_taken_for_the_new_ones_start() {
    let (hub, store) = hub(|hub| hub.window(0)).await;
    let mut client = Client::new(hub.subscribe(["t"]).from_start().await.unwrap());
    publish(&hub, "u", "old").await;
    assert_eq!(client.words().await, ["position"]);
    store.exchange();
    publish(&hub, "t", "a").await;
    assert_eq!(client.words().await, ["reset", "a"]);
}

#[tokio::test(start_paused = true)]
async fn a_feed_that_panics_ends_every_subscription_with_an_error() {
    struct Panics;
    impl std::task::Wake for Panics {
        fn wake(self: std::sync::Arc<Self>) {
            panic!("a waker");
        }
    }
    let (hub, _) = hub(|hub| hub).await;
    let mut client = Client::new(hub.subscribe(["u"]).await.unwrap());
    client.read().await;
    let mut bad = hub.subscribe(["t"]).await.unwrap();
    let waker = std::task::Waker::from(std::sync::Arc::new(Panics));
    let mut cx = std::task::Context::from_waker(&waker);
    while bad.poll_next_unpin(&mut cx).is_ready() {}
    publish(&hub, "t", "a").await;
    settle().await;
    let error = client.subscription.next().await.unwrap().unwrap_err();
    assert!(error.is_closed() && format!("{error:?}").contains("panicked"), "{error:?}");
    assert!(client.subscription.next().await.is_none());
    assert!(hub.subscribe(["u"]).await.unwrap_err().is_closed());
}

#[tokio::test(start_paused = true)]
async fn what_is_published_once_by_its_key_is_given_once_and_is_not_now_any_more() {
    let (hub, store) = hub(|hub| hub).await;
    let mut client = Client::new(hub.subscribe(["t"]).await.unwrap());
    let key = sse_store::Key::new("payment-7").unwrap();
    let batch = || vec![sse_store::NewEntry::new(topic("t"), sse_core::Event::new("a"))];
    store.holds_feed.send_replace(true);
    let first = hub.append_once(&key, batch()).await.unwrap();
    let second = hub.append_once(&key, batch()).await.unwrap();
    assert_eq!(first, second);
    // From now on is after what has been acknowledged, though the feed has not come to it.
    let mut late = Client::new(hub.subscribe(["t"]).await.unwrap());
    store.holds_feed.send_replace(false);
    assert_eq!(client.words().await, ["position", "a"]);
    assert_eq!(late.words().await, ["position"]);
}
