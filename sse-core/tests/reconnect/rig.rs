//! A machine, a clock that stands still until it is told to move, and responses.

use std::time::{Duration, Instant, SystemTime};

use http::{HeaderMap, HeaderValue, StatusCode};
use sse_core::{Backoff, Cause, End, Reconnect, Step};

pub(crate) const SECOND: Duration = Duration::from_secs(1);

pub(crate) fn stream_headers() -> HeaderMap {
    sse_core::HEADERS
        .into_iter()
        .map(|(name, value)| (name.parse().unwrap(), HeaderValue::from_static(value)))
        .collect()
}

pub(crate) struct Rig {
    pub(crate) source: Reconnect,
    pub(crate) now: Instant,
}

impl Rig {
    pub(crate) fn new(source: Reconnect) -> Self {
        Self { source, now: Instant::now() }
    }

    /// One that waits for exactly a second, then two, then four.
    pub(crate) fn exact() -> Self {
        Self::new(Reconnect::new().backoff(exact_backoff()))
    }

    pub(crate) fn step(&mut self) -> Step {
        self.source.step(self.now)
    }

    pub(crate) fn connect(&mut self) {
        assert_eq!(self.step(), Step::Connect);
    }

    pub(crate) fn status(&mut self, status: u16) {
        let status = StatusCode::from_u16(status).unwrap();
        self.source.responded(status, &stream_headers(), self.now, SystemTime::now());
    }

    /// Asks, and is answered with a stream.
    pub(crate) fn open(&mut self) {
        self.connect();
        self.status(200);
        assert!(matches!(self.step(), Step::Receive { .. }));
    }

    /// Feeds this; what is dispatched, as its data.
    pub(crate) fn feed(&mut self, bytes: &str) -> Vec<String> {
        self.source.feed(bytes, self.now);
        let next = || self.source.next_message().unwrap().map(|message| message.data);
        std::iter::from_fn(next).collect()
    }

    pub(crate) fn ended(&mut self) {
        self.source.ended(self.now);
    }

    pub(crate) fn failed(&mut self) {
        self.source.failed(self.now);
    }

    /// The wait that is called for, and why; it is waited for, and not a nanosecond less.
    pub(crate) fn wait(&mut self) -> (Duration, Cause) {
        let Step::Wait { until, cause } = self.step() else {
            panic!("{:?}", self.source);
        };
        let wait = until - self.now;
        self.now = until - Duration::from_nanos(1);
        assert_eq!(self.step(), Step::Wait { until, cause });
        self.now = until;
        (wait, cause)
    }

    /// What it ended by; it stays so whatever comes.
    pub(crate) fn end(&mut self) -> End {
        let Step::End(end) = self.step() else {
            panic!("{:?}", self.source);
        };
        self.now += 1000 * SECOND;
        self.status(200);
        self.failed();
        self.ended();
        self.source.unreachable(self.now);
        self.source.restart(self.now);
        self.source.redirect_refused();
        assert!(self.feed("data: late\n\n").is_empty());
        self.source.close();
        self.now += 1000 * SECOND;
        assert_eq!(self.step(), Step::End(end));
        end
    }
}

/// No chance: each wait is the reconnection time, a second, exactly.
pub(crate) fn exact_backoff() -> Backoff {
    Backoff::new().bounds(SECOND, SECOND)
}
