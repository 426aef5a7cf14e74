//! The memory store under the conformance suite, and retention on it.

use std::sync::Arc;
use std::time::Duration;

use sse_core::Event;
use sse_store::testing::{Harness, Store};
use sse_store::{
    EventStore, MemoryStore, NewEntry, Position, Retention, StoreFuture, Topic, TopicSet,
};

struct Memory(MemoryStore);

impl Harness for Memory {
    fn open(&self) -> StoreFuture<'_, Store> {
        let handle = Arc::new(self.0.clone());
        Box::pin(async move { Ok(handle as Store) })
    }
}

sse_store::conformance_tests!(Memory(MemoryStore::new()));

fn entry(number: usize) -> NewEntry {
    let topic = Topic::new("t").unwrap();
    NewEntry::new(topic, Event::new(number.to_string()))
}

async fn stored(store: &MemoryStore) -> usize {
    let page = store.read(Position::START, &TopicSet::All, 1000).await;
    page.unwrap().entries.len()
}

#[tokio::test(start_paused = true)]
async fn retention_is_kept_up_by_its_task() {
    let store = MemoryStore::new();
    let retention = Retention::new().max_records(10);
    let task = tokio::spawn(retention.run(Arc::new(store.clone())));
    for round in 0..3 {
        store.append((0..25).map(entry).collect()).await.unwrap();
        assert_eq!(stored(&store).await, 25 + 10 * usize::from(round > 0));
        tokio::time::sleep(Retention::INTERVAL * 2).await;
        assert_eq!(stored(&store).await, 10);
    }
    task.abort();
}

#[tokio::test]
async fn retention_deletes_by_age_and_by_number_and_says_how_many() {
    let store = MemoryStore::new();
    let hour = Duration::from_secs(3600);
    store.append((0..9).map(entry).collect()).await.unwrap();
    assert_eq!(Retention::new().apply(&store).await.unwrap(), 0);
    assert_eq!(Retention::new().max_age(hour).apply(&store).await.unwrap(), 0);
    assert_eq!(Retention::new().max_age(Duration::MAX).apply(&store).await.unwrap(), 0);
    assert_eq!(Retention::new().max_age(hour).max_records(5).apply(&store).await.unwrap(), 4);
    // The clock goes on by a millisecond for the last of them to be old.
    let all_gone = async || Retention::new().max_age(Duration::ZERO).apply(&store).await.unwrap();
    testkit::until(testkit::BOUND, "all are old", async || {
        all_gone().await;
        stored(&store).await == 0
    })
    .await;
}
