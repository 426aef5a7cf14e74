//! A subscription as a stream.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_core::Stream;
use futures_core::stream::FusedStream;
use sse_core::{Frame, Frames, spread};
use sse_store::Position;

use crate::cursor::{Cursor, Step};
use crate::hub::Shared;
use crate::live::Live;
use crate::pages::Answer;
use crate::slot::Slot;
use crate::tell::Outcome;
use crate::{Batches, ConnectionId, EndReason, HubError, metrics, told};

/// Between which times those come back that were drained.
const DRAINED: std::ops::RangeInclusive<Duration> =
    Duration::from_secs(2)..=Duration::from_secs(10);

/// Between which times those come back that a newer connection has replaced, should they not stay away.
const REPLACED: std::ops::RangeInclusive<Duration> =
    Duration::from_secs(30)..=Duration::from_secs(60);

/// The events of some topics from a position on: a stream of frames, which `Sse::new` takes as it is.
///
/// It gives what is ready without waiting, so that many events leave in one chunk. It ends when all its topics are
/// complete, or the hub ends it ([`EndReason`]); its client comes back with the id of the last event it saw. A failure of
/// the store is no end: the hub tries again, and the subscription waits meanwhile. Only when the store has been closed
/// does it give an error, and ends.
///
/// Dropping it ends the connection.
#[must_use = "streams do nothing unless polled"]
pub struct Subscription {
    hub: Arc<Shared>,
    live: Arc<Live>,
    is_over: bool,
}

/// What a poll comes to.
enum Next<T> {
    Item(T),
    Failed(HubError),
    End,
    Wait,
}

impl Subscription {
    pub(crate) fn new(hub: Arc<Shared>, live: Arc<Live>) -> Self {
        Self { hub, live, is_over: false }
    }

    /// The connection's id, by which topics are added to it and removed.
    pub fn id(&self) -> ConnectionId {
        self.live.id
    }

    /// Up to where it has given what its topics have.
    pub fn position(&self) -> Position {
        self.live.cursor().position()
    }

    /// The same events, several at a time where several are ready. Of a burst, a response by it costs half or less; of events
    /// that come alone it costs a little more. `Sse::new` takes it as it takes the subscription.
    pub fn in_batches(self) -> Batches {
        Batches::new(self)
    }

    /// An event and what follows it at once: all that was encoded with it, or so many bytes of what was not.
    pub(crate) fn gather(&self, cursor: &mut Cursor, first: Frame, bytes: usize) -> Frames {
        let mut frames = Frames::from(first);
        cursor.walk_on(&self.hub.window, |slot| {
            if !frames.join(&slot.frame) {
                if frames.as_bytes().len() >= bytes {
                    return false;
                }
                frames.push(&slot.frame);
            }
            self.count(slot);
            true
        });
        frames
    }

    fn count(&self, slot: &Slot) {
        self.live.trace.gave();
        self.hub.given.count(slot.frame.as_bytes().len(), slot.time, self.live.opened);
    }

    fn ask(&self, cursor: &mut Cursor) -> Answer {
        let question = cursor.question();
        self.hub.pages.get(&question, cursor.position(), &self.live)
    }

    /// Polls for what comes next. An event is given to `go_on`, which may take what follows it at once.
    pub(crate) fn poll<T: From<Frame>>(
        &mut self,
        cx: &mut Context<'_>,
        go_on: impl FnOnce(&Self, &mut Cursor, Frame) -> T,
    ) -> Poll<Option<Result<T, HubError>>> {
        if self.is_over {
            return Poll::Ready(None);
        }
        if self.live.is_asleep(cx.waker()) {
            return Poll::Pending;
        }
        match self.next(cx, go_on) {
            Next::Item(item) => {
                self.live.gave(self.hub.window.beat());
                Poll::Ready(Some(Ok(item)))
            }
            Next::Wait => Poll::Pending,
            Next::Failed(error) => {
                self.is_over = true;
                Poll::Ready(Some(Err(error)))
            }
            Next::End => {
                self.is_over = true;
                Poll::Ready(None)
            }
        }
    }

    fn next<T: From<Frame>>(
        &mut self,
        cx: &mut Context<'_>,
        go_on: impl FnOnce(&Self, &mut Cursor, Frame) -> T,
    ) -> Next<T> {
        let live = &self.live;
        let window = &self.hub.window;
        let mut cursor = live.cursor();
        let mut sleeps = false;
        // The page in hand, so that no one else can push it out before the first of it is given.
        let mut held = None;
        loop {
            if let Some(reason) = cursor.ending {
                return self.last_words(&mut cursor, reason);
            }
            if let Some(frame) = self.opening(&mut cursor) {
                return Next::Item(frame.into());
            }
            match live.walk(&mut cursor, window, cx.waker(), &mut sleeps) {
                Step::Slot(slot) => {
                    cursor.tell.position = Some(cursor.position());
                    count_resume(&mut cursor);
                    self.count(&slot);
                    return Next::Item(go_on(self, &mut cursor, slot.frame));
                }
                Step::Tell => {
                    count_resume(&mut cursor);
                    if let Some(frame) = cursor.tell.next() {
                        return Next::Item(frame.into());
                    }
                }
                Step::UpToDate if cursor.is_complete(window) => {
                    count_resume(&mut cursor);
                    drop(cursor);
                    self.hub.end(live, EndReason::Completed);
                    cursor = live.cursor();
                }
                Step::UpToDate => {
                    count_resume(&mut cursor);
                    if live.takes_repeat()
                        && let Some(frame) = self.moved_on(&mut cursor)
                    {
                        return Next::Item(frame.into());
                    }
                    return Next::Wait;
                }
                Step::Behind => match self.ask(&mut cursor) {
                    Answer::Page(page) => cursor.accept(held.insert(page), window),
                    Answer::Wait => return Next::Wait,
                    Answer::Closed(error) => return Next::Failed(HubError::closed(error)),
                },
            }
        }
    }

    /// The first event, once: where the client stands, and what its connection is called.
    fn opening(&self, cursor: &mut Cursor) -> Option<Frame> {
        if std::mem::replace(&mut cursor.tell.said_first, true) {
            return None;
        }
        let retry = self.hub.settings.retry;
        // One that is about to be told a reset is given no id before it, which would make it forget what it came with.
        cursor.tell.position = (!cursor.tell.is_reset_due()).then(|| cursor.position());
        Some(told::at(told::POSITION, cursor.tell.position, self.live.id.to_string(), retry))
    }

    /// Where the client stands, if it does not know.
    fn moved_on(&self, cursor: &mut Cursor) -> Option<Frame> {
        let position = cursor.position();
        let is_new = cursor.tell.position != Some(position) && cursor.has_begun();
        if !is_new {
            return None;
        }
        cursor.tell.position = Some(position);
        Some(told::at(told::POSITION, Some(position), String::new(), None))
    }

    fn last_words<T: From<Frame>>(&self, cursor: &mut Cursor, reason: EndReason) -> Next<T> {
        if std::mem::replace(&mut cursor.tell.said_last, true) {
            return Next::End;
        }
        let says_retry = self.hub.settings.retry.is_some();
        let retry = |over| says_retry.then(|| spread(over, fastrand::f64()));
        let position = cursor.tell.position;
        let frame = |frame: Frame| Next::Item(frame.into());
        match reason {
            EndReason::Completed => self.moved_on(cursor).map_or(Next::End, frame),
            EndReason::Drained => {
                frame(told::at(told::POSITION, position, String::new(), retry(DRAINED)))
            }
            EndReason::Replaced => {
                frame(told::at(told::REPLACED, position, String::new(), retry(REPLACED)))
            }
            EndReason::Closed => match self.hub.closed() {
                Some(error) => Next::Failed(HubError::closed(error)),
                None => Next::End,
            },
            EndReason::Dropped | EndReason::Stalled | EndReason::Disconnected => Next::End,
        }
    }
}

/// Counts how a resume came out, once it is known.
fn count_resume(cursor: &mut Cursor) {
    if let Some(outcome) = cursor.tell.outcome.take() {
        metrics::resumed(match outcome {
            Outcome::Open => "exact",
            Outcome::Gap => "gap",
            Outcome::Reset => "reset",
        });
    }
}

impl Stream for Subscription {
    type Item = Result<Frame, HubError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.poll(cx, |_, _, frame| frame)
    }
}

impl FusedStream for Subscription {
    fn is_terminated(&self) -> bool {
        self.is_over
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        self.hub.end(&self.live, EndReason::Dropped);
    }
}

impl fmt::Debug for Subscription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subscription").field("live", &self.live).finish_non_exhaustive()
    }
}
