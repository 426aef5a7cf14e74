//! What a publish costs to a topic with one subscriber, beside others in whose topics nothing happens.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use benches::{clock, stamp};
use futures_util::{FutureExt as _, StreamExt as _};
use sse_core::Event;
use sse_hub::{Hub, Subscription};
use sse_store::MemoryStore;

use crate::Options;

/// How many others there are, in turn.
const OTHERS: [usize; 4] = [0, 100, 1_000, 10_000];
/// How many events are published each time.
const EVENTS: usize = 2_000;
/// How often CPU time is taken.
const TIMES: usize = 20;

pub(crate) fn table(_: &Options) -> String {
    let mut table = String::from("| a publish and its delivery, CPU µs |");
    for others in OTHERS {
        let _ = write!(table, " {others} others |");
    }
    table.push_str("\n|---|");
    table.push_str(&"---|".repeat(OTHERS.len()));
    for (name, own_topics) in
        [("all on one other topic", false), ("each on a topic of its own", true)]
    {
        let _ = write!(table, "\n| {name} |");
        for others in OTHERS {
            let _ = write!(table, " {:.2} |", cost(others, own_topics) / 1e3);
        }
    }
    table
}

/// Nanoseconds of CPU time, the least of all times.
#[tokio::main(flavor = "current_thread")]
async fn cost(others: usize, own_topics: bool) -> f64 {
    let hub = Hub::builder(Arc::new(MemoryStore::new()))
        .window(1 << 20)
        .max_connections(usize::MAX)
        .stall(Duration::from_secs(3600))
        .build();
    let mut idle = Vec::new();
    for number in 0..others {
        let topic = if own_topics { number } else { 0 };
        idle.push(subscribe(&hub, &format!("other/{topic}")).await);
    }
    let mut one = subscribe(&hub, "one").await;
    let mut least = f64::INFINITY;
    for _ in 0..TIMES {
        let before = clock::cpu();
        for _ in 0..EVENTS {
            hub.publish("one", Event::new(stamp::data(0))).await.expect("a store");
            one.next().await.expect("no end").expect("a store");
        }
        least = least.min((clock::cpu() - before) as f64 / EVENTS as f64);
        hub.store().trim(0).await.expect("a store");
    }
    least
}

/// One who waits for the next event.
async fn subscribe(hub: &Hub, topic: &str) -> Subscription {
    let mut subscription = hub.subscribe([topic]).await.expect("a hub");
    subscription.next().await.expect("an opening").expect("a store");
    assert!(subscription.next().now_or_never().is_none(), "there is nothing yet");
    subscription
}
