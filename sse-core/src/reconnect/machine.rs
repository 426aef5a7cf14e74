//! The decisions: what happened, and what follows.

use std::time::{Duration, Instant, SystemTime};

use http::{HeaderMap, HeaderValue, StatusCode};

use super::{Cause, End, ReadyState, Reconnect, Step, retry_after};
use crate::{DecodeError, Item, MessageEvent, MessageRef, has_event_stream};

/// As good as never, where a bound allows a time that the clock cannot name.
const CENTURY: Duration = Duration::from_secs(100 * 365 * 24 * 3600);

#[derive(Debug, Clone, Copy)]
pub(super) enum State {
    /// Nothing was asked for yet.
    New,
    /// A request was sent.
    Connecting { deadline: Option<Instant> },
    /// A stream is being read.
    Open { deadline: Option<Instant>, has_dispatched: bool },
    /// What was asked for was lost.
    Waiting { until: Instant, cause: Cause, is_told: bool },
    /// Nothing will be asked for any more.
    Closed(End),
}

impl Reconnect {
    /// What to do at `now`.
    pub fn step(&mut self, now: Instant) -> Step {
        match self.state {
            State::Connecting { deadline: Some(deadline) } if now >= deadline => {
                self.lost(Cause::NoResponse, Duration::ZERO, now);
            }
            State::Open { deadline: Some(deadline), .. } if now >= deadline => {
                self.lost(Cause::Idle, Duration::ZERO, now);
            }
            _ => {}
        }
        match self.state {
            State::New => self.connect(now),
            State::Waiting { until, is_told: true, .. } if now >= until => self.connect(now),
            State::Waiting { until, cause, .. } => {
                self.state = State::Waiting { until, cause, is_told: true };
                Step::Wait { until, cause }
            }
            State::Connecting { deadline } | State::Open { deadline, .. } => {
                Step::Receive { deadline }
            }
            State::Closed(end) => Step::End(end),
        }
    }

    fn connect(&mut self, now: Instant) -> Step {
        self.decoder.reset();
        let deadline = self.response_timeout.and_then(|timeout| now.checked_add(timeout));
        self.state = State::Connecting { deadline };
        Step::Connect
    }

    /// Which of the [`endpoints`](Self::endpoints) to ask, counted from 0.
    pub fn endpoint(&self) -> usize {
        self.endpoint
    }

    /// The last event ID: that of the last block that ended. Empty where there was none.
    pub fn last_event_id(&self) -> &str {
        self.decoder.last_event_id()
    }

    /// The value of `Last-Event-ID` in the next request; `None` for no such header.
    ///
    /// Source: WHATWG HTML §9.2.4, "the `Last-Event-ID` header": the id as UTF-8.
    pub fn last_event_id_header(&self) -> Option<HeaderValue> {
        let id = Some(self.last_event_id()).filter(|id| !id.is_empty())?;
        HeaderValue::from_bytes(id.as_bytes()).ok()
    }

    /// What the stream is called by the standard.
    pub fn ready_state(&self) -> ReadyState {
        match self.state {
            State::New | State::Connecting { .. } | State::Waiting { .. } => ReadyState::Connecting,
            State::Open { .. } => ReadyState::Open,
            State::Closed(_) => ReadyState::Closed,
        }
    }

    /// How many events were skipped because they were too large: [`Decoder::skipped`](crate::Decoder::skipped).
    pub fn skipped(&self) -> u64 {
        self.decoder.skipped()
    }

    /// Takes the head of the response; redirects have been followed. `date` is what the calendar
    /// says, for a `Retry-After` that is a date.
    pub fn responded(
        &mut self,
        status: StatusCode,
        headers: &HeaderMap,
        now: Instant,
        date: SystemTime,
    ) {
        if !matches!(self.state, State::Connecting { .. }) {
            return;
        }
        match status {
            StatusCode::OK if has_event_stream(headers) => {
                self.backoff.opened(now);
                self.state =
                    State::Open { deadline: self.idle_deadline(now), has_dispatched: false };
            }
            StatusCode::OK => self.end(End::NotAnEventStream),
            StatusCode::NO_CONTENT => self.end(End::NoContent),
            status if self.retry_on.contains(&status) => {
                let least = retry_after(headers, date).unwrap_or_default();
                self.lost(Cause::Status(status), least, now);
            }
            status => self.end(End::Status(status)),
        }
    }

    /// Takes note that no connection was made, so that no request was sent.
    pub fn unreachable(&mut self, now: Instant) {
        if let State::Connecting { .. } = self.state {
            self.lost(Cause::Unreachable, Duration::ZERO, now);
        }
    }

    /// Takes note that the request was lost, or that the stream was cut off.
    pub fn failed(&mut self, now: Instant) {
        match self.state {
            State::Connecting { .. } => self.lost(Cause::Failed, Duration::ZERO, now),
            State::Open { .. } => self.lost(Cause::Cut, Duration::ZERO, now),
            _ => {}
        }
    }

    /// Takes note that the stream ended as if it were whole.
    pub fn ended(&mut self, now: Instant) {
        if let State::Open { .. } = self.state {
            self.lost(Cause::Ended, Duration::ZERO, now);
        }
    }

    /// Takes the caller's wish for another connection in place of this one. One that is waited for
    /// comes no sooner by it.
    pub fn restart(&mut self, now: Instant) {
        if let State::Connecting { .. } | State::Open { .. } = self.state {
            self.lost(Cause::Restarted, Duration::ZERO, now);
        }
    }

    /// Takes note that the response leads to where the request must not go.
    pub fn redirect_refused(&mut self) {
        self.end(End::Redirect);
    }

    /// Takes the caller's wish for no more.
    pub fn close(&mut self) {
        self.end(End::Closed);
    }

    /// Takes bytes of the stream.
    pub fn feed(&mut self, chunk: impl AsRef<[u8]>, now: Instant) {
        let idle = self.idle_deadline(now);
        if let State::Open { deadline, .. } = &mut self.state {
            *deadline = idle;
            self.decoder.feed(chunk);
        }
    }

    /// The next item of what was fed, borrowed; `None` when it needs more, and after the completing
    /// event.
    ///
    /// # Errors
    ///
    /// As [`Decoder::next`](crate::Decoder::next): the stream goes on, unless it is closed for that.
    #[allow(clippy::should_implement_trait)] // An iterator cannot lend its items.
    pub fn next(&mut self) -> Result<Option<Item<'_>>, DecodeError> {
        let State::Open { has_dispatched, .. } = &mut self.state else {
            return Ok(None);
        };
        let item = self.decoder.next()?;
        if let Some(Item::Message(message)) = &item {
            *has_dispatched = true;
            if self.completion.as_ref().is_some_and(|it| it.is_met_by(message)) {
                self.state = State::Closed(End::Completed);
            }
        }
        Ok(item)
    }

    /// The next message of what was fed, owned; `None` when it needs more, and after the completing
    /// event.
    ///
    /// # Errors
    ///
    /// As [`Decoder::next_message`](crate::Decoder::next_message): the stream goes on, unless it is closed for that.
    pub fn next_message(&mut self) -> Result<Option<MessageEvent>, DecodeError> {
        let State::Open { has_dispatched, .. } = &mut self.state else {
            return Ok(None);
        };
        let message = self.decoder.next_message()?;
        if let Some(message) = &message {
            *has_dispatched = true;
            if self.completion.as_ref().is_some_and(|it| it.is_met_by(&MessageRef::of(message))) {
                self.state = State::Closed(End::Completed);
            }
        }
        Ok(message)
    }

    fn idle_deadline(&self, now: Instant) -> Option<Instant> {
        self.idle_timeout.and_then(|timeout| now.checked_add(timeout))
    }

    /// What is over stays so, for the first reason.
    fn end(&mut self, end: End) {
        if !matches!(self.state, State::Closed(_)) {
            self.state = State::Closed(end);
        }
    }

    fn lost(&mut self, cause: Cause, retry_after: Duration, now: Instant) {
        self.state = match self.next_attempt(cause, retry_after, now) {
            Ok(until) => State::Waiting { until, cause, is_told: false },
            Err(end) => State::Closed(end),
        };
        if !matches!(cause, Cause::Ended | Cause::Restarted) {
            self.endpoint = (self.endpoint + 1) % self.endpoints;
        }
    }

    fn next_attempt(
        &mut self,
        cause: Cause,
        retry_after: Duration,
        now: Instant,
    ) -> Result<Instant, End> {
        match cause {
            Cause::Unreachable | Cause::Restarted => {}
            Cause::Ended if !self.resend && self.completion.is_none() => return Err(End::Ended),
            _ if !self.resend => return Err(End::NotResent(cause)),
            _ => {}
        }
        let is_at_a_position = !self.last_event_id().is_empty();
        if self.only_from_a_position && cause.is_of_a_stream() && !is_at_a_position {
            return Err(End::NoPosition(cause));
        }
        if is_at_a_position && self.last_event_id_header().is_none() {
            return Err(End::UnsendableId(cause));
        }
        if let Some(retry) = self.decoder.retry() {
            self.backoff.server_said(retry);
        }
        let was_well = match self.state {
            State::Open { has_dispatched, .. } => has_dispatched && cause == Cause::Ended,
            _ => false,
        };
        let chance = self.chance.f64();
        let wait = if was_well || cause == Cause::Restarted {
            self.backoff.next_wait_after_end(now, chance)
        } else {
            self.backoff.next_wait_after(now, chance, retry_after)
        };
        let wait = wait.ok_or(End::BudgetSpent(cause))?;
        Ok(now.checked_add(wait.min(CENTURY)).unwrap_or(now))
    }
}
