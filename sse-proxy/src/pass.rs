//! A stream that passes through as it is.

use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::Body;
use sse_core::Boundary;
use tokio::time::Instant;

use crate::ForwardCloseReason;
use crate::batch::Batch;
use crate::close::Closing;
use crate::error::{BoxError, Error, Kind};
use crate::first_event::FirstEvent;
use crate::late_mark::LateMark;
use crate::pace::Pace;
use crate::source::Source;

/// The bytes of an upstream's stream, untouched. Between two events, and nowhere else, a keep-alive
/// may be put in, and the stream may be ended.
pub(crate) struct Pass<B> {
    /// Gone when the stream is over. It stands before `closing`: whoever is told of the end finds the
    /// upstream let go.
    upstream: Option<Batch<B>>,
    closing: Closing,
    pace: Pace,
    boundary: Boundary,
    late_mark: Option<LateMark>,
    first_event: Option<Box<FirstEvent>>,
    close_delimited: bool,
    ending: Option<Ending>,
}

/// The stream ends at the next boundary, or where it is when the time is up.
#[derive(Debug, Clone, Copy)]
struct Ending {
    reason: ForwardCloseReason,
    until: Option<Instant>,
}

impl<B> Pass<B>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: Into<BoxError>,
{
    pub(crate) fn new(upstream: B, close_delimited: bool, pace: Pace, closing: Closing) -> Self {
        let limits = pace.limits();
        let now = Instant::now();
        Self {
            upstream: Some(Batch::new(Source::new(upstream, limits.idle_timeout))),
            closing,
            boundary: Boundary::new(),
            late_mark: None,
            first_event: limits.first_event_timeout.and_then(|it| FirstEvent::new(now, it)),
            close_delimited,
            ending: None,
            pace,
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
            if self.ending.is_none()
                && let Some(reason) = self.pace.poll_ending(cx)
            {
                let until = Instant::now().checked_add(self.pace.limits().drain_timeout);
                self.ending = Some(Ending { reason, until });
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
                Poll::Pending if upstream.is_holding() => return Poll::Pending,
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
        if let Some(Ending { until, .. }) = self.ending {
            ready!(self.pace.poll_at(cx, until));
            return Poll::Ready(Some(Err(self.fail(Error::new(Kind::CutShort)))));
        }
        let first_event = self.first_event.as_ref().map(|it| it.deadline());
        if first_event.is_some_and(|at| at <= Instant::now()) {
            return Poll::Ready(Some(Err(self.fail(Error::new(Kind::FirstEventTimeout)))));
        }
        if let Some(bytes) = self.pace.keep_alive(self.boundary.is_between_events()) {
            return Poll::Ready(Some(Ok(self.put_in(bytes))));
        }
        self.pace.poll_due(cx, first_event).map(|()| None)
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
        self.pace.wrote();
        Some(self.wrote(chunk))
    }

    /// Ends the stream after `last`.
    fn end(&mut self, last: Bytes, ending: Ending) -> Bytes {
        let bytes = [&last[..], &self.pace.last_words(ending.reason)].concat();
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
        self.pace.stop();
        self.closing.tell(reason);
    }
}

#[cfg(test)]
mod tests;
