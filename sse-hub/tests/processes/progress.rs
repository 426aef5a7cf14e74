//! How far the test has come, so that nothing in it goes by the clock.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use sse_store::{EventStore as _, SeaOrmStore};
use testkit::BOUND;
use tokio::sync::watch;
use tokio::time::sleep;

#[derive(Debug, Default)]
pub(crate) struct Progress {
    /// How many events the log has.
    events: watch::Sender<u64>,
    /// How many of those that will be there…
    all: u64,
    /// How many were given to clients, to all of them together.
    delivered: AtomicU64,
}

impl Progress {
    /// The progress of a log that comes to have so many events.
    pub(crate) fn of(all: u64) -> Self {
        Self { all, ..Self::default() }
    }

    /// Follows the log, for ever.
    pub(crate) async fn follow(self: Arc<Self>, store: SeaOrmStore) {
        let mut head = store.head().await.unwrap();
        loop {
            self.events.send_replace(head.sequence());
            head = store.wait(head).await.unwrap();
        }
    }

    pub(crate) fn events(&self) -> u64 {
        *self.events.borrow()
    }

    /// Waits until the log has so many events, or all that there will be.
    pub(crate) async fn reaches(&self, events: u64) {
        let mut receiver = self.events.subscribe();
        receiver.wait_for(|now| *now >= events.min(self.all)).await.unwrap();
    }

    pub(crate) fn delivered(&self) {
        self.delivered.fetch_add(1, Ordering::Relaxed);
    }

    /// Waits until so many events were given to clients.
    pub(crate) async fn has_delivered(&self, events: u64) {
        when(|| self.delivered.load(Ordering::Relaxed) >= events).await;
    }

    /// Returns when nothing was published and nothing delivered for a while that is far too long: this is what bounds
    /// a run, since whatever happens otherwise takes it on, and there is only so much of it.
    pub(crate) async fn stands_still(&self) {
        let now = || (self.events(), self.delivered.load(Ordering::Relaxed));
        let mut before = (u64::MAX, 0);
        while now() != before {
            before = now();
            sleep(BOUND).await;
        }
    }
}

/// Waits until a condition holds that a run comes to unless it [stands still](Progress::stands_still).
pub(crate) async fn when(mut condition: impl FnMut() -> bool) {
    while !condition() {
        sleep(Duration::from_millis(5)).await;
    }
}
