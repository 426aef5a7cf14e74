//! What a delivery allocates: nothing, whether the event comes alone or among others, by one topic or by ten. What a
//! publish costs: the same, however many there are whom it does not concern.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Wake, Waker};

use allocation_counter::measure;
use futures_util::{FutureExt as _, Stream, StreamExt as _};
use sse_core::Event;
use sse_hub::{Hub, Subscription};
use sse_store::{MemoryStore, NewEntry, Topic};
use tokio::runtime::Builder;

/// A subscription to so many topics that has been told where it stands, and for which so many events are ready in the
/// window.
fn with_ready(topics: usize, events: usize) -> (tokio::runtime::Runtime, Subscription) {
    let runtime = Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    let subscription = runtime.block_on(async {
        let hub = Hub::new(Arc::new(MemoryStore::new()));
        let names: Vec<String> = (0..topics).map(|number| format!("topic/{number}")).collect();
        let subscribe = || hub.subscribe(names.iter().map(String::as_str));
        let mut first = subscribe().await.unwrap();
        let mut subscription = subscribe().await.unwrap();
        subscription.next().await.unwrap().unwrap();
        assert!(subscription.next().now_or_never().is_none());
        let entry = |number: usize| {
            let topic = Topic::new(names[number % topics].as_str()).unwrap();
            NewEntry::new(topic, Event::new("x".repeat(100)))
        };
        hub.append((0..events).map(entry).collect()).await.unwrap();
        // The feed has them when another has been given them.
        for _ in 0..=events {
            first.next().await.unwrap().unwrap();
        }
        subscription
    });
    (runtime, subscription)
}

/// How many items are ready, and how often memory is allocated to give and free them.
fn cost<T>(mut stream: impl Stream<Item = T> + Unpin) -> (usize, u64) {
    let mut items = 0;
    let cost = measure(|| {
        while stream.next().now_or_never().is_some() {
            items += 1
        }
    });
    // It is no part of a delivery that it ends.
    std::mem::forget(stream);
    (items, cost.count_total)
}

#[test]
fn giving_an_event_of_the_window_allocates_nothing() {
    for topics in [1, 10] {
        for events in [1, 16, 1_000] {
            let (_runtime, subscription) = with_ready(topics, events);
            assert_eq!(cost(subscription), (events, 0), "{events} events of {topics} topics");
        }
    }
}

#[test]
fn a_batch_of_what_was_published_together_allocates_nothing_and_of_what_lies_apart_its_copy_alone()
{
    for (topics, events, batches, most) in [
        (1, 1, 1, 0),
        (1, 16, 1, 0),
        (1, 640, 3, 0),
        (10, 1, 1, 0),
        // A kibibyte, then by doubling.
        (10, 16, 1, 2),
        (10, 640, 5, 5 * 6),
    ] {
        let (_runtime, subscription) = with_ready(topics, events);
        let (items, allocations) = cost(subscription.in_batches());
        assert_eq!(items, batches, "{events} events of {topics} topics");
        assert!(allocations <= most, "{events} events of {topics} topics: {allocations}");
    }
}

/// Counts how often it is woken.
#[derive(Default)]
struct Woken(AtomicUsize);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// How often memory is allocated to publish a thousand events and to give them to the one subscriber of their topic, and how
/// often the others are woken for it, who have a topic of their own each, or one together.
fn beside(others: usize, own_topics: bool) -> (u64, usize) {
    const EVENTS: usize = 1_000;
    let runtime = Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    let woken = Arc::new(Woken::default());
    let waker = Waker::from(woken.clone());
    let mut subscriptions = Vec::new();
    let (hub, mut one) = runtime.block_on(async {
        let hub = Hub::builder(Arc::new(MemoryStore::new())).max_connections(usize::MAX).build();
        for number in 0..others {
            let name = format!("other/{}", if own_topics { number } else { 0 });
            let mut other = hub.subscribe([name.as_str()]).await.unwrap();
            other.next().await.unwrap().unwrap();
            assert!(other.poll_next_unpin(&mut Context::from_waker(&waker)).is_pending());
            subscriptions.push(other);
        }
        let mut one = hub.subscribe(["one"]).await.unwrap();
        one.next().await.unwrap().unwrap();
        (hub, one)
    });
    let cost = measure(|| {
        runtime.block_on(async {
            for _ in 0..EVENTS {
                hub.publish("one", Event::new("x")).await.unwrap();
                one.next().await.unwrap().unwrap();
            }
        });
    });
    (cost.count_total, woken.0.load(Ordering::Relaxed))
}

#[test]
fn a_publish_costs_the_same_beside_however_many_it_does_not_concern() {
    let (alone, _) = beside(0, false);
    for (others, own_topics) in [(100, true), (10_000, true), (10_000, false)] {
        let (allocations, woken) = beside(others, own_topics);
        assert_eq!(allocations, alone, "beside {others}, own topics: {own_topics}");
        assert_eq!(woken, 0, "of {others} others, own topics: {own_topics}");
    }
}
