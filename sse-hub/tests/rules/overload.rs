//! What a subscription gives up when its client does not keep up.

use sse_hub::Overload;

use crate::support::{Client, hub, publish, publish_all, settle};

#[tokio::test(start_paused = true)]
async fn keep_all_gives_every_event_however_late() {
    for window in [0, 5_000, 1 << 20] {
        let (hub, _) = hub(|hub| hub.window(window)).await;
        let mut client = Client::new(hub.subscribe(["t"]).await.unwrap());
        assert_eq!(client.take_ready(1).len(), 1);
        for number in 0..2000 {
            publish(&hub, ["t", "u"][number % 2], &number.to_string()).await;
        }
        let expected: Vec<String> = (0..2000).step_by(2).map(|number| number.to_string()).collect();
        assert_eq!(client.words().await, expected);
    }
}

#[tokio::test(start_paused = true)]
async fn latest_by_topic_gives_the_newest_of_each_and_no_gap() {
    for window in [0, 5_000, 1 << 20] {
        let (hub, store) = hub(|hub| hub.window(window)).await;
        let subscribe = hub.subscribe(["t", "u", "v"]).overload(Overload::LatestByTopic);
        let mut client = Client::new(subscribe.await.unwrap());
        assert_eq!(client.words().await, ["position"]);
        for round in 0..1000 {
            publish(&hub, "t", &format!("t{round}")).await;
            publish(&hub, "u", &format!("u{round}")).await;
        }
        publish(&hub, "t", "last").await;
        assert_eq!(client.words().await, ["u999", "last"], "window {window}");
        publish(&hub, "v", "a").await;
        publish(&hub, "t", "b").await;
        assert_eq!(client.words().await, ["a", "b"]);
        assert!(store.reads() < 10);
    }
}

#[tokio::test(start_paused = true)]
async fn latest_by_topic_gives_the_last_state_of_a_topic_that_is_complete_and_ends() {
    for window in [0, 1 << 20] {
        let (hub, _) = hub(|hub| hub.window(window)).await;
        let subscribe = hub.subscribe(["job"]).overload(Overload::LatestByTopic);
        let mut client = Client::new(subscribe.await.unwrap());
        assert_eq!(client.words().await, ["position"]);
        publish_all(&hub, "job", ["0 %", "50 %", "100 %"]).await;
        hub.complete("job").await.unwrap();
        assert_eq!(client.words().await, ["100 %", "position"], "window {window}");
        assert!(client.is_over);
    }
}

#[tokio::test(start_paused = true)]
async fn latest_by_topic_tells_a_gap_where_the_newest_itself_is_gone() {
    use sse_store::EventStore as _;
    let (hub, store) = hub(|hub| hub.window(0)).await;
    let subscribe = hub.subscribe(["t", "u"]).overload(Overload::LatestByTopic);
    let mut client = Client::new(subscribe.await.unwrap());
    assert_eq!(client.words().await, ["position"]);
    publish_all(&hub, "t", 0..5).await;
    publish_all(&hub, "u", 0..5).await;
    store.trim(2).await.unwrap();
    let told = client.read().await;
    assert_eq!(told[0].data, r#"{"topics":["t"]}"#);
    assert_eq!((told[1].data.as_str(), told.len()), ("4", 2));
}

#[tokio::test(start_paused = true)]
async fn a_bounded_lag_skips_to_now_and_tells_a_gap() {
    for window in [0, 2_000, 1 << 20] {
        let (hub, _) = hub(|hub| hub.window(window)).await;
        let subscribe = hub.subscribe(["t", "u"]).overload(Overload::SkipWhenBehind(3));
        let mut client = Client::new(subscribe.await.unwrap());
        assert_eq!(client.words().await, ["position"]);
        publish_all(&hub, "t", 0..3).await;
        publish_all(&hub, "others", 0..100).await;
        assert_eq!(client.words().await, ["0", "1", "2"], "window {window}");
        publish_all(&hub, "t", 0..4).await;
        assert_eq!(client.words().await, ["gap"], "window {window}");
        publish_all(&hub, "t", 4..6).await;
        assert_eq!(client.words().await, ["4", "5"]);
        publish_all(&hub, "t", 0..2000).await;
        assert_eq!(client.words().await, ["gap"]);
        publish(&hub, "u", "now").await;
        assert_eq!(client.words().await, ["now"]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_bounded_lag_holds_for_a_resume_too() {
    let (hub, _) = hub(|hub| hub).await;
    let first = publish(&hub, "t", "first").await.to_string();
    publish_all(&hub, "t", 0..5).await;
    settle().await;
    for (lag, expected) in
        [(4, &["position", "gap"][..]), (5, &["position", "0", "1", "2", "3", "4"])]
    {
        let subscribe = hub.subscribe(["t"]).resume_from(&*first);
        let subscribe = subscribe.overload(Overload::SkipWhenBehind(lag));
        let mut client = Client::new(subscribe.await.unwrap());
        assert_eq!(client.words().await, expected);
    }
}

#[tokio::test(start_paused = true)]
async fn latest_by_topic_gives_or_tells_what_is_deleted_while_it_is_asked_for() {
    use sse_store::EventStore as _;
    let (hub, store) = hub(|hub| hub.window(0)).await;
    let subscribe = hub.subscribe(["t"]).overload(Overload::LatestByTopic);
    let mut client = Client::new(subscribe.await.unwrap());
    assert_eq!(client.words().await, ["position"]);
    publish(&hub, "t", "a").await;
    settle().await;
    store.holds_feed.send_replace(true);
    store.holds_answers.send_replace(true);
    assert!(client.words().await.is_empty());
    // Another process deletes it between what the store is asked first and what it is asked last.
    store.clear(&crate::support::topic("t")).await.unwrap();
    store.holds_answers.send_replace(false);
    assert_eq!(client.words().await, ["a"]);
    publish(&hub, "t", "b").await;
    settle().await;
    store.holds_lists.send_replace(true);
    store.holds_feed.send_replace(false);
    assert!(client.words().await.is_empty());
    store.clear(&crate::support::topic("t")).await.unwrap();
    store.holds_lists.send_replace(false);
    assert_eq!(client.words().await, ["gap"]);
}
