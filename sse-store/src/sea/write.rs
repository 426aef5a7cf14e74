//! The transactions that change the log. Each locks the counter first and does nothing after its last write but commit.

use std::cmp::max;
use std::collections::{BTreeMap, BTreeSet};
use std::time::SystemTime;

use sea_orm::sea_query::{Expr, ExprTrait, Func, OnConflict, Order, Query as Sql};
use sea_orm::{ConnectionTrait, DatabaseTransaction, DbErr};

use super::group::{Batch, Group, ROWS_PER_INSERT, Written};
use super::read::no_log;
use super::rows::{EVENT_KIND, NewRow, insert, insert_keys};
use super::schema::{entry, key, log, the_log, topic};
use crate::key::Done;
use crate::query::milliseconds;
use crate::{Cleared, Key, NewEntry, Position, Topic};

/// How many topics one statement asks for.
const TOPICS_PER_STATEMENT: usize = 1000;

/// How many topics without a record are remembered one by one; of the others, the newest deletion alone.
const MAX_IDLE_TOPICS: u64 = 10_000;

/// The log's row, while its lock is held.
#[derive(Debug, Clone, Copy)]
struct Log {
    epoch: u64,
    head: i64,
    deleted: i64,
    /// What holds of topics without a row of their own.
    folded: Marks,
    last_clear: i64,
}

/// What is remembered of the deletions in a topic.
#[derive(Debug, Clone, Copy)]
struct Marks {
    floor: i64,
    cleared: i64,
}

impl Log {
    /// Takes the lock. A log that has less than this process has seen of it was restored from a backup: it gets another
    /// epoch, so that the positions that were given out since are not given out twice.
    async fn lock(transaction: &DatabaseTransaction, known: Position) -> Result<Self, DbErr> {
        let mut log = Self::lock_as_it_is(transaction).await?;
        if log.epoch == known.epoch() && log.head.cast_unsigned() < known.sequence() {
            log.epoch = Position::random_epoch();
        }
        Ok(log)
    }

    async fn lock_as_it_is(transaction: &DatabaseTransaction) -> Result<Self, DbErr> {
        let select = Sql::select()
            .columns([
                log::EPOCH,
                log::HEAD,
                log::DELETED,
                log::FLOOR,
                log::CLEARED,
                log::LAST_CLEAR,
            ])
            .from(log::TABLE)
            .and_where(the_log())
            .lock_exclusive()
            .take();
        let row = transaction.query_one(&select).await?.ok_or_else(no_log)?;
        Ok(Self {
            epoch: row.try_get_by_index::<i64>(0)?.cast_unsigned(),
            head: row.try_get_by_index(1)?,
            deleted: row.try_get_by_index(2)?,
            folded: Marks { floor: row.try_get_by_index(3)?, cleared: row.try_get_by_index(4)? },
            last_clear: row.try_get_by_index(5)?,
        })
    }

    async fn store(&self, transaction: &DatabaseTransaction) -> Result<(), DbErr> {
        let mut update = Sql::update();
        update
            .table(log::TABLE)
            .value(log::EPOCH, self.epoch.cast_signed())
            .value(log::HEAD, self.head)
            .value(log::DELETED, self.deleted)
            .value(log::FLOOR, self.folded.floor)
            .value(log::CLEARED, self.folded.cleared)
            .value(log::LAST_CLEAR, self.last_clear)
            .and_where(the_log());
        #[cfg(feature = "postgres")]
        if transaction.get_database_backend() == sea_orm::DbBackend::Postgres {
            let news = self.position(self.head).to_string();
            let told = Expr::cust_with_values("pg_notify($1, $2)", [log::CHANNEL.to_owned(), news]);
            // A transaction within another writes by a number of its own.
            let nested = Expr::cust("xmin::text <> (txid_current() % 4294967296)::text");
            update.returning(Sql::returning().exprs([nested, told]));
            let row = transaction.query_one(&update).await?.ok_or_else(no_log)?;
            return match row.try_get_by_index(0)? {
                true => Err(super::error::nested()),
                false => Ok(()),
            };
        }
        transaction.execute(&update).await?;
        Ok(())
    }

    fn position(&self, sequence: i64) -> Position {
        Position::new(self.epoch, sequence.cast_unsigned())
    }
}

/// Gives the log a new epoch if it still has the one of this position, and returns the head.
pub(super) async fn renew_epoch(
    transaction: &DatabaseTransaction,
    old: Position,
) -> Result<Position, DbErr> {
    let mut log = Log::lock_as_it_is(transaction).await?;
    if log.epoch == old.epoch() {
        log.epoch = Position::random_epoch();
        log.store(transaction).await?;
    }
    Ok(log.position(log.head))
}

/// Appends some batches, each as a whole or not at all.
pub(super) async fn append(
    transaction: &DatabaseTransaction,
    known: Position,
    batches: &[Batch<'_>],
) -> Result<Written, DbErr> {
    let mut log = Log::lock(transaction, known).await?;
    let marks = marks(transaction, &fenced_topics(batches)).await?;
    let done = done(transaction, batches).await?;
    let cleared = |topic: &Topic| log.position(marks.get(topic).unwrap_or(&log.folded).cleared);
    let group = Group::admit(batches, cleared, |key| done.get(key.as_str()).copied());
    let time = now();
    let first = log.head + 1;
    for rows in group.inserts() {
        let at = first + rows.start as i64;
        transaction.execute(&insert(&group.rows[rows], at, time)).await?;
    }
    for keys in group.keys.chunks(ROWS_PER_INSERT) {
        transaction.execute(&insert_keys(keys, first, time)).await?;
    }
    let base = log.position(log.head);
    log.head += group.rows.len() as i64;
    log.store(transaction).await?;
    Ok(group.written(base))
}

/// The topics of the entries that have a fence.
fn fenced_topics<'a>(batches: &[Batch<'a>]) -> BTreeSet<&'a Topic> {
    let entries = batches.iter().flat_map(|batch| batch.entries);
    entries.filter(|entry| entry.fence().is_some()).map(NewEntry::topic).collect()
}

/// What is remembered of those of the batches' keys that were used.
async fn done(
    transaction: &DatabaseTransaction,
    batches: &[Batch<'_>],
) -> Result<BTreeMap<String, Done>, DbErr> {
    let mut found = BTreeMap::new();
    let keys: Vec<&str> = batches.iter().filter_map(|batch| Some(batch.key?.as_str())).collect();
    for keys in keys.chunks(TOPICS_PER_STATEMENT) {
        let select = Sql::select()
            .columns([key::NAME, key::SEQUENCE, key::RECORDS])
            .from(key::TABLE)
            .and_where(Expr::col(key::NAME).is_in(keys.iter().copied()))
            // For the same reason as in `marks`.
            .lock_exclusive()
            .take();
        for row in transaction.query_all(&select).await? {
            let first = row.try_get_by_index::<i64>(1)?.cast_unsigned();
            let records = usize::try_from(row.try_get_by_index::<i64>(2)?).unwrap_or(0);
            found.insert(row.try_get_by_index(0)?, Done { first, records });
        }
    }
    Ok(found)
}

/// Deletes a topic's records and leaves the record of that.
pub(super) async fn clear(
    transaction: &DatabaseTransaction,
    known: Position,
    topic: &Topic,
) -> Result<Cleared, DbErr> {
    let mut log = Log::lock(transaction, known).await?;
    let of_topic = || Expr::col(entry::TOPIC).eq(topic.as_str());
    // A clear or completion that goes unread is made up for by the record of this clear: it is no floor.
    let events = Sql::select()
        .expr(Func::count(Expr::col(entry::SEQUENCE)))
        .expr(Func::max(Expr::col(entry::SEQUENCE)))
        .from(entry::TABLE)
        .and_where(of_topic())
        .and_where(Expr::col(entry::KIND).eq(EVENT_KIND))
        .take();
    let row = transaction.query_one(&events).await?.ok_or_else(no_log)?;
    let removed: i64 = row.try_get_by_index(0)?;
    let last: Option<i64> = row.try_get_by_index(1)?;
    let delete = Sql::delete().from_table(entry::TABLE).and_where(of_topic()).take();
    transaction.execute(&delete).await?;

    let known = marks(transaction, &BTreeSet::from([topic])).await?;
    let known = known.get(topic).copied().unwrap_or(log.folded);
    log.head += 1;
    log.deleted = max(log.deleted, last.unwrap_or(0));
    let marks = Marks { floor: max(known.floor, last.unwrap_or(0)), cleared: log.head };
    set_marks(transaction, &[(topic, marks)]).await?;
    log.last_clear = log.head;
    transaction.execute(&insert(&[NewRow::cleared(topic)], log.head, now())).await?;
    log.store(transaction).await?;
    Ok(Cleared::new(removed.cast_unsigned(), log.position(log.head)))
}

/// Which records of the log's old end go.
#[derive(Debug, Clone, Copy)]
pub(super) enum Old {
    /// Those before this time.
    Before(SystemTime),
    /// All but the newest so many positions.
    ButNewest(u64),
}

/// How far a purge came.
pub(super) struct Purged {
    /// How many events were deleted.
    pub(super) removed: u64,
    /// Whether there may be more to delete.
    pub(super) more: bool,
}

/// Deletes some of the records at the log's old end.
pub(super) async fn purge(
    transaction: &DatabaseTransaction,
    old: Old,
    limit: u64,
) -> Result<Purged, DbErr> {
    let mut log = Log::lock_as_it_is(transaction).await?;
    let signed = |number| i64::try_from(number).unwrap_or(i64::MAX);
    let (time, sequence) = match old {
        Old::Before(time) => (signed(milliseconds(time)), i64::MAX),
        Old::ButNewest(keep) => (i64::MAX, log.head.saturating_sub(signed(keep))),
    };
    let oldest = Sql::select()
        .columns([entry::SEQUENCE, entry::TOPIC, entry::TIME, entry::KIND])
        .from(entry::TABLE)
        .order_by(entry::SEQUENCE, Order::Asc)
        .limit(limit)
        .take();
    let rows = transaction.query_all(&oldest).await?;
    let mut removed = 0;
    let mut floors: BTreeMap<Topic, i64> = BTreeMap::new();
    let mut last = None;
    let mut more = rows.len() as u64 == limit;
    for row in &rows {
        let at: i64 = row.try_get_by_index(0)?;
        if row.try_get_by_index::<i64>(2)? >= time || at > sequence {
            more = false;
            break;
        }
        let topic: String = row.try_get_by_index(1)?;
        let topic = Topic::new(topic).map_err(|error| DbErr::Type(error.to_string()))?;
        floors.insert(topic, at);
        removed += u64::from(row.try_get_by_index::<i16>(3)? == EVENT_KIND);
        last = Some(at);
    }
    if let Some(last) = last {
        let delete = Sql::delete()
            .from_table(entry::TABLE)
            .and_where(Expr::col(entry::SEQUENCE).lte(last))
            .take();
        transaction.execute(&delete).await?;
        let known = marks(transaction, &floors.keys().collect()).await?;
        let floors: Vec<(&Topic, Marks)> = floors
            .iter()
            .map(|(topic, floor)| {
                let known = known.get(topic).copied().unwrap_or(log.folded);
                let floor = max(known.floor, *floor);
                (topic, Marks { floor, ..known })
            })
            .collect();
        for floors in floors.chunks(TOPICS_PER_STATEMENT) {
            set_marks(transaction, floors).await?;
        }
        log.deleted = max(log.deleted, last);
    }
    if !more {
        fold(transaction, &mut log).await?;
    }
    more |= forget_keys(transaction, limit).await?;
    log.store(transaction).await?;
    Ok(Purged { removed, more })
}

/// Deletes some of the keys that are old enough, and says whether there may be more.
async fn forget_keys(transaction: &DatabaseTransaction, limit: u64) -> Result<bool, DbErr> {
    let before = i64::try_from(Key::kept_from(SystemTime::now())).unwrap_or(i64::MAX);
    let newest_to_go = Sql::select()
        .column(key::TIME)
        .from(key::TABLE)
        .and_where(Expr::col(key::TIME).lt(before))
        .order_by(key::TIME, Order::Asc)
        .offset(limit)
        .limit(1)
        .take();
    let newest = transaction.query_one(&newest_to_go).await?;
    let going = match &newest {
        Some(row) => Expr::col(key::TIME).lte(row.try_get_by_index::<i64>(0)?),
        None => Expr::col(key::TIME).lt(before),
    };
    let delete = Sql::delete().from_table(key::TABLE).and_where(going).take();
    transaction.execute(&delete).await?;
    Ok(newest.is_some())
}

/// Forgets all but the newest of the topics without a record.
async fn fold(transaction: &DatabaseTransaction, log: &mut Log) -> Result<(), DbErr> {
    let used = Sql::select()
        .expr(Expr::val(1))
        .from(entry::TABLE)
        .and_where(Expr::col((entry::TABLE, entry::TOPIC)).equals((topic::TABLE, topic::TOPIC)))
        .take();
    let idle = || Expr::exists(used.clone()).not();
    let newest_to_go = Sql::select()
        .column(topic::FLOOR)
        .from(topic::TABLE)
        .and_where(idle())
        .order_by(topic::FLOOR, Order::Desc)
        .offset(MAX_IDLE_TOPICS)
        .limit(1)
        .take();
    let Some(row) = transaction.query_one(&newest_to_go).await? else {
        return Ok(());
    };
    let newest: i64 = row.try_get_by_index(0)?;
    let going = || Expr::col(topic::FLOOR).lte(newest).and(idle());
    let marks = Sql::select()
        .expr(Func::max(Expr::col(topic::FLOOR)))
        .expr(Func::max(Expr::col(topic::CLEARED)))
        .from(topic::TABLE)
        .and_where(going())
        .take();
    let row = transaction.query_one(&marks).await?.ok_or_else(no_log)?;
    log.folded.floor = max(log.folded.floor, row.try_get_by_index(0)?);
    log.folded.cleared = max(log.folded.cleared, row.try_get_by_index(1)?);
    let delete = Sql::delete().from_table(topic::TABLE).and_where(going()).take();
    transaction.execute(&delete).await?;
    Ok(())
}

/// What is remembered of those of the topics that have a row.
async fn marks(
    transaction: &DatabaseTransaction,
    topics: &BTreeSet<&Topic>,
) -> Result<BTreeMap<Topic, Marks>, DbErr> {
    let mut found = BTreeMap::new();
    let topics: Vec<&str> = topics.iter().map(|topic| topic.as_str()).collect();
    for topics in topics.chunks(TOPICS_PER_STATEMENT) {
        let select = Sql::select()
            .columns([topic::TOPIC, topic::FLOOR, topic::CLEARED])
            .from(topic::TABLE)
            .and_where(Expr::col(topic::TOPIC).is_in(topics.iter().copied()))
            // In a transaction that began with a snapshot, only a locking read sees what the lock's last holder left.
            .lock_exclusive()
            .take();
        for row in transaction.query_all(&select).await? {
            let name: String = row.try_get_by_index(0)?;
            let name = Topic::new(name).map_err(|error| DbErr::Type(error.to_string()))?;
            let marks =
                Marks { floor: row.try_get_by_index(1)?, cleared: row.try_get_by_index(2)? };
            found.insert(name, marks);
        }
    }
    Ok(found)
}

async fn set_marks(
    transaction: &DatabaseTransaction,
    topics: &[(&Topic, Marks)],
) -> Result<(), DbErr> {
    let mut insert = Sql::insert();
    insert
        .into_table(topic::TABLE)
        .columns([topic::TOPIC, topic::FLOOR, topic::CLEARED])
        .on_conflict(
            OnConflict::column(topic::TOPIC)
                .update_columns([topic::FLOOR, topic::CLEARED])
                .to_owned(),
        );
    for (topic, marks) in topics {
        insert.values_panic([topic.as_str().into(), marks.floor.into(), marks.cleared.into()]);
    }
    transaction.execute(&insert).await?;
    Ok(())
}

/// Milliseconds since 1970.
pub(super) fn now() -> i64 {
    i64::try_from(milliseconds(SystemTime::now())).unwrap_or(i64::MAX)
}
