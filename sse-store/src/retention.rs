//! How long records are kept.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crate::{EventStore, StoreError};

/// How long a log's records are kept: up to an age, up to a number, or both. Without either they are kept for good, and
/// only the keys of appends go when they are older than [`Key::KEPT`](crate::Key::KEPT).
///
/// A service starts [`run`](Self::run) as a task; several processes doing so on one log do no harm. A reader whose
/// position is older than what is kept is told of a gap.
///
/// ```
/// # use std::sync::Arc;
/// # use std::time::Duration;
/// # use sse_store::{EventStore, MemoryStore, Retention};
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let store: Arc<dyn EventStore> = Arc::new(MemoryStore::new());
/// let retention = Retention::new()
///     .max_age(Duration::from_secs(7 * 24 * 3600))
///     .max_records(1_000_000);
/// let task = tokio::spawn(retention.run(store));
/// # task.abort();
/// # }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub struct Retention {
    max_age: Option<Duration>,
    max_records: Option<u64>,
    interval: Duration,
}

impl Retention {
    /// How often it looks, unless told otherwise by [`every`](Self::every).
    pub const INTERVAL: Duration = Duration::from_secs(60);

    /// Everything is kept.
    pub fn new() -> Self {
        Self { max_age: None, max_records: None, interval: Self::INTERVAL }
    }

    /// Keeps no record that is older than this.
    pub fn max_age(mut self, age: Duration) -> Self {
        self.max_age = Some(age);
        self
    }

    /// Keeps the newest so many positions: no more records than that, and fewer where some of them were cleared.
    pub fn max_records(mut self, records: u64) -> Self {
        self.max_records = Some(records);
        self
    }

    /// Looks this often; at least every millisecond.
    pub fn every(mut self, interval: Duration) -> Self {
        self.interval = interval.max(Duration::from_millis(1));
        self
    }

    /// Deletes what is not to be kept, once, and returns how many events that were.
    ///
    /// # Errors
    ///
    /// Those of [`purge`](EventStore::purge).
    pub async fn apply(&self, store: &dyn EventStore) -> Result<u64, StoreError> {
        let before = self.max_age.and_then(|age| SystemTime::now().checked_sub(age));
        // Without an age too, for the keys.
        let mut removed = store.purge(before.unwrap_or(SystemTime::UNIX_EPOCH)).await?;
        if let Some(records) = self.max_records {
            removed += store.trim(records).await?;
        }
        Ok(removed)
    }

    /// Does so at once and then at its interval, until the store is closed. A failure is said in a warning and tried
    /// again the next time. It holds the store open: drop the future, or abort its task, to let go of it.
    pub async fn run(self, store: Arc<dyn EventStore>) {
        loop {
            match self.apply(&*store).await {
                Ok(0) => {}
                Ok(removed) => tracing::debug!(removed, "old events were deleted"),
                Err(error) if error.is_closed() => return,
                Err(error) => tracing::warn!(%error, "old events could not be deleted"),
            }
            tokio::time::sleep(self.interval).await;
        }
    }
}

impl Default for Retention {
    fn default() -> Self {
        Self::new()
    }
}
