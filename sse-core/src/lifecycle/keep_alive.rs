//! What keeps an idle stream from being taken for a dead one.

use std::time::Duration;

use bytes::Bytes;

use crate::{Boundary, Frame};

/// The shortest bytes that no client dispatches.
pub(super) const EMPTY_COMMENT: &[u8] = b":\n\n";

/// What is sent when nothing else was for a while, and how long that while is.
///
/// It is sent only between events, and the time is measured from the last byte of any kind.
///
/// ```
/// use std::time::Duration;
/// use sse_core::{Event, EventType, KeepAlive};
///
/// let comment = KeepAlive::every(Duration::from_secs(20));
/// let event = comment.clone().sending(Event::new("").with_type(EventType::from_static("ping")));
/// # let _ = event;
/// ```
#[derive(Debug, Clone)]
#[must_use]
pub struct KeepAlive {
    interval: Duration,
    bytes: Bytes,
}

impl KeepAlive {
    /// An empty comment after each `interval` of silence, which no client dispatches. An interval
    /// below 1 ms counts as 1 ms.
    pub fn every(interval: Duration) -> Self {
        Self {
            interval: interval.max(Duration::from_millis(1)),
            bytes: Bytes::from_static(EMPTY_COMMENT),
        }
    }

    /// The same, but sending this event: one with data is dispatched by the client, which can then
    /// tell a silent server from a dead one; one with only a comment is not.
    pub fn sending(mut self, event: impl Into<Frame>) -> Self {
        self.bytes = event.into().into_bytes();
        self
    }

    /// The same, but sending exactly these bytes, for a client or a proxy that wants them so. They
    /// must be whole comments or events: `None` where an event, or a line, would be left open.
    ///
    /// ```
    /// use sse_core::KeepAlive;
    ///
    /// assert!(KeepAlive::default().sending_bytes(": still here\n").is_some());
    /// assert!(KeepAlive::default().sending_bytes("data: open").is_none());
    /// ```
    pub fn sending_bytes(mut self, bytes: impl Into<Bytes>) -> Option<Self> {
        let bytes = bytes.into();
        let mut boundary = Boundary::new();
        boundary.feed(b"\n");
        boundary.feed(&bytes);
        self.bytes = bytes;
        (boundary.is_between_events() && !self.bytes.is_empty()).then_some(self)
    }

    /// After how much silence it is sent.
    pub fn interval(&self) -> Duration {
        self.interval
    }

    /// What is sent: whole comments or events.
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }
}

impl Default for KeepAlive {
    /// An empty comment after 15 s of silence.
    fn default() -> Self {
        Self::every(Duration::from_secs(15))
    }
}
