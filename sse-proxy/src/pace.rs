//! How a stream is kept alive, and ended by the proxy's own will, in either mode.

use std::future::Future;
use std::ops::RangeInclusive;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::Shared;
use sse_core::{Event, KeepAlive, MaxLifetime, spread};
use tokio::time::Instant;

use crate::ForwardCloseReason;
use crate::alarm::Alarm;

/// A future that many streams wait for.
pub(crate) type Shutdown = Shared<Pin<Box<dyn Future<Output = ()> + Send>>>;

/// How a stream is kept alive and ended, the same for all streams of an upstream.
#[derive(Debug, Clone)]
pub(crate) struct Limits {
    pub(crate) keep_alive: Option<KeepAlive>,
    pub(crate) first_event_timeout: Option<Duration>,
    pub(crate) idle_timeout: Option<Duration>,
    pub(crate) max_lifetime: Option<MaxLifetime>,
    pub(crate) drain_timeout: Duration,
    pub(crate) shutdown_retry: RangeInclusive<Duration>,
}

impl Limits {
    /// When to come back, which differs from client to client.
    pub(crate) fn come_back(&self) -> Duration {
        spread(self.shutdown_retry.clone(), fastrand::f64())
    }
}

/// One stream's times.
pub(crate) struct Pace {
    limits: Limits,
    shutdown: Option<Shutdown>,
    lifetime_end: Option<Instant>,
    /// When the last bytes went to the client, or should have but for an event on its way.
    last_write: Instant,
    alarm: Alarm,
}

impl Pace {
    pub(crate) fn new(limits: Limits, shutdown: Option<Shutdown>) -> Self {
        let now = Instant::now();
        let lifetime = limits.max_lifetime.as_ref().map(|it| it.time(fastrand::f64()));
        Self {
            shutdown,
            lifetime_end: lifetime.and_then(|it| now.checked_add(it)),
            last_write: now,
            alarm: Alarm::default(),
            limits,
        }
    }

    pub(crate) fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Takes note that bytes go to the client.
    pub(crate) fn wrote(&mut self) {
        self.last_write = Instant::now();
    }

    /// Why the stream should end by the proxy's will, if it should: told once.
    pub(crate) fn poll_ending(&mut self, cx: &mut Context<'_>) -> Option<ForwardCloseReason> {
        if self.shutdown.as_mut().is_some_and(|it| Pin::new(it).poll(cx).is_ready()) {
            self.shutdown = None;
            return Some(ForwardCloseReason::Shutdown);
        }
        if self.lifetime_end.is_some_and(|end| end <= Instant::now()) {
            self.lifetime_end = None;
            return Some(ForwardCloseReason::MaxLifetime);
        }
        None
    }

    /// What is said because the client has heard nothing for long. Where nothing can be said it
    /// counts as said.
    pub(crate) fn keep_alive(&mut self, is_between_events: bool) -> Option<Bytes> {
        let now = Instant::now();
        if self.keep_alive_at()? > now {
            return None;
        }
        self.last_write = now;
        let keep_alive = self.limits.keep_alive.as_ref().filter(|_| is_between_events);
        keep_alive.map(|it| it.bytes().clone())
    }

    fn keep_alive_at(&self) -> Option<Instant> {
        let keep_alive = self.limits.keep_alive.as_ref()?;
        self.last_write.checked_add(keep_alive.interval())
    }

    /// Ready when something is due: a keep-alive, the end, or what is due at `other`.
    pub(crate) fn poll_due(&mut self, cx: &mut Context<'_>, other: Option<Instant>) -> Poll<()> {
        match [self.keep_alive_at(), self.lifetime_end, other].into_iter().flatten().min() {
            Some(next) => self.alarm.poll(cx, next),
            None => Poll::Pending,
        }
    }

    /// Ready at this time, whatever else is due; never, where the clock cannot name it.
    pub(crate) fn poll_at(&mut self, cx: &mut Context<'_>, time: Option<Instant>) -> Poll<()> {
        time.map_or(Poll::Pending, |time| self.alarm.poll(cx, time))
    }

    /// What the client is told before such an end: the last event, if there is one, and a time to
    /// come back that differs from client to client.
    pub(crate) fn last_words(&self, reason: ForwardCloseReason) -> Vec<u8> {
        let mut bytes = vec![];
        if let Some(lifetime) = &self.limits.max_lifetime
            && reason == ForwardCloseReason::MaxLifetime
        {
            bytes.extend_from_slice(lifetime.last_bytes());
        }
        Event::default().with_retry(self.limits.come_back()).encode_into(&mut bytes);
        bytes
    }

    /// The stream is over, and waits for nothing any more.
    pub(crate) fn stop(&mut self) {
        self.shutdown = None;
    }
}
