//! The decisions of a stream's life, without a clock and without a socket.

use std::ops::RangeInclusive;
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::keep_alive::EMPTY_COMMENT;
use super::{CloseReason, Ending, Settings};
use crate::{Completion, Event, Frames, spread};

/// Decides when a stream is silent, complete or over, and writes what that calls for.
#[derive(Debug)]
pub(super) struct Machine {
    settings: Settings,
    phase: Phase,
    last_write: Instant,
    /// When the stream has lived long enough.
    lifetime_end: Option<Instant>,
    /// A number from 0 to 1 by which this stream differs from the others.
    jitter: f64,
    events: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// The source may have more.
    Open,
    /// The completing event was sent; the client may hang up.
    Lingering { until: Instant },
    /// Nothing more will be written.
    Closed(CloseReason),
}

impl Machine {
    pub(super) fn new(settings: Settings, now: Instant, jitter: f64) -> Self {
        let lifetime_end = settings
            .ending()
            .max_lifetime
            .as_ref()
            .and_then(|lifetime| now.checked_add(lifetime.time(jitter)));
        Self { settings, phase: Phase::Open, last_write: now, lifetime_end, jitter, events: 0 }
    }

    /// Writes the first byte: headers alone do not make every proxy forward them.
    pub(super) fn open(&mut self, out: &mut Frames) {
        if self.settings.says_retry {
            out.encode(&Event::default().with_retry(self.settings.ending().retry));
        } else {
            out.push_run(Bytes::from_static(EMPTY_COMMENT).into(), 1);
        }
    }

    /// Which event is to complete the stream.
    pub(super) fn completion(&self) -> Option<&Completion> {
        self.settings.complete_on.as_ref()
    }

    /// Takes note that so many events are leaving.
    pub(super) fn took(&mut self, events: u64) {
        self.events += events;
    }

    /// Takes note that it was the completing one.
    pub(super) fn complete(&mut self, now: Instant) {
        self.phase = match now.checked_add(self.settings.ending().linger) {
            Some(until) if until > now => Phase::Lingering { until },
            _ => Phase::Closed(CloseReason::Completed),
        };
    }

    /// Takes the end of the source, or its failure.
    pub(super) fn source_ended(&mut self, reason: CloseReason) {
        self.close(reason);
    }

    /// Takes the server's wish to end, after what the source had ready was taken.
    pub(super) fn shut_down(&mut self, out: &mut Frames) {
        if let Phase::Closed(_) = self.phase {
            return;
        }
        self.say_retry(self.settings.ending().shutdown_retry.clone(), out);
        self.close(CloseReason::Shutdown);
    }

    /// Does what is due at `now`.
    pub(super) fn on_time(&mut self, now: Instant, out: &mut Frames) {
        match self.phase {
            Phase::Lingering { until } if now >= until => self.close(CloseReason::Completed),
            Phase::Open if self.lifetime_end.is_some_and(|end| now >= end) => {
                let Ending { max_lifetime, retry, .. } = self.settings.ending();
                if let Some(lifetime) = max_lifetime {
                    out.push_run(lifetime.last_bytes().clone().into(), 1);
                }
                self.say_retry(*retry / 2..=*retry, out);
                self.close(CloseReason::MaxLifetime);
            }
            // What is about to leave is a sign of life by itself.
            Phase::Open if out.has_nothing() => {
                let silence = now.saturating_duration_since(self.last_write);
                let keep_alive = self.settings.keep_alive.as_ref();
                if let Some(keep_alive) = keep_alive.filter(|it| silence >= it.interval()) {
                    out.push_run(keep_alive.bytes().clone().into(), 1);
                }
            }
            _ => {}
        }
    }

    /// Takes note that a chunk is leaving.
    pub(super) fn wrote(&mut self, now: Instant) {
        self.last_write = now;
    }

    /// When [`on_time`](Self::on_time) has something to do, if no byte leaves before.
    pub(super) fn deadline(&self) -> Option<Instant> {
        match self.phase {
            Phase::Closed(_) => None,
            Phase::Lingering { until } => Some(until),
            Phase::Open => {
                let keep_alive = self.settings.keep_alive.as_ref();
                let silent = keep_alive.and_then(|it| self.last_write.checked_add(it.interval()));
                [silent, self.lifetime_end].into_iter().flatten().min()
            }
        }
    }

    #[inline]
    pub(super) fn phase(&self) -> Phase {
        self.phase
    }

    pub(super) fn events(&self) -> u64 {
        self.events
    }

    /// Whether `out` holds enough for one chunk.
    #[inline]
    pub(super) fn is_full(&self, out: &Frames) -> bool {
        out.is_full(self.settings.max_chunk)
    }

    /// Why the stream ended, if the client goes now.
    pub(super) fn reason_if_dropped(&self) -> CloseReason {
        match self.phase {
            Phase::Open => CloseReason::ClientGone,
            // The client did as it was meant to.
            Phase::Lingering { .. } => CloseReason::Completed,
            Phase::Closed(reason) => reason,
        }
    }

    fn say_retry(&self, over: RangeInclusive<Duration>, out: &mut Frames) {
        let retry = spread(over, self.jitter);
        out.encode(&Event::default().with_retry(retry));
    }

    /// A stream that is complete stays so, whatever comes after.
    fn close(&mut self, reason: CloseReason) {
        self.phase = Phase::Closed(match self.phase {
            Phase::Open => reason,
            Phase::Lingering { .. } => CloseReason::Completed,
            Phase::Closed(first) => first,
        });
    }
}
