//! Why a forwarded stream ended, and who is told.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use tracing::Span;

use crate::meter::Meter;

/// Why a forwarded stream ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ForwardCloseReason {
    /// The completing event was sent: where a stream resumes.
    Completed,
    /// The upstream ended it, cleanly; so did the client's end.
    UpstreamEnded,
    /// The upstream went away. The client's response was aborted or, where a stream resumes, ended with
    /// a `stream-error`.
    UpstreamLost,
    /// The upstream's first event did not come in time; the client was told as of a loss.
    FirstEventTimeout,
    /// The upstream was silent for longer than the idle timeout; the client was told as of a loss.
    IdleTimeout,
    /// An event of the upstream was larger than may be, where a stream resumes: it ended with a
    /// `stream-error`.
    EventTooLarge,
    /// The stream reached its longest lifetime.
    MaxLifetime,
    /// The front shuts down.
    Shutdown,
    /// The client went away, or its server dropped the connection; so was the upstream's.
    ClientGone,
}

impl ForwardCloseReason {
    /// A short name, for logs and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Completed => "completed",
            Self::UpstreamEnded => "upstream ended",
            Self::UpstreamLost => "upstream lost",
            Self::FirstEventTimeout => "first event timeout",
            Self::IdleTimeout => "idle timeout",
            Self::EventTooLarge => "event too large",
            Self::MaxLifetime => "max lifetime",
            Self::Shutdown => "shutdown",
            Self::ClientGone => "client gone",
        }
    }
}

impl fmt::Display for ForwardCloseReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What a forwarded stream carried.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ForwardStats {
    /// Bytes handed to the client's connection, those of the proxy included.
    pub bytes: u64,
    /// Events of the upstream handed on; none are counted where a stream passes as it is.
    pub events: u64,
    /// From the upstream's headers to the end.
    pub duration: Duration,
}

pub(crate) type OnClose = Arc<dyn Fn(ForwardCloseReason, ForwardStats) + Send + Sync>;

/// Tells once how a stream ended; when it is dropped untold, the client has gone.
pub(crate) struct Closing {
    path: Arc<str>,
    on_close: Option<OnClose>,
    opened: Instant,
    stats: ForwardStats,
    meter: Meter,
    span: Span,
    told: bool,
}

impl Closing {
    pub(crate) fn new(path: Arc<str>, on_close: Option<OnClose>) -> Self {
        tracing::debug!(path = &*path, "stream opened");
        Self {
            meter: Meter::opened(&path),
            path,
            on_close,
            opened: Instant::now(),
            stats: ForwardStats::default(),
            span: Span::current(),
            told: false,
        }
    }

    pub(crate) fn path(&self) -> &str {
        &self.path
    }

    /// What has been handed to the client's connection so far.
    pub(crate) fn bytes(&self) -> u64 {
        self.stats.bytes
    }

    pub(crate) fn wrote(&mut self, bytes: usize, events: u64) {
        self.stats.bytes += bytes as u64;
        self.stats.events += events;
        self.meter.wrote(bytes as u64, events);
    }

    pub(crate) fn tell(&mut self, reason: ForwardCloseReason) {
        if std::mem::replace(&mut self.told, true) {
            return;
        }
        let stats = ForwardStats { duration: self.opened.elapsed(), ..self.stats };
        self.meter.closed(reason);
        let _entered = self.span.enter();
        tracing::info!(
            path = &*self.path,
            reason = reason.as_str(),
            bytes = stats.bytes,
            events = stats.events,
            seconds = stats.duration.as_secs_f64(),
            "stream closed"
        );
        if let Some(on_close) = &self.on_close {
            on_close(reason, stats);
        }
    }
}

impl Drop for Closing {
    fn drop(&mut self) {
        self.tell(ForwardCloseReason::ClientGone);
    }
}
