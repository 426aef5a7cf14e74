//! The application that every framework serves, and the test's end of its streams.

use std::collections::VecDeque;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures_core::Stream;
use sse_core::{CloseReason, Event, EventId, Lifecycle, Refusal, StreamStats};
use testkit::BOUND;
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

type MakeLifecycle = dyn Fn() -> Lifecycle + Send + Sync;

/// What of the framework's own stands before the application.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Middleware {
    /// Nothing.
    None,
    /// Compression, of whatever the response is.
    Compression,
    /// CORS for any page: GET, with `Last-Event-ID`; `Retry-After` may be read.
    CorsForAny,
    /// The same for pages of [`App::ORIGIN`] alone, with credentials.
    CorsForOne,
}

/// The application: what a framework's handlers ask.
#[derive(Clone)]
pub struct App {
    lifecycle: Arc<MakeLifecycle>,
    opened: mpsc::UnboundedSender<Feed>,
    middleware: Middleware,
}

impl App {
    /// A text that is worth compressing.
    pub const PLAIN: &str = include_str!("lib.rs");

    /// Where the pages come from that may read a stream with credentials.
    pub const ORIGIN: &str = "https://page.example";

    /// An application whose streams live like this, and where their feeds come out.
    pub(crate) fn new(
        lifecycle: impl Fn() -> Lifecycle + Send + Sync + 'static,
        middleware: Middleware,
    ) -> (Self, mpsc::UnboundedReceiver<Feed>) {
        let (opened, feeds) = mpsc::unbounded_channel();
        (Self { lifecycle: Arc::new(lifecycle), opened, middleware }, feeds)
    }

    /// What the framework is to put before all of it.
    pub fn middleware(&self) -> Middleware {
        self.middleware
    }

    /// How a client is refused that comes with this id.
    pub fn refusal(&self, last: Option<&EventId>) -> Option<Refusal> {
        let wait = Duration::from_secs(5)..=Duration::from_secs(9);
        match last?.as_str() {
            "busy" => Some(Refusal::too_many_requests(wait)),
            "done" => Some(Refusal::complete()),
            "full" => Some(Refusal::unavailable(wait).in_stream()),
            _ => None,
        }
    }

    /// A new stream: its source, and how it lives.
    pub fn open(&self) -> (Source, Lifecycle) {
        let (sender, batches) = mpsc::unbounded_channel();
        let (tell, closed) = oneshot::channel();
        let lifecycle = (self.lifecycle)().on_close(move |reason, stats| {
            let _ = tell.send((reason, stats));
        });
        // Nobody may be there to take the feed: the test is over then.
        let _ = self.opened.send(Feed { sender, closed });
        (Source { batches, ready: VecDeque::new(), endless: None }, lifecycle)
    }
}

impl fmt::Debug for App {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("App").field("middleware", &self.middleware).finish_non_exhaustive()
    }
}

type Item = Result<Event, &'static str>;

/// What is ready for a source's next poll.
enum Batch {
    /// These items, all at once.
    Items(Vec<Item>),
    /// Numbered events for ever; the number of those taken is counted.
    Endless(Arc<AtomicU64>),
}

/// The source of a stream, fed by a test.
pub struct Source {
    batches: mpsc::UnboundedReceiver<Batch>,
    ready: VecDeque<Item>,
    endless: Option<Arc<AtomicU64>>,
}

impl Stream for Source {
    type Item = Item;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Item>> {
        loop {
            if let Some(taken) = &self.endless {
                let number = taken.fetch_add(1, Ordering::SeqCst);
                return Poll::Ready(Some(Ok(Feed::numbered(number))));
            }
            if let Some(item) = self.ready.pop_front() {
                return Poll::Ready(Some(item));
            }
            match ready!(self.batches.poll_recv(cx)) {
                Some(Batch::Items(items)) => self.ready = items.into(),
                Some(Batch::Endless(taken)) => self.endless = Some(taken),
                None => return Poll::Ready(None),
            }
        }
    }
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Source").finish_non_exhaustive()
    }
}

/// The other end of a source; dropped, the source ends.
pub struct Feed {
    sender: mpsc::UnboundedSender<Batch>,
    closed: oneshot::Receiver<(CloseReason, StreamStats)>,
}

impl Feed {
    /// The events of an endless source: 1 KiB each, and a number that tells where it is.
    pub fn numbered(number: u64) -> Event {
        Event::new(format!("{number:01024}"))
    }

    /// Makes these events ready, all at once.
    pub fn send(&self, events: impl IntoIterator<Item = Event>) {
        self.batch(Batch::Items(events.into_iter().map(Ok).collect()));
    }

    /// Makes these events ready, and a failure right behind them.
    pub fn send_and_fail(&self, events: impl IntoIterator<Item = Event>) {
        let events = events.into_iter().map(Ok);
        self.batch(Batch::Items(events.chain([Err("the source has failed")]).collect()));
    }

    /// Makes the source an endless one, and gives the count of what is taken of it.
    pub fn never_end(&self) -> Arc<AtomicU64> {
        let taken = Arc::new(AtomicU64::new(0));
        self.batch(Batch::Endless(taken.clone()));
        taken
    }

    fn batch(&self, batch: Batch) {
        assert!(self.sender.send(batch).is_ok(), "the source has been dropped");
    }

    /// Waits until the source is dropped.
    pub async fn is_dropped(&self) {
        let dropped = timeout(BOUND, self.sender.closed());
        assert!(dropped.await.is_ok(), "the source is not dropped within {BOUND:?}");
    }

    /// Whether the source has been dropped already.
    pub fn was_dropped(&self) -> bool {
        self.sender.is_closed()
    }

    /// Waits for why the stream was closed, and what it carried.
    pub async fn closed(self) -> (CloseReason, StreamStats) {
        let closed = timeout(BOUND, self.closed).await;
        closed.expect("the stream closes in time").expect("a stream says why it closes")
    }
}

impl fmt::Debug for Feed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Feed").field("was_dropped", &self.was_dropped()).finish_non_exhaustive()
    }
}
