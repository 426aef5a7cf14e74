//! A stream that passes through as it is.

use std::future::Future;
use std::ops::RangeInclusive;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::Shared;
use http_body::Body;
use sse_core::{Boundary, Event, KeepAlive, MaxLifetime, spread};
use tokio::time::Instant;

use crate::ForwardCloseReason;
use crate::alarm::Alarm;
use crate::close::Closing;
use crate::error::{BoxError, Error, Kind};
use crate::first_event::FirstEvent;
use crate::late_mark::LateMark;
use crate::source::Source;

/// A future that many streams wait for.
pub(crate) type Shutdown = Shared<Pin<Box<dyn Future<Output = ()> + Send>>>;

/// How a stream is kept alive and ended, the same for all streams of an upstream.
#[derive(Debug, Clone)]
pub(crate) struct Limits {
    pub(crate) keep_alive: Option<KeepAlive>,
    pub(crate) first_event_timeout: Option<Duration>,
    pub(crate) idle_timeout: Option<Duration>,
    pub(crate) max_lifetime: Option<MaxLifetime>,
    pub(crate) drain_timeout: Duration,
    pub(crate) shutdown_retry: RangeInclusive<Duration>,
}

impl Limits {
    /// When to come back, which differs from client to client.
    pub(crate) fn come_back(&self) -> Duration {
        spread(self.shutdown_retry.clone(), fastrand::f64())
    }
}

/// The bytes of an upstream's stream, untouched. Between two events, and nowhere else, a keep-alive
/// may be put in, and the stream may be ended.
pub(crate) struct Pass<B> {
    /// Gone when the stream is over. It stands before `closing`: whoever is told of the end finds the
    /// upstream let go.
    upstream: Option<Source<B>>,
    closing: Closing,
    limits: Limits,
    shutdown: Option<Shutdown>,
    boundary: Boundary,
    late_mark: Option<LateMark>,
    first_event: Option<Box<FirstEvent>>,
    close_delimited: bool,
    /// When the last bytes went to the client, or should have but for an event on its way.
    last_write: Instant,
    lifetime_end: Option<Instant>,
    ending: Option<Ending>,
    alarm: Alarm,
}

/// The stream ends at the next boundary, or where it is when the time is up.
#[derive(Debug, Clone, Copy)]
struct Ending {
    reason: ForwardCloseReason,
    until: Instant,
}

impl<B> Pass<B>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: Into<BoxError>,
{
    pub(crate) fn new(
        upstream: B,
        close_delimited: bool,
        limits: Limits,
        shutdown: Option<Shutdown>,
        closing: Closing,
    ) -> Self {
        let now = Instant::now();
        let lifetime = limits.max_lifetime.as_ref().map(|it| it.time(fastrand::f64()));
        Self {
            upstream: Some(Source::new(upstream, limits.idle_timeout)),
            closing,
            lifetime_end: lifetime.and_then(|it| now.checked_add(it)),
            shutdown,
            boundary: Boundary::new(),
            late_mark: None,
            first_event: limits.first_event_timeout.and_then(|it| FirstEvent::new(now, it)),
            close_delimited,
            last_write: now,
            ending: None,
            alarm: Alarm::default(),
            limits,
        }
    }

    /// The next bytes for the client. Their end is the stream's; after an error there is nothing.
    pub(crate) fn poll_bytes(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Error>>> {
        loop {
            let Some(upstream) = &mut self.upstream else {
                return Poll::Ready(None);
            };
            if self.ending.is_none() {
                self.ending = due_ending(
                    cx,
                    &mut self.shutdown,
                    self.lifetime_end,
                    self.limits.drain_timeout,
                );
            }
            if let Some(ending) = self.ending
                && self.boundary.is_between_events()
            {
                return Poll::Ready(Some(Ok(self.end(Bytes::new(), ending))));
            }
            match upstream.poll_bytes(cx) {
                Poll::Ready(Some(Ok(chunk))) => {
                    if let Some(bytes) = self.take(chunk) {
                        return Poll::Ready(Some(Ok(bytes)));
                    }
                }
                Poll::Ready(Some(Err(error))) => return Poll::Ready(Some(Err(self.fail(error)))),
                Poll::Ready(None) => {
                    // Only a boundary tells a whole body from a lost connection here.
                    if self.close_delimited && !self.boundary.is_between_events() {
                        let error = self.fail(Error::new(Kind::UpstreamLost));
                        return Poll::Ready(Some(Err(error)));
                    }
                    self.close(ForwardCloseReason::UpstreamEnded);
                    return Poll::Ready(None);
                }
                Poll::Pending => {
                    if let Some(result) = ready!(self.poll_timers(cx)) {
                        return Poll::Ready(Some(result));
                    }
                }
            }
        }
    }

    pub(crate) fn is_end_stream(&self) -> bool {
        self.upstream.is_none()
    }

    /// The upstream is silent: what is due? Ready with nothing means to look at everything again.
    fn poll_timers(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Error>>> {
        let now = Instant::now();
        if let Some(Ending { until, .. }) = self.ending {
            ready!(self.alarm.poll(cx, until));
            return Poll::Ready(Some(Err(self.fail(Error::new(Kind::CutShort)))));
        }
        let first_event = self.first_event.as_ref().map(|it| it.deadline());
        if first_event.is_some_and(|at| at <= now) {
            return Poll::Ready(Some(Err(self.fail(Error::new(Kind::FirstEventTimeout)))));
        }
        let mut keep_alive = self.keep_alive_at();
        if keep_alive.is_some_and(|at| at <= now) {
            self.last_write = now;
            if let Some(keep_alive) = &self.limits.keep_alive
                && self.boundary.is_between_events()
            {
                let bytes = keep_alive.bytes().clone();
                return Poll::Ready(Some(Ok(self.put_in(bytes))));
            }
            keep_alive = self.keep_alive_at();
        }
        match [first_event, keep_alive, self.lifetime_end].into_iter().flatten().min() {
            Some(next) => self.alarm.poll(cx, next).map(|()| None),
            None => Poll::Pending,
        }
    }

    fn keep_alive_at(&self) -> Option<Instant> {
        let keep_alive = self.limits.keep_alive.as_ref()?;
        self.last_write.checked_add(keep_alive.interval())
    }

    /// Says something of the proxy's own.
    fn put_in(&mut self, bytes: Bytes) -> Bytes {
        if self.closing.bytes() == 0 {
            self.late_mark = Some(LateMark::default());
        }
        self.wrote(bytes)
    }

    /// A chunk on its way through; nothing where it was the part of a byte order mark.
    fn take(&mut self, mut chunk: Bytes) -> Option<Bytes> {
        if let Some(mark) = &mut self.late_mark {
            chunk = mark.strip(chunk);
        }
        if chunk.is_empty() {
            return None;
        }
        if self.first_event.as_mut().is_some_and(|it| it.comes_with(&chunk)) {
            self.first_event = None;
        }
        if let Some(ending) = self.ending
            && let Some(at) = self.boundary.last_in(&chunk)
        {
            chunk.truncate(at);
            return Some(self.end(chunk, ending));
        }
        self.boundary.feed(&chunk);
        self.last_write = Instant::now();
        Some(self.wrote(chunk))
    }

    /// Ends the stream after `last`, with a time to come back that differs from client to client.
    fn end(&mut self, last: Bytes, ending: Ending) -> Bytes {
        let mut bytes = last.to_vec();
        if let Some(lifetime) = &self.limits.max_lifetime
            && ending.reason == ForwardCloseReason::MaxLifetime
        {
            bytes.extend_from_slice(lifetime.last_bytes());
        }
        let retry = Event::default().with_retry(self.limits.come_back());
        retry.encode_into(&mut bytes);
        let bytes = self.wrote(bytes.into());
        self.close(ending.reason);
        bytes
    }

    fn wrote(&mut self, bytes: Bytes) -> Bytes {
        self.closing.wrote(bytes.len(), 0);
        bytes
    }

    fn fail(&mut self, error: Error) -> Error {
        let reason = match self.ending {
            Some(ending) if error.is_cut_short() => ending.reason,
            _ if error.is_first_event_timeout() => ForwardCloseReason::FirstEventTimeout,
            _ if error.is_idle_timeout() => ForwardCloseReason::IdleTimeout,
            _ => ForwardCloseReason::UpstreamLost,
        };
        tracing::debug!(error = %crate::error::Chain(&error), "stream aborted");
        if let Some(kind) = error.of_upstream() {
            crate::meter::upstream_failed(self.closing.path(), kind);
        }
        self.close(reason);
        error
    }

    fn close(&mut self, reason: ForwardCloseReason) {
        self.upstream = None;
        self.shutdown = None;
        self.closing.tell(reason);
    }
}

/// Whether the stream should end by the proxy's will.
fn due_ending(
    cx: &mut Context<'_>,
    shutdown: &mut Option<Shutdown>,
    lifetime_end: Option<Instant>,
    drain_timeout: Duration,
) -> Option<Ending> {
    let is_shutdown = shutdown.as_mut().is_some_and(|it| Pin::new(it).poll(cx).is_ready());
    let is_due = || lifetime_end.is_some_and(|end| end <= Instant::now());
    let reason = if is_shutdown {
        *shutdown = None;
        ForwardCloseReason::Shutdown
    } else if is_due() {
        ForwardCloseReason::MaxLifetime
    } else {
        return None;
    };
    let now = Instant::now();
    Some(Ending { reason, until: now.checked_add(drain_timeout).unwrap_or(now) })
}

#[cfg(test)]
mod tests;
