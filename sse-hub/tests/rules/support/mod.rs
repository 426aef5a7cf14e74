//! What the tests of the rules share: a store that can be made to fail, and a client that reads.

mod client;
mod store;

use std::sync::Arc;
use std::time::Duration;

use sse_core::Event;
use sse_hub::{Hub, HubBuilder};
use sse_store::{NewEntry, Position, Topic};

pub(crate) use client::{Client, Source, Told};
pub(crate) use store::TestStore;

pub(crate) fn topic(name: &str) -> Topic {
    Topic::new(name).unwrap()
}

/// A hub with limits of its own that has begun to follow a store, which can be made to fail.
pub(crate) async fn hub(limits: impl FnOnce(HubBuilder) -> HubBuilder) -> (Hub, Arc<TestStore>) {
    let store = Arc::new(TestStore::new());
    let hub = limits(Hub::builder(store.clone())).build();
    settle().await;
    (hub, store)
}

/// Lets all tasks run until none can go on: with the clock paused it passes only then.
pub(crate) async fn settle() {
    tokio::time::sleep(Duration::from_millis(1)).await;
}

pub(crate) async fn publish(hub: &Hub, name: &str, data: &str) -> Position {
    hub.publish(name, Event::new(data)).await.unwrap()
}

/// Publishes to a topic one event for each of these.
pub(crate) async fn publish_all(
    hub: &Hub,
    name: &str,
    data: impl IntoIterator<Item = impl ToString>,
) {
    let entry = |data: String| NewEntry::new(topic(name), Event::new(data));
    let batch = data.into_iter().map(|data| entry(data.to_string())).collect();
    hub.append(batch).await.unwrap();
}
