//! The driver: a stream of events and tokio's timer in, chunks of bytes out.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures_core::Stream;
use futures_core::stream::FusedStream;
use pin_project_lite::pin_project;
use tokio::time::{Instant, Sleep, sleep_until};

use super::close::{CloseReason, StreamStats};
use super::item::sealed::Sealed as _;
use super::item::{BoxError, StreamItem};
use super::machine::{Machine, Phase};
use super::out::Out;
use super::{Lifecycle, OnClose};

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
        // Armed at the earliest deadline seen; where the deadline has moved on when it fires, it is
        // armed again, so that writing a chunk costs no timer operation.
        #[pin]
        timer: Option<Sleep>,
        shutdown: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
        machine: Machine,
        opened: bool,
        out: Out,
        failure: Option<BoxError>,
        // Whether a chunk has left that the server may not have written yet.
        unflushed: bool,
        close: CloseGuard,
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
            machine: Machine::new(settings, started.into_std(), fastrand::f64()),
            opened: false,
            out: Out::default(),
            failure: None,
            unflushed: false,
            close: CloseGuard {
                on_close,
                reason: CloseReason::ClientGone,
                stats: StreamStats::default(),
                started,
            },
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
    fn poll_chunk(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, BoxError>>> {
        let mut this = self.project();
        loop {
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

            let now = Instant::now().into_std();
            if !std::mem::replace(this.opened, true) {
                this.machine.open(this.out);
            }
            while let (Some(source), false) =
                (this.source.as_mut().as_pin_mut(), this.machine.is_full(this.out))
            {
                match source.poll_next(cx) {
                    Poll::Pending => break,
                    Poll::Ready(None) => this.machine.source_ended(CloseReason::SourceEnded),
                    Poll::Ready(Some(item)) => match item.into_block() {
                        Ok(block) => this.machine.block(block, now, this.out),
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
            if this.shutdown.as_mut().is_some_and(|shutdown| shutdown.as_mut().poll(cx).is_ready())
            {
                *this.shutdown = None;
                this.machine.shut_down(this.out);
            }
            this.machine.on_time(now, this.out);

            let closed = matches!(this.machine.phase(), Phase::Closed(_));
            let chunk = this.out.take();
            this.close.reason = this.machine.reason_if_dropped();
            this.close.stats.events = this.machine.events();
            this.close.stats.bytes += chunk.as_ref().map_or(0, |chunk| chunk.len() as u64);
            if closed {
                this.source.set(None);
                this.timer.set(None);
                *this.shutdown = None;
                this.close.close();
            }
            if let Some(chunk) = chunk {
                *this.unflushed = true;
                this.machine.wrote(now);
                return Poll::Ready(Some(Ok(chunk)));
            }
            if closed {
                continue;
            }
            *this.unflushed = false;

            let Some(deadline) = this.machine.deadline().map(Instant::from_std) else {
                return Poll::Pending;
            };
            match this.timer.as_mut().as_pin_mut() {
                None => this.timer.set(Some(sleep_until(deadline))),
                Some(timer) if timer.is_elapsed() || timer.deadline() > deadline => {
                    timer.reset(deadline);
                }
                Some(_) => {}
            }
            if let Some(timer) = this.timer.as_mut().as_pin_mut() {
                ready!(timer.poll(cx));
            }
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

/// Calls `on_close` exactly once, at the latest when the server drops the body.
struct CloseGuard {
    on_close: Option<OnClose>,
    reason: CloseReason,
    stats: StreamStats,
    started: Instant,
}

impl CloseGuard {
    fn close(&mut self) {
        if let Some(on_close) = self.on_close.take() {
            self.stats.duration = self.started.elapsed();
            on_close(self.reason, self.stats);
        }
    }
}

impl Drop for CloseGuard {
    fn drop(&mut self) {
        self.close();
    }
}
