//! What is particular to SQLite.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use sea_orm::sqlx::{self, AssertSqlSafe, Row, SqlitePool};
use sea_orm::{ConnectOptions, DatabaseConnection, DatabaseConnectionType, DbErr, RuntimeErr};

use super::error::{commit_failed, failed};
use super::write::{Appended, Group, fenced_topics, now};
use crate::{NewEntry, Position, StoreError};

/// The largest group of rows that has a statement of its own, prepared once.
const PREPARED_ROWS: usize = 64;

/// Settings that keep the store's word: WAL, a sync for each commit, and patience with other processes.
pub(super) fn configure(options: &mut ConnectOptions, url: &str, busy_timeout: Duration) {
    options.test_before_acquire(false);
    if url.contains(":memory:") || url.contains("mode=memory") {
        // The database is gone with its last connection, and is another one in each.
        options.max_connections(1).min_connections(1).idle_timeout(None).max_lifetime(None);
    }
    options.map_sqlx_sqlite_opts(move |options| {
        options
            .create_if_missing(true)
            .busy_timeout(busy_timeout)
            .foreign_keys(true)
            .pragma("journal_mode", "WAL")
            .pragma("synchronous", "FULL")
    });
}

/// The pool of a connection to SQLite.
pub(super) fn pool(db: &DatabaseConnection) -> Option<&SqlitePool> {
    match &db.inner {
        DatabaseConnectionType::SqlxSqlitePoolConnection(_) => {
            Some(db.get_sqlite_connection_pool())
        }
        _ => None,
    }
}

/// A transaction that appends so many rows, in one text: each statement by itself would be handed to the thread of the
/// connection and back. Where the log is not the one that is known, the time is null, which the table refuses. (A
/// sequence that is null would be made up by SQLite.)
fn append_sql(rows: usize) -> String {
    let mut sql = "BEGIN IMMEDIATE; \
         UPDATE sse_log SET head = head + ? WHERE id = 1 AND epoch = ? AND head >= ? RETURNING head; \
         INSERT INTO sse_entry (sequence, topic, time, kind, size, type, data, retry, comments) VALUES "
        .to_owned();
    for left in (0..rows).rev() {
        let comma = if left > 0 { ", " } else { "" };
        // Writing to a string does not fail.
        let _ = write!(
            sql,
            "((SELECT head - {left} FROM sse_log WHERE id = 1), ?, \
             CASE WHEN changes() > 0 THEN ? END, ?, ?, ?, ?, ?, ?){comma}"
        );
    }
    sql + "; COMMIT"
}

/// Appends some small batches without fences in one go; an answer for each, and the head. Nothing, and nothing done,
/// where there is more to it.
pub(super) async fn append(
    pool: &SqlitePool,
    url: &str,
    known: Position,
    batches: &[&[NewEntry]],
) -> Result<Option<(Vec<Appended>, Position)>, StoreError> {
    const WHAT: &str = "append to";
    let group = Group::admit(batches, |_| known);
    let rows = &group.rows[..];
    if !fenced_topics(batches).is_empty() || rows.len() > PREPARED_ROWS {
        return Ok(None);
    }
    let time = now();
    let mut append = sqlx::query(AssertSqlSafe(append_sql(rows.len())))
        .bind(rows.len() as i64)
        .bind(known.epoch().cast_signed())
        .bind(known.sequence().cast_signed());
    for row in rows {
        append = append
            .bind(row.topic.as_str().to_owned())
            .bind(time)
            .bind(row.kind)
            .bind(row.size)
            .bind(row.event_type().map(<[u8]>::to_vec))
            .bind(row.data().map(<[u8]>::to_vec))
            .bind(row.retry())
            .bind(row.comments());
    }
    let not_done = |error| failed(WHAT, url, query_error(error));
    let mut connection = pool.acquire().await.map_err(not_done)?;
    let error = match append.fetch_all(&mut *connection).await {
        Ok(answer) => {
            let row = answer.first().ok_or(sqlx::Error::RowNotFound).map_err(not_done)?;
            let head: i64 = row.try_get(0).map_err(not_done)?;
            let head = Position::new(known.epoch(), head.cast_unsigned());
            let base = Position::new(head.epoch(), head.sequence() - rows.len() as u64);
            return Ok(Some((group.appended(base), head)));
        }
        Err(error) => error,
    };
    // It fails where the transaction has not begun, or has ended by itself.
    let _ = sqlx::query("ROLLBACK").execute(&mut *connection).await;
    let kind = error.as_database_error().map(|error| error.kind());
    match kind {
        Some(sqlx::error::ErrorKind::NotNullViolation) => Ok(None),
        _ => Err(commit_failed(WHAT, url, query_error(error))),
    }
}

fn query_error(error: sqlx::Error) -> DbErr {
    DbErr::Query(RuntimeErr::SqlxError(Arc::new(error)))
}
