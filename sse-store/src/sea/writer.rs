//! The task that writes: it commits concurrent appends in groups.

use std::sync::Arc;

use sea_orm::{DatabaseConnection, DatabaseTransaction, DbErr, TransactionTrait};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinSet;

use super::connect::write_options;
use super::end;
use super::error::{commit_failed, failed};
use super::group::{Appended, Batch};
use super::heads::Heads;
#[cfg(feature = "postgres")]
use super::postgres;
use super::short::Short;
use super::write::{self, Old, Purged};
use crate::{Cleared, Key, NewEntry, Position, StoreError, Topic};

/// How many writes may wait for the one before; more wait to be taken in.
const QUEUE: usize = 1024;

/// A group is closed when it has this many records, or bytes. A larger batch is a group of its own.
const GROUP_RECORDS: usize = 1000;
const GROUP_BYTES: usize = 4 << 20;

/// How many records one transaction of a purge deletes, so that appends come between.
const PURGE_STEP: u64 = 1000;

type Reply<T> = oneshot::Sender<Result<T, StoreError>>;

/// What the task is asked to do. Who asks may go away; what was asked is done all the same.
enum Write {
    Append(Append),
    Clear(Topic, Reply<Cleared>),
    Purge(Old, Reply<Purged>),
    RenewEpoch(Position, Reply<Position>),
    Close,
}

struct Append {
    batch: Vec<NewEntry>,
    key: Option<Key>,
    reply: Reply<Vec<Position>>,
}

/// A handle on the task, which ends with the last one.
#[derive(Debug, Clone)]
pub(super) struct Writer {
    queue: mpsc::Sender<Write>,
    heads: Heads,
    /// Its other end is the task's, and goes with it.
    running: watch::Receiver<()>,
}

impl Writer {
    /// Starts the task on the runtime that is current.
    pub(super) fn start(db: DatabaseConnection, url: Arc<str>, head: Position) -> Self {
        let (queue, writes) = mpsc::channel(QUEUE);
        let heads = Heads::new(head);
        #[allow(unused_mut, reason = "only PostgreSQL has something to run")]
        let mut beside = JoinSet::new();
        #[cfg(feature = "postgres")]
        if postgres::pool(&db).is_some() {
            beside.spawn(postgres::listen(db.clone(), heads.clone()));
        }
        let short = Short::of(&db);
        let (runs, running) = watch::channel(());
        let task = Task { db, short, url, writes, heads: heads.clone(), beside, _runs: runs };
        tokio::spawn(task.run());
        Self { queue, heads, running }
    }

    pub(super) async fn append(&self, batch: Vec<NewEntry>, key: Option<Key>) -> Appended {
        self.ask(|reply| Write::Append(Append { batch, key, reply })).await
    }

    pub(super) async fn clear(&self, topic: Topic) -> Result<Cleared, StoreError> {
        self.ask(|reply| Write::Clear(topic, reply)).await
    }

    pub(super) async fn purge(&self, old: Old) -> Result<u64, StoreError> {
        let mut removed = 0;
        loop {
            let purged = self.ask(|reply| Write::Purge(old, reply)).await?;
            removed += purged.removed;
            if !purged.more {
                return Ok(removed);
            }
        }
    }

    /// Does what is queued, then ends the task.
    pub(super) async fn close(&self) {
        // Another may have asked it before: either way it is over once the task is gone.
        let _ = self.queue.send(Write::Close).await;
        let _ = self.running.clone().changed().await;
    }

    /// Whether the task has ended.
    pub(super) fn is_closed(&self) -> bool {
        self.queue.is_closed()
    }

    /// Returns once the task takes no more.
    pub(super) async fn closed(&self) {
        self.queue.closed().await;
    }

    /// Gives the log a new epoch, if it still has the one of this position.
    pub(super) async fn renew_epoch(&self, old: Position) -> Result<Position, StoreError> {
        self.ask(|reply| Write::RenewEpoch(old, reply)).await
    }

    /// How far the log has come.
    pub(super) fn heads(&self) -> &Heads {
        &self.heads
    }

    async fn ask<T>(&self, write: impl FnOnce(Reply<T>) -> Write) -> Result<T, StoreError> {
        let (reply, answer) = oneshot::channel();
        let sent = self.queue.send(write(reply)).await;
        sent.map_err(|_| StoreError::closed())?;
        // The task ends in the middle of a write only with its runtime.
        let gone =
            |_| StoreError::outcome_unknown("the task that writes has ended before it answered");
        answer.await.map_err(gone)?
    }
}

struct Task {
    db: DatabaseConnection,
    short: Short,
    url: Arc<str>,
    writes: mpsc::Receiver<Write>,
    heads: Heads,
    /// What runs as long as this task.
    beside: JoinSet<()>,
    _runs: watch::Sender<()>,
}

impl Task {
    async fn run(mut self) {
        let mut is_closing = false;
        let mut next = None;
        loop {
            let write = match next.take() {
                Some(write) => Some(write),
                None => self.writes.recv().await,
            };
            match write {
                None => break,
                Some(Write::Append(append)) => {
                    let group;
                    (group, next) = self.gather(append);
                    let had_company = group.len() > 1;
                    self.append(group).await;
                    if had_company && next.is_none() {
                        // Who was answered may have more: a group of all is better than one and then the others.
                        tokio::task::yield_now().await;
                    }
                }
                Some(Write::Clear(topic, reply)) => {
                    let known = self.heads.newest();
                    let cleared = self
                        .write("clear a topic in", async |transaction| {
                            write::clear(transaction, known, &topic).await
                        })
                        .await;
                    if let Ok(cleared) = &cleared {
                        self.heads.saw(cleared.position);
                    }
                    // Who asked may be gone.
                    let _ = reply.send(cleared);
                }
                Some(Write::Purge(old, reply)) => {
                    let purged = self
                        .write("purge", async |transaction| {
                            write::purge(transaction, old, PURGE_STEP).await
                        })
                        .await;
                    let _ = reply.send(purged);
                }
                Some(Write::RenewEpoch(old, reply)) => {
                    let renewed = self
                        .write("renew the epoch of", async |transaction| {
                            write::renew_epoch(transaction, old).await
                        })
                        .await;
                    if let Ok(head) = &renewed {
                        self.heads.saw(*head);
                    }
                    let _ = reply.send(renewed);
                }
                Some(Write::Close) => {
                    self.writes.close();
                    is_closing = true;
                }
            }
        }
        self.beside.shutdown().await;
        // Dropping the connection only begins to close it; a file is whole and free once it is closed.
        if is_closing {
            self.short.close().await;
            if let Err(error) = self.db.close_by_ref().await {
                tracing::warn!(%error, "closing {} failed", self.url);
            }
        }
    }

    /// The appends that are queued behind this one, as many as make a group, and what follows them.
    fn gather(&mut self, first: Append) -> (Vec<Append>, Option<Write>) {
        let (mut records, mut bytes) = first.size();
        let mut group = vec![first];
        while records < GROUP_RECORDS && bytes < GROUP_BYTES {
            match self.writes.try_recv() {
                Ok(Write::Append(append)) => {
                    let (more_records, more_bytes) = append.size();
                    if records + more_records > GROUP_RECORDS || bytes + more_bytes > GROUP_BYTES {
                        return (group, Some(Write::Append(append)));
                    }
                    records += more_records;
                    bytes += more_bytes;
                    group.push(append);
                }
                Ok(other) => return (group, Some(other)),
                Err(_) => break,
            }
        }
        (group, None)
    }

    async fn append(&self, group: Vec<Append>) {
        let batches: Vec<Batch<'_>> = group.iter().map(Append::as_batch).collect();
        let mut answers = self.append_batches(&batches).await;
        let failed = answers.iter().filter_map(|answer| answer.as_ref().err());
        let neighbours = group.len() > 1;
        if neighbours && failed.clone().count() == group.len() && failed.clone().all(is_certain) {
            // One of them may be to blame for all: each gets a transaction of its own.
            answers.clear();
            for batch in &batches {
                answers.append(&mut self.append_batches(&[*batch]).await);
            }
        }
        for (append, answer) in group.into_iter().zip(answers) {
            // Who asked may be gone.
            let _ = append.reply.send(answer);
        }
    }

    /// Appends some batches in one transaction; an answer for each.
    async fn append_batches(&self, batches: &[Batch<'_>]) -> Vec<Appended> {
        let known = self.heads.newest();
        match self.short.append(&self.url, known, batches).await {
            Ok(None) => {}
            Ok(Some(written)) => {
                self.heads.saw(written.head);
                return written.answers;
            }
            Err(error) => return vec![Err(error); batches.len()],
        }
        let written = self
            .write("append to", async |transaction| {
                write::append(transaction, known, batches).await
            })
            .await;
        match written {
            Ok(written) => {
                self.heads.saw(written.head);
                written.answers
            }
            Err(error) => vec![Err(error); batches.len()],
        }
    }

    async fn write<T>(
        &self,
        what: &str,
        change: impl AsyncFnOnce(&DatabaseTransaction) -> Result<T, DbErr>,
    ) -> Result<T, StoreError> {
        let failed = |error| failed(what, &self.url, error);
        let options = write_options(self.db.get_database_backend());
        let transaction = self.db.begin_with_options(options).await.map_err(failed)?;
        match change(&transaction).await {
            Ok(value) => match end::commit(transaction).await {
                Ok(()) => Ok(value),
                Err(error) => Err(commit_failed(what, &self.url, error)),
            },
            Err(error) => {
                end::rollback(transaction).await;
                Err(failed(error))
            }
        }
    }
}

/// Whether a failed append is worth to be tried apart from its neighbours: the database took none of it, and not for
/// a reason that holds for all.
fn is_certain(error: &StoreError) -> bool {
    !error.is_outcome_unknown() && !error.is_unavailable() && !error.is_fenced()
}

impl Append {
    fn as_batch(&self) -> Batch<'_> {
        Batch { entries: &self.batch, key: self.key.as_ref() }
    }

    /// Records and bytes.
    fn size(&self) -> (usize, usize) {
        let bytes = self.batch.iter().map(|entry| {
            let event = entry.event().map_or(0, sse_core::Event::encoded_len);
            entry.topic().as_str().len() + event
        });
        (self.batch.len(), bytes.sum())
    }
}

#[cfg(test)]
mod tests {
    use std::task::{Context, Waker};

    use sse_core::Event;

    use super::*;

    fn append_of(records: usize, bytes: usize) -> Append {
        let topic = Topic::new("t").unwrap();
        let entry = || NewEntry::new(topic.clone(), Event::new("x".repeat(bytes)));
        Append {
            batch: (0..records).map(|_| entry()).collect(),
            key: None,
            reply: oneshot::channel().0,
        }
    }

    fn gathered(appends: Vec<Append>) -> Vec<usize> {
        let (queue, writes) = mpsc::channel(QUEUE);
        let mut task = Task {
            db: DatabaseConnection::default(),
            short: Short::None,
            url: "".into(),
            writes,
            heads: Heads::new(Position::START),
            beside: JoinSet::new(),
            _runs: watch::Sender::new(()),
        };
        let mut appends = appends.into_iter();
        let mut next = appends.next();
        for append in appends {
            assert!(queue.try_send(Write::Append(append)).is_ok());
        }
        let mut groups = Vec::new();
        while let Some(first) = next.take() {
            let (group, left) = task.gather(first);
            groups.push(group.len());
            next = match left.or_else(|| task.writes.try_recv().ok()) {
                Some(Write::Append(append)) => Some(append),
                _ => None,
            };
        }
        groups
    }

    #[test]
    fn queued_appends_are_one_group_up_to_a_bound_in_records_and_bytes() {
        let ones = |count| (0..count).map(|_| append_of(1, 10)).collect::<Vec<_>>();
        assert_eq!(gathered(ones(900)), [900]);
        let tens = (0..101).map(|_| append_of(10, 10)).collect();
        assert_eq!(gathered(tens), [100, 1]);
        let mebibytes = (0..5).map(|_| append_of(1, 1 << 20)).collect();
        assert_eq!(gathered(mebibytes), [3, 2]);
        let large = vec![append_of(1, 10), append_of(5000, 1), append_of(1, 10)];
        assert_eq!(gathered(large), [1, 1, 1]);
    }

    // Outside of tokio, which would have one task pause in between.
    #[test]
    fn an_append_waits_to_be_taken_in_where_many_are_queued() {
        let (queue, mut writes) = mpsc::channel(QUEUE);
        let writer =
            Writer { queue, heads: Heads::new(Position::START), running: watch::channel(()).1 };
        let append = |_| Box::pin(writer.append(append_of(1, 1).batch, None));
        let mut appends: Vec<_> = (0..QUEUE + 2).map(append).collect();
        let mut cx = Context::from_waker(Waker::noop());
        for append in &mut appends {
            assert!(append.as_mut().poll(&mut cx).is_pending());
        }
        assert_eq!(writes.len(), QUEUE);
        // Nothing has taken in the last two: one goes away without a trace, the other comes when there is room.
        drop(appends.remove(QUEUE));
        assert!(writes.try_recv().is_ok());
        assert_eq!(writes.len(), QUEUE - 1);
        assert!(appends[QUEUE].as_mut().poll(&mut cx).is_pending());
        assert_eq!(writes.len(), QUEUE);
    }

    #[tokio::test]
    async fn what_stands_between_appends_keeps_its_place() {
        let (queue, writes) = mpsc::channel(QUEUE);
        let mut task = Task {
            db: DatabaseConnection::default(),
            short: Short::None,
            url: "".into(),
            writes,
            heads: Heads::new(Position::START),
            beside: JoinSet::new(),
            _runs: watch::Sender::new(()),
        };
        let clear = Write::Clear(Topic::new("t").unwrap(), oneshot::channel().0);
        for write in [Write::Append(append_of(1, 1)), clear, Write::Append(append_of(1, 1))] {
            assert!(queue.try_send(write).is_ok());
        }
        let (group, next) = task.gather(append_of(1, 1));
        assert_eq!(group.len(), 2);
        assert!(matches!(next, Some(Write::Clear(..))));
        assert!(matches!(task.writes.try_recv(), Ok(Write::Append(_))));
    }
}
