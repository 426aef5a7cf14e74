//! How long a stream may live.

use std::time::Duration;

use bytes::Bytes;

use crate::{Frame, spread};

/// How long a stream may live at the most.
///
/// At its end the stream sends the last event, if there is one, and a `retry`: of a
/// [`Lifecycle`](crate::Lifecycle), between half and all of the ordinary reconnection time.
///
/// ```
/// use std::time::Duration;
/// use sse_core::{Event, EventType, MaxLifetime};
///
/// let lifetime = MaxLifetime::new(Duration::from_secs(3600))
///     .jitter(Duration::from_secs(300))
///     .last_event(Event::new("").with_type(EventType::from_static("timeout")));
/// # let _ = lifetime;
/// ```
#[derive(Debug, Clone)]
#[must_use]
pub struct MaxLifetime {
    after: Duration,
    jitter: Duration,
    last_event: Bytes,
}

impl MaxLifetime {
    /// At the most this long, and by chance up to a tenth less, so that streams that began together
    /// do not end together.
    pub fn new(after: Duration) -> Self {
        Self { after, jitter: after / 10, last_event: Bytes::new() }
    }

    /// By chance up to this much less.
    pub fn jitter(mut self, jitter: Duration) -> Self {
        self.jitter = jitter;
        self
    }

    /// What to tell the client before the end.
    pub fn last_event(mut self, event: impl Into<Frame>) -> Self {
        self.last_event = event.into().into_bytes();
        self
    }

    /// How long the stream may live that `chance`, a number from 0 to 1, stands for.
    pub fn time(&self, chance: f64) -> Duration {
        self.after.saturating_sub(spread(Duration::ZERO..=self.jitter, chance))
    }

    /// What the client is told before the end, encoded; empty where it is told nothing.
    pub fn last_bytes(&self) -> &Bytes {
        &self.last_event
    }
}

impl From<Duration> for MaxLifetime {
    fn from(after: Duration) -> Self {
        Self::new(after)
    }
}
