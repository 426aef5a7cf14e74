//! A stream that goes on where its upstream broke off.

use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body::Body;
use sse_core::{Cause, DecodeError, End, Event, EventId, Item, Reconnect, Step};
use tokio::time::Instant;

use crate::ForwardCloseReason;
use crate::close::Closing;
use crate::error::{BoxError, Error};
use crate::link::{Connect, Link};
use crate::loss;
use crate::meter;
use crate::pace::Pace;
use crate::resume::{Hook, Resume};

/// Up to about how many bytes leave at once.
const CHUNK: usize = 64 * 1024;

/// The events of an upstream, decoded, and again those that follow when it was lost, as one stream.
pub(crate) struct Resumed<C: Connect> {
    /// It stands before `closing`: whoever is told of the end finds the upstream let go.
    link: Link<C::Body>,
    connect: C,
    machine: Reconnect,
    hook: Option<Hook>,
    /// Whether only the completing event is a proper end.
    has_completion: bool,
    /// What a completed stream gives its client to hang up.
    linger: Duration,
    /// How long each upstream has for an event, until there was one.
    first_event_timeout: Option<Duration>,
    first_event: Option<Instant>,
    /// What goes to the client next, whole blocks, and how many events that are.
    out: BytesMut,
    events: u64,
    /// The id of an event that was dropped.
    dropped: Option<Dropped>,
    /// Whether an open stream was lost and there is no other yet.
    is_away: bool,
    /// Until when the next attempt waits.
    waits_until: Option<std::time::Instant>,
    first_event_missed: bool,
    pace: Pace,
    phase: Phase,
    closing: Closing,
}

struct Dropped {
    id: EventId,
    is_sent: bool,
}

#[derive(Debug, Clone, Copy)]
enum Phase {
    Running,
    /// Everything was said; the client may hang up first.
    Lingering {
        until: Option<Instant>,
    },
    Over,
}

impl<C> Resumed<C>
where
    C: Connect,
    C::Body: Body<Data = Bytes> + Unpin,
    <C::Body as Body>::Error: Into<BoxError>,
{
    /// `machine` has been told of the response that `link` is up with. `may_linger`: whether the
    /// client can be a browser's `EventSource`.
    pub(crate) fn new(
        link: Link<C::Body>,
        connect: C,
        machine: Reconnect,
        resume: &Resume,
        may_linger: bool,
        pace: Pace,
        closing: Closing,
    ) -> Self {
        let first_event_timeout = pace.limits().first_event_timeout;
        Self {
            link,
            connect,
            machine,
            hook: resume.hook.clone(),
            has_completion: resume.completion.is_some(),
            linger: if may_linger { resume.linger } else { Duration::ZERO },
            first_event_timeout,
            first_event: first_event_timeout.and_then(|it| Instant::now().checked_add(it)),
            out: BytesMut::new(),
            events: 0,
            dropped: None,
            is_away: false,
            waits_until: None,
            first_event_missed: false,
            pace,
            phase: Phase::Running,
            closing,
        }
    }

    /// The next bytes for the client, whole blocks; their end is the stream's. It never fails: a loss
    /// is told in the stream.
    pub(crate) fn poll_bytes(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Error>>> {
        loop {
            if let Phase::Over = self.phase {
                return Poll::Ready(None);
            }
            if let Some(reason) = self.pace.poll_ending(cx) {
                return Poll::Ready(self.end(reason).map(Ok));
            }
            if let Phase::Lingering { until } = self.phase {
                ready!(self.pace.poll_at(cx, until));
                self.close(ForwardCloseReason::Completed);
                return Poll::Ready(None);
            }
            if let Err(error) = self.take_items() {
                tracing::warn!(path = self.closing.path(), %error, "upstream's event is too large");
                self.tell_error("event_too_large", "an event of the upstream is too large");
                let bytes = self.take_out();
                self.close(ForwardCloseReason::EventTooLarge);
                return Poll::Ready(bytes.map(Ok));
            }
            if self.out.len() >= CHUNK {
                return Poll::Ready(self.take_out().map(Ok));
            }
            let was_up = matches!(self.link, Link::Up(..));
            if self.link.poll(cx, &mut self.machine).is_ready() {
                if !was_up && matches!(self.link, Link::Up(..)) {
                    self.is_back();
                }
                continue;
            }
            if let Link::Up(body, _) = &self.link
                && body.is_holding()
            {
                return Poll::Pending;
            }
            let now = Instant::now();
            let next = match self.machine.step(now.into_std()) {
                Step::Connect => {
                    let id = self.machine.last_event_id_header();
                    self.link = Link::Connecting(self.connect.connect(id));
                    continue;
                }
                Step::Receive { deadline } => deadline,
                Step::Wait { until, cause } => {
                    self.is_lost(cause, until);
                    Some(until)
                }
                Step::End(end) => {
                    let reason = self.conclude(end);
                    let bytes = self.take_out();
                    self.finish(reason);
                    match bytes {
                        Some(bytes) => return Poll::Ready(Some(Ok(bytes))),
                        None => continue,
                    }
                }
                _ => None,
            };
            if let Some(bytes) = self.take_out() {
                return Poll::Ready(Some(Ok(bytes)));
            }
            if self.first_event.is_some_and(|at| at <= now) {
                self.first_event_missed = true;
                self.link = Link::Down;
                meter::upstream_failed(self.closing.path(), "first event timeout");
                self.machine.failed(now.into_std());
                continue;
            }
            if let Some(bytes) = self.pace.keep_alive(true) {
                self.closing.wrote(bytes.len(), 0);
                return Poll::Ready(Some(Ok(bytes)));
            }
            let next = next.map(Instant::from_std);
            let next = [next, self.first_event].into_iter().flatten().min();
            ready!(self.pace.poll_due(cx, next));
        }
    }

    pub(crate) fn is_end_stream(&self) -> bool {
        matches!(self.phase, Phase::Over)
    }

    /// Takes what was decoded, as far as it goes into one chunk.
    fn take_items(&mut self) -> Result<(), DecodeError> {
        while self.out.len() < CHUNK {
            let Some(item) = self.machine.next()? else { break };
            let Item::Message(message) = item else {
                if let Item::Block(block) = item
                    && block.id.is_some()
                {
                    self.dropped = None;
                }
                item.encode_into(&mut self.out);
                continue;
            };
            (self.first_event_timeout, self.first_event) = (None, None);
            let Some(hook) = &self.hook else {
                item.encode_into(&mut self.out);
                self.events += 1;
                continue;
            };
            let message = message.to_message();
            let own_id = message.id().cloned();
            let position = message.last_event_id.clone();
            match hook(message) {
                Some(mut message) => {
                    // A client that takes no id from a block without data has not got that of an
                    // event that was dropped: it is still the one in force.
                    let carried = self.dropped.take().filter(|_| own_id.is_none());
                    message.last_event_id = position;
                    let mut event = Event::from(message);
                    if let Some(dropped) = carried {
                        event = event.with_id(dropped.id);
                    }
                    event.encode_into(&mut self.out);
                    self.events += 1;
                }
                None => {
                    if let Some(id) = own_id {
                        self.dropped = Some(Dropped { id, is_sent: false });
                    }
                }
            }
        }
        Ok(())
    }

    /// What goes to the client now, if anything does.
    fn take_out(&mut self) -> Option<Bytes> {
        if let Some(dropped) = &mut self.dropped
            && !std::mem::replace(&mut dropped.is_sent, true)
        {
            Event::default().with_id(dropped.id.clone()).encode_into(&mut self.out);
        }
        if self.out.is_empty() {
            return None;
        }
        self.pace.wrote();
        self.closing.wrote(self.out.len(), std::mem::take(&mut self.events));
        Some(self.out.split().freeze())
    }

    /// The stream ends by the proxy's will.
    fn end(&mut self, reason: ForwardCloseReason) -> Option<Bytes> {
        if let Phase::Lingering { .. } = self.phase {
            self.close(ForwardCloseReason::Completed);
            return None;
        }
        self.out.extend_from_slice(&self.pace.last_words(reason));
        let bytes = self.take_out();
        self.close(reason);
        bytes
    }

    /// An upstream is there again.
    fn is_back(&mut self) {
        self.is_away = false;
        self.first_event_missed = false;
        let now = Instant::now();
        self.first_event = self.first_event_timeout.and_then(|it| now.checked_add(it));
        tracing::info!(path = self.closing.path(), "stream resumed");
        meter::resumed(self.closing.path(), "resumed");
    }

    /// The upstream, or an attempt to reach it again, was lost, and there will be another.
    fn is_lost(&mut self, cause: Cause, until: std::time::Instant) {
        self.link = Link::Down;
        self.first_event = None;
        if self.waits_until.replace(until) == Some(until) {
            return;
        }
        self.is_away = true;
        self.note(cause);
        let wait = until.saturating_duration_since(Instant::now().into_std());
        tracing::info!(path = self.closing.path(), %cause, ?wait, "stream is to be resumed");
    }

    fn note(&self, cause: Cause) {
        if let Some(kind) = loss::kind(cause) {
            meter::upstream_failed(self.closing.path(), kind);
        }
    }

    /// There will be no other upstream: says so, unless that is as it should be.
    fn conclude(&mut self, end: End) -> ForwardCloseReason {
        self.link = Link::Down;
        let cause = match end {
            End::Completed => return ForwardCloseReason::Completed,
            End::NoContent => {
                self.is_not_back("complete");
                return ForwardCloseReason::UpstreamEnded;
            }
            End::NotResent(Cause::Ended)
            | End::NoPosition(Cause::Ended)
            | End::UnsendableId(Cause::Ended)
            | End::BudgetSpent(Cause::Ended)
            | End::Ended
                if !self.has_completion =>
            {
                return ForwardCloseReason::UpstreamEnded;
            }
            End::NotResent(cause) | End::NoPosition(cause) | End::UnsendableId(cause) => {
                self.is_not_back("impossible");
                cause
            }
            End::BudgetSpent(cause) => {
                self.is_not_back("given up");
                cause
            }
            End::Status(status) => {
                self.is_not_back("refused");
                Cause::Status(status)
            }
            _ => {
                self.is_not_back("refused");
                meter::upstream_failed(self.closing.path(), "no event stream");
                let text = "the upstream answered with something that is not an event stream";
                self.tell_error("upstream_not_event_stream", text);
                return ForwardCloseReason::UpstreamLost;
            }
        };
        self.note(cause);
        tracing::warn!(path = self.closing.path(), %end, "stream is not resumed");
        let (code, message) = loss::told(cause);
        self.tell_error(code, message);
        match cause {
            Cause::Idle => ForwardCloseReason::IdleTimeout,
            _ if self.first_event_missed => ForwardCloseReason::FirstEventTimeout,
            _ => ForwardCloseReason::UpstreamLost,
        }
    }

    /// Puts a `stream-error` behind what was said; both texts are without a quote.
    fn tell_error(&mut self, code: &str, message: &str) {
        let data = format!(r#"{{"code":"{code}","message":"{message}"}}"#);
        Event::new(data).with_type(Resume::ERROR).encode_into(&mut self.out);
    }

    fn is_not_back(&mut self, result: &'static str) {
        self.is_away = false;
        meter::resumed(self.closing.path(), result);
    }

    /// The stream ends, at once or when the client has had its time.
    fn finish(&mut self, reason: ForwardCloseReason) {
        if reason == ForwardCloseReason::Completed && !self.linger.is_zero() {
            self.phase = Phase::Lingering { until: Instant::now().checked_add(self.linger) };
        } else {
            self.close(reason);
        }
    }

    fn close(&mut self, reason: ForwardCloseReason) {
        self.link = Link::Down;
        self.phase = Phase::Over;
        self.pace.stop();
        self.closing.tell(reason);
    }
}

impl<C: Connect> Drop for Resumed<C> {
    fn drop(&mut self) {
        if let Phase::Lingering { .. } = self.phase {
            self.closing.tell(ForwardCloseReason::Completed);
        }
        // The client left, or its front shut down, before there was another upstream.
        if self.is_away {
            meter::resumed(self.closing.path(), "abandoned");
        }
    }
}

#[cfg(test)]
mod tests;
