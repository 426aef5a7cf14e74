//! The limits of a hub, and how one is built.

use std::sync::Arc;
use std::time::Duration;

use sse_store::EventStore;
use tokio::sync::Semaphore;

use crate::Hub;

/// Builds a [`Hub`].
///
/// | setting | default |
/// |---|---|
/// | [`window`](Self::window) | 16 MiB |
/// | [`catch_up_memory`](Self::catch_up_memory) | 8 MiB |
/// | [`catch_up_reads`](Self::catch_up_reads) | 4 |
/// | [`catch_up_timeout`](Self::catch_up_timeout) | 10 s |
/// | [`opening_reads`](Self::opening_reads) | 4 |
/// | [`max_connections`](Self::max_connections) | 10,000 |
/// | [`max_connections_per_user`](Self::max_connections_per_user) | 10 |
/// | [`max_topics_per_connection`](Self::max_topics_per_connection) | 100 |
/// | [`stall`](Self::stall) | 60 s |
/// | [`position_interval`](Self::position_interval) | 10 s |
/// | [`retry`](Self::retry) | 3 s |
/// | [`start_timeout`](Self::start_timeout) | 5 s |
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
    pub(crate) catch_up_timeout: Duration,
    pub(crate) opening_reads: usize,
    pub(crate) connections: usize,
    pub(crate) per_user: usize,
    pub(crate) topics: usize,
    pub(crate) stall: Duration,
    pub(crate) position_interval: Duration,
    pub(crate) retry: Option<Duration>,
    pub(crate) start_timeout: Duration,
    pub(crate) notices: usize,
}

/// So many at a time, at least one.
pub(crate) fn semaphore(permits: usize) -> Semaphore {
    Semaphore::new(permits.clamp(1, Semaphore::MAX_PERMITS))
}

impl HubBuilder {
    pub(crate) fn new(store: Arc<dyn EventStore>) -> Self {
        let settings = Settings {
            window: 16 << 20,
            catch_up_memory: 8 << 20,
            catch_up_reads: 4,
            catch_up_timeout: Duration::from_secs(10),
            opening_reads: 4,
            connections: 10_000,
            per_user: 10,
            topics: 100,
            stall: Duration::from_secs(60),
            position_interval: Duration::from_secs(10),
            retry: Some(Duration::from_secs(3)),
            start_timeout: Duration::from_secs(5),
            notices: 1024,
        };
        Self { store, settings }
    }

    /// How many bytes of the newest events are held in memory: the events as they are sent, and 256 bytes for each; the
    /// names of their topics, and 384 bytes for each. Who is no further behind than that costs the store nothing. With
    /// zero everybody reads of the store. A hub that starts reads the newest of the log into it, up to 10,000 records.
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

    /// How long the store may take to give a page. After that it is another's turn, and the page is asked for again.
    pub fn catch_up_timeout(mut self, time: Duration) -> Self {
        self.settings.catch_up_timeout = time;
        self
    }

    /// How many ask the store at a time while they are subscribing, at least one: whether a topic is complete, and which
    /// are the last few events.
    pub fn opening_reads(mut self, reads: usize) -> Self {
        self.settings.opening_reads = reads;
        self
    }

    /// How many connections there may be; those who come then are refused.
    pub fn max_connections(mut self, connections: usize) -> Self {
        self.settings.connections = connections;
        self
    }

    /// How many connections one user may have, at least one; the oldest gives way to the next once that is open. Besides
    /// them as many may be opening.
    pub fn max_connections_per_user(mut self, connections: usize) -> Self {
        self.settings.per_user = connections;
        self
    }

    /// How many topics one connection may have. What a connection costs when it is given an event grows with them, by some
    /// nanoseconds each.
    pub fn max_topics_per_connection(mut self, topics: usize) -> Self {
        self.settings.topics = topics;
        self
    }

    /// For how long events may wait for a subscription that nobody polls, before it is ended. It is looked
    /// at every half of this, or of [`position_interval`](Self::position_interval) where that is less.
    pub fn stall(mut self, time: Duration) -> Self {
        self.settings.stall = time;
        self
    }

    /// After how long at the most a connection that was given nothing tells its position, where others' events have moved
    /// it on; half of it at the least. Less than the keep-alive's interval of 15 s, it takes its place. More than
    /// [`stall`](Self::stall) counts as that.
    pub fn position_interval(mut self, time: Duration) -> Self {
        self.settings.position_interval = time;
        self
    }

    /// The ordinary reconnection time, which a subscription says at its opening, since the hub may say another at its end:
    /// when it is drained, or another connection took its place. `None` says neither. A
    /// `Lifecycle::retry` is to be the same, as it is by default.
    pub fn retry(mut self, retry: impl Into<Option<Duration>>) -> Self {
        self.settings.retry = retry.into();
        self
    }

    /// How long a subscriber waits for the store before it is refused: for a hub that has not reached it yet, and for
    /// what is asked of it then. The same holds for topics that are added.
    pub fn start_timeout(mut self, time: Duration) -> Self {
        self.settings.start_timeout = time;
        self
    }

    /// How many notices wait for one who listens; beyond these the oldest are lost, and that is said.
    /// At least one, and 1,048,576 at the most: there is room for all of them from the beginning.
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

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = include_str!("settings.rs");
    const GUIDE: &str = include_str!("../../docs/hub.md");

    #[test]
    fn the_defaults_are_those_that_the_page_and_the_guide_say() {
        let Settings {
            window,
            catch_up_memory,
            catch_up_reads,
            catch_up_timeout,
            opening_reads,
            connections,
            per_user,
            topics,
            stall,
            position_interval,
            retry,
            start_timeout,
            notices,
        } = HubBuilder::new(Arc::new(sse_store::MemoryStore::new())).settings;
        let seconds = |time: Duration| format!("{} s", time.as_secs());
        for (name, default) in [
            ("window", format!("{} MiB", window >> 20)),
            ("catch_up_memory", format!("{} MiB", catch_up_memory >> 20)),
            ("catch_up_reads", catch_up_reads.to_string()),
            ("catch_up_timeout", seconds(catch_up_timeout)),
            ("opening_reads", opening_reads.to_string()),
            ("max_connections", thousands(connections)),
            ("max_connections_per_user", per_user.to_string()),
            ("max_topics_per_connection", topics.to_string()),
            ("stall", seconds(stall)),
            ("position_interval", seconds(position_interval)),
            ("retry", seconds(retry.unwrap())),
            ("start_timeout", seconds(start_timeout)),
            ("max_notices", thousands(notices)),
        ] {
            let row = format!("/// | [`{name}`](Self::{name}) | {default} |");
            assert!(PAGE.contains(&row), "{row}");
            let row = format!("| `{name}` | {default} |");
            assert!(GUIDE.contains(&row), "{row}");
        }
    }

    fn thousands(number: usize) -> String {
        match number / 1000 {
            0 => number.to_string(),
            thousands => format!("{thousands},{:03}", number % 1000),
        }
    }
}
