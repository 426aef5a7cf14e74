//! A log as a stream.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use futures_core::Stream;

use crate::{EventStore, Page, Position, StoreFuture, TopicSet};

/// How many records a page has at most.
const LIMIT: usize = 500;

/// Reads the log from a position on and follows it: pages of what is there, then of what comes.
///
/// A page has at least one record, or a status that is not [`Exact`](crate::PageStatus::Exact): what is missing is told
/// before what follows it. The stream has no end. An error is not the end either: polled again, it goes on where it was, and
/// the first page after that may have nothing in it, which says that the store answers again.
/// Whoever does so waits a while first, and stops when the store [is closed](crate::StoreError::is_closed).
///
/// ```
/// # use std::sync::Arc;
/// # use futures_util::StreamExt;
/// # use sse_core::Event;
/// # use sse_store::{EventStore, MemoryStore, NewEntry, Position, Topic, TopicSet, follow};
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let store: Arc<dyn EventStore> = Arc::new(MemoryStore::new());
/// let topic = Topic::new("orders/42")?;
/// store.append(vec![NewEntry::new(topic.clone(), Event::new("shipped"))]).await?;
///
/// let mut pages = follow(store, Position::START, topic.into());
/// if let Some(page) = pages.next().await {
///     for entry in page?.entries {
///         println!("{}", entry.position);
///     }
/// }
/// # Ok(())
/// # }
/// ```
pub fn follow(store: Arc<dyn EventStore>, after: Position, topics: TopicSet) -> Follow {
    let topics = Arc::new(topics);
    Follow { store, topics, position: after, waits: false, has_failed: false, reading: None }
}

/// The stream of [`follow`].
#[must_use = "streams do nothing unless polled"]
pub struct Follow {
    store: Arc<dyn EventStore>,
    topics: Arc<TopicSet>,
    position: Position,
    /// Whether the last page had all there was.
    waits: bool,
    /// Whether the store has not answered since an error.
    has_failed: bool,
    reading: Option<StoreFuture<'static, Page>>,
}

impl Follow {
    /// Where it goes on: after all that it has given.
    pub fn position(&self) -> Position {
        self.position
    }

    fn read(&self) -> StoreFuture<'static, Page> {
        let (store, topics) = (self.store.clone(), self.topics.clone());
        let (mut after, mut waits) = (self.position, self.waits);
        let says_so = self.has_failed;
        Box::pin(async move {
            loop {
                if waits {
                    store.wait(after).await?;
                }
                let page = store.read(after, &topics, LIMIT).await?;
                if says_so || !page.entries.is_empty() || !page.status.is_exact() {
                    return Ok(page);
                }
                after = page.next;
                waits = true;
            }
        })
    }
}

impl Stream for Follow {
    type Item = Result<Page, crate::StoreError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let reading = match self.reading.take() {
            Some(reading) => reading,
            None => self.read(),
        };
        let read = ready!(self.reading.insert(reading).as_mut().poll(cx));
        self.reading = None;
        self.has_failed = read.is_err();
        match &read {
            Ok(page) => {
                self.position = page.next;
                self.waits = page.entries.last().is_none_or(|last| last.position != page.next);
            }
            // Whatever there was to wait for may be there by now.
            Err(_) => self.waits = false,
        }
        Poll::Ready(Some(read))
    }
}

impl fmt::Debug for Follow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Follow")
            .field("store", &self.store)
            .field("topics", &self.topics)
            .field("position", &self.position)
            .finish_non_exhaustive()
    }
}
