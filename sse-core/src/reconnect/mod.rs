//! The algorithm of an event source, without a clock and without a socket.

mod head;
mod machine;
mod outcome;

use std::time::Duration;

use http::StatusCode;

pub use self::head::{has_event_stream, retry_after};
use self::machine::State;
pub use self::outcome::{Cause, End, ReadyState, Step};
use crate::{Backoff, Completion, Decoder};

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
}

impl Default for Reconnect {
    fn default() -> Self {
        Self::new()
    }
}
