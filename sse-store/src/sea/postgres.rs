//! What PostgreSQL does better: a group is appended in one statement, and whoever waits is told.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use sea_orm::sqlx::postgres::{PgListener, PgPoolOptions};
use sea_orm::sqlx::{self, PgPool, Row};
use sea_orm::{DatabaseConnection, DatabaseConnectionType, DbErr, RuntimeErr};
use sqlx::Error as SqlxError;

use super::error::{commit_failed, failed, is_rolled_back};
use super::heads::Heads;
use super::read;
use super::rows::NewRow;
use super::schema::log::CHANNEL;
use super::write::{Appended, Group, fenced_topics, now};
use crate::{NewEntry, Position, StoreError, Topic};

/// How long after a failure the listener connects again.
const RECONNECT: Duration = Duration::from_secs(1);

/// Appends a group if the log is the one that is known, has what is known, and has no clear that the fences do not
/// know of: whether it does is decided on the counter's row once it is locked, also where that took a while.
/// The arrays make it one statement, prepared once, for a group of any size.
const APPEND: &str = "WITH log AS (UPDATE sse_log SET head = head + $1 \
     WHERE id = 1 AND epoch = $2 AND head >= $3 AND last_clear <= $4 RETURNING head - $1 AS base), \
     added AS (INSERT INTO sse_entry (sequence, topic, time, kind, size, type, data, retry, comments) \
     SELECT log.base + row.number, row.topic, $5, row.kind, row.size, row.type, row.data, row.retry, row.comments \
     FROM log, unnest($6::text[], $7::int2[], $8::int4[], $9::bytea[], $10::bytea[], $11::int8[], $12::bytea[]) \
     WITH ORDINALITY AS row (topic, kind, size, type, data, retry, comments, number)) \
     SELECT base, pg_notify($13, $14 || (base + $1)) FROM log";

/// The log and the clears of these topics, both of one moment.
const FENCES: &str = "SELECT log.epoch, log.last_clear, log.cleared, topic.topic, topic.cleared \
     FROM sse_log log LEFT JOIN sse_topic topic ON topic.topic = ANY ($1) WHERE log.id = 1";

/// The pool of a connection to PostgreSQL.
pub(super) fn pool(db: &DatabaseConnection) -> Option<&PgPool> {
    match &db.inner {
        DatabaseConnectionType::SqlxPostgresPoolConnection(_) => {
            Some(db.get_postgres_connection_pool())
        }
        _ => None,
    }
}

/// What may pass a fence, as far as it is known without a lock.
struct Fences {
    epoch: u64,
    last_clear: i64,
    folded: i64,
    cleared: HashMap<String, i64>,
}

impl Fences {
    async fn read(pool: &PgPool, topics: Vec<&str>) -> Result<Self, SqlxError> {
        let rows = sqlx::query(FENCES).bind(topics).fetch_all(pool).await?;
        let first = rows.first().ok_or(SqlxError::RowNotFound)?;
        let mut cleared = HashMap::new();
        for row in &rows {
            if let Some(topic) = row.try_get::<Option<String>, _>(3)? {
                cleared.insert(topic, row.try_get(4)?);
            }
        }
        let epoch = first.try_get::<i64, _>(0)?.cast_unsigned();
        let (last_clear, folded) = (first.try_get(1)?, first.try_get(2)?);
        Ok(Self { epoch, last_clear, folded, cleared })
    }

    fn cleared(&self, topic: &Topic) -> Position {
        let cleared = self.cleared.get(topic.as_str()).copied().unwrap_or(self.folded);
        Position::new(self.epoch, cleared.cast_unsigned())
    }
}

/// Appends some batches in one statement, which is its own transaction; an answer for each, and the head. Nothing, and
/// nothing done, where the log is not as it was thought to be: then it wants the lock first and a look.
pub(super) async fn append(
    pool: &PgPool,
    url: &str,
    known: Position,
    batches: &[&[NewEntry]],
) -> Result<Option<(Vec<Appended>, Position)>, StoreError> {
    const WHAT: &str = "append to";
    let not_done = |error| failed(WHAT, url, query_error(error));
    let topics = fenced_topics(batches);
    let (group, last_clear) = match topics.is_empty() {
        true => (Group::admit(batches, |_| known), i64::MAX),
        false => {
            let topics = topics.iter().map(|topic| topic.as_str()).collect();
            let fences = Fences::read(pool, topics).await.map_err(not_done)?;
            (Group::admit(batches, |topic| fences.cleared(topic)), fences.last_clear)
        }
    };
    if group.rows.is_empty() {
        return Ok(Some((group.appended(known), known)));
    }
    fn column<'a, T>(rows: &[NewRow<'a>], value: impl Fn(&NewRow<'a>) -> T) -> Vec<T> {
        rows.iter().map(value).collect()
    }
    let rows = &group.rows[..];
    let append = sqlx::query(APPEND)
        .bind(rows.len() as i64)
        .bind(known.epoch().cast_signed())
        .bind(known.sequence().cast_signed())
        .bind(last_clear)
        .bind(now())
        .bind(column(rows, |row| row.topic.as_str()))
        .bind(column(rows, |row| row.kind))
        .bind(column(rows, |row| row.size))
        .bind(column(rows, NewRow::event_type))
        .bind(column(rows, NewRow::data))
        .bind(column(rows, NewRow::retry))
        .bind(column(rows, NewRow::comments))
        .bind(CHANNEL)
        .bind(format!("{:x}-", known.epoch()));
    let mut connection = pool.acquire().await.map_err(not_done)?;
    // To the end: the rows come before the commit.
    let answer = append.fetch_all(&mut *connection).await.map_err(query_error);
    let base = match answer {
        Ok(rows) => match rows.first() {
            Some(row) => row.try_get::<i64, _>(0).map_err(not_done)?,
            None => return Ok(None),
        },
        // Such as a default of REPEATABLE READ, which the way with a lock sets aside.
        Err(error) if is_rolled_back(&error) => return Ok(None),
        Err(error) => return Err(commit_failed(WHAT, url, error)),
    };
    let base = Position::new(known.epoch(), base.cast_unsigned());
    let head = Position::new(base.epoch(), base.sequence() + rows.len() as u64);
    Ok(Some((group.appended(base), head)))
}

fn query_error(error: SqlxError) -> DbErr {
    DbErr::Query(RuntimeErr::SqlxError(Arc::new(error)))
}

/// Listens for what any process commits, on a connection of its own, until it is dropped.
pub(super) async fn listen(db: DatabaseConnection, heads: Heads) {
    let Some(pool) = pool(&db) else {
        return;
    };
    let options = pool.connect_options().as_ref().clone();
    let own = PgPoolOptions::new().max_connections(1).test_before_acquire(false);
    let own = own.connect_lazy_with(options);
    loop {
        if let Err(error) = hear(&db, &own, &heads).await {
            tracing::debug!(%error, "the listener is lost: `wait` polls meanwhile");
        }
        heads.listens(false);
        tokio::time::sleep(RECONNECT).await;
    }
}

/// Takes note of each head that is told, until the connection is lost.
async fn hear(db: &DatabaseConnection, own: &PgPool, heads: &Heads) -> Result<(), DbErr> {
    let mut listener = PgListener::connect_with(own).await.map_err(query_error)?;
    listener.eager_reconnect(false);
    listener.listen(CHANNEL).await.map_err(query_error)?;
    heads.listens(true);
    // What was committed before it listened was not told.
    heads.saw(read::head(db).await?);
    while let Some(told) = listener.try_recv().await.map_err(query_error)? {
        match told.payload().parse::<Position>() {
            Ok(head) if head.epoch() == heads.newest().epoch() => heads.saw(head),
            // Another epoch, or another log in a schema of the same database.
            _ => heads.saw(read::head(db).await?),
        }
    }
    Ok(())
}
