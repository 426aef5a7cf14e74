//! What is counted, and under which names. Without the feature `metrics` nothing is.

#[cfg(feature = "metrics")]
use metrics::{Counter, Gauge, counter, gauge};

use crate::Cause;

/// Counts what one stream brings, while it is open.
///
/// The counters are looked up once: an event costs no more than an addition.
#[cfg(feature = "metrics")]
pub(crate) struct Meter {
    open: Gauge,
    bytes: Counter,
    events: Counter,
}

#[cfg(feature = "metrics")]
impl Meter {
    pub(crate) fn opened() -> Self {
        counter!("sse_client_streams_total").increment(1);
        let meter = Self {
            open: gauge!("sse_client_streams"),
            bytes: counter!("sse_client_bytes_total"),
            events: counter!("sse_client_events_total"),
        };
        meter.open.increment(1.0);
        meter
    }

    pub(crate) fn read(&self, bytes: usize) {
        self.bytes.increment(bytes as u64);
    }

    pub(crate) fn dispatched(&self) {
        self.events.increment(1);
    }
}

#[cfg(feature = "metrics")]
impl Drop for Meter {
    fn drop(&mut self) {
        self.open.decrement(1.0);
    }
}

#[cfg(not(feature = "metrics"))]
pub(crate) struct Meter;

#[cfg(not(feature = "metrics"))]
impl Meter {
    pub(crate) fn opened() -> Self {
        Self
    }

    pub(crate) fn read(&self, _: usize) {}

    pub(crate) fn dispatched(&self) {}
}

/// A stream was lost or an attempt has failed, and another follows.
pub(crate) fn reconnecting(cause: Cause) {
    #[cfg(feature = "metrics")]
    counter!("sse_client_reconnects_total", "cause" => name(cause)).increment(1);
    #[cfg(not(feature = "metrics"))]
    let _ = cause;
}

#[cfg(feature = "metrics")]
fn name(cause: Cause) -> &'static str {
    match cause {
        Cause::Unreachable => "unreachable",
        Cause::Failed => "failed",
        Cause::NoResponse => "response timeout",
        Cause::Status(_) => "status",
        Cause::Cut => "cut",
        Cause::Ended => "ended",
        Cause::Idle => "idle timeout",
        Cause::Restarted => "restarted",
        // One that is newer than this crate.
        _ => "other",
    }
}
