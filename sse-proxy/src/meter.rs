//! What is counted, and under which names. Without the feature `metrics` nothing is.

#[cfg(feature = "metrics")]
use metrics::{Counter, Gauge, counter, gauge};

use crate::ForwardCloseReason;

/// Counts what one stream carries, from its opening to its end.
///
/// The counters are looked up once: a chunk costs no more than an addition.
#[cfg(feature = "metrics")]
pub(crate) struct Meter {
    path: String,
    open: Gauge,
    bytes: Counter,
    events: Counter,
}

#[cfg(feature = "metrics")]
impl Meter {
    pub(crate) fn opened(path: &str) -> Self {
        let path = path.to_owned();
        counter!("sse_proxy_streams_total", "path" => path.clone()).increment(1);
        let meter = Self {
            open: gauge!("sse_proxy_streams", "path" => path.clone()),
            bytes: counter!("sse_proxy_bytes_total", "path" => path.clone()),
            events: counter!("sse_proxy_events_total", "path" => path.clone()),
            path,
        };
        meter.open.increment(1.0);
        meter
    }

    pub(crate) fn wrote(&self, bytes: u64, events: u64) {
        self.bytes.increment(bytes);
        if events > 0 {
            self.events.increment(events);
        }
    }

    pub(crate) fn closed(&self, reason: ForwardCloseReason) {
        self.open.decrement(1.0);
        let path = self.path.clone();
        counter!("sse_proxy_closes_total", "path" => path, "reason" => reason.as_str())
            .increment(1);
    }
}

#[cfg(not(feature = "metrics"))]
pub(crate) struct Meter;

#[cfg(not(feature = "metrics"))]
impl Meter {
    pub(crate) fn opened(_: &str) -> Self {
        Self
    }

    pub(crate) fn wrote(&self, _: u64, _: u64) {}

    pub(crate) fn closed(&self, _: ForwardCloseReason) {}
}

/// One request or stream that came to nothing by the upstream's fault; also one that was tried again.
pub(crate) fn upstream_failed(path: &str, kind: &'static str) {
    #[cfg(feature = "metrics")]
    counter!("sse_proxy_upstream_failures_total", "path" => path.to_owned(), "kind" => kind)
        .increment(1);
    #[cfg(not(feature = "metrics"))]
    let _ = (path, kind);
}

/// An answer of the proxy's own.
pub(crate) fn refused(path: &str, code: &'static str) {
    #[cfg(feature = "metrics")]
    counter!("sse_proxy_refusals_total", "path" => path.to_owned(), "code" => code).increment(1);
    #[cfg(not(feature = "metrics"))]
    let _ = (path, code);
}

/// What became of a stream whose upstream was lost.
pub(crate) fn resumed(path: &str, result: &'static str) {
    #[cfg(feature = "metrics")]
    counter!("sse_proxy_resumes_total", "path" => path.to_owned(), "result" => result).increment(1);
    #[cfg(not(feature = "metrics"))]
    let _ = (path, result);
}
