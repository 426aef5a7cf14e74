//! Counts and times, by the `metrics` facade; nothing without the feature.

#[cfg(feature = "metrics")]
mod on {
    use std::time::{SystemTime, UNIX_EPOCH};

    use metrics::{counter, gauge, histogram};

    use crate::EndReason;

    /// Seconds since a time in milliseconds since 1970; none if the other clock is ahead.
    fn seconds_since(time: u64) -> f64 {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        (now.as_secs_f64() - time as f64 / 1000.0).max(0.0)
    }

    pub(crate) fn connections(count: usize) {
        gauge!("sse_hub_connections").set(count as f64);
    }

    pub(crate) fn ended(reason: EndReason) {
        counter!("sse_hub_ends_total", "reason" => reason.as_str()).increment(1);
    }

    pub(crate) fn refused(reason: &'static str) {
        counter!("sse_hub_refusals_total", "reason" => reason).increment(1);
    }

    pub(crate) fn resumed(result: &'static str) {
        counter!("sse_hub_resumes_total", "result" => result).increment(1);
    }

    pub(crate) fn gap() {
        counter!("sse_hub_gaps_total").increment(1);
    }

    pub(crate) fn published(events: usize) {
        counter!("sse_hub_published_events_total").increment(events as u64);
    }

    pub(crate) fn given(bytes: usize, time: u64) {
        counter!("sse_hub_events_total").increment(1);
        counter!("sse_hub_bytes_total").increment(bytes as u64);
        histogram!("sse_hub_publish_to_write_seconds").record(seconds_since(time));
    }

    pub(crate) fn fed(newest_time: Option<u64>, window_bytes: usize) {
        gauge!("sse_hub_window_bytes").set(window_bytes as f64);
        if let Some(time) = newest_time {
            histogram!("sse_hub_feed_lag_seconds").record(seconds_since(time));
        }
    }

    pub(crate) fn feed_failed() {
        counter!("sse_hub_feed_failures_total").increment(1);
    }

    pub(crate) fn page_read() {
        counter!("sse_hub_pages_read_total").increment(1);
    }
}

#[cfg(not(feature = "metrics"))]
mod off {
    use crate::EndReason;

    pub(crate) fn connections(_: usize) {}
    pub(crate) fn ended(_: EndReason) {}
    pub(crate) fn refused(_: &'static str) {}
    pub(crate) fn resumed(_: &'static str) {}
    pub(crate) fn gap() {}
    pub(crate) fn published(_: usize) {}
    pub(crate) fn given(_: usize, _: u64) {}
    pub(crate) fn fed(_: Option<u64>, _: usize) {}
    pub(crate) fn feed_failed() {}
    pub(crate) fn page_read() {}
}

#[cfg(not(feature = "metrics"))]
pub(crate) use off::*;
#[cfg(feature = "metrics")]
pub(crate) use on::*;
