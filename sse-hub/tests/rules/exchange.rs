//! What becomes of those who are connected, or come, while the log is exchanged for another.

use std::time::Duration;

use sse_core::Event;
use sse_hub::Hub;
use sse_store::{EventStore as _, NewEntry, Position, Topic};

use crate::support::{Client, TestStore, hub, publish, publish_all, settle, topic};

async fn any(_: Topic) -> bool {
    true
}

/// Appends to the log as another process does.
async fn append(store: &TestStore, name: &str, data: &str) -> Position {
    let entry = NewEntry::new(topic(name), Event::new(data));
    store.append(vec![entry]).await.unwrap()[0]
}

async fn resumed(hub: &Hub, id: Position) -> Client {
    Client::new(hub.subscribe(["t"]).resume_from(id).await.unwrap())
}

#[tokio::test(start_paused = true)]
async fn a_log_that_the_feed_never_saw_leaves_nobody_waiting() {
    let (hub, store) = hub(|hub| hub.window(0)).await;
    publish(&hub, "t", "a").await;
    let mut client = resumed(&hub, Position::new(1, 1)).await;
    store.holds_feed.send_replace(true);
    store.exchange();
    // It is answered out of the second log, and told so when the feed has come to the third.
    store.holds_answers.send_replace(true);
    assert_eq!(client.words().await, ["position"]);
    store.exchange();
    append(&store, "t", "b").await;
    store.holds_feed.send_replace(false);
    settle().await;
    store.holds_answers.send_replace(false);
    let mut words = client.words().await;
    words.dedup();
    assert_eq!(words, ["reset", "b"]);
}

#[tokio::test(start_paused = true)]
async fn a_reset_holds_for_those_who_asked_and_no_longer() {
    let (hub, store) = hub(|hub| hub).await;
    let head = publish(&hub, "t", "a").await;
    settle().await;
    store.holds_feed.send_replace(true);
    let next = Position::new(head.epoch(), head.sequence() + 1);
    let mut early = resumed(&hub, next).await;
    assert_eq!(early.words().await, ["position", "reset", "a"]);
    assert_eq!(append(&store, "t", "b").await, next);
    append(&store, "t", "c").await;
    assert_eq!(resumed(&hub, next).await.words().await, ["position", "c"]);
}

#[tokio::test(start_paused = true)]
async fn a_topic_added_before_is_given_from_the_new_logs_start() {
    for window in [0, 1 << 20] {
        let (hub, store) = hub(|hub| hub.window(window)).await;
        publish_all(&hub, "t", 0..5).await;
        let mut client = Client::new(hub.subscribe(["t"]).authorise(any).await.unwrap());
        assert_eq!(client.words().await, ["position"]);
        hub.add_topics(client.subscription.id(), None, ["u"]).await.unwrap();
        store.exchange();
        append(&store, "u", "a").await;
        append(&store, "t", "b").await;
        assert_eq!(client.words().await, ["reset", "a", "b"], "window {window}");
    }
}

#[tokio::test(start_paused = true)]
async fn one_who_begins_at_the_start_meanwhile_is_told() {
    let (hub, store) = hub(|hub| hub.window(0)).await;
    publish(&hub, "t", "old").await;
    settle().await;
    let subscribe = hub.subscribe(["t"]).authorise(any).from_start();
    let mut client = Client::new(subscribe.await.unwrap());
    hub.add_topics(client.subscription.id(), None, ["u"]).await.unwrap();
    store.exchange();
    append(&store, "u", "a").await;
    assert_eq!(client.words().await, ["position", "reset", "a"]);
}

#[tokio::test(start_paused = true)]
async fn nobody_is_sent_away_because_of_what_was_complete_in_the_old_log() {
    let (hub, store) = hub(|hub| hub).await;
    publish(&hub, "t", "a").await;
    let end = hub.complete("t").await.unwrap();
    settle().await;
    assert!(hub.subscribe(["t"]).resume_from(end).await.unwrap_err().is_complete());
    store.holds_feed.send_replace(true);
    store.exchange();
    let start = store.head().await.unwrap();
    let (mut before, mut new) = (resumed(&hub, end).await, resumed(&hub, start).await);
    append(&store, "t", "b").await;
    store.holds_feed.send_replace(false);
    assert_eq!(before.words().await, ["position", "reset", "b"]);
    assert_eq!(new.words().await, ["position", "b"]);
}

#[tokio::test(start_paused = true)]
async fn one_who_comes_with_the_new_log_before_the_feed_ends_with_its_topics() {
    let (hub, store) = hub(|hub| hub).await;
    settle().await;
    store.holds_feed.send_replace(true);
    store.exchange();
    append(&store, "t", "a").await;
    store.complete(&topic("t")).await.unwrap();
    let id = append(&store, "u", "b").await;
    let mut client = resumed(&hub, id).await;
    assert_eq!(client.words().await, ["position"]);
    store.holds_feed.send_replace(false);
    client.read().await;
    assert!(client.is_over && client.error.is_none());
}

#[tokio::test(start_paused = true)]
async fn no_position_is_told_after_a_reset_until_the_feed_has_come_to_the_new_log() {
    let (hub, store) = hub(|hub| hub).await;
    publish(&hub, "t", "a").await;
    settle().await;
    store.holds_feed.send_replace(true);
    store.exchange();
    let mut client = resumed(&hub, Position::new(1, 1)).await;
    assert_eq!(client.words().await, ["position", "reset"]);
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert!(client.read().await.is_empty());
    append(&store, "t", "b").await;
    store.holds_feed.send_replace(false);
    assert_eq!(client.words().await, ["b"]);
}

#[tokio::test(start_paused = true)]
async fn a_reset_is_told_once_to_one_whose_only_topic_goes_and_comes_meanwhile() {
    let (hub, store) = hub(|hub| hub.window(0)).await;
    publish(&hub, "t", "a").await;
    settle().await;
    let subscribe = hub.subscribe(["t"]).authorise(any).from_start();
    let mut client = Client::new(subscribe.await.unwrap());
    store.holds_feed.send_replace(true);
    store.exchange();
    assert_eq!(client.take_ready(2).len(), 1);
    let id = client.subscription.id();
    hub.remove_topics(id, None, ["t"]).unwrap();
    settle().await;
    hub.add_topics(id, None, ["t"]).await.unwrap();
    append(&store, "t", "b").await;
    store.holds_feed.send_replace(false);
    assert_eq!(client.words().await, ["reset", "b"]);
}
