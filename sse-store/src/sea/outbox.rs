//! Appending in an application's own transaction.

use sea_orm::DatabaseTransaction;

use super::error::{commit_failed, failed};
use super::group::{Batch, Written};
use super::{SeaOrmStore, end, write};
use crate::{Key, NewEntry, Position, StoreError};

impl SeaOrmStore {
    /// Appends a batch as the last step of an application's own transaction on this database, and commits both: what the
    /// application has written and the events that tell of it are there together or not at all.
    ///
    /// It takes the transaction, since whoever appends holds the lock of the log until the commit. Give it one that is
    /// otherwise done, and is not nested in another. On SQLite it is best begun as immediate: one that has read before it
    /// writes fails where another has written meanwhile ([`is_unavailable`](StoreError::is_unavailable)); so does one
    /// that is not READ COMMITTED on PostgreSQL.
    ///
    /// Dropping the future does not undo it: the transaction is committed all the same.
    ///
    /// ```
    /// # #[cfg(feature = "sqlite")]
    /// # async fn example(
    /// #     db: sea_orm::DatabaseConnection,
    /// #     store: sse_store::SeaOrmStore,
    /// # ) -> Result<(), Box<dyn std::error::Error>> {
    /// use sea_orm::{ConnectionTrait, TransactionTrait};
    /// use sse_core::Event;
    /// use sse_store::{NewEntry, Topic};
    ///
    /// let transaction = db.begin().await?;
    /// transaction.execute_unprepared("UPDATE orders SET state = 'shipped' WHERE id = 42").await?;
    /// let shipped = NewEntry::new(Topic::new("orders/42")?, Event::new("shipped"));
    /// store.commit_with(transaction, vec![shipped]).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// Those of [`append`](crate::EventStore::append), and [`is_refused`](StoreError::is_refused) when the transaction is
    /// nested in another, or has a savepoint of its own open on PostgreSQL. The transaction is rolled back, unless the
    /// outcome [is unknown](StoreError::is_outcome_unknown).
    pub async fn commit_with(
        &self,
        transaction: DatabaseTransaction,
        batch: Vec<NewEntry>,
    ) -> Result<Vec<Position>, StoreError> {
        self.commit(transaction, None, batch).await
    }

    /// The same, unless an append with this key was committed before: then the transaction is rolled back, and the
    /// positions are those of that one. So a service whose commit has an unknown outcome does all of its transaction
    /// again, and both its rows and its events are there once. See [`append_once`](crate::EventStore::append_once).
    ///
    /// # Errors
    ///
    /// Those of [`append_once`](crate::EventStore::append_once) and of [`commit_with`](Self::commit_with). The transaction is
    /// rolled back, unless the outcome [is unknown](StoreError::is_outcome_unknown).
    pub async fn commit_once_with(
        &self,
        transaction: DatabaseTransaction,
        key: &Key,
        batch: Vec<NewEntry>,
    ) -> Result<Vec<Position>, StoreError> {
        self.commit(transaction, Some(key.clone()), batch).await
    }

    async fn commit(
        &self,
        transaction: DatabaseTransaction,
        key: Option<Key>,
        batch: Vec<NewEntry>,
    ) -> Result<Vec<Position>, StoreError> {
        batch.iter().try_for_each(NewEntry::check)?;
        let store = self.clone();
        // A task of its own goes on when who asked goes away.
        let task =
            tokio::spawn(async move { store.append_and_commit(transaction, key, batch).await });
        task.await.map_err(|error| {
            StoreError::outcome_unknown("the task that commits has ended").with_source(error)
        })?
    }

    async fn append_and_commit(
        &self,
        transaction: DatabaseTransaction,
        key: Option<Key>,
        batch: Vec<NewEntry>,
    ) -> Result<Vec<Position>, StoreError> {
        const WHAT: &str = "append to";
        let key = key.as_ref().filter(|_| !batch.is_empty());
        let batches = [Batch { entries: &batch, key }];
        let written = async {
            end::refuse_nested(&transaction).await?;
            write::append(&transaction, self.writer.heads().newest(), &batches).await
        };
        let (answer, rows, head) = match written.await {
            Ok(Written { mut answers, rows, head }) => {
                (answers.pop().unwrap_or_else(|| Ok(Vec::new())), rows, head)
            }
            Err(error) => (Err(failed(WHAT, &self.url, error)), 0, Position::START),
        };
        let is_done_already = key.is_some() && rows == 0;
        if answer.is_err() || is_done_already {
            end::rollback(transaction).await;
            return answer;
        }
        let committed = end::commit(transaction).await;
        committed.map_err(|error| commit_failed(WHAT, &self.url, error))?;
        self.writer.heads().saw(head);
        answer
    }
}
