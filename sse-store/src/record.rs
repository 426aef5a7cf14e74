//! Events that are stored as they pass.

use std::collections::VecDeque;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use futures_core::Stream;
use sse_core::Event;

use crate::{EventStore, NewEntry, Position, StoreError, StoreFuture, Topic};

/// How many events that are ready at once are stored in one batch.
const BATCH: usize = 100;

/// Stores each event of a stream under a topic, gives it its position as its id, and passes it on.
///
/// An event is passed on only once it is stored, so that whoever has seen it can come back to it. Events that are ready
/// at once are stored as one batch of at most 100; nothing waits for more. The source is not polled while a batch is
/// being stored.
///
/// An error of the store is given as the stream's own kind of error and ends it: what follows is neither stored nor
/// passed on. An error of the source is passed on, and the stream goes on as the source does. Dropping the stream
/// drops the source; a batch on its way is stored as a whole or not at all.
///
/// ```
/// # use std::sync::Arc;
/// # use futures_util::{StreamExt, stream};
/// # use sse_core::Event;
/// # use sse_store::{EventStore, MemoryStore, StoreError, Topic, record};
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let store: Arc<dyn EventStore> = Arc::new(MemoryStore::new());
/// let topic = Topic::new("task/7")?;
/// let run = store.clear(&topic).await?;
///
/// let answer = stream::iter(["Hello", " world"]).map(|text| Ok::<_, StoreError>(Event::new(text)));
/// let mut events = record(store, topic, answer).fenced_by(run.position);
/// while let Some(event) = events.next().await {
///     println!("{:?}", event?.id());
/// }
/// # Ok(())
/// # }
/// ```
pub fn record<S, E>(store: Arc<dyn EventStore>, topic: Topic, source: S) -> Recording<S>
where
    S: Stream<Item = Result<Event, E>>,
    E: From<StoreError>,
{
    Recording {
        store,
        topic,
        fence: None,
        source: Some(Box::pin(source)),
        batch: VecDeque::new(),
        storing: None,
        stored: VecDeque::new(),
    }
}

/// The stream of [`record`].
#[must_use = "streams do nothing unless polled"]
pub struct Recording<S: Stream> {
    store: Arc<dyn EventStore>,
    topic: Topic,
    fence: Option<Position>,
    /// None once it has ended.
    source: Option<Pin<Box<S>>>,
    /// What is being stored.
    batch: VecDeque<Event>,
    storing: Option<StoreFuture<'static, Vec<Position>>>,
    /// What is to be passed on: events with their ids, and after them an error of the source.
    stored: VecDeque<S::Item>,
}

impl<S: Stream> Recording<S> {
    /// The same, ended by an error that [is fenced](StoreError::is_fenced) once the topic has been cleared after this
    /// position: see [`NewEntry::fenced_by`].
    pub fn fenced_by(mut self, position: Position) -> Self {
        self.fence = Some(position);
        self
    }

    fn append(&self) -> StoreFuture<'static, Vec<Position>> {
        let entries = self.batch.iter().map(|event| {
            let entry = NewEntry::new(self.topic.clone(), event.clone());
            match self.fence {
                Some(fence) => entry.fenced_by(fence),
                None => entry,
            }
        });
        let (store, entries) = (self.store.clone(), entries.collect());
        Box::pin(async move { store.append(entries).await })
    }
}

// The source is in a box of its own; nothing else is pinned.
impl<S: Stream> Unpin for Recording<S> {}

impl<S, E> Stream for Recording<S>
where
    S: Stream<Item = Result<Event, E>>,
    E: From<StoreError>,
{
    type Item = Result<Event, E>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        loop {
            if let Some(storing) = &mut this.storing {
                let appended = ready!(storing.as_mut().poll(cx));
                this.storing = None;
                match appended {
                    Ok(positions) => {
                        let events = this.batch.drain(..).zip(positions);
                        let mut stored: VecDeque<_> =
                            events.map(|(event, position)| Ok(event.with_id(position))).collect();
                        stored.append(&mut this.stored);
                        this.stored = stored;
                    }
                    Err(error) => {
                        this.source = None;
                        this.batch.clear();
                        this.stored.clear();
                        return Poll::Ready(Some(Err(error.into())));
                    }
                }
            }
            if let Some(item) = this.stored.pop_front() {
                return Poll::Ready(Some(item));
            }
            let is_pending = this.gather(cx);
            match (this.batch.is_empty(), this.stored.is_empty()) {
                (false, _) => this.storing = Some(this.append()),
                (true, false) => {}
                (true, true) if is_pending => return Poll::Pending,
                (true, true) => return Poll::Ready(None),
            }
        }
    }
}

impl<S, E> Recording<S>
where
    S: Stream<Item = Result<Event, E>>,
{
    /// Takes what the source has ready, up to a batch, an error or its end; whether it will wake us for more.
    fn gather(&mut self, cx: &mut Context<'_>) -> bool {
        while self.batch.len() < BATCH {
            let Some(source) = &mut self.source else {
                return false;
            };
            match source.as_mut().poll_next(cx) {
                Poll::Pending => return true,
                Poll::Ready(Some(Ok(event))) => self.batch.push_back(event),
                Poll::Ready(Some(error)) => {
                    self.stored.push_back(error);
                    return false;
                }
                Poll::Ready(None) => self.source = None,
            }
        }
        false
    }
}

impl<S: Stream> fmt::Debug for Recording<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recording")
            .field("store", &self.store)
            .field("topic", &self.topic)
            .field("fence", &self.fence)
            .finish_non_exhaustive()
    }
}
