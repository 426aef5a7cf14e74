//! What a hub holds in memory, counted by the allocator: bytes as they were asked for.
//!
//! Everything of a test runs on its own thread, on which alone it is counted. The figures of the guide are printed with
//! `--nocapture`.

use std::sync::Arc;
use std::time::Duration;

use allocation_counter::measure;
use futures_util::{FutureExt as _, StreamExt as _};
use sse_core::Event;
use sse_hub::{Hub, HubBuilder, Overload, Subscription};
use sse_store::{MemoryStore, NewEntry};
use tokio::runtime::{Builder, Runtime};

/// How many events are published at a time.
const BATCH: usize = 100;
/// What a hub without anything in it may hold, its notices above all.
const EMPTY: i64 = 192 << 10;

/// A hub, its runtime, and one who reads, so that it is known how far the feed has come.
struct Scene {
    runtime: Runtime,
    hub: Hub,
    reader: Subscription,
    /// How many records the store keeps.
    stored: u64,
}

impl Scene {
    /// Time stands still, and nobody is ended for not reading.
    fn new(build: impl FnOnce(HubBuilder) -> HubBuilder) -> Self {
        let runtime = Builder::new_current_thread().enable_time().start_paused(true).build();
        let runtime = runtime.unwrap();
        let (hub, reader) = runtime.block_on(async {
            let hub = Hub::builder(Arc::new(MemoryStore::new()))
                .max_connections(1_000_000)
                .stall(Duration::from_secs(1_000_000));
            let hub = build(hub).build();
            let reader = hub.subscribe(["end of a batch"]).await.unwrap();
            (hub, reader)
        });
        Self { runtime, hub, reader, stored: 0 }
    }

    /// Publishes so many events, of so many bytes of data, on each of so many topics in turn. The store keeps no
    /// more than it is said.
    fn publish(&mut self, events: usize, len: usize, topics: usize) {
        self.runtime.block_on(async {
            for from in (0..events).step_by(BATCH) {
                let event = |number: usize| {
                    let topic = topic(number % topics);
                    NewEntry::new(topic.try_into().unwrap(), Event::new("x".repeat(len)))
                };
                let mut batch: Vec<_> = (from..events.min(from + BATCH)).map(event).collect();
                let end = "end of a batch".try_into().unwrap();
                batch.push(NewEntry::new(end, Event::new("")));
                let end = *self.hub.append(batch).await.unwrap().last().unwrap();
                while self.reader.position() < end {
                    self.reader.next().await.unwrap().unwrap();
                }
                self.hub.store().trim(self.stored).await.unwrap();
            }
        });
    }

    /// One who has been told where it stands, and has nothing else to read.
    fn subscribe(
        &self,
        topics: impl IntoIterator<Item = usize>,
        overload: Overload,
    ) -> Subscription {
        let names: Vec<_> = topics.into_iter().map(topic).collect();
        self.runtime.block_on(async {
            let subscribe = self.hub.subscribe(names.iter().map(String::as_str));
            let mut subscription = subscribe.overload(overload).await.unwrap();
            subscription.next().await.unwrap().unwrap();
            assert!(subscription.next().now_or_never().is_none());
            subscription
        })
    }

    /// What the hub holds, and these subscriptions: what is given back when they go. The names of topics are not in it, which the store has too.
    fn held(self, others: Vec<Subscription>) -> i64 {
        let Self { runtime, hub, reader, .. } = self;
        let store = hub.store().clone();
        let held = -bytes_of(|| {
            drop((hub, reader, others));
            // Its tasks end when they are polled.
            runtime.block_on(async {
                for _ in 0..10 {
                    tokio::task::yield_now().await;
                }
            });
        });
        assert_eq!(Arc::strong_count(&store), 1);
        held
    }
}

fn topic(number: usize) -> String {
    format!("topic/{number:08}")
}

/// How many bytes more are held after this than before.
fn bytes_of(work: impl FnOnce()) -> i64 {
    measure(work).bytes_current
}

#[test]
fn an_idle_subscription_costs_some_hundred_bytes_and_some_for_each_topic() {
    const COUNT: usize = 10_000;
    // How many topics each has, whether they are the same for all, and the most that it may cost.
    for (topics, shared, most) in
        [(0, true, 420), (1, true, 480), (1, false, 720), (10, true, 1_020), (10, false, 3_500)]
    {
        let scene = Scene::new(|hub| hub);
        let mut all = Vec::with_capacity(COUNT);
        let bytes = bytes_of(|| {
            for number in 0..COUNT {
                let first = if shared { 0 } else { number * topics };
                all.push(scene.subscribe(first..first + topics, Overload::KeepAll));
            }
        });
        let each = bytes / COUNT as i64;
        println!("{topics} topics, shared: {shared}: {each} bytes");
        assert!(each <= most, "{topics} topics, shared: {shared}: {each} bytes");
        let kept = bytes + bytes_of(|| drop(all));
        assert!(kept < 8 << 10, "{topics} topics, shared: {shared}: {kept} bytes are left");
    }
}

#[test]
fn a_subscriber_that_never_reads_costs_no_memory_however_much_is_published() {
    const COUNT: usize = 1_000;
    /// What one holds that has stopped in mid-flow: what it asked the store for, and which gap it was told last.
    const ASKED: usize = 256;
    for overload in [Overload::KeepAll, Overload::LatestByTopic, Overload::SkipWhenBehind(10)] {
        let mut scene = Scene::new(|hub| hub.window(64 << 10));
        scene.publish(1_000, 100, 1);
        let mut all: Vec<_> = (0..COUNT).map(|_| scene.subscribe([0], overload)).collect();
        let stopped = bytes_of(|| {
            scene.stored = 10_000;
            scene.publish(1_000, 100, 1);
            // A third of them has not read since, the others have stopped after one event, or two or what there is.
            scene.runtime.block_on(async {
                for (number, subscription) in all.iter_mut().enumerate() {
                    for _ in 0..number % 3 {
                        subscription.next().await.unwrap().unwrap();
                    }
                }
                scene.hub.store().trim(0).await.unwrap();
                // No page of the store is kept for that long.
                tokio::time::sleep(Duration::from_secs(60)).await;
            });
            scene.stored = 0;
        });
        let grown = bytes_of(|| scene.publish(10_000, 100, 1));
        assert!(stopped < (COUNT * ASKED) as i64, "{overload:?}: {stopped} bytes");
        // One event more or less in the window, but not a byte for each.
        assert!(grown < COUNT as i64, "{overload:?}: {grown} bytes");
        assert_eq!(scene.hub.connection_count(), COUNT + 1);
    }
}

#[test]
fn the_window_holds_no_more_than_it_may_whatever_the_events_and_their_topics() {
    const LIMIT: usize = 1 << 20;
    for (events, len, topics) in [
        (20_000, 0, 1),
        (20_000, 100, 1),
        (20_000, 100, 10),
        (20_000, 1, 1_000),
        (20_000, 1, 3_000),
        (20_000, 1, 20_000),
        (500, 10_000, 1),
        (500, 10_000, 500),
    ] {
        let mut scene = Scene::new(|hub| hub.window(LIMIT));
        scene.publish(events, len, topics);
        // The names that the store has too; no more topics are held than have an event each.
        let names = topics.min(LIMIT / 640) * (16 + topic(0).len());
        let held = scene.held(Vec::new()) + names as i64;
        println!("{events} events of {len} bytes on {topics} topics: {held} bytes");
        assert!(held <= LIMIT as i64 + EMPTY, "{len} bytes on {topics} topics: {held} bytes");
        assert!(held >= LIMIT as i64 / 3, "{len} bytes on {topics} topics: {held} bytes");
    }
}

#[test]
fn the_pages_that_are_kept_hold_no_more_than_they_may_whatever_was_asked_for() {
    const LIMIT: usize = 1 << 20;
    // How many are behind, on how many topics of their own, by how many events.
    for (count, topics, events) in [(4_000, 1, 1), (1_000, 10, 10), (100, 1, 400)] {
        let mut scene = Scene::new(|hub| hub.window(0).catch_up_memory(LIMIT));
        scene.stored = 100_000;
        let own = |number: usize| number * topics..(number + 1) * topics;
        let all = (0..count).map(|number| scene.subscribe(own(number), Overload::KeepAll));
        let mut all: Vec<_> = all.collect();
        scene.publish(count * events, 100, count * topics);
        scene.runtime.block_on(async {
            for subscription in &mut all {
                for _ in 0..events {
                    subscription.next().await.unwrap().unwrap();
                }
            }
        });
        // Those are kept for some seconds.
        let minute = Duration::from_secs(60);
        let kept = -bytes_of(|| scene.runtime.block_on(async { tokio::time::sleep(minute).await }));
        println!("pages of {events} events for {topics} topics: {kept} bytes");
        assert!(kept <= LIMIT as i64, "{events} events, {topics} topics: {kept} bytes");
        assert!(kept >= LIMIT as i64 / 3, "{events} events, {topics} topics: {kept} bytes");
    }
}

#[test]
fn the_window_counts_what_is_held_together_until_the_last_of_it_goes() {
    const LIMIT: usize = 1 << 20;
    // Each time as much is published as the store gives at once, of many topics in turn: the window is always in the midst of
    // it, and has of each topic the end of what was encoded together.
    const TOPICS: usize = 40;
    for rest in [50, 200, 350] {
        let mut scene = Scene::new(|hub| hub.window(LIMIT));
        for events in [400, 400, rest] {
            let event = |number: usize| {
                let topic = topic(number % TOPICS);
                NewEntry::new(topic.try_into().unwrap(), Event::new("x".repeat(2_000)))
            };
            let burst: Vec<_> = (0..events).map(event).collect();
            scene.runtime.block_on(scene.hub.append(burst)).unwrap();
            scene.publish(1, 1, 1);
        }
        let held = scene.held(Vec::new());
        println!("{rest} events after what is cut: {held} bytes");
        assert!(held <= LIMIT as i64 + EMPTY, "{rest} events after: {held} bytes");
        assert!(held >= LIMIT as i64 / 3, "{rest} events after: {held} bytes");
    }
}

#[test]
fn a_frame_that_is_kept_keeps_no_more_than_it_was_encoded_with() {
    let kept = |events: usize, len: usize, at: usize| {
        let mut scene = Scene::new(|hub| hub.window(0));
        scene.stored = 10_000;
        let mut reader = scene.subscribe([0], Overload::KeepAll);
        scene.publish(events, len, 1);
        let frame = scene.runtime.block_on(async {
            for _ in 0..at {
                reader.next().await.unwrap().unwrap();
            }
            reader.next().await.unwrap().unwrap()
        });
        drop(reader);
        // No page of the store is kept for that long.
        scene.runtime.block_on(async { tokio::time::sleep(Duration::from_secs(60)).await });
        (frame.as_bytes().len(), -bytes_of(|| drop(frame)))
    };
    for (events, len, most) in [(1, 100, 200), (400, 100, 64 << 10), (40, 10_000, 64 << 10)] {
        let (_, bytes) = kept(events, len, events / 2);
        assert!(bytes <= most, "{events} events of {len} bytes: {bytes} bytes");
    }
    // A large one has others neither before it nor behind it.
    let (len, bytes) = kept(3, 100_000, 1);
    assert!(bytes < len as i64 + 200, "{len} bytes: {bytes} bytes");
    let topic = || topic(0).try_into().unwrap();
    let mut scene = Scene::new(|hub| hub);
    let mut reader = scene.subscribe([0], Overload::KeepAll);
    let burst =
        ["x".to_owned(), "x".repeat(100_000)].map(|data| NewEntry::new(topic(), Event::new(data)));
    scene.runtime.block_on(scene.hub.append(burst.into())).unwrap();
    scene.publish(1, 1, 1);
    let small = scene.runtime.block_on(reader.next()).unwrap().unwrap();
    drop(reader);
    scene.held(Vec::new());
    let bytes = -bytes_of(|| drop(small));
    assert!(bytes < 200, "{bytes} bytes");
}

#[test]
fn bursts_to_one_topic_after_another_leave_nothing_behind_that_the_window_does_not_hold() {
    const LIMIT: usize = 1 << 20;
    let mut scene = Scene::new(|hub| hub.window(LIMIT));
    // Somebody is there, so that the topics stay.
    let there = scene.subscribe(0..20, Overload::KeepAll);
    for number in 0..20 {
        let burst =
            (0..4_000).map(|_| NewEntry::new(topic(number).try_into().unwrap(), Event::new("x")));
        let burst: Vec<_> = burst.collect();
        scene.runtime.block_on(scene.hub.append(burst)).unwrap();
        scene.publish(1, 1, 1);
    }
    let held = scene.held(vec![there]);
    assert!(held <= LIMIT as i64 + EMPTY, "{held} bytes");
}

#[test]
fn nothing_is_left_of_those_who_came_and_went_over_ever_other_topics() {
    let mut scene = Scene::new(|hub| hub.window(64 << 10));
    scene.publish(1_000, 1, 1);
    let mut come_and_go = |from: usize, to: usize| {
        bytes_of(|| {
            for number in from..to {
                let _gone = scene.subscribe([number, number + 1, 7], Overload::KeepAll);
            }
            scene.publish(100, 1, 1);
        })
    };
    come_and_go(0, 1_000);
    let left = come_and_go(1_000, 100_000);
    assert!(left < 1_000, "{left} bytes are left of 99,000 subscriptions");
}

#[test]
fn a_hub_without_anything_in_it_holds_little() {
    let held = Scene::new(|hub| hub).held(Vec::new());
    println!("a hub without anything in it: {held} bytes");
    assert!(held <= EMPTY, "{held} bytes");
}
