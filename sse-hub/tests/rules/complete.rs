//! Topics that have said all they will say.

use sse_core::Event;
use sse_hub::HubError;
use sse_store::NewEntry;

use crate::support::{Client, hub, publish, publish_all, settle, topic};

fn is_204(error: &HubError) -> bool {
    use sse_core::{Refusal, StreamRequest};
    let refusal = error.refusal().unwrap_or(Refusal::too_many_requests(
        std::time::Duration::ZERO..=std::time::Duration::ZERO,
    ));
    let refused = StreamRequest::default().refuse(&refusal);
    error.is_complete() && refused.response().status() == 204
}

#[tokio::test(start_paused = true)]
async fn a_subscription_ends_when_all_its_topics_are_complete() {
    let (hub, _) = hub(|hub| hub).await;
    let mut client = Client::new(hub.subscribe(["t", "u"]).await.unwrap());
    publish(&hub, "t", "a").await;
    hub.complete("t").await.unwrap();
    assert_eq!(client.words().await, ["position", "a"]);
    assert!(!client.is_over);
    publish(&hub, "u", "b").await;
    let end = hub.complete("u").await.unwrap();
    let told = client.read().await;
    assert!(client.is_over && client.error.is_none());
    assert_eq!(told[0].data, "b");
    assert_eq!(told[1].id, Some(end.to_string()), "so that it is known to have had all");
    assert_eq!(hub.connection_count(), 0);
    assert!(hub.subscriber_counts().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_completed_topic_replays_its_tail_and_one_who_had_it_all_stays_away() {
    for (window, restarts) in [(1 << 20, false), (1 << 20, true), (0, false)] {
        let (hub, store) = hub(|hub| hub.window(window)).await;
        let first = publish(&hub, "t", "a").await.to_string();
        let last = publish(&hub, "t", "b").await.to_string();
        hub.complete("t").await.unwrap();
        publish(&hub, "u", "c").await;
        settle().await;
        let hub = match restarts {
            true => sse_hub::Hub::new(store),
            false => hub,
        };
        let mut client = Client::new(hub.subscribe(["t"]).resume_from(&*first).await.unwrap());
        assert_eq!(client.words().await, ["position", "b", "position"]);
        assert!(client.is_over);
        let id = client.last_event_id.clone().unwrap();
        for id in [&id, &last] {
            let error = hub.subscribe(["t"]).resume_from(&**id).await.unwrap_err();
            assert!(is_204(&error), "{error}");
        }
        let error = hub.subscribe(["t"]).await.unwrap_err();
        assert!(is_204(&error), "from now on there is nothing: {error}");
        let mut client = Client::new(hub.subscribe(["t"]).from_start().await.unwrap());
        assert_eq!(client.words().await, ["position", "a", "b", "position"]);
        assert!(client.is_over);
        assert_eq!(hub.connection_count(), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn a_topic_that_is_reopened_is_followed_again() {
    let (hub, _) = hub(|hub| hub).await;
    publish(&hub, "t", "a").await;
    hub.complete("t").await.unwrap();
    publish(&hub, "t", "b").await;
    let mut client = Client::new(hub.subscribe(["t"]).from_start().await.unwrap());
    assert_eq!(client.words().await, ["position", "a", "b"]);
    assert!(!client.is_over, "it passes a completion that was taken back");
    hub.complete("t").await.unwrap();
    hub.append(vec![NewEntry::new(topic("t"), Event::new("c"))]).await.unwrap();
    assert_eq!(client.words().await, ["c"]);
    assert!(!client.is_over);
}

#[tokio::test(start_paused = true)]
async fn a_clear_takes_a_completion_back() {
    let (hub, store) = hub(|hub| hub).await;
    hub.complete("t").await.unwrap();
    hub.clear("t").await.unwrap();
    for hub in [hub, sse_hub::Hub::new(store)] {
        let mut client = Client::new(hub.subscribe(["t"]).await.unwrap());
        client.read().await;
        assert!(!client.is_over);
    }
}

#[tokio::test(start_paused = true)]
async fn one_who_is_told_of_a_gap_at_a_completed_topic_is_told_that_and_then_stays_away() {
    let (hub, store) = hub(|hub| hub.window(0)).await;
    let first = publish(&hub, "t", "a").await.to_string();
    publish_all(&hub, "t", ["b", "c"]).await;
    use sse_store::EventStore as _;
    store.trim(0).await.unwrap();
    hub.complete("t").await.unwrap();
    settle().await;
    let mut client = Client::new(hub.subscribe(["t"]).resume_from(&*first).await.unwrap());
    assert_eq!(client.words().await, ["position", "gap", "position"]);
    assert!(client.is_over);
    let id = client.last_event_id.unwrap();
    assert!(is_204(&hub.subscribe(["t"]).resume_from(&*id).await.unwrap_err()));
}

#[tokio::test(start_paused = true)]
async fn a_subscription_without_topics_is_not_complete() {
    let (hub, _) = hub(|hub| hub).await;
    let mut client = Client::new(hub.subscribe([""; 0]).await.unwrap());
    client.read().await;
    assert!(!client.is_over);
}

#[tokio::test(start_paused = true)]
async fn a_topic_cleared_a_moment_ago_is_not_taken_for_complete() {
    let (hub, store) = hub(|hub| hub).await;
    publish(&hub, "t", "a").await;
    hub.complete("t").await.unwrap();
    settle().await;
    // The feed does not come to the clear.
    store.holds_feed.send_replace(true);
    let cleared = hub.clear("t").await.unwrap();
    let subscription = hub.subscribe(["t"]).resume_from(cleared.position).await;
    let mut client = Client::new(subscription.expect("it is not complete"));
    client.read().await;
    store.holds_feed.send_replace(false);
    publish(&hub, "t", "b").await;
    assert_eq!(client.words().await, ["b"]);
    assert!(!client.is_over);
}

#[tokio::test(start_paused = true)]
async fn nobody_is_sent_away_for_good_by_a_process_that_lags() {
    let (one, store) = hub(|hub| hub).await;
    let two = sse_hub::Hub::new(store.clone());
    publish(&one, "t", "a").await;
    let end = one.complete("t").await.unwrap().to_string();
    settle().await;
    let sent_away = one.subscribe(["t"]).resume_from(&*end).await.unwrap_err();
    assert!(sent_away.is_complete());
    store.holds_feed.send_replace(true);
    publish(&two, "t", "b").await;
    let mut client = Client::new(one.subscribe(["t"]).resume_from(&*end).await.unwrap());
    store.holds_feed.send_replace(false);
    assert_eq!(client.words().await, ["position", "b"]);
}

#[tokio::test(start_paused = true)]
async fn a_topic_reopened_a_moment_ago_is_not_taken_for_complete() {
    let (hub, store) = hub(|hub| hub).await;
    publish(&hub, "t", "before").await;
    hub.complete("t").await.unwrap();
    settle().await;
    store.holds_feed.send_replace(true);
    publish(&hub, "t", "a").await;
    // It begins after what the feed has not come to.
    let mut client = Client::new(hub.subscribe(["t"]).await.unwrap());
    assert_eq!(client.words().await, ["position"]);
    assert!(!client.is_over);
    store.holds_feed.send_replace(false);
    publish(&hub, "t", "b").await;
    assert_eq!(client.words().await, ["b"]);
}

#[tokio::test(start_paused = true)]
async fn what_the_feed_has_missed_may_have_completed_a_topic_or_taken_that_back() {
    use sse_store::EventStore as _;
    // Of what is appended all but the newest so many records are gone before the feed reads.
    for (completes, keep) in [(true, 1), (false, 0), (false, 1)] {
        let (hub, store) = hub(|hub| hub).await;
        let mut client = Client::new(hub.subscribe(["t"]).await.unwrap());
        publish(&hub, "t", "a").await;
        assert_eq!(client.words().await, ["position", "a"]);
        let mut tail = Client::new(hub.subscribe(["t"]).await.unwrap());
        store.holds_feed.send_replace(true);
        if !completes {
            hub.complete("t").await.unwrap();
        }
        publish_all(&hub, "t", ["b", "c"]).await;
        if completes {
            hub.complete("t").await.unwrap();
        }
        store.trim(keep).await.unwrap();
        store.holds_feed.send_replace(false);
        for client in [&mut client, &mut tail] {
            let words = client.words().await;
            assert!(words.contains(&"gap".to_owned()), "{words:?}");
            assert_eq!(words.contains(&"c".to_owned()), !completes && keep == 1);
            assert_eq!(client.is_over, completes);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn nobody_is_sent_away_who_has_not_had_all_of_one_of_its_topics() {
    let (hub, _) = hub(|hub| hub).await;
    publish_all(&hub, "t", ["a"]).await;
    publish_all(&hub, "u", ["b"]).await;
    let id = hub.complete("u").await.unwrap();
    publish(&hub, "t", "c").await;
    hub.complete("t").await.unwrap();
    settle().await;
    let mut client = Client::new(hub.subscribe(["t", "u"]).resume_from(id).await.unwrap());
    assert_eq!(client.words().await, ["position", "c", "position"]);
    assert!(client.is_over);
}
