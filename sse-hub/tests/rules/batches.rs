//! A subscription that gives several frames at a time.

use futures_util::{FutureExt as _, Stream, StreamExt as _};
use sse_hub::{Batches, HubError};

use crate::support::{Told, hub, publish, publish_all, settle};

/// All that a stream gives until it has nothing more, once every task has done what it can: the feed, a page, the next one.
async fn drain<T>(mut stream: impl Stream<Item = Result<T, HubError>> + Unpin) -> Vec<T> {
    let (mut items, mut waits) = (Vec::new(), 0);
    while waits < 4 {
        match stream.next().now_or_never() {
            Some(Some(item)) => {
                items.push(item.unwrap());
                waits = 0;
            }
            Some(None) => break,
            None => {
                settle().await;
                waits += 1;
            }
        }
    }
    items
}

/// All there is, by the sizes of the batches and what was told in them.
async fn read(batches: &mut Batches) -> (Vec<usize>, Vec<Told>) {
    let batches = drain(batches).await;
    (batches.iter().map(Vec::len).collect(), batches.iter().flatten().map(Told::from).collect())
}

#[tokio::test(start_paused = true)]
async fn batches_have_each_event_once_and_in_order_from_the_window_and_from_the_store() {
    for window in [0, 20_000, 1 << 20] {
        for topics in [&["t"][..], &["t", "u"], &["t", "u", "nothing"]] {
            let (hub, _) = hub(|hub| hub.window(window)).await;
            let start = publish(&hub, "t", "before").await;
            for number in 0..400 {
                publish(&hub, ["t", "u", "others'"][number % 3], &number.to_string()).await;
            }
            settle().await;
            let subscribe = || hub.subscribe(topics.iter().copied()).resume_from(start);
            let expected = drain(subscribe().await.unwrap()).await;
            let mut expected: Vec<_> = expected.iter().map(Told::from).collect();
            let (sizes, mut told) = read(&mut subscribe().await.unwrap().in_batches()).await;
            // The openings have the ids of their connections.
            (expected[0].data, told[0].data) = Default::default();
            assert_eq!(told, expected, "window {window}, {topics:?}");
            assert!(sizes.len() < told.len() / 8, "window {window}, {topics:?}: {sizes:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_batch_is_bounded_in_frames_and_in_bytes() {
    for window in [0, 1 << 20] {
        let (hub, _) = hub(|hub| hub.window(window)).await;
        let mut batches = hub.subscribe(["t"]).await.unwrap().in_batches();
        assert_eq!(read(&mut batches).await.0, [1], "window {window}");
        publish_all(&hub, "t", 0..130).await;
        assert_eq!(read(&mut batches).await.0, [64, 64, 2], "window {window}");
        publish_all(&hub, "t", (0..7).map(|_| "x".repeat(6_000))).await;
        assert_eq!(read(&mut batches).await.0, [3, 3, 1], "window {window}");
        publish_all(&hub, "t", (0..2).map(|_| "x".repeat(20_000))).await;
        assert_eq!(read(&mut batches).await.0, [1, 1], "window {window}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_given_in_a_batch_is_where_the_client_stands() {
    for window in [0, 1 << 20] {
        let (hub, _) = hub(|hub| hub.window(window)).await;
        let mut batches = hub.subscribe(["t"]).await.unwrap().in_batches();
        read(&mut batches).await;
        publish_all(&hub, "t", 0..10).await;
        let (_, told) = read(&mut batches).await;
        let last = told.last().unwrap().id.clone();
        assert_eq!(Some(batches.subscription().position().to_string()), last);
        // Nobody is told again where they stand by the last event: neither later, nor at the end.
        tokio::time::sleep(std::time::Duration::from_secs(60)).await;
        assert_eq!(read(&mut batches).await.1, [], "window {window}");
        assert!(hub.disconnect(batches.subscription().id()));
        assert_eq!(read(&mut batches).await.1, []);
        assert!(futures_util::stream::FusedStream::is_terminated(&batches));
    }
}

#[tokio::test(start_paused = true)]
async fn a_topic_that_joins_or_goes_between_two_batches_is_given_from_there_to_there() {
    let (hub, _) = hub(|hub| hub).await;
    let subscribe = hub.subscribe(["t"]).authorise(|_| async { true });
    let mut batches = subscribe.await.unwrap().in_batches();
    let id = batches.subscription().id();
    read(&mut batches).await;
    publish(&hub, "u", "too early").await;
    publish_all(&hub, "t", ["a", "b"]).await;
    settle().await;
    hub.add_topics(id, None, ["u"]).await.unwrap();
    publish(&hub, "u", "c").await;
    publish(&hub, "t", "d").await;
    settle().await;
    let words = |told: Vec<Told>| told.into_iter().map(|told| told.data).collect::<Vec<_>>();
    assert_eq!(words(read(&mut batches).await.1), ["a", "b", "c", "d"]);
    publish_all(&hub, "t", ["gone", "too"]).await;
    settle().await;
    hub.remove_topics(id, None, ["t"]).unwrap();
    publish(&hub, "u", "e").await;
    assert_eq!(words(read(&mut batches).await.1), ["e"]);
}
