//! The driver: a stream of events and tokio's timer in, chunks of bytes out.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures_core::Stream;
use futures_core::stream::FusedStream;
use pin_project_lite::pin_project;
use tokio::time::{Instant, Sleep, sleep_until};

use super::bell::Bell;
use super::close::{CloseReason, StreamStats};
use super::item::sealed::Sealed as _;
use super::item::{BoxError, StreamItem};
use super::machine::{Machine, Phase};
use super::{Lifecycle, OnClose};
use crate::Frames;

pin_project! {
    /// A response body, and a stream of chunks, that lives as its [`Lifecycle`](crate::Lifecycle) says.
    ///
    /// Each poll takes everything that the source has ready, up to the chunk's limit, and gives it as
    /// one chunk; no event that is ready waits for a timer. An error of the source is given after the
    /// events before it, and a moment in which the server writes them; it makes the server cut the
    /// response short.
    ///
    /// # Panics
    ///
    /// Polling it outside of a tokio runtime with its timer enabled panics, as any timer of tokio does.
    #[must_use = "a body does nothing until a server polls it"]
    pub struct SseBody<S> {
        #[pin]
        source: Option<S>,
        // Set where there is nothing to write, to the machine's deadline, and left alone while that
        // moves on: writing a chunk costs no timer operation.
        #[pin]
        timer: Option<Sleep>,
        shutdown: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
        // Rings for the timer and the shutdown.
        bell: Bell,
        machine: Machine,
        opened: bool,
        out: Frames,
        failure: Option<BoxError>,
        // Whether a chunk has left that the server may not have written yet.
        unflushed: bool,
        on_close: Option<OnClose>,
        started: Instant,
        bytes: u64,
    }

    impl<S> PinnedDrop for SseBody<S> {
        fn drop(this: Pin<&mut Self>) {
            this.end();
        }
    }
}

impl<S> SseBody<S> {
    pub(super) fn new(lifecycle: Lifecycle, source: S) -> Self {
        let Lifecycle { settings, shutdown, on_close } = lifecycle;
        let started = Instant::now();
        Self {
            source: Some(source),
            timer: None,
            shutdown,
            bell: Bell::new(),
            machine: Machine::new(settings, started.into_std(), fastrand::f64()),
            opened: false,
            out: Frames::new(),
            failure: None,
            unflushed: false,
            on_close,
            started,
            bytes: 0,
        }
    }

    /// Drops everything that could make it do more, and tells how it ended, the first time.
    fn end(self: Pin<&mut Self>) {
        let mut this = self.project();
        this.source.set(None);
        this.timer.set(None);
        *this.shutdown = None;
        if let Some(on_close) = this.on_close.take() {
            let events = this.machine.events();
            let duration = this.started.elapsed();
            let stats = StreamStats { events, bytes: *this.bytes, duration };
            on_close(this.machine.reason_if_dropped(), stats);
        }
    }

    /// Polls what is seldom ready, if something of it has woken the task.
    fn poll_seldom(self: Pin<&mut Self>, cx: &Context<'_>) {
        let mut this = self.project();
        let Some(waker) = this.bell.rung(cx) else { return };
        let cx = &mut Context::from_waker(&waker);
        if this.shutdown.as_mut().is_some_and(|shutdown| shutdown.as_mut().poll(cx).is_ready()) {
            *this.shutdown = None;
            this.machine.shut_down(this.out);
        }
        if this.timer.as_mut().as_pin_mut().is_some_and(|timer| timer.poll(cx).is_ready()) {
            this.timer.set(None);
        }
    }

    fn is_over(&self) -> bool {
        matches!(self.machine.phase(), Phase::Closed(_)) && self.failure.is_none()
    }
}

impl<S> SseBody<S>
where
    S: Stream,
    S::Item: StreamItem,
{
    /// Takes what the source has ready, and drops it where the stream needs no more of it.
    fn poll_source(self: Pin<&mut Self>, cx: &mut Context<'_>) {
        let mut this = self.project();
        while let (Some(source), false) =
            (this.source.as_mut().as_pin_mut(), this.machine.is_full(this.out))
        {
            match source.poll_next(cx) {
                Poll::Pending => break,
                Poll::Ready(None) => this.machine.source_ended(CloseReason::SourceEnded),
                Poll::Ready(Some(item)) => match item.leave(this.out, this.machine.completion()) {
                    Ok(left) => {
                        this.machine.took(left.events);
                        if left.completes {
                            this.machine.complete(Instant::now().into_std());
                            // It was set for silence.
                            this.timer.set(None);
                        }
                    }
                    Err(error) => {
                        *this.failure = Some(error);
                        this.machine.source_ended(CloseReason::SourceFailed);
                    }
                },
            }
            if this.machine.phase() != Phase::Open {
                this.source.set(None);
            }
        }
    }

    fn poll_chunk(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, BoxError>>> {
        loop {
            let mut this = self.as_mut().project();
            if let Phase::Closed(_) = this.machine.phase() {
                if this.failure.is_some() {
                    if std::mem::take(this.unflushed) {
                        this.timer.set(Some(sleep_until(Instant::now() + Lifecycle::FLUSH)));
                    }
                    if let Some(timer) = this.timer.as_mut().as_pin_mut() {
                        ready!(timer.poll(cx));
                    }
                }
                return Poll::Ready(this.failure.take().map(Err));
            }

            if !std::mem::replace(this.opened, true) {
                this.machine.open(this.out);
            }
            self.as_mut().poll_source(cx);
            self.as_mut().poll_seldom(cx);

            let mut this = self.as_mut().project();
            let is_closed = |machine: &Machine| matches!(machine.phase(), Phase::Closed(_));
            let idle = this.out.has_nothing() && !is_closed(this.machine);
            if idle && this.timer.is_some() {
                *this.unflushed = false;
                return Poll::Pending;
            }
            let now = Instant::now().into_std();
            this.machine.on_time(now, this.out);
            if !this.out.has_nothing() {
                let chunk = std::mem::take(this.out).into_bytes();
                *this.unflushed = true;
                *this.bytes += chunk.len() as u64;
                this.machine.wrote(now);
                if is_closed(this.machine) {
                    self.as_mut().end();
                }
                return Poll::Ready(Some(Ok(chunk)));
            }
            if is_closed(this.machine) {
                self.as_mut().end();
                continue;
            }
            *this.unflushed = false;
            let Some(deadline) = this.machine.deadline() else { return Poll::Pending };
            this.timer.set(Some(sleep_until(deadline.into())));
            this.bell.ring();
        }
    }
}

impl<S> Stream for SseBody<S>
where
    S: Stream,
    S::Item: StreamItem,
{
    type Item = Result<Bytes, BoxError>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.poll_chunk(cx)
    }
}

impl<S> FusedStream for SseBody<S>
where
    S: Stream,
    S::Item: StreamItem,
{
    fn is_terminated(&self) -> bool {
        self.is_over()
    }
}

impl<S> http_body::Body for SseBody<S>
where
    S: Stream,
    S::Item: StreamItem,
{
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<http_body::Frame<Bytes>, BoxError>>> {
        self.poll_chunk(cx).map_ok(http_body::Frame::data)
    }

    fn is_end_stream(&self) -> bool {
        self.is_over()
    }
}

impl<S> fmt::Debug for SseBody<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SseBody").field("machine", &self.machine).finish_non_exhaustive()
    }
}
