use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::SystemTime;

use sse_store::{
    Cleared, Entry, EventStore, Key, MemoryStore, NewEntry, Newest, Page, Position, Query,
    StoreError, StoreFuture, Topic, TopicSet,
};
use tokio::sync::{Notify, watch};

/// A memory store that can be down, slow, closed, or exchanged for another log, and counts what it is asked.
#[derive(Debug)]
pub(crate) struct TestStore {
    store: Mutex<Arc<MemoryStore>>,
    exchanged: Notify,
    pub(crate) is_down: AtomicBool,
    pub(crate) is_closed: AtomicBool,
    /// While it is true, reads of some topics wait; the feed's own do not.
    pub(crate) holds_reads: watch::Sender<bool>,
    /// While it is true, reads of some topics wait with what they have read.
    pub(crate) holds_answers: watch::Sender<bool>,
    /// While it is true, the feed waits before it reads.
    pub(crate) holds_feed: watch::Sender<bool>,
    /// While it is true, lists wait.
    pub(crate) holds_lists: watch::Sender<bool>,
    /// A topic that cannot be read.
    pub(crate) unreadable: Mutex<Option<Topic>>,
    /// How often some topics were read, the feed's own reads left out.
    pub(crate) reads: AtomicUsize,
    pub(crate) reading: AtomicUsize,
    pub(crate) most_reading: AtomicUsize,
    pub(crate) lists: AtomicUsize,
    pub(crate) listing: AtomicUsize,
    pub(crate) most_listing: AtomicUsize,
}

impl TestStore {
    pub(crate) fn new() -> Self {
        Self {
            store: Mutex::new(Arc::new(MemoryStore::new())),
            exchanged: Notify::new(),
            is_down: AtomicBool::new(false),
            is_closed: AtomicBool::new(false),
            holds_reads: watch::Sender::new(false),
            holds_answers: watch::Sender::new(false),
            holds_feed: watch::Sender::new(false),
            holds_lists: watch::Sender::new(false),
            unreadable: Mutex::default(),
            reads: AtomicUsize::new(0),
            reading: AtomicUsize::new(0),
            most_reading: AtomicUsize::new(0),
            lists: AtomicUsize::new(0),
            listing: AtomicUsize::new(0),
            most_listing: AtomicUsize::new(0),
        }
    }

    pub(crate) fn set_down(&self, is_down: bool) {
        self.is_down.store(is_down, Ordering::SeqCst);
    }

    pub(crate) fn close(&self) {
        self.is_closed.store(true, Ordering::SeqCst);
        self.exchanged.notify_waiters();
    }

    /// Those who wait for something new look how the store is.
    pub(crate) fn interrupt(&self) {
        self.exchanged.notify_waiters();
    }

    /// Another log in its place, such as after a restore.
    pub(crate) fn exchange(&self) {
        *self.store.lock().unwrap() = Arc::new(MemoryStore::new());
        self.exchanged.notify_waiters();
    }

    pub(crate) fn reads(&self) -> usize {
        self.reads.load(Ordering::SeqCst)
    }

    pub(crate) fn lists(&self) -> usize {
        self.lists.load(Ordering::SeqCst)
    }

    /// Counts a list, and waits while lists are held.
    async fn one_list(&self) {
        self.lists.fetch_add(1, Ordering::SeqCst);
        let listing = self.listing.fetch_add(1, Ordering::SeqCst) + 1;
        self.most_listing.fetch_max(listing, Ordering::SeqCst);
        released(&self.holds_lists).await;
        self.listing.fetch_sub(1, Ordering::SeqCst);
    }

    fn store(&self) -> Result<Arc<MemoryStore>, StoreError> {
        if self.is_closed.load(Ordering::SeqCst) {
            return Err(StoreError::closed());
        }
        if self.is_down.load(Ordering::SeqCst) {
            return Err(StoreError::unavailable("the store is down"));
        }
        Ok(self.store.lock().unwrap().clone())
    }
}

async fn released(gate: &watch::Sender<bool>) {
    let _ = gate.subscribe().wait_for(|holds| !holds).await;
}

impl EventStore for TestStore {
    fn append(&self, batch: Vec<NewEntry>) -> StoreFuture<'_, Vec<Position>> {
        Box::pin(async move { self.store()?.append(batch).await })
    }

    fn append_once<'a>(
        &'a self,
        key: &'a Key,
        batch: Vec<NewEntry>,
    ) -> StoreFuture<'a, Vec<Position>> {
        Box::pin(async move { self.store()?.append_once(key, batch).await })
    }

    fn head(&self) -> StoreFuture<'_, Position> {
        Box::pin(async move { self.store()?.head().await })
    }

    fn read<'a>(
        &'a self,
        after: Position,
        topics: &'a TopicSet,
        limit: usize,
    ) -> StoreFuture<'a, Page> {
        Box::pin(async move {
            if *topics == TopicSet::All {
                released(&self.holds_feed).await;
                return self.store()?.read(after, topics, limit).await;
            }
            self.reads.fetch_add(1, Ordering::SeqCst);
            let reading = self.reading.fetch_add(1, Ordering::SeqCst) + 1;
            self.most_reading.fetch_max(reading, Ordering::SeqCst);
            released(&self.holds_reads).await;
            let unreadable = self.unreadable.lock().unwrap().clone();
            let page = match self.store() {
                Ok(_) if unreadable.is_some_and(|it| topics.contains(it.as_str())) => {
                    Err(StoreError::other("a row that cannot be decoded"))
                }
                Ok(store) => store.read(after, topics, limit).await,
                Err(error) => Err(error),
            };
            released(&self.holds_answers).await;
            self.reading.fetch_sub(1, Ordering::SeqCst);
            page
        })
    }

    fn list<'a>(&'a self, query: &'a Query) -> StoreFuture<'a, Vec<Entry>> {
        Box::pin(async move {
            self.one_list().await;
            self.store()?.list(query).await
        })
    }

    fn newest<'a>(&'a self, topics: &'a BTreeSet<Topic>) -> StoreFuture<'a, Vec<Newest>> {
        Box::pin(async move {
            self.one_list().await;
            self.store()?.newest(topics).await
        })
    }

    fn wait(&self, after: Position) -> StoreFuture<'_, Position> {
        Box::pin(async move {
            loop {
                let exchanged = self.exchanged.notified();
                let store = self.store()?;
                tokio::select! {
                    head = store.wait(after) => return head,
                    () = exchanged => {}
                }
            }
        })
    }

    fn clear<'a>(&'a self, topic: &'a Topic) -> StoreFuture<'a, Cleared> {
        Box::pin(async move { self.store()?.clear(topic).await })
    }

    fn purge(&self, before: SystemTime) -> StoreFuture<'_, u64> {
        Box::pin(async move { self.store()?.purge(before).await })
    }

    fn trim(&self, keep: u64) -> StoreFuture<'_, u64> {
        Box::pin(async move { self.store()?.trim(keep).await })
    }
}
