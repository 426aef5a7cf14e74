//! A subscription that gives several frames at a time.

use futures_util::{FutureExt as _, Stream, StreamExt as _};
use sse_core::{Event, Frames};
use sse_hub::{Batches, HubError};
use sse_store::NewEntry;

use crate::support::{Told, hub, publish, publish_all, settle, topic};

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
    let sizes = batches.iter().map(Frames::len).collect();
    (sizes, batches.into_iter().flatten().map(|frame| Told::from(&frame)).collect())
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
async fn what_was_published_together_is_given_from_anywhere_in_it_wherever_the_window_has_cut_it() {
    for window in [0, 15_000, 40_000, 1 << 20] {
        for topics in [&["t"][..], &["u", "t"]] {
            let (hub, _) = hub(|hub| hub.window(window)).await;
            let entry = |number: usize| {
                let name = if number % 7 == 3 { "u" } else { "t" };
                NewEntry::new(topic(name), Event::new(format!("{number:060}")))
            };
            let mut all = Vec::new();
            for from in [0, 120, 240] {
                let entries: Vec<_> = (from..from + 120).map(entry).collect();
                let names: Vec<_> = entries.iter().map(|it| it.topic().to_string()).collect();
                let data = (from..from + 120).map(|number| format!("{number:060}"));
                let positions = hub.append(entries).await.unwrap();
                let event = |((name, data), position)| (name, data, position);
                all.extend(names.into_iter().zip(data).zip(positions).map(event));
                settle().await;
            }
            for begin in (0..all.len()).step_by(17) {
                let subscribe = || hub.subscribe(topics.iter().copied()).resume_from(all[begin].2);
                let expected: Vec<_> = all[begin + 1..]
                    .iter()
                    .filter(|(name, ..)| topics.contains(&name.as_str()))
                    .map(|(_, data, position)| (data.clone(), Some(position.to_string())))
                    .collect();
                let given = |told: Told| (told.data, told.id);
                let (_, told) = read(&mut subscribe().await.unwrap().in_batches()).await;
                let in_batches: Vec<_> = told.into_iter().skip(1).map(given).collect();
                assert_eq!(in_batches, expected, "window {window}, {topics:?}, after {begin}");
                let told = drain(subscribe().await.unwrap()).await;
                let each: Vec<_> = told.iter().skip(1).map(Told::from).map(given).collect();
                assert_eq!(each, expected, "window {window}, {topics:?}, after {begin}");
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_batch_of_what_was_published_together_is_a_part_of_what_all_of_its_topic_are_given() {
    let (hub, _) = hub(|hub| hub).await;
    let mut all = Vec::new();
    for _ in 0..3 {
        let mut batches = hub.subscribe(["t"]).await.unwrap().in_batches();
        read(&mut batches).await;
        all.push(batches);
    }
    // Others' events lie between them in the log.
    let entry = |number: usize| NewEntry::new(topic(["t", "u"][number % 2]), Event::new("x"));
    hub.append((0..100).map(entry).collect()).await.unwrap();
    settle().await;
    let mut given = Vec::new();
    for batches in &mut all {
        given.extend(drain(batches).await);
    }
    assert_eq!(given.iter().map(Frames::len).collect::<Vec<_>>(), [50; 3]);
    let starts: Vec<_> = given.iter().map(|batch| batch.as_bytes().as_ptr()).collect();
    assert_eq!(starts, [starts[0]; 3]);
}

#[tokio::test(start_paused = true)]
async fn the_window_gives_up_the_oldest_first_whatever_was_published_together() {
    let (hub, store) = hub(|hub| hub.window(20_000)).await;
    let entry = |number: usize| NewEntry::new(topic(["t", "u"][number % 2]), Event::new("x"));
    let positions = hub.append((0..100).map(entry).collect()).await.unwrap();
    settle().await;
    for name in ["t", "u"] {
        let reads = store.reads();
        let subscription = hub.subscribe([name]).resume_from(positions[59]).await.unwrap();
        assert_eq!(drain(subscription).await.len(), 1 + 20);
        assert_eq!(store.reads(), reads, "{name}: it has all of that");
        let subscription = hub.subscribe([name]).resume_from(positions[9]).await.unwrap();
        assert_eq!(drain(subscription).await.len(), 1 + 45);
        assert!(store.reads() > reads, "{name}: it has not all of this");
    }
}

#[tokio::test(start_paused = true)]
async fn a_batch_is_bounded_in_bytes() {
    for window in [0, 1 << 20] {
        let (hub, _) = hub(|hub| hub.window(window)).await;
        let mut batches = hub.subscribe(["t"]).await.unwrap().in_batches();
        assert_eq!(read(&mut batches).await.0, [1], "window {window}");
        publish_all(&hub, "t", 0..130).await;
        assert_eq!(read(&mut batches).await.0, [130], "window {window}");
        // What is encoded together has 32 KiB or little more, and is a batch; a large event is encoded alone.
        publish_all(&hub, "t", (0..15).map(|_| "x".repeat(6_000))).await;
        assert_eq!(read(&mut batches).await.0, [6, 6, 3], "window {window}");
        publish_all(&hub, "t", (0..2).map(|_| "x".repeat(70_000))).await;
        assert_eq!(read(&mut batches).await.0, [1, 1], "window {window}");
    }
    // What is not is copied, up to 16 KiB.
    let (hub, _) = hub(|hub| hub).await;
    let mut batches = hub.subscribe(["t"]).await.unwrap().in_batches();
    read(&mut batches).await;
    for _ in 0..8 {
        publish(&hub, "t", &"x".repeat(6_000)).await;
        settle().await;
    }
    assert_eq!(read(&mut batches).await.0, [3, 3, 2]);
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
