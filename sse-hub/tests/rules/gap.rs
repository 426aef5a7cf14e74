//! What is missing, and when that is told.

use std::time::Duration;

use sse_hub::Hub;
use sse_store::{EventStore as _, Position, Topic};

use crate::support::{Client, hub, publish, publish_all, settle};

async fn any(_: Topic) -> bool {
    true
}

async fn from_start(hub: &Hub) -> Client {
    Client::new(hub.subscribe(["t"]).from_start().await.unwrap())
}

/// So long that no page is kept any more.
async fn pages_go() {
    tokio::time::sleep(Duration::from_secs(30)).await;
}

#[tokio::test(start_paused = true)]
async fn a_gap_at_the_place_of_an_earlier_one_is_told_too() {
    let (hub, _) = hub(|hub| hub.window(0).position_interval(Duration::from_secs(1))).await;
    let mut client = Client::new(hub.subscribe(["t", "u"]).await.unwrap());
    assert_eq!(client.words().await, ["position"]);
    for (name, expected) in [("t", r#"{"topics":["t"]}"#), ("u", r#"{"topics":["t","u"]}"#)] {
        publish(&hub, name, "a").await;
        hub.clear(name).await.unwrap();
        settle().await;
        assert!(client.take_ready(1).is_empty());
        settle().await;
        // It reads no further than the gap, and the page is there no longer when it does.
        let told = client.take_ready(1);
        assert_eq!((told[0].event_type.as_deref(), &*told[0].data), (Some("gap"), expected));
        pages_go().await;
    }
    assert_eq!(client.words().await, ["position"], "and no gap a second time");
}

#[tokio::test(start_paused = true)]
async fn what_was_gone_before_the_beginning_is_not_told_however_often_it_is_read() {
    let (hub, store) = hub(|hub| hub.window(0).position_interval(Duration::from_secs(1))).await;
    publish_all(&hub, "t", 0..4).await;
    store.trim(2).await.unwrap();
    settle().await;
    let mut client = from_start(&hub).await;
    assert_eq!(client.take_ready(2).len(), 1);
    // The page has come, and is there no longer when it is looked for.
    pages_go().await;
    assert!(client.take_ready(1).is_empty());
    assert_eq!(client.words().await, ["2", "3"]);
    assert!(store.reads() >= 2);
}

#[tokio::test(start_paused = true)]
async fn what_goes_missing_after_the_beginning_is_told() {
    let (hub, store) = hub(|hub| hub).await;
    let mut client = from_start(&hub).await;
    assert_eq!(client.words().await, ["position"]);
    store.holds_feed.send_replace(true);
    publish(&hub, "t", "a").await;
    hub.clear("t").await.unwrap();
    publish(&hub, "t", "b").await;
    store.holds_feed.send_replace(false);
    assert_eq!(client.words().await, ["gap", "b"]);
}

#[tokio::test(start_paused = true)]
async fn one_without_a_topic_misses_nothing_wherever_it_comes_from() {
    let (hub, _) = hub(|hub| hub).await;
    let head = publish(&hub, "t", "before").await;
    let future = Position::new(head.epoch(), head.sequence() + 2);
    for id in [future, Position::new(1, 1), Position::new(head.epoch(), 0)] {
        let subscribe = hub.subscribe([""; 0]).authorise(any).resume_from(id);
        let mut client = Client::new(subscribe.await.unwrap());
        hub.add_topics(client.subscription.id(), None, ["t"]).await.unwrap();
        publish(&hub, "t", "a").await;
        publish(&hub, "t", "b").await;
        assert_eq!(client.words().await, ["position", "a", "b"], "{id}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_opening_repeats_the_id_that_the_client_came_with() {
    let (hub, store) = hub(|hub| hub).await;
    let first = publish(&hub, "t", "a").await;
    hub.complete("t").await.unwrap();
    publish(&hub, "u", "b").await;
    settle().await;
    // As far as this process knows the topic is complete.
    store.holds_feed.send_replace(true);
    let entry = sse_store::NewEntry::new(crate::support::topic("t"), sse_core::Event::new("c"));
    store.append(vec![entry]).await.unwrap();
    let mut client = Client::new(hub.subscribe(["t"]).resume_from(first).await.unwrap());
    assert_eq!(client.take_ready(1)[0].id, Some(first.to_string()));
    store.holds_feed.send_replace(false);
    assert_eq!(client.words().await, ["c"]);
}
