//! The limits of a hub, and how one is built.

use std::sync::Arc;
use std::time::Duration;

use sse_store::EventStore;

use crate::Hub;

/// Builds a [`Hub`].
///
/// | setting | default |
/// |---|---|
/// | [`window`](Self::window) | 16 MiB |
/// | [`catch_up_memory`](Self::catch_up_memory) | 8 MiB |
/// | [`catch_up_reads`](Self::catch_up_reads) | 4 |
/// | [`max_connections`](Self::max_connections) | 10,000 |
/// | [`max_connections_per_user`](Self::max_connections_per_user) | 10 |
/// | [`max_topics`](Self::max_topics) | 100 |
/// | [`stall`](Self::stall) | 60 s |
/// | [`position_every`](Self::position_every) | 10 s |
/// | [`retry`](Self::retry) | 3 s |
/// | [`start_patience`](Self::start_patience) | 5 s |
/// | [`max_notices`](Self::max_notices) | 1,024 |
#[derive(Debug, Clone)]
#[must_use]
pub struct HubBuilder {
    pub(crate) store: Arc<dyn EventStore>,
    pub(crate) settings: Settings,
}

#[derive(Debug, Clone)]
pub(crate) struct Settings {
    pub(crate) window: usize,
    pub(crate) catch_up_memory: usize,
    pub(crate) catch_up_reads: usize,
    pub(crate) connections: usize,
    pub(crate) per_user: usize,
    pub(crate) topics: usize,
    pub(crate) stall: Duration,
    pub(crate) position_every: Duration,
    pub(crate) retry: Option<Duration>,
    pub(crate) patience: Duration,
    pub(crate) notices: usize,
}

impl HubBuilder {
    pub(crate) fn new(store: Arc<dyn EventStore>) -> Self {
        let settings = Settings {
            window: 16 << 20,
            catch_up_memory: 8 << 20,
            catch_up_reads: 4,
            connections: 10_000,
            per_user: 10,
            topics: 100,
            stall: Duration::from_secs(60),
            position_every: Duration::from_secs(10),
            retry: Some(Duration::from_secs(3)),
            patience: crate::core::PATIENCE,
            notices: 1024,
        };
        Self { store, settings }
    }

    /// How many bytes of the newest events are held in memory: the events as they are sent, and 256 bytes for each.
    /// Who is no further behind than that costs the store nothing. With zero everybody reads of the store.
    pub fn window(mut self, bytes: usize) -> Self {
        self.settings.window = bytes;
        self
    }

    /// How many bytes of pages are held that were read for those behind the window, besides the pages that
    /// are just being read.
    pub fn catch_up_memory(mut self, bytes: usize) -> Self {
        self.settings.catch_up_memory = bytes;
        self
    }

    /// How many pages are read of the store at a time, at least one.
    pub fn catch_up_reads(mut self, reads: usize) -> Self {
        self.settings.catch_up_reads = reads;
        self
    }

    /// How many connections there may be; those who come then are refused.
    pub fn max_connections(mut self, connections: usize) -> Self {
        self.settings.connections = connections;
        self
    }

    /// How many connections one user may have, at least one; the oldest gives way to the next.
    pub fn max_connections_per_user(mut self, connections: usize) -> Self {
        self.settings.per_user = connections;
        self
    }

    /// How many topics one connection may have. What a connection costs when it is given an event grows with them, by some
    /// nanoseconds each.
    pub fn max_topics(mut self, topics: usize) -> Self {
        self.settings.topics = topics;
        self
    }

    /// For how long events may wait for a subscription that nobody polls, before it is ended. It is looked
    /// at every half of this, or of [`position_every`](Self::position_every) where that is less.
    pub fn stall(mut self, time: Duration) -> Self {
        self.settings.stall = time;
        self
    }

    /// After how long at the most a connection that was given nothing tells its position, where others' events have moved
    /// it on; half of it at the least. Less than the keep-alive's interval of 15 s, it takes its place.
    pub fn position_every(mut self, time: Duration) -> Self {
        self.settings.position_every = time;
        self
    }

    /// The ordinary reconnection time, which a subscription says at its opening, since the hub may say another at its end:
    /// when it is drained, or another connection took its place. `None` says neither. A
    /// `Lifecycle::retry` is to be the same, as it is by default.
    pub fn retry(mut self, retry: impl Into<Option<Duration>>) -> Self {
        self.settings.retry = retry.into();
        self
    }

    /// How long a subscriber waits for a hub that has not reached its store yet, before it is refused.
    pub fn start_patience(mut self, time: Duration) -> Self {
        self.settings.patience = time;
        self
    }

    /// How many notices wait for one who listens; beyond these the oldest are lost, and that is said.
    pub fn max_notices(mut self, notices: usize) -> Self {
        self.settings.notices = notices;
        self
    }

    /// The hub, and the tasks that follow the store for it: they end with the last handle and subscription.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime, as `tokio::spawn` does.
    pub fn build(self) -> Hub {
        Hub::start(self)
    }
}
