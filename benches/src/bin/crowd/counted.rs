//! A store that counts how often it is read.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::SystemTime;

use sse_store::{
    Cleared, Entry, EventStore, Key, NewEntry, Newest, Page, Position, Query, StoreFuture, Topic,
    TopicSet,
};

/// Counts the reads of some topics, and the listings: the feed reads all topics, and is not counted.
#[derive(Debug)]
pub(crate) struct Counted {
    pub(crate) store: Arc<dyn EventStore>,
    pub(crate) reads: AtomicUsize,
    pub(crate) listings: AtomicUsize,
}

impl Counted {
    pub(crate) fn new(store: Arc<dyn EventStore>) -> Self {
        Self { store, reads: AtomicUsize::new(0), listings: AtomicUsize::new(0) }
    }
}

impl EventStore for Counted {
    fn append(&self, batch: Vec<NewEntry>) -> StoreFuture<'_, Vec<Position>> {
        self.store.append(batch)
    }

    fn append_once<'a>(
        &'a self,
        key: &'a Key,
        batch: Vec<NewEntry>,
    ) -> StoreFuture<'a, Vec<Position>> {
        self.store.append_once(key, batch)
    }

    fn head(&self) -> StoreFuture<'_, Position> {
        self.store.head()
    }

    fn read<'a>(
        &'a self,
        after: Position,
        topics: &'a TopicSet,
        limit: usize,
    ) -> StoreFuture<'a, Page> {
        if *topics != TopicSet::All {
            self.reads.fetch_add(1, Ordering::Relaxed);
        }
        self.store.read(after, topics, limit)
    }

    fn list<'a>(&'a self, query: &'a Query) -> StoreFuture<'a, Vec<Entry>> {
        self.listings.fetch_add(1, Ordering::Relaxed);
        self.store.list(query)
    }

    fn newest<'a>(&'a self, topics: &'a BTreeSet<Topic>) -> StoreFuture<'a, Vec<Newest>> {
        self.listings.fetch_add(1, Ordering::Relaxed);
        self.store.newest(topics)
    }

    fn wait(&self, after: Position) -> StoreFuture<'_, Position> {
        self.store.wait(after)
    }

    fn clear<'a>(&'a self, topic: &'a Topic) -> StoreFuture<'a, Cleared> {
        self.store.clear(topic)
    }

    fn purge(&self, before: SystemTime) -> StoreFuture<'_, u64> {
        self.store.purge(before)
    }

    fn trim(&self, keep: u64) -> StoreFuture<'_, u64> {
        self.store.trim(keep)
    }
}
