//! What is counted, and under which names. Without the feature `metrics` nothing is.

#[cfg(feature = "metrics")]
mod on {
    use std::time::{Duration, SystemTime, UNIX_EPOCH};

    use metrics::{Counter, Histogram, counter, gauge, histogram};

    use crate::EndReason;

    /// Seconds since a time in milliseconds since 1970; none if the other clock is ahead.
    fn seconds_since(time: u64) -> f64 {
        let since = SystemTime::now().duration_since(UNIX_EPOCH + Duration::from_millis(time));
        since.unwrap_or_default().as_secs_f64()
    }

    /// What is counted for each event that is given: looked up once for a hub, so that it costs little.
    #[derive(Debug)]
    pub(crate) struct Given {
        events: Counter,
        bytes: Counter,
        time: Histogram,
    }

    impl Given {
        pub(crate) fn new() -> Self {
            Self {
                events: counter!("sse_hub_events_total"),
                bytes: counter!("sse_hub_bytes_total"),
                time: histogram!("sse_hub_publish_to_write_seconds"),
            }
        }

        /// An event that was appended at `time`, in milliseconds since 1970, was given to a connection that was `opened`
        /// then. How long it took is said of those alone that were appended since: what a client has missed is as old as
        /// its absence.
        pub(crate) fn count(&self, bytes: usize, time: u64, opened: SystemTime) {
            self.events.increment(1);
            self.bytes.increment(bytes as u64);
            let opened = opened.duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
            if u128::from(time) >= opened {
                self.time.record(seconds_since(time));
            }
        }
    }

    /// What a hub's window adds to what the process's windows hold.
    pub(crate) struct WindowBytes(f64);

    impl WindowBytes {
        pub(crate) fn new() -> Self {
            Self(0.0)
        }

        pub(crate) fn set(&mut self, bytes: usize) {
            gauge!("sse_hub_window_bytes").increment(bytes as f64 - self.0);
            self.0 = bytes as f64;
        }
    }

    impl Drop for WindowBytes {
        fn drop(&mut self) {
            self.set(0);
        }
    }

    pub(crate) fn opened() {
        gauge!("sse_hub_connections").increment(1.0);
        counter!("sse_hub_connections_total").increment(1);
    }

    pub(crate) fn ended(reason: EndReason) {
        gauge!("sse_hub_connections").decrement(1.0);
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

    pub(crate) fn reset() {
        counter!("sse_hub_resets_total").increment(1);
    }

    pub(crate) fn published(events: usize) {
        counter!("sse_hub_published_events_total").increment(events as u64);
    }

    /// The feed has come by an event that was appended at this time, in milliseconds since 1970.
    pub(crate) fn fed(time: u64) {
        histogram!("sse_hub_feed_lag_seconds").record(seconds_since(time));
    }

    pub(crate) fn feed_failed() {
        counter!("sse_hub_feed_failures_total").increment(1);
    }

    pub(crate) fn page_read() {
        counter!("sse_hub_pages_read_total").increment(1);
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn a_time_is_told_in_seconds_and_none_is_negative() {
            let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as u64;
            assert!((1_000.0..2_000.0).contains(&seconds_since(now - 1_000_000)));
            assert_eq!(seconds_since(now + 1_000_000), 0.0);
        }
    }
}

#[cfg(not(feature = "metrics"))]
mod off {
    use std::time::SystemTime;

    use crate::EndReason;

    #[derive(Debug)]
    pub(crate) struct Given;

    impl Given {
        pub(crate) fn new() -> Self {
            Self
        }

        pub(crate) fn count(&self, _: usize, _: u64, _: SystemTime) {}
    }

    pub(crate) struct WindowBytes;

    impl WindowBytes {
        pub(crate) fn new() -> Self {
            Self
        }

        pub(crate) fn set(&mut self, _: usize) {}
    }

    pub(crate) fn opened() {}
    pub(crate) fn ended(_: EndReason) {}
    pub(crate) fn refused(_: &'static str) {}
    pub(crate) fn resumed(_: &'static str) {}
    pub(crate) fn gap() {}
    pub(crate) fn reset() {}
    pub(crate) fn published(_: usize) {}
    pub(crate) fn fed(_: u64) {}
    pub(crate) fn feed_failed() {}
    pub(crate) fn page_read() {}
}

#[cfg(not(feature = "metrics"))]
pub(crate) use off::*;
#[cfg(feature = "metrics")]
pub(crate) use on::*;
