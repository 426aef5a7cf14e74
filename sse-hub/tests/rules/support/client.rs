use std::ops::Deref;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use futures_util::Stream;
use sse_core::{Frame, Frames};
use sse_hub::{Batches, HubError, Subscription};

use super::settle;

/// What a client was told, in short.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Told {
    pub(crate) event_type: Option<String>,
    pub(crate) id: Option<String>,
    pub(crate) data: String,
}

impl From<&Frame> for Told {
    fn from(frame: &Frame) -> Self {
        Self {
            event_type: frame.event_type().map(str::to_owned),
            id: frame.id().map(str::to_owned),
            data: frame.data().unwrap_or_default().into_owned(),
        }
    }
}

/// A subscription by itself or in batches, as what is ready at a time.
pub(crate) enum Source {
    Single(Subscription),
    Batches(Batches),
}

impl Deref for Source {
    type Target = Subscription;

    fn deref(&self) -> &Subscription {
        match self {
            Self::Single(subscription) => subscription,
            Self::Batches(batches) => batches.subscription(),
        }
    }
}

impl Stream for Source {
    type Item = Result<Frames, HubError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        match &mut *self {
            Self::Single(subscription) => {
                let next = Pin::new(subscription).poll_next(cx);
                next.map(|next| next.map(|frame| frame.map(Frames::from)))
            }
            Self::Batches(batches) => Pin::new(batches).poll_next(cx),
        }
    }
}

/// A client that reads when it is told to, and remembers its last event id as a browser does.
pub(crate) struct Client {
    pub(crate) subscription: Source,
    pub(crate) last_event_id: Option<String>,
    pub(crate) error: Option<HubError>,
    pub(crate) is_over: bool,
    woken: Arc<Woken>,
}

/// Whether there may be something new.
#[derive(Default)]
struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::SeqCst);
    }
}

impl Client {
    pub(crate) fn new(subscription: Subscription) -> Self {
        Self::of(Source::Single(subscription))
    }

    pub(crate) fn of(subscription: Source) -> Self {
        Self {
            subscription,
            last_event_id: None,
            error: None,
            is_over: false,
            woken: Arc::default(),
        }
    }

    /// All there is to read, once every task has done what it can.
    pub(crate) async fn read(&mut self) -> Vec<Told> {
        let mut told = Vec::new();
        // It looks again for as long as it is woken, as a server does.
        self.woken.0.store(true, Ordering::SeqCst);
        loop {
            settle().await;
            if !self.woken.0.swap(false, Ordering::SeqCst) {
                return told;
            }
            told.extend(self.take_ready(usize::MAX));
        }
    }

    /// What is ready, so many at the most but for the last batch, without waiting for anything.
    pub(crate) fn take_ready(&mut self, most: usize) -> Vec<Told> {
        let mut told = Vec::new();
        let waker = Waker::from(self.woken.clone());
        let mut cx = Context::from_waker(&waker);
        while told.len() < most && !self.is_over {
            match Pin::new(&mut self.subscription).poll_next(&mut cx) {
                Poll::Pending => break,
                Poll::Ready(None) => self.is_over = true,
                Poll::Ready(Some(Err(error))) => self.error = Some(error),
                Poll::Ready(Some(Ok(frames))) => told.extend(frames.into_iter().map(|frame| {
                    let frame = Told::from(&frame);
                    self.last_event_id = frame.id.clone().or(self.last_event_id.take());
                    frame
                })),
            }
        }
        told
    }

    /// The same as `read`, each in a word: the data of an event, or the type of what the hub tells.
    pub(crate) async fn words(&mut self) -> Vec<String> {
        let told = self.read().await;
        told.into_iter().map(|told| told.event_type.unwrap_or(told.data)).collect()
    }
}
