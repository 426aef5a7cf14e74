//! When to reconnect, for whoever reads or forwards a stream.

use std::time::{Duration, Instant};

use crate::spread;

/// How long to wait before the next attempt, and when to give up. No clock, no I/O: the times and
/// the chance come in as arguments.
///
/// The standard makes a client wait the reconnection time, and lets it wait longer. So each wait
/// begins with the reconnection time, which is the server's own `retry` where it has said one, and
/// goes on by chance: up to as long again after the first failure, and up to twice as much after each
/// further one ("full jitter" over what is added), so that clients that were cut off together do not
/// come back together. A stream that was healthy for a while starts the count anew, and so does one
/// that did its work and then ended of itself: that is no failure, and a server that answers so each
/// time is asked again at the pace that it has set.
///
/// | setting | default |
/// |---|---|
/// | [`reconnection_time`](Self::reconnection_time) | 3 s |
/// | [`bounds`](Self::bounds) | 100 ms to 60 s |
/// | [`budget`](Self::budget) | none: it never gives up |
/// | [`give_up_after`](Self::give_up_after) | none |
/// | [`healthy_after`](Self::healthy_after) | 30 s |
///
/// Source: WHATWG HTML §9.2.3, "reestablish the connection".
///
/// ```
/// use std::time::{Duration, Instant};
/// use sse_core::Backoff;
///
/// let second = Duration::from_secs(1);
/// let mut backoff = Backoff::new().reconnection_time(second).budget(3);
/// let now = Instant::now();
/// assert_eq!(backoff.next_wait(now, 0.5), Some(Duration::from_millis(1500)));
/// assert_eq!(backoff.next_wait(now, 0.5), Some(Duration::from_millis(2000)));
/// backoff.server_said(5 * second);
/// assert_eq!(backoff.next_wait(now, 0.0), Some(5 * second));
/// assert_eq!(backoff.next_wait(now, 0.0), None);
/// ```
#[derive(Debug, Clone)]
#[must_use]
pub struct Backoff {
    reconnection_time: Duration,
    min: Duration,
    max: Duration,
    budget: Option<u32>,
    give_up_after: Option<Duration>,
    healthy_after: Duration,
    /// Attempts since the last healthy stream.
    attempts: u32,
    /// When the first of them was called for.
    failing_since: Option<Instant>,
    /// Since when the stream is open, if it is.
    open_since: Option<Instant>,
}

impl Backoff {
    /// The defaults.
    pub fn new() -> Self {
        Self {
            reconnection_time: Duration::from_secs(3),
            min: Duration::from_millis(100),
            max: Duration::from_secs(60),
            budget: None,
            give_up_after: None,
            healthy_after: Duration::from_secs(30),
            attempts: 0,
            failing_since: None,
            open_since: None,
        }
    }

    /// The reconnection time until the server says one.
    pub fn reconnection_time(mut self, time: Duration) -> Self {
        self.reconnection_time = time;
        self
    }

    /// No wait is shorter than `min` or longer than `max`, whatever the server says. Where `min` is
    /// more than `max`, every wait is `max`.
    pub fn bounds(mut self, min: Duration, max: Duration) -> Self {
        self.min = min.min(max);
        self.max = max;
        self
    }

    /// How many attempts in a row may fail before it gives up; `None` for any number.
    pub fn budget(mut self, attempts: impl Into<Option<u32>>) -> Self {
        self.budget = attempts.into();
        self
    }

    /// How long after the loss of a healthy stream an attempt may still begin, or after the first
    /// failure where there was none; `None` for any time.
    pub fn give_up_after(mut self, time: impl Into<Option<Duration>>) -> Self {
        self.give_up_after = time.into();
        self
    }

    /// How long a stream must have been open for its loss to count as the first failure.
    pub fn healthy_after(mut self, time: Duration) -> Self {
        self.healthy_after = time;
        self
    }

    /// Takes note of a `retry` of the server: the reconnection time from now on.
    pub fn server_said(&mut self, retry: Duration) {
        self.reconnection_time = retry;
    }

    /// Takes note that a stream is open.
    pub fn opened(&mut self, now: Instant) {
        self.open_since = Some(now);
    }

    /// Takes note that an attempt has failed or a stream was lost, and says how long to wait before
    /// the next one; `None` when the budget is used up. `chance` is a number from 0 to 1.
    pub fn next_wait(&mut self, now: Instant, chance: f64) -> Option<Duration> {
        self.next_wait_after(now, chance, Duration::ZERO)
    }

    /// The same, where the server asked for a wait by `Retry-After`: at least as long, within the
    /// bounds, and longer by chance.
    pub fn next_wait_after(
        &mut self,
        now: Instant,
        chance: f64,
        retry_after: Duration,
    ) -> Option<Duration> {
        let least = self.reconnection_time.max(retry_after).clamp(self.min, self.max);
        self.begin(now, false);
        // Beyond 2^16 times the least wait every bound has long been reached.
        let more = least.saturating_mul(1 << self.attempts.min(16));
        self.wait(now, chance, least, more)
    }

    /// The same, where the stream has dispatched events and then ended of itself, not by a failure:
    /// the count starts anew, and the wait is at most a quarter longer than the reconnection time.
    pub fn next_wait_after_end(&mut self, now: Instant, chance: f64) -> Option<Duration> {
        let least = self.reconnection_time.clamp(self.min, self.max);
        self.begin(now, true);
        self.wait(now, chance, least, least / 4)
    }

    /// Starts the count anew where all was well.
    fn begin(&mut self, now: Instant, was_well: bool) {
        let open_for = self.open_since.take().map(|since| now.saturating_duration_since(since));
        if was_well || open_for.is_some_and(|time| time >= self.healthy_after) {
            self.attempts = 0;
            self.failing_since = None;
        }
    }

    fn wait(
        &mut self,
        now: Instant,
        chance: f64,
        least: Duration,
        more: Duration,
    ) -> Option<Duration> {
        let wait = spread(least..=least + more.min(self.max - least), chance);
        let failing_for = now.saturating_duration_since(*self.failing_since.get_or_insert(now));
        let is_spent = self.budget.is_some_and(|budget| self.attempts >= budget)
            || self.give_up_after.is_some_and(|time| failing_for.saturating_add(wait) > time);
        self.attempts = self.attempts.saturating_add(1);
        (!is_spent).then_some(wait)
    }
}

impl Default for Backoff {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn waits_double_up_to_the_bound_and_never_end_without_a_budget() {
        let now = Instant::now();
        let mut backoff = Backoff::new().reconnection_time(SECOND).bounds(SECOND, 20 * SECOND);
        let waits: Vec<_> = (0..7).map(|_| backoff.next_wait(now, 1.0).unwrap()).collect();
        assert_eq!(waits, [2, 3, 5, 9, 17, 20, 20].map(|seconds| seconds * SECOND));
        for _ in 0..100_000 {
            assert_eq!(backoff.next_wait(now, 1.0), Some(20 * SECOND));
        }
    }

    #[test]
    fn a_healthy_stream_starts_the_count_anew_and_a_short_one_does_not() {
        let mut now = Instant::now();
        let mut backoff = Backoff::new().budget(2);
        for (open_for, gives_up) in [(30, false), (29, false), (29, true)] {
            backoff.opened(now);
            now += open_for * SECOND;
            assert_eq!(backoff.next_wait(now, 0.0).is_none(), gives_up, "{open_for}");
        }
    }

    #[test]
    fn what_the_server_says_is_clamped_at_both_ends() {
        let now = Instant::now();
        let mut backoff = Backoff::new();
        backoff.server_said(Duration::ZERO);
        assert_eq!(backoff.next_wait(now, 0.0), Some(Duration::from_millis(100)));
        backoff.server_said(Duration::MAX);
        assert_eq!(backoff.next_wait(now, 1.0), Some(60 * SECOND));
        assert_eq!(backoff.next_wait_after(now, 0.0, Duration::MAX), Some(60 * SECOND));
        backoff.server_said(SECOND);
        assert_eq!(backoff.next_wait_after(now, 0.0, 10 * SECOND), Some(10 * SECOND));
    }

    #[test]
    fn a_stream_that_did_its_work_is_asked_for_again_at_its_own_pace() {
        let now = Instant::now();
        let mut backoff = Backoff::new().budget(1);
        for chance in [0.0, 1.0] {
            for _ in 0..10 {
                backoff.opened(now);
                let wait = backoff.next_wait_after_end(now, chance).unwrap();
                assert_eq!(wait, (3 * SECOND).mul_f64(1.0 + chance / 4.0));
            }
        }
        assert_eq!(backoff.next_wait(now, 0.0), None, "what came back and failed has failed once");
        assert_eq!(backoff.budget(0).next_wait_after_end(now, 0.0), None);
    }

    #[test]
    fn no_attempt_begins_after_the_time_to_give_up() {
        let mut now = Instant::now();
        let mut backoff = Backoff::new().give_up_after(10 * SECOND);
        for (passed, wait) in [(0, Some(3)), (3, Some(3)), (4, Some(3)), (1, None), (0, None)] {
            now += passed * SECOND;
            assert_eq!(backoff.next_wait(now, 0.0), wait.map(|it| it * SECOND), "{passed}");
        }
        backoff.opened(now);
        now += 30 * SECOND;
        assert_eq!(backoff.next_wait(now, 0.0), Some(3 * SECOND), "a healthy stream came between");
    }

    proptest! {
        #[test]
        fn no_wait_leaves_its_bounds_or_comes_before_the_reconnection_time(
            retry: Duration, min: Duration, max: Duration, healthy: Duration,
            chances in prop::collection::vec(prop::num::f64::ANY, 0..40),
            budget: Option<u32>,
        ) {
            let now = Instant::now();
            let mut backoff =
                Backoff::new().bounds(min, max).budget(budget).healthy_after(healthy);
            backoff.server_said(retry);
            for (attempt, chance) in chances.into_iter().enumerate() {
                let wait = backoff.next_wait(now, chance);
                prop_assert_eq!(wait.is_none(), budget.is_some_and(|it| attempt >= it as usize));
                if let Some(wait) = wait {
                    prop_assert!(wait >= min.min(max) && wait <= max);
                    prop_assert!(wait >= retry.min(max));
                }
            }
        }
    }
}
