//! The algorithm of an event source, without a clock and without a socket.

mod head;
mod outcome;

use std::time::{Duration, Instant, SystemTime};

use http::{HeaderMap, HeaderValue, StatusCode};

pub use self::head::{has_event_stream, retry_after};
pub use self::outcome::{Cause, End, ReadyState, Step};
use crate::{Backoff, Completion, DecodeError, Decoder, Item, MessageEvent, MessageRef};

/// As good as never, where a bound allows a time that the clock cannot name.
const CENTURY: Duration = Duration::from_secs(100 * 365 * 24 * 3600);

/// Asks for a stream, reads it, and asks again for what was lost: the decisions of an event source.
///
/// It opens no socket and knows no clock: it is told what happened, and says what to do. So whoever
/// drives it can be a client, a proxy that goes on where its upstream broke off, or a test.
///
/// # How it is driven
///
/// Ask for the [`step`](Self::step), and do it:
///
/// | step | to do | then tell |
/// |---|---|---|
/// | [`Connect`](Step::Connect) | send the request, with [`last_event_id_header`](Self::last_event_id_header), to [`endpoint`](Self::endpoint) | [`responded`](Self::responded), [`unreachable`](Self::unreachable) or [`failed`](Self::failed) |
/// | [`Receive`](Step::Receive) | await the response, or read the stream, until `deadline` | [`feed`](Self::feed), [`ended`](Self::ended) or [`failed`](Self::failed) |
/// | [`Wait`](Step::Wait) | drop request and response, sleep until `until` | nothing |
/// | [`End`](Step::End) | drop request and response | nothing |
///
/// After `feed`, take all items ([`next`](Self::next) or [`next_message`](Self::next_message)) before
/// anything else is told. Tell what has come before the step is asked for, or a stream counts as idle
/// whose bytes are there. What does not fit the state is ignored: bytes of a stream that is not open,
/// an answer that was not asked for. A loss is told by a `Wait`, also where nothing is left to wait for.
///
/// ```
/// use std::time::{Duration, Instant, SystemTime};
/// use http::{HeaderMap, StatusCode, header::CONTENT_TYPE};
/// use sse_core::{Cause, Reconnect, Step};
///
/// let mut source = Reconnect::new();
/// let mut now = Instant::now();
/// assert_eq!(source.step(now), Step::Connect);
/// assert_eq!(source.last_event_id_header(), None);
///
/// let head = HeaderMap::from_iter([(CONTENT_TYPE, "text/event-stream".parse()?)]);
/// source.responded(StatusCode::OK, &head, now, SystemTime::now());
/// source.feed("retry: 1000\nid: 7\ndata: hello\n\n", now);
/// assert_eq!(source.next_message()?.expect("an event").data, "hello");
/// assert_eq!(source.next_message()?, None);
/// source.ended(now);
///
/// let Step::Wait { until, cause: Cause::Ended } = source.step(now) else { panic!() };
/// assert!(until >= now + Duration::from_secs(1));
/// now = until;
/// assert_eq!(source.step(now), Step::Connect);
/// assert_eq!(source.last_event_id_header().expect("an id"), "7");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # What it decides
///
/// | what happens | what follows |
/// |---|---|
/// | 200 with `text/event-stream` and no coding | the stream is open |
/// | 200 with anything else | [`End::NotAnEventStream`] |
/// | 204 | [`End::NoContent`] |
/// | a status of [`retry_on`](Self::retry_on) | another attempt, no sooner than `Retry-After` |
/// | any other status | [`End::Status`] |
/// | no connection, no answer, a stream cut off or ended or silent | another attempt |
/// | the [completing](Self::complete_on) event | [`End::Completed`] |
/// | the same, if the request is not to be [sent again](Self::resend) | [`End::NotResent`], or [`End::Ended`] |
///
/// Another attempt waits as [`Backoff`] says, within its budget; the stream's own `retry` is the
/// reconnection time, within its bounds. A stream that ended of itself, having dispatched an event,
/// has not failed. What failed moves on to the next [endpoint](Self::endpoints); what ended comes back
/// to where it was.
///
/// # Settings
///
/// | setting | default |
/// |---|---|
/// | [`backoff`](Self::backoff) | that of [`Backoff::new`] |
/// | [`decoder`](Self::decoder): limits, comments, the first last event ID | that of [`Decoder::new`] |
/// | [`complete_on`](Self::complete_on) | no event |
/// | [`retry_on`](Self::retry_on) | 429, 500, 502, 503, 504 |
/// | [`resend`](Self::resend) | yes |
/// | [`only_from_a_position`](Self::only_from_a_position) | no |
/// | [`endpoints`](Self::endpoints) | 1 |
/// | [`response_timeout`](Self::response_timeout), [`idle_timeout`](Self::idle_timeout) | none |
///
/// With `retry_on([])` it is the standard's own: there every status but 200 ends an event source.
///
/// Source: WHATWG HTML §9.2.2, "The `EventSource` interface", and §9.2.3, "Processing model".
#[derive(Debug)]
#[must_use]
pub struct Reconnect {
    decoder: Decoder,
    backoff: Backoff,
    completion: Option<Completion>,
    retry_on: Vec<StatusCode>,
    resend: bool,
    only_from_a_position: bool,
    endpoints: usize,
    response_timeout: Option<Duration>,
    idle_timeout: Option<Duration>,
    chance: fastrand::Rng,
    endpoint: usize,
    state: State,
}

#[derive(Debug, Clone, Copy)]
enum State {
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
    /// One that has asked for nothing yet, with the defaults.
    pub fn new() -> Self {
        Self {
            decoder: Decoder::new(),
            backoff: Backoff::new(),
            completion: None,
            retry_on: vec![
                StatusCode::TOO_MANY_REQUESTS,
                StatusCode::INTERNAL_SERVER_ERROR,
                StatusCode::BAD_GATEWAY,
                StatusCode::SERVICE_UNAVAILABLE,
                StatusCode::GATEWAY_TIMEOUT,
            ],
            resend: true,
            only_from_a_position: false,
            endpoints: 1,
            response_timeout: None,
            idle_timeout: None,
            chance: fastrand::Rng::new(),
            endpoint: 0,
            state: State::New,
        }
    }

    /// How long to wait between attempts, and how many there may be.
    pub fn backoff(mut self, backoff: Backoff) -> Self {
        self.backoff = backoff;
        self
    }

    /// What reads the stream: its limits, whether comments are asked for, and the last event ID to
    /// begin with ([`DecoderBuilder::last_event_id`](crate::DecoderBuilder::last_event_id)).
    pub fn decoder(mut self, decoder: Decoder) -> Self {
        self.decoder = decoder;
        self
    }

    /// Which event is the last: with it everything ends.
    pub fn complete_on(mut self, completion: impl Into<Option<Completion>>) -> Self {
        self.completion = completion.into();
        self
    }

    /// Which statuses ask for another attempt. 200 and 204 never do.
    pub fn retry_on(mut self, statuses: impl IntoIterator<Item = StatusCode>) -> Self {
        self.retry_on = statuses.into_iter().collect();
        self
    }

    /// Whether the request may be sent more than once. Where it may not, only one that was never sent,
    /// for want of a connection, is tried again.
    pub fn resend(mut self, allowed: bool) -> Self {
        self.resend = allowed;
        self
    }

    /// Whether a stream that was open is asked for again only if there is an id to go on from: who
    /// hands the events on would repeat them otherwise.
    pub fn only_from_a_position(mut self, only: bool) -> Self {
        self.only_from_a_position = only;
        self
    }

    /// How many servers there are to ask in turn; 0 counts as 1.
    pub fn endpoints(mut self, count: usize) -> Self {
        self.endpoints = count.max(1);
        self
    }

    /// How long the head of the response may take, from the request on.
    pub fn response_timeout(mut self, timeout: impl Into<Option<Duration>>) -> Self {
        self.response_timeout = timeout.into();
        self
    }

    /// How long an open stream may be silent. Any byte counts: a server's keep-alive too.
    pub fn idle_timeout(mut self, timeout: impl Into<Option<Duration>>) -> Self {
        self.idle_timeout = timeout.into();
        self
    }

    /// Makes what is left to chance the same each time.
    pub fn seed(mut self, seed: u64) -> Self {
        self.chance = fastrand::Rng::with_seed(seed);
        self
    }

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

    /// How many events were skipped because they were too large: [`Decoder::skipped`].
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
    /// As [`Decoder::next`]: the stream goes on, unless it is closed for that.
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
    /// As [`Decoder::next_message`]: the stream goes on, unless it is closed for that.
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

impl Default for Reconnect {
    fn default() -> Self {
        Self::new()
    }
}
