//! The one thing that every store can do.

use std::collections::BTreeSet;
use std::fmt::Debug;
use std::future::Future;
use std::pin::Pin;
use std::time::SystemTime;

use crate::{
    Cleared, Entry, Key, NewEntry, Newest, Page, Position, Query, StoreError, Topic, TopicSet,
};

/// What the methods of an [`EventStore`] return: boxed, so that `Arc<dyn EventStore>` is a store.
pub type StoreFuture<'a, T> = Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send + 'a>>;

/// One log in one total order, shared by all who open it.
///
/// - A reader that follows its cursor sees every record of its topics exactly once, in order.
/// - A record of one topic is never read through another.
/// - What `append`, `clear` and `complete` have acknowledged is there, as far as the store's documentation says.
///
/// Every future may be dropped at any time. A write that was dropped has happened as a whole or not at all.
///
/// Who follows a log, such as a hub, relies on more:
///
/// - A position is given once. A log that has lost its newest end, as one restored from a backup has, gets another epoch
///   before anything of it is read, so that those who stand beyond are told a reset.
/// - What has been acknowledged is seen at once: a `head`, `read`, `list` or `newest` that begins after it has it.
/// - Clears and completions are records: `read` gives them, and `wait` returns for them. Once a clear has been read, no read
///   that begins after has what it deleted.
/// - A page has every record up to its `next`, or tells a gap: also of what is deleted while it is read.
///
/// An implementation shows that it keeps these by the suite in `sse_store::testing` (feature `testing`).
pub trait EventStore: Debug + Send + Sync {
    /// Appends a batch as a whole, in its order and without a record of others between, and returns the positions.
    /// Appending to a completed topic reopens it.
    ///
    /// # Errors
    ///
    /// Nothing is appended when an event already has an id or is too long ([`is_refused`](StoreError::is_refused)), or an entry's
    /// topic has been cleared after its fence ([`is_fenced`](StoreError::is_fenced)). A fence of another log is
    /// always too old. A topic that has been silent for longer than the store keeps records may be taken for
    /// cleared; the reverse never happens.
    fn append(&self, batch: Vec<NewEntry>) -> StoreFuture<'_, Vec<Position>>;

    /// Appends a batch unless one was appended with this key before, by whatever process: then nothing is done, and the
    /// positions are those of that one, also if its records have been deleted since. So an append that has failed, or
    /// whose outcome [is unknown](StoreError::is_outcome_unknown), can be tried again until it succeeds, and is there once.
    ///
    /// A key is remembered for [`Key::KEPT`] at least. An append that has failed leaves its key free, and an empty batch
    /// uses none.
    ///
    /// ```
    /// use std::time::Duration;
    /// use sse_store::{EventStore, Key, NewEntry, Position, StoreError};
    ///
    /// async fn append_for_sure(
    ///     store: &dyn EventStore,
    ///     batch: Vec<NewEntry>,
    /// ) -> Result<Vec<Position>, StoreError> {
    ///     let key = Key::random();
    ///     loop {
    ///         match store.append_once(&key, batch.clone()).await {
    ///             Err(error) if error.is_outcome_unknown() || error.is_unavailable() => {
    ///                 tokio::time::sleep(Duration::from_millis(100)).await;
    ///             }
    ///             answer => return answer,
    ///         }
    ///     }
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// Those of [`append`](Self::append), and [`is_refused`](StoreError::is_refused) when the key is that of a batch of
    /// another length. Whether the contents are the same is not looked at.
    fn append_once<'a>(
        &'a self,
        key: &'a Key,
        batch: Vec<NewEntry>,
    ) -> StoreFuture<'a, Vec<Position>>;

    /// The position of the newest record; sequence 0 in an empty log.
    fn head(&self) -> StoreFuture<'_, Position>;

    /// Reads at most `limit` records (at least 1) of these topics, strictly after a position, oldest first; fewer where
    /// they come to [`Page::FULL_BYTES`] before.
    ///
    /// From [`Position::START`] it reads what there is. A position that the log has not reached, or of another
    /// log, is a [`Reset`](crate::PageStatus::Reset), and the page begins at the log's start.
    fn read<'a>(
        &'a self,
        after: Position,
        topics: &'a TopicSet,
        limit: usize,
    ) -> StoreFuture<'a, Page>;

    /// Lists records for people, a page at a time: at most as many as the query's limit says, and fewer where they come
    /// to [`Page::FULL_BYTES`] before. The last page is the one that is empty.
    ///
    /// # Errors
    ///
    /// [`is_refused`](StoreError::is_refused) when the query's `after` is a position of another log.
    fn list<'a>(&'a self, query: &'a Query) -> StoreFuture<'a, Vec<Entry>>;

    /// The newest record of each of these topics that has any, in no order, without what it says: one look for all of them,
    /// where a listing is one for each. By itself it lists them one by
    /// one; a store around another passes it on.
    fn newest<'a>(&'a self, topics: &'a BTreeSet<Topic>) -> StoreFuture<'a, Vec<Newest>> {
        Box::pin(async move {
            let mut all = Vec::with_capacity(topics.len());
            for topic in topics {
                let newest = Query::new(topic).newest_first().limit(1);
                all.extend(self.list(&newest).await?.pop().map(|entry| Newest::from(&entry)));
            }
            Ok(all)
        })
    }

    /// Waits until something newer than the position is committed, by any process, and returns the head. It returns at
    /// once for a position of another log, since a reader there must read again.
    fn wait(&self, after: Position) -> StoreFuture<'_, Position>;

    /// Deletes what is stored of a topic and records that it did. Readers come by that record.
    fn clear<'a>(&'a self, topic: &'a Topic) -> StoreFuture<'a, Cleared>;

    /// Records that a topic has said all it will say.
    fn complete<'a>(&'a self, topic: &'a Topic) -> StoreFuture<'a, Position> {
        Box::pin(async move {
            let positions = self.append(vec![NewEntry::completion(topic.clone())]).await?;
            positions
                .first()
                .copied()
                .ok_or_else(|| StoreError::other("the store gave no position for a completion"))
        })
    }

    /// Deletes the old end of the log, up to the first record that is not older than `before`, and returns how many
    /// events that were. Keys older than [`Key::KEPT`] are forgotten. An error, or dropping the future, leaves some of the
    /// work undone.
    fn purge(&self, before: SystemTime) -> StoreFuture<'_, u64>;

    /// Deletes the old end of the log but for the newest `keep` positions, and returns how many events that were. Keys
    /// older than [`Key::KEPT`] are forgotten. An error, or dropping the future, leaves some of the work undone.
    fn trim(&self, keep: u64) -> StoreFuture<'_, u64>;
}
