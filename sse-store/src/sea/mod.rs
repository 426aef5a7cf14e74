//! The log in a database, by SeaORM.

mod connect;
mod end;
mod error;
mod group;
mod heads;
#[cfg(feature = "mysql")]
mod mysql;
mod outbox;
#[cfg(feature = "postgres")]
mod postgres;
mod read;
mod rows;
mod scan;
mod schema;
mod short;
#[cfg(feature = "sqlite")]
mod sqlite;
mod write;
mod writer;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use sea_orm::{DatabaseConnection, DbErr};

pub use self::schema::Migrator;
use self::write::Old;
use self::writer::Writer;
use crate::{
    Cleared, Entry, EventStore, Key, NewEntry, Newest, Page, Position, Query, StoreError,
    StoreFuture, Topic, TopicSet,
};

/// A log in an SQL database.
///
/// | | SQLite | PostgreSQL | MySQL, MariaDB |
/// |---|---|---|---|
/// | the order is that of commits, by | an immediate transaction | the counter's row, locked | the counter's row, locked |
/// | the end of a process loses nothing that was acknowledged | yes | yes | yes |
/// | nor does a loss of power | yes: WAL, `synchronous=FULL` | with `fsync` and `synchronous_commit`, as by default | with `innodb_flush_log_at_trx_commit=1`, as by default |
/// | `wait` sees what this process commits | at once | at once | at once |
/// | `wait` sees what another process commits | within [`POLL_INTERVAL`](Self::POLL_INTERVAL) | at once, by `LISTEN` and `NOTIFY` | within `POLL_INTERVAL` |
///
/// Where an application's or a server's settings are weaker, the store says so in a warning when it opens.
///
/// Concurrent appends are committed in groups by a task of the store, so that many events pay for one commit. A write
/// that was handed over is done even if its future is dropped. Cloning gives another handle; the task ends with the
/// last one, or with [`close`](Self::close).
///
/// Its tables are `sse_log`, `sse_entry`, `sse_topic` and `sse_key`, and `sse_migrations` where the store made them itself.
/// Times are milliseconds since 1970. The type, data and comments of an event are stored as bytes, since not every
/// database holds every text; `CAST(data AS TEXT)` shows them.
#[derive(Debug, Clone)]
pub struct SeaOrmStore {
    db: DatabaseConnection,
    url: Arc<str>,
    writer: Writer,
}

impl SeaOrmStore {
    /// How often `wait` looks for what other processes have committed.
    pub const POLL_INTERVAL: Duration = Duration::from_millis(100);

    /// How often it looks where PostgreSQL tells it by `LISTEN`, in case a pooler between swallows that.
    pub const TOLD_INTERVAL: Duration = Duration::from_secs(2);

    /// Opens the database at this URL, and makes its tables if they are not there. Several processes may do so at once.
    ///
    /// `sqlite:events.db` or `sqlite:///var/lib/app/events.db` is a file, made if it is not there; `sqlite::memory:` is
    /// a log that is gone with its last handle.
    ///
    /// # Errors
    ///
    /// The message is one line and names the URL, without its password, and the cause.
    /// [`is_refused`](StoreError::is_refused) for a URL of no database that this build has a feature for.
    pub async fn connect(url: &str) -> Result<Self, StoreError> {
        let db = connect::open(url).await?;
        Self::start(db, connect::redacted(url).into()).await
    }

    /// Uses an application's own connection, in whose database the tables of [`Migrator`] are.
    ///
    /// What the connection's settings cannot keep is said in a warning.
    ///
    /// # Errors
    ///
    /// When the tables are not there or cannot be read.
    pub async fn new(db: DatabaseConnection) -> Result<Self, StoreError> {
        let url: Arc<str> = "the application's database".into();
        Self::start(db, url).await
    }

    async fn start(db: DatabaseConnection, url: Arc<str>) -> Result<Self, StoreError> {
        let failed = |error| error::failed("read", &url, error);
        connect::check(&db).await.map_err(failed)?;
        let head = read::head(&db).await.map_err(failed)?;
        let writer = Writer::start(db.clone(), url.clone(), head);
        Ok(Self { db, url, writer })
    }

    /// Does what is queued and closes the connections. Every handle is closed by it; what is asked of one from then on
    /// is an error that [is closed](StoreError::is_closed).
    pub async fn close(&self) {
        self.writer.close().await;
    }

    /// Gives the log a new epoch, so that every reader starts anew and is told: to be called after the database was
    /// restored from a backup, since the positions given out after the backup would be given out again.
    ///
    /// A process that was running meanwhile and finds the head behind what it has seen does so by itself.
    ///
    /// # Errors
    ///
    /// Those of any write.
    pub async fn renew_epoch(&self) -> Result<Position, StoreError> {
        let head = read::head(&self.db).await;
        let head = head.map_err(|error| self.failed("read", error))?;
        self.writer.renew_epoch(head).await
    }

    /// Compares a head that was read with what was known before: whether the log was restored from a backup meanwhile.
    /// It then has a new epoch, and what was read is to be read again.
    async fn was_restored(&self, known: Position, head: Position) -> Result<bool, StoreError> {
        let was_restored = head < known;
        if was_restored {
            tracing::warn!(%known, %head, "the log has moved back: it gets a new epoch");
            self.writer.renew_epoch(head).await?;
        } else {
            self.writer.heads().saw(head);
        }
        Ok(was_restored)
    }

    /// Looks at the head again and again, one of those who wait for all of them, until it fails.
    async fn look_out(&self) -> StoreError {
        let heads = self.writer.heads();
        let _turn = heads.turn().await;
        loop {
            tokio::time::sleep(match heads.is_told() {
                true => Self::TOLD_INTERVAL,
                false => Self::POLL_INTERVAL,
            })
            .await;
            if let Err(error) = self.head().await {
                return error;
            }
        }
    }

    fn failed(&self, what: &str, error: DbErr) -> StoreError {
        match self.writer.is_closed() {
            true => StoreError::closed(),
            false => error::failed(what, &self.url, error),
        }
    }
}

impl EventStore for SeaOrmStore {
    fn append(&self, batch: Vec<NewEntry>) -> StoreFuture<'_, Vec<Position>> {
        Box::pin(async move {
            batch.iter().try_for_each(NewEntry::check)?;
            match batch.is_empty() {
                true => Ok(Vec::new()),
                false => self.writer.append(batch, None).await,
            }
        })
    }

    fn append_once<'a>(
        &'a self,
        key: &'a Key,
        batch: Vec<NewEntry>,
    ) -> StoreFuture<'a, Vec<Position>> {
        Box::pin(async move {
            batch.iter().try_for_each(NewEntry::check)?;
            match batch.is_empty() {
                true => Ok(Vec::new()),
                false => self.writer.append(batch, Some(key.clone())).await,
            }
        })
    }

    fn head(&self) -> StoreFuture<'_, Position> {
        Box::pin(async move {
            loop {
                let known = self.writer.heads().newest();
                let head = read::head(&self.db).await;
                let head = head.map_err(|error| self.failed("read", error))?;
                if !self.was_restored(known, head).await? {
                    return Ok(head);
                }
            }
        })
    }

    fn read<'a>(
        &'a self,
        after: Position,
        topics: &'a TopicSet,
        limit: usize,
    ) -> StoreFuture<'a, Page> {
        Box::pin(async move {
            loop {
                let known = self.writer.heads().newest();
                let page = read::page(&self.db, after, topics, limit).await;
                let (page, head) = page.map_err(|error| self.failed("read", error))?;
                if !self.was_restored(known, head).await? {
                    return Ok(page);
                }
            }
        })
    }

    fn list<'a>(&'a self, query: &'a Query) -> StoreFuture<'a, Vec<Entry>> {
        Box::pin(async move {
            let entries = read::list(&self.db, query).await;
            entries.map_err(|error| self.failed("list", error))?
        })
    }

    fn newest<'a>(&'a self, topics: &'a BTreeSet<Topic>) -> StoreFuture<'a, Vec<Newest>> {
        Box::pin(async move {
            loop {
                let known = self.writer.heads().newest();
                let newest = read::newest(&self.db, topics).await;
                let (newest, head) = newest.map_err(|error| self.failed("read", error))?;
                if !self.was_restored(known, head).await? {
                    return Ok(newest);
                }
            }
        })
    }

    fn wait(&self, after: Position) -> StoreFuture<'_, Position> {
        Box::pin(async move {
            let mut heads = self.writer.heads().watch();
            let head = self.head().await?;
            if after.is_passed_by(head) {
                return Ok(head);
            }
            tokio::select! {
                Ok(head) = heads.wait_for(|head| after.is_passed_by(*head)) => Ok(*head),
                () = self.writer.closed() => Err(StoreError::closed()),
                error = self.look_out() => Err(error),
            }
        })
    }

    fn clear<'a>(&'a self, topic: &'a Topic) -> StoreFuture<'a, Cleared> {
        Box::pin(self.writer.clear(topic.clone()))
    }

    fn purge(&self, before: SystemTime) -> StoreFuture<'_, u64> {
        Box::pin(self.writer.purge(Old::Before(before)))
    }

    fn trim(&self, keep: u64) -> StoreFuture<'_, u64> {
        Box::pin(self.writer.purge(Old::ButNewest(keep)))
    }
}
