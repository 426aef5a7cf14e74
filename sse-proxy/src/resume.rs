//! What a stream that resumes is told.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, Method};
use sse_core::{
    Backoff, Completion, Decoder, EventId, EventType, LastEventId, MessageEvent, Reconnect,
};

/// Looks at an event, and changes or drops it.
pub(crate) type Hook = Arc<dyn Fn(MessageEvent) -> Option<MessageEvent> + Send + Sync>;

/// How a stream is read and, when its upstream is lost, taken up again, while the client stays
/// connected: for [`Forward::resume`](crate::Forward::resume).
///
/// | setting | default |
/// |---|---|
/// | [`complete_on`](Self::complete_on) | no event |
/// | [`linger`](Self::linger) | 5 s |
/// | [`on_event`](Self::on_event) | every event passes as it is |
/// | [`backoff`](Self::backoff) | after 1 s or what the upstream's `retry` says, 0.1 s to 30 s, for up to 2 minutes |
/// | [`max_event_size`](Self::max_event_size) | 16 MiB |
///
/// ```
/// use sse_proxy::{Completion, Resume};
///
/// let resume = Resume::new().complete_on(Completion::data("[DONE]"));
/// # let _ = resume;
/// ```
#[derive(Clone)]
#[must_use]
pub struct Resume {
    pub(crate) hook: Option<Hook>,
    pub(crate) completion: Option<Completion>,
    pub(crate) linger: Duration,
    backoff: Backoff,
    max_event_size: Option<usize>,
}

impl Resume {
    /// The type of the event that says that the upstream is lost for good: `stream-error`. Its data
    /// is JSON, `{"code":"…","message":"…"}`, with the codes of the
    /// [table](crate#the-end-of-a-stream-that-resumes).
    pub const ERROR: EventType = EventType::from_static("stream-error");

    /// The defaults.
    pub fn new() -> Self {
        let second = Duration::from_secs(1);
        Self {
            hook: None,
            completion: None,
            linger: 5 * second,
            backoff: Backoff::new()
                .reconnection_time(second)
                .bounds(second / 10, 30 * second)
                .give_up_after(120 * second),
            max_event_size: None,
        }
    }

    /// Which event is the upstream's last, such as `[DONE]` of a language model's API: the stream ends
    /// with it, and the upstream is let go. Any other end is a loss then.
    pub fn complete_on(mut self, completion: impl Into<Option<Completion>>) -> Self {
        self.completion = completion.into();
        self
    }

    /// How long the client of a GET is given, after the completing event, to hang up first: a page
    /// that calls `EventSource.close()` within it sees no `error` event. With zero, and after any
    /// other method, the stream ends at once.
    pub fn linger(mut self, linger: Duration) -> Self {
        self.linger = linger;
        self
    }

    /// Sees each event, may change its type and its data, and drops it by returning `None`.
    ///
    /// The id stays the upstream's, whatever is returned, since the client's next request carries
    /// it there; the id of an event that was dropped is sent without the event. Comments, ids and
    /// times to reconnect that stand alone pass by. A completing event completes the stream also
    /// where it is dropped.
    ///
    /// It runs where the body is polled, so it must not block. What it has to know of the request it
    /// can be given by a handler that makes its own `Resume`: a `Forward` is cheap to clone.
    pub fn on_event(
        mut self,
        hook: impl Fn(MessageEvent) -> Option<MessageEvent> + Send + Sync + 'static,
    ) -> Self {
        self.hook = Some(Arc::new(hook));
        self
    }

    /// How long to wait between attempts to reach the upstream again, and when to give up.
    pub fn backoff(mut self, backoff: Backoff) -> Self {
        self.backoff = backoff;
        self
    }

    /// How many bytes an event may have; a larger one is a `stream-error` and the end. As much is
    /// held of each stream, at the most, while an event is on its way.
    pub fn max_event_size(mut self, bytes: usize) -> Self {
        self.max_event_size = Some(bytes);
        self
    }

    /// The machine for one stream, asked for by this request.
    pub(crate) fn machine(
        &self,
        method: &Method,
        headers: &HeaderMap,
        has_body: bool,
        header_timeout: Duration,
        idle_timeout: Option<Duration>,
    ) -> Reconnect {
        let mut decoder = Decoder::builder().comments(true).blocks(true);
        if let Some(bytes) = self.max_event_size {
            decoder = decoder.max_event_size(bytes);
        }
        let id = headers.get(LastEventId::HEADER).and_then(|id| str::from_utf8(id.as_bytes()).ok());
        if let Some(id) = id.and_then(|id| EventId::new(id).ok()) {
            decoder = decoder.last_event_id(&id);
        }
        Reconnect::new()
            .decoder(decoder.build())
            .backoff(self.backoff.clone())
            .complete_on(self.completion.clone())
            .resend(method.is_safe() && !has_body)
            .only_from_a_position(true)
            .response_timeout(header_timeout)
            .idle_timeout(idle_timeout)
    }
}

impl Default for Resume {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Resume {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Resume")
            .field("complete_on", &self.completion)
            .field("linger", &self.linger)
            .field("backoff", &self.backoff)
            .field("max_event_size", &self.max_event_size)
            .finish_non_exhaustive()
    }
}
