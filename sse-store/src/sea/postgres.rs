//! What PostgreSQL does better: a group is appended in one statement, and whoever waits is told.

use std::time::Duration;

use sea_orm::sqlx::postgres::{PgListener, PgPoolOptions};
use sea_orm::sqlx::{self, PgPool, Row};
use sea_orm::{DatabaseConnection, DatabaseConnectionType, DbErr};

use super::error::{commit_failed, failed, is_rolled_back, is_unique_violation, query_error};
use super::group::{Batch, Group, Written};
use super::heads::Heads;
use super::read;
use super::rows::NewRow;
use super::schema::log::CHANNEL;
use super::write::now;
use crate::{Position, StoreError};

/// How long after a failure the listener connects again.
const RECONNECT: Duration = Duration::from_secs(1);

/// Appends a group if the log is the one that is known, has what is known, has cleared no topic after its fence, and has
/// none of the keys. The fences are checked against what was there when the statement began, and the counter's row once it
/// is locked, also where that took a while: a clear between the two moves `last_clear`. The arrays make it one statement,
/// prepared once, for a group of any size.
const APPEND: &str = "WITH log AS (UPDATE sse_log SET head = head + $1 \
     WHERE id = 1 AND epoch = $2 AND head >= $3 AND (cardinality($4::text[]) = 0 \
     OR last_clear = (SELECT last_clear FROM sse_log WHERE id = 1) AND NOT EXISTS \
     (SELECT FROM unnest($4, $5::int8[]) AS fence (topic, sequence) \
     LEFT JOIN sse_topic topic ON topic.topic = fence.topic \
     WHERE fence.sequence < coalesce(topic.cleared, (SELECT cleared FROM sse_log WHERE id = 1)))) \
     RETURNING head - $1 AS base), \
     added AS (INSERT INTO sse_entry (sequence, topic, time, kind, size, type, data, retry, comments) \
     SELECT log.base + row.number, row.topic, $6, row.kind, row.size, row.type, row.data, row.retry, row.comments \
     FROM log, unnest($7::text[], $8::int2[], $9::int4[], $10::bytea[], $11::bytea[], $12::int8[], $13::bytea[]) \
     WITH ORDINALITY AS row (topic, kind, size, type, data, retry, comments, number)), \
     named AS (INSERT INTO sse_key (name, sequence, records, time) \
     SELECT key.name, log.base + key.number, key.records, $6 \
     FROM log, unnest($14::text[], $15::int8[], $16::int8[]) AS key (name, number, records)) \
     SELECT base, pg_notify($17, $18 || (base + $1)) FROM log";

/// The pool of a connection to PostgreSQL.
pub(super) fn pool(db: &DatabaseConnection) -> Option<&PgPool> {
    match &db.inner {
        DatabaseConnectionType::SqlxPostgresPoolConnection(_) => {
            Some(db.get_postgres_connection_pool())
        }
        _ => None,
    }
}

/// Appends some batches in one statement, which is its own transaction. Nothing, and nothing done, where the log is not
/// as it was thought to be: then it wants the lock first and a look.
pub(super) async fn append(
    pool: &PgPool,
    url: &str,
    known: Position,
    batches: &[Batch<'_>],
) -> Result<Option<Written>, StoreError> {
    const WHAT: &str = "append to";
    let Some(group) = Group::admit_all(batches, known) else {
        return Ok(None);
    };
    fn column<'a, T>(rows: &[NewRow<'a>], value: impl Fn(&NewRow<'a>) -> T) -> Vec<T> {
        rows.iter().map(value).collect()
    }
    let rows = &group.rows[..];
    let (fenced, fences): (Vec<&str>, Vec<i64>) = group.fences().into_iter().unzip();
    let keys = &group.keys[..];
    let append = sqlx::query(APPEND)
        .bind(rows.len() as i64)
        .bind(known.epoch().cast_signed())
        .bind(known.sequence().cast_signed())
        .bind(fenced)
        .bind(fences)
        .bind(now())
        .bind(column(rows, |row| row.topic.as_str()))
        .bind(column(rows, |row| row.kind))
        .bind(column(rows, |row| row.size))
        .bind(column(rows, NewRow::event_type))
        .bind(column(rows, NewRow::data))
        .bind(column(rows, NewRow::retry))
        .bind(column(rows, NewRow::comments))
        .bind(keys.iter().map(|(key, _)| key.as_str()).collect::<Vec<_>>())
        .bind(keys.iter().map(|(_, own)| own.start as i64 + 1).collect::<Vec<_>>())
        .bind(keys.iter().map(|(_, own)| own.len() as i64).collect::<Vec<_>>())
        .bind(CHANNEL)
        .bind(format!("{:x}-", known.epoch()));
    let not_done = |error| failed(WHAT, url, query_error(error));
    let mut connection = pool.acquire().await.map_err(not_done)?;
    // To the end: the rows come before the commit.
    let answer = append.fetch_all(&mut *connection).await;
    let base = match answer {
        Ok(rows) => match rows.first() {
            Some(row) => row.try_get::<i64, _>(0).map_err(not_done)?,
            None => return Ok(None),
        },
        Err(error) if is_unique_violation(&error) => return Ok(None),
        // Such as a default of REPEATABLE READ, which the way with a lock sets aside.
        Err(error) => match query_error(error) {
            error if is_rolled_back(&error) => return Ok(None),
            error => return Err(commit_failed(WHAT, url, error)),
        },
    };
    Ok(Some(group.written(Position::new(known.epoch(), base.cast_unsigned()))))
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
