//! How many there may be, who gives way, and how all of them are ended.

use std::future::IntoFuture as _;
use std::time::Duration;

use futures_util::{FutureExt as _, StreamExt as _};
use sse_core::{Refusal, StreamRequest};
use sse_hub::{EndReason, HubError, Notice};
use sse_store::Topic;
use tokio::time::Instant;

use crate::support::{Client, hub, publish, publish_all, settle, topic};

fn status(refusal: Option<Refusal>) -> u16 {
    let refusal = refusal.expect("there is one");
    StreamRequest::default().refuse(&refusal).response().status().as_u16()
}

#[tokio::test(start_paused = true)]
async fn one_connection_more_than_are_allowed_is_refused_until_one_has_gone() {
    let (hub, _) = hub(|hub| hub.max_connections(2)).await;
    let one = hub.subscribe(["t"]).await.unwrap();
    let _two = hub.subscribe(["t"]).await.unwrap();
    let error = hub.subscribe(["t"]).await.unwrap_err();
    assert!(error.is_full() && error.is_unavailable());
    assert_eq!(status(error.refusal()), 503);
    drop(one);
    assert!(hub.subscribe(["t"]).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn the_oldest_connection_of_a_user_gives_way() {
    let (hub, _) = hub(|hub| hub.max_connections_per_user(2).max_connections(4)).await;
    let mut clients = Vec::new();
    for user in ["a", "b", "a", "a"] {
        clients.push(Client::new(hub.subscribe(["t"]).user(user).await.unwrap()));
    }
    assert_eq!(hub.connection_count(), 3);
    let told = clients[0].read().await;
    assert!(clients[0].is_over);
    // It never was polled, so that is the first it hears of.
    assert_eq!(told.last().unwrap().event_type.as_deref(), Some("replaced"));
    for client in &mut clients[1..] {
        client.read().await;
        assert!(!client.is_over);
    }
    // A user who is at the limit of all gives way to itself.
    let _d = hub.subscribe(["t"]).await.unwrap();
    assert!(hub.subscribe(["t"]).await.unwrap_err().is_full());
    assert!(hub.subscribe(["t"]).user("a").await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_browser_is_refused_in_the_stream_and_told_when_to_come_back() {
    use axum::http::{HeaderMap, HeaderValue, Method, header::ACCEPT};
    let (hub, _) = hub(|hub| hub.max_connections(0)).await;
    let refusal = hub.subscribe(["t"]).await.unwrap_err().refusal().unwrap();
    let accept = HeaderValue::from_static("text/event-stream");
    let headers = HeaderMap::from_iter([(ACCEPT, accept)]);
    let request = StreamRequest::new(&Method::GET, &headers).unwrap();
    let response = request.refuse(&refusal).into_response();
    assert_eq!(response.status(), 200);
    assert!((5_000..=15_000).contains(&retry(response.body()).unwrap()));
}

#[tokio::test(start_paused = true)]
async fn a_stream_opens_with_the_ordinary_retry_and_one_that_is_replaced_is_told_a_long_one() {
    let (hub, _) = hub(|hub| hub.max_connections_per_user(1)).await;
    let mut first = hub.subscribe(["t"]).user("a").await.unwrap();
    let opening = first.next().await.unwrap().unwrap();
    assert_eq!(retry(opening.as_bytes()), Some(3_000));
    let _second = hub.subscribe(["t"]).user("a").await.unwrap();
    let last = first.next().await.unwrap().unwrap();
    assert_eq!((last.event_type(), last.id()), (Some("replaced"), opening.id()));
    assert!((30_000..=60_000).contains(&retry(last.as_bytes()).unwrap()));
    assert!(first.next().await.is_none());
}

/// The reconnection time that a frame says, in milliseconds.
fn retry(frame: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(frame).unwrap();
    text.lines().find_map(|line| line.strip_prefix("retry: ")).map(|retry| retry.parse().unwrap())
}

#[tokio::test(start_paused = true)]
async fn one_who_is_not_let_in_takes_nobodys_place() {
    let (hub, store) = hub(|hub| hub.max_connections_per_user(1)).await;
    let mut client = Client::new(hub.subscribe(["u"]).user("a").await.unwrap());
    hub.complete("t").await.unwrap();
    settle().await;
    assert!(hub.subscribe(["t"]).user("a").await.unwrap_err().is_complete());
    store.set_down(true);
    assert!(hub.subscribe(["new"]).user("a").await.is_err());
    assert_eq!(client.words().await, ["position"]);
    assert!(!client.is_over);
}

#[tokio::test(start_paused = true)]
async fn of_those_that_a_user_opens_at_once_the_newest_are_let_in() {
    let (hub, store) = hub(|hub| hub.max_connections_per_user(2)).await;
    let mut open = Client::new(hub.subscribe(["u"]).user("a").await.unwrap());
    store.holds_lists.send_replace(true);
    let mut opening = Vec::new();
    for _ in 0..5 {
        opening.push(tokio::spawn(hub.subscribe(["new"]).user("a").into_future()));
        settle().await;
        assert!(hub.connection_count() <= 3);
    }
    open.read().await;
    assert!(!open.is_over, "none of them is open yet");
    store.holds_lists.send_replace(false);
    let mut clients = vec![open];
    for subscribe in opening {
        clients.push(Client::new(subscribe.await.unwrap().unwrap()));
    }
    for client in &mut clients {
        client.read().await;
    }
    let ended: Vec<_> = clients.iter().map(|client| client.is_over).collect();
    assert_eq!(ended, [true, true, true, true, false, false]);
    assert_eq!(hub.connection_count(), 2);
}

#[tokio::test(start_paused = true)]
async fn where_all_places_are_taken_a_user_gives_way_to_itself_at_once() {
    let (hub, store) = hub(|hub| hub.max_connections_per_user(1).max_connections(1)).await;
    let mut first = Client::new(hub.subscribe(["t"]).user("a").await.unwrap());
    store.holds_lists.send_replace(true);
    let second = tokio::spawn(hub.subscribe(["new"]).user("a").into_future());
    settle().await;
    assert_eq!(hub.connection_count(), 1);
    first.read().await;
    assert!(first.is_over);
    store.holds_lists.send_replace(false);
    assert!(second.await.unwrap().is_ok());
}

#[tokio::test(start_paused = true)]
async fn one_that_is_ended_while_it_opens_leaves_nothing() {
    let (hub, store) = hub(|hub| hub).await;
    let mut notices = hub.notices();
    store.holds_lists.send_replace(true);
    let opening = tokio::spawn(hub.subscribe(["t", "u"]).user("a").into_future());
    settle().await;
    assert!(hub.disconnect(hub.connections()[0].id));
    store.holds_lists.send_replace(false);
    let mut client = Client::new(opening.await.unwrap().unwrap());
    assert_eq!((hub.connection_count(), hub.subscriber_counts().len()), (0, 0));
    assert!(client.words().await.is_empty() && client.is_over);
    drop((client, hub));
    assert!(notices.next().await.is_none(), "it was never open");
}

#[test]
fn connections_that_replace_each_other_as_they_open_leave_nothing() {
    use tokio::runtime::Builder;
    let runtime = Builder::new_multi_thread().worker_threads(4).enable_all().build().unwrap();
    runtime.block_on(async {
        let store = std::sync::Arc::new(sse_store::MemoryStore::new());
        let hub = sse_hub::Hub::builder(store).max_connections_per_user(1).build();
        let mut tasks = Vec::new();
        for _ in 0..4 {
            let hub = hub.clone();
            tasks.push(tokio::spawn(async move {
                for _ in 0..100 {
                    let names = (0..50).map(|number| format!("t{number}"));
                    drop(hub.subscribe(names).user("a").await);
                }
            }));
        }
        for task in tasks {
            task.await.unwrap();
        }
        assert_eq!((hub.connection_count(), hub.subscriber_counts().len()), (0, 0));
    });
}

#[tokio::test(start_paused = true)]
async fn more_topics_than_are_allowed_are_refused_and_the_same_topic_twice_is_one() {
    let (hub, _) = hub(|hub| hub.max_topics_per_connection(2)).await;
    assert!(hub.subscribe(["a", "b", "a"]).await.is_ok());
    let error = hub.subscribe(["a", "b", "c"]).await.unwrap_err();
    assert!(error.is_too_many_topics() && error.refusal().is_none());
    assert_eq!(error.to_string(), "3 topics on one connection, where 2 are allowed");
}

#[tokio::test(start_paused = true)]
async fn a_name_that_is_no_topic_is_refused() {
    let (hub, _) = hub(|hub| hub).await;
    let is_invalid_topic = |error: HubError| error.is_invalid_topic() && error.refusal().is_none();
    assert!(is_invalid_topic(hub.subscribe(["a", ""]).await.unwrap_err()));
    assert!(is_invalid_topic(hub.publish("a\0", sse_core::Event::new("")).await.unwrap_err()));
    assert!(is_invalid_topic(hub.clear("x".repeat(256)).await.unwrap_err()));
    assert!(is_invalid_topic(hub.complete("").await.unwrap_err()));
}

#[tokio::test(start_paused = true)]
async fn the_authorisation_is_asked_for_each_topic() {
    let (hub, _) = hub(|hub| hub).await;
    let subscribe = |names: &[&'static str]| {
        let may_have = |topic: Topic| async move { topic.as_str().starts_with("mine/") };
        hub.subscribe(names.iter().copied()).authorise(may_have)
    };
    assert!(subscribe(&["mine/1", "mine/2"]).await.is_ok());
    let error = subscribe(&["mine/1", "theirs"]).await.unwrap_err();
    assert!(error.is_forbidden() && error.refusal().is_none());
    assert_eq!(error.to_string(), "topic \"theirs\" is not allowed here");
    assert_eq!(hub.connection_count(), 0);
}

#[tokio::test(start_paused = true)]
async fn one_who_is_not_polled_while_events_wait_is_ended() {
    let (hub, _) = hub(|hub| hub.stall(Duration::from_secs(60))).await;
    let mut notices = hub.notices();
    let mut stalled = Client::new(hub.subscribe(["t"]).await.unwrap());
    let mut half = Client::new(hub.subscribe(["t"]).await.unwrap());
    let mut idle = Client::new(hub.subscribe(["idle"]).await.unwrap());
    let mut reads = Client::new(hub.subscribe(["t"]).await.unwrap());
    for client in [&mut stalled, &mut half, &mut idle, &mut reads] {
        client.read().await;
    }
    publish_all(&hub, "t", 0..10).await;
    settle().await;
    // One takes some and no more; one keeps up.
    half.take_ready(3);
    reads.take_ready(usize::MAX);
    tokio::time::sleep(Duration::from_secs(55)).await;
    assert_eq!(hub.connection_count(), 4, "not before the time");
    tokio::time::sleep(Duration::from_secs(15)).await;
    assert_eq!(hub.connection_count(), 2);
    assert_eq!(hub.subscriber_count(&topic("t")), 1);
    for client in [&mut stalled, &mut half] {
        assert!(client.words().await.is_empty() && client.is_over);
    }
    for client in [&mut idle, &mut reads] {
        client.read().await;
        assert!(!client.is_over);
    }
    let mut stalls = 0;
    while hub.connection_count() == 2 && stalls < 2 {
        if let Some(Notice::Ended(_, reason)) = notices.next().await {
            assert_eq!(reason, EndReason::Stalled);
            stalls += 1;
        }
    }
    // Nothing is lost by it.
    let id = half.last_event_id.unwrap();
    let mut again = Client::new(hub.subscribe(["t"]).resume_from(&*id).await.unwrap());
    assert_eq!(again.words().await[1..], ["3", "4", "5", "6", "7", "8", "9"]);
}

#[tokio::test(start_paused = true)]
async fn a_drain_ends_all_evenly_within_its_time_and_refuses_those_who_come() {
    let (hub, _) = hub(|hub| hub).await;
    let mut clients = Vec::new();
    for _ in 0..100 {
        clients.push(Client::new(hub.subscribe(["t"]).await.unwrap()));
    }
    let start = Instant::now();
    let drain = tokio::spawn({
        let hub = hub.clone();
        async move { hub.drain(Duration::from_secs(10)).await }
    });
    for second in 1..=9 {
        tokio::time::sleep(Duration::from_secs(1)).await;
        let left = hub.connection_count() as i64;
        assert!((left - (100 - second * 10)).abs() <= 2, "{left} after {second} s");
        let error = hub.subscribe(["t"]).await.unwrap_err();
        assert!(error.is_draining() && error.is_unavailable() && hub.is_draining());
        assert_eq!(status(error.refusal()), 503);
    }
    drain.await.unwrap();
    assert!(start.elapsed() <= Duration::from_secs(10));
    let mut retries = std::collections::BTreeSet::new();
    for client in &mut clients {
        let mut body = std::pin::pin!((&mut client.subscription).collect::<Vec<_>>());
        let frames = futures_util::FutureExt::now_or_never(&mut body).expect("it has ended");
        let last = frames.last().unwrap().as_ref().unwrap().as_bytes().to_vec();
        let retry = retry(&last).unwrap();
        assert!((2_000..=10_000).contains(&retry), "{retry}");
        retries.insert(retry);
    }
    assert!(retries.len() > 50, "they come back at times of their own");
}

#[tokio::test(start_paused = true)]
async fn a_drain_of_none_is_over_at_once() {
    let (hub, _) = hub(|hub| hub).await;
    hub.drain(Duration::from_secs(10)).await;
    assert!(hub.subscribe(["t"]).await.unwrap_err().is_draining());
}

#[tokio::test(start_paused = true)]
async fn what_is_drained_goes_on_elsewhere_without_a_loss() {
    let (one, store) = hub(|hub| hub).await;
    let two = sse_hub::Hub::new(store);
    let mut client = Client::new(one.subscribe(["t"]).await.unwrap());
    publish(&one, "t", "a").await;
    assert_eq!(client.words().await, ["position", "a"]);
    publish(&one, "t", "b").await;
    one.drain(Duration::ZERO).await;
    assert_eq!(client.words().await, ["position"]);
    assert!(client.is_over);
    let id = client.last_event_id.unwrap();
    let mut client = Client::new(two.subscribe(["t"]).resume_from(&*id).await.unwrap());
    assert_eq!(client.words().await, ["position", "b"]);
}

#[tokio::test(start_paused = true)]
async fn a_hub_says_no_retry_where_it_is_told_to_say_none() {
    let (hub, _) = hub(|hub| hub.retry(None)).await;
    let mut subscription = hub.subscribe(["t"]).await.unwrap();
    hub.drain(Duration::ZERO).await;
    let mut frames = String::new();
    while let Some(frame) = subscription.next().await {
        frames += std::str::from_utf8(frame.unwrap().as_bytes()).unwrap();
    }
    assert!(!frames.contains("retry"), "{frames}");
}

#[tokio::test(start_paused = true)]
async fn a_subscription_that_is_dropped_while_it_is_asked_for_leaves_nothing() {
    let (hub, store) = hub(|hub| hub).await;
    let never = |_| std::future::pending::<bool>();
    let subscribe = hub.subscribe(["t"]).authorise(never).into_future();
    assert!(subscribe.now_or_never().is_none());
    assert_eq!(hub.connection_count(), 0);
    // The same while the store is asked.
    store.holds_lists.send_replace(true);
    let mut subscribe = hub.subscribe(["t", "u"]).into_future();
    assert!((&mut subscribe).now_or_never().is_none());
    assert_eq!((hub.connection_count(), hub.subscriber_counts().len()), (1, 2));
    drop(subscribe);
    assert_eq!((hub.connection_count(), hub.subscriber_counts().len()), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_drain_over_the_longest_time_is_one() {
    let (hub, _) = hub(|hub| hub).await;
    let mut clients = Vec::new();
    for _ in 0..2 {
        clients.push(Client::new(hub.subscribe(["t"]).await.unwrap()));
    }
    let drain = hub.drain(Duration::MAX);
    assert!(tokio::time::timeout(Duration::from_secs(3600), drain).await.is_err());
    assert_eq!(hub.connection_count(), 1);
}
