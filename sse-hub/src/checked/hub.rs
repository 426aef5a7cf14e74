//! A whole hub but for its sweep, over a store that lets others run before and after it answers.

use std::sync::{Arc, OnceLock};
use std::time::SystemTime;

use shuttle::future::yield_now;
use shuttle::rand::Rng as _;
use sse_store::{
    Cleared, Entry, EventStore, Key, MemoryStore, NewEntry, Page, Position, Query, StoreFuture,
    Topic, TopicSet,
};
use tokio::runtime::{Builder, Handle, Runtime};

use crate::core::Core;
use crate::feed::feed;
use crate::hub::Shared;
use crate::window::Writer;
use crate::{Hub, HubBuilder, HubError};

#[derive(Debug)]
pub(super) struct SlowStore(pub(super) MemoryStore);

/// Lets others run, by chance.
pub(super) async fn idle(most: usize) {
    for _ in 0..shuttle::rand::thread_rng().gen_range(0..=most) {
        yield_now().await;
    }
}

/// An answer, with time before and after it.
async fn slowly<T>(answer: impl Future<Output = T>) -> T {
    idle(2).await;
    let answer = answer.await;
    idle(2).await;
    answer
}

impl EventStore for SlowStore {
    fn append(&self, batch: Vec<NewEntry>) -> StoreFuture<'_, Vec<Position>> {
        Box::pin(slowly(self.0.append(batch)))
    }

    fn append_once<'a>(
        &'a self,
        key: &'a Key,
        batch: Vec<NewEntry>,
    ) -> StoreFuture<'a, Vec<Position>> {
        Box::pin(slowly(self.0.append_once(key, batch)))
    }

    fn head(&self) -> StoreFuture<'_, Position> {
        Box::pin(slowly(self.0.head()))
    }

    fn read<'a>(
        &'a self,
        after: Position,
        topics: &'a TopicSet,
        limit: usize,
    ) -> StoreFuture<'a, Page> {
        // Few at a time, so that there are several pages.
        Box::pin(slowly(self.0.read(after, topics, limit.min(2))))
    }

    fn list<'a>(&'a self, query: &'a Query) -> StoreFuture<'a, Vec<Entry>> {
        Box::pin(slowly(self.0.list(query)))
    }

    fn wait(&self, after: Position) -> StoreFuture<'_, Position> {
        Box::pin(slowly(self.0.wait(after)))
    }

    fn clear<'a>(&'a self, topic: &'a Topic) -> StoreFuture<'a, Cleared> {
        Box::pin(slowly(self.0.clear(topic)))
    }

    fn purge(&self, before: SystemTime) -> StoreFuture<'_, u64> {
        Box::pin(slowly(self.0.purge(before)))
    }

    fn trim(&self, keep: u64) -> StoreFuture<'_, u64> {
        Box::pin(slowly(self.0.trim(keep)))
    }
}

/// A runtime that is asked for nothing: tasks are the model checker's.
fn handle() -> Handle {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    RUNTIME.get_or_init(|| Builder::new_current_thread().build().unwrap()).handle().clone()
}

/// The core of a hub with these limits, and who writes its window.
pub(super) fn core(limits: impl FnOnce(HubBuilder) -> HubBuilder) -> (Arc<Core>, Writer) {
    let store = Arc::new(SlowStore(MemoryStore::new()));
    Core::new(limits(Hub::builder(store)), handle())
}

/// A hub with these limits, whose feed follows.
pub(super) fn hub(limits: impl FnOnce(HubBuilder) -> HubBuilder) -> Hub {
    let (core, writer) = core(limits);
    drop(shuttle::future::spawn(feed(core.clone(), writer)));
    Hub::of(Shared::new(core, Vec::new()))
}

/// Asks again for as long as the answer comes too late: a timer goes off when it likes.
pub(super) async fn in_time<T, F>(mut ask: impl FnMut() -> F) -> T
where
    F: IntoFuture<Output = Result<T, HubError>>,
{
    loop {
        match ask().await {
            Ok(it) => return it,
            Err(error) => assert!(error.is_unavailable(), "{error}"),
        }
        yield_now().await;
    }
}
