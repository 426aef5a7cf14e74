//! How a stream lives and ends.

mod bell;
mod body;
mod close;
mod item;
mod keep_alive;
mod machine;
mod max_lifetime;

use std::fmt;
use std::future::Future;
use std::ops::RangeInclusive;
use std::pin::Pin;
use std::time::Duration;

pub use body::SseBody;
pub use close::{CloseReason, StreamStats};
pub use item::StreamItem;
pub use keep_alive::KeepAlive;
pub use max_lifetime::MaxLifetime;

use crate::Completion;

/// How a stream lives: what keeps it open, and each way in which it ends.
///
/// The defaults suit a stream that a browser reads: a first byte at once, a comment after 15 s of
/// silence, everything that is ready in one chunk, and no end but the source's own.
///
/// | setting | default |
/// |---|---|
/// | [`keep_alive`](Self::keep_alive) | a comment after 15 s without a byte |
/// | [`complete_on`](Self::complete_on) | never |
/// | [`linger`](Self::linger) | 5 s |
/// | [`max_lifetime`](Self::max_lifetime) | none |
/// | [`shutdown`](Self::shutdown) | none |
/// | [`retry`](Self::retry) | 3 s, said only by a stream that may say another at its end |
/// | [`shutdown_retry`](Self::shutdown_retry) | 2 s to 10 s |
/// | [`max_chunk`](Self::max_chunk) | 64 KiB |
///
/// ```
/// use std::time::Duration;
/// use sse_core::{Completion, KeepAlive, Lifecycle};
///
/// let lifecycle = Lifecycle::new()
///     .keep_alive(KeepAlive::every(Duration::from_secs(20)))
///     .complete_on(Completion::data("[DONE]"))
///     .on_close(|reason, stats| println!("{reason} after {} events", stats.events));
/// # let _ = lifecycle;
/// ```
#[must_use]
pub struct Lifecycle {
    pub(crate) settings: Settings,
    pub(crate) shutdown: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
    pub(crate) on_close: Option<OnClose>,
}

pub(crate) type OnClose = Box<dyn FnOnce(CloseReason, StreamStats) + Send>;

/// What the state machine needs to know.
#[derive(Debug)]
pub(crate) struct Settings {
    keep_alive: Option<KeepAlive>,
    complete_on: Option<Completion>,
    /// Whether the stream opens with `retry`.
    says_retry: bool,
    max_chunk: usize,
    /// Apart from the others, so that a stream that leaves them be does not carry them.
    ending: Option<Box<Ending>>,
}

/// How a stream ends.
#[derive(Debug, Clone)]
pub(crate) struct Ending {
    linger: Duration,
    max_lifetime: Option<MaxLifetime>,
    retry: Duration,
    shutdown_retry: RangeInclusive<Duration>,
}

static ENDING: Ending = Ending {
    linger: Duration::from_secs(5),
    max_lifetime: None,
    retry: Duration::from_secs(3),
    shutdown_retry: RangeInclusive::new(Duration::from_secs(2), Duration::from_secs(10)),
};

impl Settings {
    fn ending(&self) -> &Ending {
        self.ending.as_deref().unwrap_or(&ENDING)
    }

    fn ending_mut(&mut self) -> &mut Ending {
        self.ending.get_or_insert_with(|| Box::new(ENDING.clone()))
    }
}

impl Lifecycle {
    /// How long a failed stream waits, before it is cut short, for what came before to be written.
    ///
    /// A server throws away what it finds unwritten when a body fails: over HTTP/1.1 it writes at the
    /// next pending poll, over HTTP/2 by another task.
    pub const FLUSH: Duration = Duration::from_millis(100);

    /// The defaults.
    pub fn new() -> Self {
        Self {
            settings: Settings {
                keep_alive: Some(KeepAlive::default()),
                complete_on: None,
                says_retry: false,
                max_chunk: 64 * 1024,
                ending: None,
            },
            shutdown: None,
            on_close: None,
        }
    }

    /// What is sent when nothing else was for a while; `None` for nothing.
    ///
    /// Source: WHATWG HTML §9.2.7, "authoring notes", which asks for a comment about every 15 s.
    pub fn keep_alive(mut self, keep_alive: impl Into<Option<KeepAlive>>) -> Self {
        self.settings.keep_alive = keep_alive.into();
        self
    }

    /// Ends the stream when this event has been sent.
    ///
    /// The source is dropped at once. The client is given [`linger`](Self::linger) to hang up first;
    /// a page that calls `EventSource.close()` within it sees no `error` event.
    pub fn complete_on(mut self, completion: Completion) -> Self {
        self.settings.complete_on = Some(completion);
        self
    }

    /// How long a completed stream waits for the client to hang up before it ends by itself. With
    /// zero it ends at once.
    pub fn linger(mut self, linger: Duration) -> Self {
        self.settings.ending_mut().linger = linger;
        self
    }

    /// Ends the stream after a time, so that clients come back and spread over the servers there are.
    pub fn max_lifetime(mut self, lifetime: impl Into<MaxLifetime>) -> Self {
        self.settings.says_retry = true;
        self.settings.ending_mut().max_lifetime = Some(lifetime.into());
        self
    }

    /// Ends the stream when `shutdown` is ready: what the source has ready is sent, up to one chunk of
    /// it, then a `retry` from [`shutdown_retry`](Self::shutdown_retry), then the end. The source is
    /// dropped.
    ///
    /// Any future will do, such as `CancellationToken::cancelled_owned` of `tokio-util`. It is polled
    /// when the stream begins, and then only when it has woken its task.
    pub fn shutdown(mut self, shutdown: impl Future<Output = ()> + Send + 'static) -> Self {
        self.settings.says_retry = true;
        self.shutdown = Some(Box::pin(shutdown));
        self
    }

    /// The ordinary reconnection time, in whole milliseconds. Saying one makes the stream open with
    /// it; without, only a stream that may say another at its end does, since a browser remembers
    /// the last one it saw.
    pub fn retry(mut self, retry: Duration) -> Self {
        self.settings.ending_mut().retry = retry;
        self.settings.says_retry = true;
        self
    }

    /// Between which times the clients of a server that shuts down are spread.
    pub fn shutdown_retry(mut self, spread: RangeInclusive<Duration>) -> Self {
        self.settings.ending_mut().shutdown_retry = spread;
        self
    }

    /// Up to about how many bytes leave in one chunk; at least one event always does. What lies side by side in one buffer
    /// ([`Frames`](crate::Frames)) leaves from 16 KiB on: another chunk costs less than to copy it.
    pub fn max_chunk(mut self, bytes: usize) -> Self {
        self.settings.max_chunk = bytes.max(1);
        self
    }

    /// Is called exactly once for each stream, when it has ended or its client has gone.
    ///
    /// It runs where the stream is polled or dropped, so it must not block.
    pub fn on_close(
        mut self,
        on_close: impl FnOnce(CloseReason, StreamStats) + Send + 'static,
    ) -> Self {
        self.on_close = Some(Box::new(on_close));
        self
    }

    /// Turns a stream of events into a response body that lives like this.
    pub fn body<S>(self, source: S) -> SseBody<S>
    where
        S: futures_core::Stream,
        S::Item: StreamItem,
    {
        SseBody::new(self, source)
    }
}

impl Default for Lifecycle {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Lifecycle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lifecycle").field("settings", &self.settings).finish_non_exhaustive()
    }
}
