//! From where a subscription goes on, and what it is told.

use std::sync::Arc;

use sse_core::Event;
use sse_hub::{Hub, Subscribe};
use sse_store::{EventStore as _, MemoryStore, NewEntry, Position};

use crate::support::{Client, hub, publish, publish_all, settle, topic};

async fn client(subscribe: Subscribe) -> Client {
    Client::new(subscribe.await.unwrap())
}

/// What a client with this last event id is given of topic `t`, in words.
async fn resumed(hub: &Hub, id: &str) -> Vec<String> {
    client(hub.subscribe(["t"]).resume_from(id)).await.words().await
}

#[tokio::test(start_paused = true)]
async fn a_subscriber_of_many_topics_asks_the_store_once_whatever_is_known_of_them() {
    let (hub, store) = hub(|hub| hub).await;
    hub.complete("t0").await.unwrap();
    publish(&hub, "t1", "a").await;
    settle().await;
    let topics = |numbers: std::ops::Range<usize>| numbers.map(|number| format!("t{number}"));
    let mut client = Client::new(hub.subscribe(topics(0..50)).await.unwrap());
    assert_eq!(store.lists(), 1);
    // Of these ten are new.
    let subscribe = hub.subscribe(topics(10..60)).authorise(|_| async { true });
    let other = Client::new(subscribe.await.unwrap());
    assert_eq!(store.lists(), 2);
    hub.add_topics(other.subscription.id(), None, topics(60..90)).await.unwrap();
    assert_eq!(store.lists(), 3);
    // What it was told is right: it ends with the last that is not complete.
    hub.append(topics(1..49).map(|name| NewEntry::completion(topic(&name))).collect())
        .await
        .unwrap();
    assert_eq!(client.words().await, ["position"]);
    hub.complete("t49").await.unwrap();
    client.read().await;
    assert!(client.is_over);
}

#[tokio::test(start_paused = true)]
async fn a_subscriber_gets_what_is_published_to_its_topics_and_nothing_else() {
    let (hub, _) = hub(|hub| hub).await;
    publish(&hub, "t", "before").await;
    let mut client = client(hub.subscribe(["t", "u"])).await;
    for (name, data) in [("t", "a"), ("v", "b"), ("u", "c"), ("T", "d"), ("t ", "e"), ("t", "f")] {
        publish(&hub, name, data).await;
    }
    assert_eq!(client.words().await, ["position", "a", "c", "f"]);
    publish(&hub, "u", "g").await;
    assert_eq!(client.words().await, ["g"]);
}

#[tokio::test(start_paused = true)]
async fn the_first_event_is_the_position_and_names_the_connection() {
    let (hub, _) = hub(|hub| hub).await;
    let head = publish(&hub, "t", "a").await;
    let mut client = client(hub.subscribe(["t"])).await;
    let told = client.read().await;
    assert_eq!(told.len(), 1);
    assert_eq!(told[0].event_type.as_deref(), Some("position"));
    assert_eq!(told[0].id, Some(head.to_string()));
    assert_eq!(told[0].data, client.subscription.id().to_string());
}

#[tokio::test(start_paused = true)]
async fn the_id_of_each_event_is_its_position() {
    let (hub, _) = hub(|hub| hub).await;
    let mut client = client(hub.subscribe(["t"])).await;
    client.read().await;
    let position = publish(&hub, "t", "a").await;
    assert_eq!(client.read().await[0].id, Some(position.to_string()));
}

#[tokio::test(start_paused = true)]
async fn a_resume_from_any_position_is_exact() {
    // Without a window everything is read of the store, with one of a few events some.
    for window in [0, 1500, 1 << 20] {
        let (hub, _) = hub(|hub| hub.window(window)).await;
        let mut ids = vec![Position::START.to_string()];
        for number in 0..20 {
            publish(&hub, "other", "x").await;
            ids.push(publish(&hub, "t", &number.to_string()).await.to_string());
        }
        settle().await;
        for (given, id) in ids.iter().enumerate() {
            let mut expected = vec!["position".to_owned()];
            expected.extend((given..20).map(|number| number.to_string()));
            assert_eq!(resumed(&hub, id).await, expected, "window {window}, after {given}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_resume_goes_on_at_another_hub() {
    let store = Arc::new(MemoryStore::new());
    let (one, two) = (Hub::new(store.clone()), Hub::new(store));
    let mut client = client(one.subscribe(["t"])).await;
    publish(&one, "t", "a").await;
    publish(&two, "t", "b").await;
    assert_eq!(client.words().await, ["position", "a", "b"]);
    let id = client.last_event_id.clone();
    drop(client);
    publish(&one, "t", "c").await;
    let mut client = Client::new(two.subscribe(["t"]).resume_from(id.as_deref()).await.unwrap());
    publish(&one, "t", "d").await;
    assert_eq!(client.words().await, ["position", "c", "d"]);
}

#[tokio::test(start_paused = true)]
async fn a_client_cut_off_before_its_first_event_still_resumes() {
    let (hub, _) = hub(|hub| hub).await;
    publish(&hub, "t", "a").await;
    let mut client = client(hub.subscribe(["t"])).await;
    client.read().await;
    let id = client.last_event_id.clone().unwrap();
    drop(client);
    publish(&hub, "t", "b").await;
    assert_eq!(resumed(&hub, &id).await, ["position", "b"]);
}

#[tokio::test(start_paused = true)]
async fn from_the_start_is_all_there_is_and_no_gap() {
    let (hub, store) = hub(|hub| hub).await;
    publish_all(&hub, "t", 0..4).await;
    store.trim(2).await.unwrap();
    let mut client = client(hub.subscribe(["t"]).from_start()).await;
    assert_eq!(client.words().await, ["position", "2", "3"]);
}

#[tokio::test(start_paused = true)]
async fn the_last_few_are_those_of_all_topics_together_and_no_gap() {
    let (hub, store) = hub(|hub| hub).await;
    for number in 0..6 {
        publish(&hub, ["t", "u", "v"][number % 3], &number.to_string()).await;
    }
    settle().await;
    for (count, expected) in
        [(0, &[][..]), (1, &["4"]), (3, &["1", "3", "4"]), (9, &["0", "1", "3", "4"])]
    {
        let mut client = client(hub.subscribe(["t", "u"]).last(count)).await;
        assert_eq!(client.words().await[1..], *expected, "the last {count}");
    }
    // What is gone before them is not missed by those who ask for the last few.
    store.clear(&topic("t")).await.unwrap();
    publish(&hub, "u", "6").await;
    let mut client = client(hub.subscribe(["t", "u"]).last(2)).await;
    assert_eq!(client.words().await, ["position", "4", "6"]);
}

#[tokio::test(start_paused = true)]
async fn where_there_is_nothing_yet_the_last_few_begin_now_and_who_comes_back_has_missed_nothing() {
    let (hub, store) = hub(|hub| hub).await;
    publish_all(&hub, "t", 0..4).await;
    store.trim(3).await.unwrap();
    let mut first = client(hub.subscribe(["u"]).last(3)).await;
    assert_eq!(first.words().await, ["position"]);
    assert_eq!(first.last_event_id, Some(store.head().await.unwrap().to_string()));
    // Cut off before anything else came, while something did.
    publish(&hub, "u", "new").await;
    let again = hub.subscribe(["u"]).last(3).or_resume_from(first.last_event_id.as_deref());
    assert_eq!(client(again).await.words().await, ["position", "new"]);
}

#[tokio::test(start_paused = true)]
async fn those_who_come_back_go_on_and_others_get_the_last_few() {
    let (hub, _) = hub(|hub| hub).await;
    publish_all(&hub, "t", 0..5).await;
    let all = client(hub.subscribe(["t"]).from_start()).await.read().await;
    let again = all[2].id.as_deref();
    let mut client = client(hub.subscribe(["t"]).last(1).or_resume_from(None::<&str>)).await;
    assert_eq!(client.words().await, ["position", "4"]);
    let mut client = Client::new(hub.subscribe(["t"]).last(1).or_resume_from(again).await.unwrap());
    assert_eq!(client.words().await, ["position", "2", "3", "4"]);
}

#[tokio::test(start_paused = true)]
async fn gap_is_told_when_purged_past_the_position() {
    for window in [0, 1 << 20] {
        let (hub, store) = hub(|hub| hub.window(window)).await;
        let first = publish(&hub, "t", "a").await.to_string();
        settle().await;
        // A hub that was not there has none of it in its window.
        let late = Hub::new(store.clone());
        publish_all(&hub, "t", ["b", "c"]).await;
        let second = publish(&hub, "u", "d").await.to_string();
        store.trim(1).await.unwrap();
        let late = {
            drop(late);
            Hub::new(store.clone())
        };
        let mut client = client(late.subscribe(["t", "u"]).resume_from(&*first)).await;
        let told = client.read().await;
        assert_eq!(told[1].event_type.as_deref(), Some("gap"));
        assert_eq!((told[1].id.as_deref(), &*told[1].data), (None, r#"{"topics":["t"]}"#));
        assert_eq!(told[2].data, "d");
        assert_eq!(told.len(), 3);
        // Who is past it misses nothing.
        assert_eq!(resumed(&late, &second).await, ["position"]);
    }
}

#[tokio::test(start_paused = true)]
async fn no_gap_is_told_to_one_whose_topics_lost_nothing() {
    let (hub, store) = hub(|hub| hub.window(0)).await;
    let first = publish(&hub, "t", "a").await.to_string();
    publish_all(&hub, "u", 0..10).await;
    store.trim(3).await.unwrap();
    publish(&hub, "t", "b").await;
    let expected = ["position", "b"];
    // Its own first event was purged with the others, but it has had that one.
    assert_eq!(resumed(&hub, &first).await, expected);
}

#[tokio::test(start_paused = true)]
async fn what_is_in_the_window_is_given_though_the_store_has_purged_it() {
    let (hub, store) = hub(|hub| hub).await;
    let first = publish(&hub, "t", "a").await.to_string();
    publish_all(&hub, "t", ["b", "c"]).await;
    settle().await;
    store.trim(0).await.unwrap();
    assert_eq!(resumed(&hub, &first).await, ["position", "b", "c"]);
    assert_eq!(store.reads(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_clear_is_obeyed_by_the_window_and_told_as_a_gap_to_those_who_missed_events() {
    let (hub, _) = hub(|hub| hub).await;
    let first = publish(&hub, "t", "a").await.to_string();
    let mut reader = client(hub.subscribe(["t"]).resume_from(&*first)).await;
    let mut sleeper = client(hub.subscribe(["t"]).resume_from(&*first)).await;
    publish(&hub, "t", "b").await;
    assert_eq!(reader.words().await, ["position", "b"]);
    assert_eq!(sleeper.take_ready(1).len(), 1);
    hub.clear("t").await.unwrap();
    publish(&hub, "t", "c").await;
    assert_eq!(reader.words().await, ["c"]);
    assert_eq!(sleeper.words().await, ["gap", "c"]);
}

#[tokio::test(start_paused = true)]
async fn a_feed_that_came_too_late_makes_its_subscribers_ask_the_store() {
    let (hub, store) = hub(|hub| hub).await;
    let mut client = client(hub.subscribe(["t"])).await;
    let mut other = Client::new(hub.subscribe(["u"]).await.unwrap());
    client.read().await;
    other.read().await;
    store.holds_feed.send_replace(true);
    publish_all(&hub, "t", ["a", "b"]).await;
    hub.clear("t").await.unwrap();
    publish(&hub, "t", "c").await;
    publish(&hub, "u", "d").await;
    store.holds_feed.send_replace(false);
    assert_eq!(client.words().await, ["gap", "c"]);
    let reads = store.reads();
    assert_eq!(other.words().await, ["d"]);
    assert_eq!(store.reads(), reads, "others have nothing to ask");
}

#[tokio::test(start_paused = true)]
async fn reset_is_told_for_another_log_for_garbage_and_for_the_future() {
    let (hub, _) = hub(|hub| hub).await;
    let head = publish(&hub, "t", "a").await;
    let future = Position::new(head.epoch(), head.sequence() + 1).to_string();
    let other = Position::new(head.epoch() + 1, 1).to_string();
    for id in [&*future, &*other, "garbage", "", "1"] {
        assert_eq!(resumed(&hub, id).await, ["position", "reset", "a"], "{id:?}");
    }
    assert_eq!(resumed(&hub, &head.to_string()).await, ["position"]);
}

#[tokio::test(start_paused = true)]
async fn a_client_cut_off_before_its_reset_is_told_again() {
    let (hub, _) = hub(|hub| hub).await;
    publish(&hub, "t", "a").await;
    let mut client = client(hub.subscribe(["t"]).resume_from("garbage")).await;
    let told = client.take_ready(1);
    assert_eq!((told[0].event_type.as_deref(), &told[0].id), (Some("position"), &None));
}

#[tokio::test(start_paused = true)]
async fn no_reset_is_told_by_a_process_that_lags() {
    let (hub, store) = hub(|hub| hub).await;
    let other = Hub::new(store.clone());
    settle().await;
    store.holds_feed.send_replace(true);
    let id = publish(&other, "t", "a").await.to_string();
    let mut client = client(hub.subscribe(["t"]).resume_from(&*id)).await;
    assert_eq!(client.words().await, ["position"]);
    publish(&other, "t", "b").await;
    store.holds_feed.send_replace(false);
    assert_eq!(client.words().await, ["b"]);
}

#[tokio::test(start_paused = true)]
async fn a_publish_before_a_subscribe_is_not_seen_by_it_and_one_after_is() {
    let (hub, store) = hub(|hub| hub).await;
    settle().await;
    store.holds_feed.send_replace(true);
    publish(&hub, "t", "before").await;
    let mut client = client(hub.subscribe(["t"])).await;
    publish(&hub, "t", "after").await;
    store.holds_feed.send_replace(false);
    assert_eq!(client.words().await, ["position", "after"]);
}

#[tokio::test(start_paused = true)]
async fn a_quiet_topic_stays_in_the_window_whatever_happens_elsewhere() {
    let (hub, store) = hub(|hub| hub.window(2000)).await;
    let mut client = client(hub.subscribe(["quiet"])).await;
    client.read().await;
    publish_all(&hub, "busy", 0..1000).await;
    settle().await;
    publish(&hub, "quiet", "a").await;
    assert_eq!(client.words().await, ["a"]);
    assert_eq!(store.reads(), 0);
}

#[tokio::test(start_paused = true)]
async fn quiet_clients_are_told_how_far_others_events_have_moved_them() {
    let (hub, _) = hub(|hub| hub).await;
    let mut client = client(hub.subscribe(["quiet"])).await;
    client.read().await;
    tokio::time::sleep(std::time::Duration::from_secs(60)).await;
    assert!(client.read().await.is_empty(), "it has not moved on");
    let head = publish(&hub, "busy", "a").await;
    assert!(client.read().await.is_empty(), "not at once");
    tokio::time::sleep(std::time::Duration::from_secs(10)).await;
    let told = client.read().await;
    assert_eq!(told.len(), 1);
    assert_eq!(told[0].event_type.as_deref(), Some("position"));
    assert_eq!((told[0].id.clone(), &*told[0].data), (Some(head.to_string()), ""));
    tokio::time::sleep(std::time::Duration::from_secs(60)).await;
    assert!(client.read().await.is_empty(), "once for each move");
}

#[tokio::test(start_paused = true)]
async fn what_is_ready_can_be_taken_without_waiting() {
    let (hub, _) = hub(|hub| hub).await;
    let mut client = client(hub.subscribe(["t"])).await;
    publish_all(&hub, "t", 0..100).await;
    settle().await;
    assert_eq!(client.take_ready(usize::MAX).len(), 101);
}

#[tokio::test(start_paused = true)]
async fn a_lifecycle_sends_what_is_ready_in_one_chunk() {
    use futures_util::StreamExt as _;
    let (hub, _) = hub(|hub| hub).await;
    let subscription = hub.subscribe(["t"]).await.unwrap();
    publish_all(&hub, "t", 0..100).await;
    settle().await;
    let mut body = std::pin::pin!(sse_core::Lifecycle::new().body(subscription));
    let chunk = body.next().await.unwrap().unwrap();
    let text = std::str::from_utf8(&chunk).unwrap();
    assert_eq!(text.matches("\ndata: ").count(), 101);
    assert!(text.ends_with("data: 99\n\n"));
}

#[tokio::test(start_paused = true)]
async fn an_event_keeps_all_its_fields() {
    let (hub, _) = hub(|hub| hub).await;
    let mut client = client(hub.subscribe(["t"])).await;
    let event = Event::new("two\nlines")
        .with_type(sse_core::EventType::from_static("tick"))
        .with_comment("c")
        .with_retry(std::time::Duration::from_millis(5));
    let position = hub.publish("t", event.clone()).await.unwrap();
    client.read().await;
    let expected = event.with_id(position).to_frame();
    let mut again = hub.subscribe(["t"]).last(1).await.unwrap();
    use futures_util::StreamExt as _;
    again.next().await;
    assert_eq!(again.next().await.unwrap().unwrap(), expected);
}

#[tokio::test(start_paused = true)]
async fn an_event_that_has_an_id_already_is_refused() {
    let (hub, _) = hub(|hub| hub).await;
    let error = hub.publish("t", Event::new("a").with_id(7)).await.unwrap_err();
    assert!(error.store().is_some_and(|error| error.is_refused()) && !error.is_unavailable());
    assert_eq!(error.to_string(), "the event for topic \"t\" already has the id \"7\"");
}
