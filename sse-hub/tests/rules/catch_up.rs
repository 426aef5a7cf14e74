//! Those who are behind the window: what they read of the store, and that none of them is in the way of another.

use std::future::IntoFuture as _;
use std::sync::atomic::Ordering;
use std::time::Duration;

use sse_hub::Hub;
use sse_store::Position;

use crate::support::{Client, hub, publish, publish_all, settle, topic};

/// A client of a topic that has seen what is up to a position and no more.
async fn resumed(hub: &Hub, name: &str, after: Position) -> Client {
    Client::new(hub.subscribe([name]).resume_from(after).await.unwrap())
}

/// A client of topic `t` for which `b` is in the store.
async fn behind(hub: &Hub) -> Client {
    let first = publish(hub, "t", "a").await;
    publish(hub, "t", "b").await;
    settle().await;
    resumed(hub, "t", first).await
}

/// Clients that have asked for a page, each for one of its own, and do not read on; and where they began.
async fn stalled(hub: &Hub, clients: usize) -> (Vec<Client>, Position) {
    let first = publish(hub, "first", "a").await;
    for number in 0..clients {
        publish(hub, &format!("stalled/{number}"), "x").await;
    }
    settle().await;
    let mut stalled = Vec::new();
    for number in 0..clients {
        let mut client = resumed(hub, &format!("stalled/{number}"), first).await;
        assert_eq!(client.take_ready(usize::MAX).len(), 1);
        stalled.push(client);
    }
    (stalled, first)
}

#[tokio::test(start_paused = true)]
async fn a_thousand_who_resume_at_once_read_each_page_once() {
    let (hub, store) = hub(|hub| hub.window(0)).await;
    let first = publish(&hub, "t", "first").await.to_string();
    publish_all(&hub, "t", 0..1200).await;
    settle().await;
    let mut clients = Vec::new();
    for _ in 0..1000 {
        clients.push(Client::new(hub.subscribe(["t"]).resume_from(&*first).await.unwrap()));
    }
    for client in &mut clients {
        client.take_ready(1);
    }
    settle().await;
    for client in &mut clients {
        assert_eq!(client.read().await.len(), 1200);
    }
    // Three pages, and one look whether there is more.
    assert!(store.reads() <= 4, "{} reads", store.reads());
}

#[tokio::test(start_paused = true)]
async fn few_pages_are_read_at_a_time() {
    let (hub, store) = hub(|hub| hub.window(0).catch_up_reads(3)).await;
    let first = publish(&hub, "t", "first").await.to_string();
    for number in 0..20 {
        publish(&hub, &format!("t{number}"), "a").await;
    }
    settle().await;
    store.holds_reads.send_replace(true);
    let mut clients = Vec::new();
    for number in 0..20 {
        let subscribe = hub.subscribe([format!("t{number}")]).resume_from(&*first);
        clients.push(Client::new(subscribe.await.unwrap()));
        clients[number].take_ready(2);
    }
    settle().await;
    store.holds_reads.send_replace(false);
    for client in &mut clients {
        assert_eq!(client.words().await, ["a"]);
    }
    assert_eq!(store.most_reading.load(Ordering::SeqCst), 3);
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
async fn a_catch_up_that_fails_is_tried_again() {
    let (hub, store) = hub(|hub| hub.window(0)).await;
    let mut client = behind(&hub).await;
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
    let mut client = behind(&hub).await;
    store.set_down(true);
    client.read().await;
    drop(client);
    let reads = store.reads();
    tokio::time::sleep(Duration::from_secs(50)).await;
    assert!(store.reads() <= reads + 1);
}

#[tokio::test(start_paused = true)]
async fn one_who_is_near_does_not_wait_for_the_pages_of_one_who_is_far() {
    let (hub, store) = hub(|hub| hub.window(0)).await;
    let first = publish(&hub, "t", "first").await;
    for _ in 0..3 {
        publish_all(&hub, "t", 0..500).await;
    }
    let near = publish(&hub, "t", "near").await;
    publish(&hub, "t", "x").await;
    settle().await;
    store.holds_reads.send_replace(true);
    let mut far = resumed(&hub, "t", first).await;
    far.take_ready(usize::MAX);
    let mut near = resumed(&hub, "t", near).await;
    near.take_ready(usize::MAX);
    settle().await;
    store.holds_reads.send_replace(false);
    settle().await;
    assert_eq!(near.take_ready(usize::MAX)[0].data, "x");
}

#[tokio::test(start_paused = true)]
async fn those_who_wait_for_their_turn_take_a_page_that_has_come_meanwhile() {
    let (hub, store) = hub(|hub| hub.window(0).catch_up_reads(1)).await;
    let first = publish(&hub, "t", "first").await;
    publish_all(&hub, "t", 0..100).await;
    settle().await;
    let mut clients = Vec::new();
    for number in 0..50 {
        let after = Position::new(first.epoch(), first.sequence() + number);
        clients.push(resumed(&hub, "t", after).await);
    }
    store.holds_reads.send_replace(true);
    for client in &mut clients {
        client.take_ready(usize::MAX);
    }
    settle().await;
    store.holds_reads.send_replace(false);
    for (number, client) in clients.iter_mut().enumerate() {
        assert_eq!(client.read().await.len(), 100 - number);
    }
    assert_eq!(store.reads(), 1);
}

#[tokio::test(start_paused = true)]
async fn where_no_page_is_kept_each_reads_for_itself() {
    let (hub, _) = hub(|hub| hub.window(0).catch_up_memory(0).catch_up_reads(1)).await;
    let first = publish(&hub, "t", "a").await;
    let second = publish(&hub, "t", "b").await;
    publish(&hub, "t", "c").await;
    publish(&hub, "u", "d").await;
    settle().await;
    let (mut far, mut near) = (resumed(&hub, "t", first).await, resumed(&hub, "t", second).await);
    let mut other = resumed(&hub, "u", first).await;
    for client in [&mut far, &mut near, &mut other] {
        client.take_ready(usize::MAX);
    }
    settle().await;
    assert_eq!(far.take_ready(usize::MAX).len(), 2);
    // What it has taken may be pushed out before another comes for it.
    settle().await;
    assert_eq!(near.take_ready(usize::MAX)[0].data, "c");
    assert_eq!(other.words().await, ["d"]);
}

#[tokio::test(start_paused = true)]
async fn those_who_do_not_take_their_page_delay_nobody() {
    let (hub, _) = hub(|hub| hub.window(0)).await;
    let (_stalled, first) = stalled(&hub, 50).await;
    publish(&hub, "t", "x").await;
    settle().await;
    assert_eq!(resumed(&hub, "t", first).await.words().await, ["position", "x"]);
}

#[tokio::test(start_paused = true)]
async fn a_page_that_nobody_takes_is_waited_for_only_while_there_is_no_room_and_for_a_second() {
    let (hub, store) = hub(|hub| hub.window(0).catch_up_memory(0).catch_up_reads(1)).await;
    let (_stalled, _) = stalled(&hub, 3).await;
    for reads in 1..=3 {
        settle().await;
        assert_eq!(store.reads(), reads);
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn while_others_catch_up_in_vain_a_subscriber_is_refused_as_ever() {
    let (hub, store) = hub(|hub| hub.window(0)).await;
    store.holds_reads.send_replace(true);
    let (_stalled, _) = stalled(&hub, 10).await;
    store.set_down(true);
    store.holds_reads.send_replace(false);
    settle().await;
    let start = tokio::time::Instant::now();
    let error = hub.subscribe(["new"]).await.unwrap_err();
    assert!(error.is_unavailable());
    assert!(start.elapsed().is_zero());
}

#[tokio::test(start_paused = true)]
async fn a_page_that_cannot_be_read_is_in_nobodys_way() {
    let (hub, store) = hub(|hub| hub.window(0).catch_up_reads(1)).await;
    let first = publish(&hub, "first", "a").await;
    publish(&hub, "bad", "x").await;
    publish(&hub, "good", "x").await;
    settle().await;
    store.unreadable.lock().unwrap().replace(topic("bad"));
    let mut bad = resumed(&hub, "bad", first).await;
    bad.take_ready(usize::MAX);
    settle().await;
    assert_eq!(resumed(&hub, "good", first).await.words().await, ["position", "x"]);
}

#[tokio::test(start_paused = true)]
async fn a_read_that_hangs_is_given_up_after_a_while_and_lets_others_read() {
    for (limit, seconds) in [(None, 10), (Some(Duration::from_secs(2)), 2)] {
        let (hub, store) = hub(|hub| {
            let hub = hub.window(0).catch_up_reads(1);
            limit.into_iter().fold(hub, |hub, limit| hub.catch_up_timeout(limit))
        })
        .await;
        store.holds_reads.send_replace(true);
        let (mut clients, _) = stalled(&hub, 2).await;
        tokio::time::sleep(Duration::from_secs(seconds) - Duration::from_millis(10)).await;
        assert_eq!(store.reads(), 1);
        tokio::time::sleep(Duration::from_millis(20)).await;
        assert_eq!(store.reads(), 2);
        store.holds_reads.send_replace(false);
        tokio::time::sleep(Duration::from_secs(10)).await;
        for client in &mut clients {
            assert_eq!(client.words().await[0], "x");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn reads_that_hang_keep_nobody_from_subscribing() {
    let (hub, store) = hub(|hub| hub.window(0)).await;
    store.holds_reads.send_replace(true);
    let (_stalled, _) = stalled(&hub, 10).await;
    let start = tokio::time::Instant::now();
    assert!(hub.subscribe(["new"]).await.is_ok());
    assert!(start.elapsed().is_zero());
}

#[tokio::test(start_paused = true)]
async fn a_store_that_does_not_answer_who_subscribes_refuses_them_after_a_while() {
    let (hub, store) = hub(|hub| hub.start_timeout(Duration::from_secs(2))).await;
    store.holds_lists.send_replace(true);
    let start = tokio::time::Instant::now();
    let others: Vec<_> =
        (0..10).map(|_| tokio::spawn(hub.subscribe(["new"]).into_future())).collect();
    for other in others {
        let error = other.await.unwrap().unwrap_err();
        assert!(error.is_unavailable() && error.refusal().is_some());
    }
    assert_eq!(start.elapsed().as_secs(), 2);
    assert_eq!((hub.connection_count(), hub.subscriber_counts().len()), (0, 0));
    store.holds_lists.send_replace(false);
    assert!(hub.subscribe(["new"]).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn few_who_subscribe_ask_the_store_at_a_time() {
    let (hub, store) = hub(|hub| hub.opening_reads(3)).await;
    store.holds_lists.send_replace(true);
    let topics = (0..20).map(|number| format!("t{number}"));
    let all: Vec<_> =
        topics.map(|name| tokio::spawn(hub.subscribe([name]).into_future())).collect();
    settle().await;
    assert_eq!(store.lists(), 3);
    store.holds_lists.send_replace(false);
    for subscribe in all {
        assert!(subscribe.await.unwrap().is_ok());
    }
    assert_eq!(store.most_listing.load(Ordering::SeqCst), 3);
}

#[tokio::test(start_paused = true)]
async fn a_hub_that_is_started_anew_has_the_newest_of_the_log_in_its_window() {
    let (one, store) = hub(|hub| hub).await;
    let first = publish(&one, "t", "first").await;
    publish_all(&one, "t", 0..1200).await;
    settle().await;
    store.holds_feed.send_replace(true);
    let two = Hub::new(store.clone());
    // Those who come before it has read that are no worse off.
    let mut now = Client::new(two.subscribe(["t"]).await.unwrap());
    let mut early = resumed(&two, "t", first).await;
    store.holds_feed.send_replace(false);
    settle().await;
    let mut late = resumed(&two, "t", first).await;
    for client in [&mut early, &mut late] {
        assert_eq!(client.read().await.len(), 1201);
    }
    publish(&one, "t", "x").await;
    assert_eq!(now.words().await, ["position", "x"]);
    assert_eq!(store.reads(), 0);
}
