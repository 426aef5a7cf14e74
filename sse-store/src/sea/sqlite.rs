//! What is particular to SQLite.

use std::time::Duration;

use sea_orm::sqlx::error::ErrorKind;
use sea_orm::sqlx::{self, AssertSqlSafe, Row, SqlitePool};
use sea_orm::{ConnectOptions, DatabaseConnection, DatabaseConnectionType};

use super::error::{commit_failed, failed, query_error};
use super::group::{Batch, Group, Written};
use super::write::now;
use crate::{Position, StoreError};

/// The largest group whose statements are kept prepared.
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

/// A transaction that appends so many rows and keys, in one text: each statement by itself would be handed to the thread
/// of the connection and back. Where the log is not the one that is known, or has cleared a row's topic after its fence,
/// the time is null, which the table refuses. (A sequence that is null would be made up by SQLite.) A key that was used
/// before is refused too.
fn append_sql(rows: usize, keys: usize) -> String {
    let mut sql = "BEGIN IMMEDIATE; \
         UPDATE sse_log SET head = head + ? WHERE id = 1 AND epoch = ? AND head >= ? RETURNING head; \
         INSERT INTO sse_entry (sequence, topic, time, kind, size, type, data, retry, comments) \
         SELECT log.head - column1, column2, \
         CASE WHEN changes() > 0 AND coalesce(topic.cleared, log.cleared) <= column4 THEN column5 END, \
         column6, column7, column8, column9, column10, column11 FROM (VALUES "
        .to_owned();
    sql += &vec!["(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"; rows].join(", ");
    sql += ") JOIN sse_log AS log ON log.id = 1 \
         LEFT JOIN sse_topic AS topic ON topic.topic = column3; ";
    if keys > 0 {
        sql += "INSERT INTO sse_key (name, sequence, records, time) \
             SELECT column1, log.head - column2, column3, column4 FROM (VALUES ";
        sql += &vec!["(?, ?, ?, ?)"; keys].join(", ");
        sql += ") JOIN sse_log AS log ON log.id = 1; ";
    }
    sql + "COMMIT"
}

/// Appends some batches in one go. Nothing, and nothing done, where there is more to it.
pub(super) async fn append(
    pool: &SqlitePool,
    url: &str,
    known: Position,
    batches: &[Batch<'_>],
) -> Result<Option<Written>, StoreError> {
    const WHAT: &str = "append to";
    let group = Group::admit_all(batches, known).filter(|group| group.inserts().len() == 1);
    let Some(group) = group else {
        return Ok(None);
    };
    let rows = &group.rows[..];
    let time = now();
    let mut append = sqlx::query(AssertSqlSafe(append_sql(rows.len(), group.keys.len())))
        .persistent(rows.len() <= PREPARED_ROWS)
        .bind(rows.len() as i64)
        .bind(known.epoch().cast_signed())
        .bind(known.sequence().cast_signed());
    for (left, row) in (0..rows.len()).rev().zip(rows) {
        let (fenced, fence) = match row.fence {
            Some(fence) => (row.topic.as_str().to_owned(), fence),
            None => (String::new(), i64::MAX),
        };
        append = append
            .bind(left as i64)
            .bind(row.topic.as_str().to_owned())
            .bind(fenced)
            .bind(fence)
            .bind(time)
            .bind(row.kind)
            .bind(row.size)
            .bind(row.event_type().map(<[u8]>::to_vec))
            .bind(row.data().map(<[u8]>::to_vec))
            .bind(row.retry())
            .bind(row.comments());
    }
    for (key, own) in &group.keys {
        append = append
            .bind(key.as_str().to_owned())
            .bind((rows.len() - 1 - own.start) as i64)
            .bind(own.len() as i64)
            .bind(time);
    }
    let not_done = |error| failed(WHAT, url, query_error(error));
    let mut connection = pool.acquire().await.map_err(not_done)?;
    let error = match append.fetch_all(&mut *connection).await {
        Ok(answer) => {
            let row = answer.first().ok_or(sqlx::Error::RowNotFound).map_err(not_done)?;
            let head: i64 = row.try_get(0).map_err(not_done)?;
            let base = head.cast_unsigned() - rows.len() as u64;
            return Ok(Some(group.written(Position::new(known.epoch(), base))));
        }
        Err(error) => error,
    };
    // It fails where the transaction has not begun, or has ended by itself.
    let _ = sqlx::query("ROLLBACK").execute(&mut *connection).await;
    match error.as_database_error().map(|error| error.kind()) {
        Some(ErrorKind::NotNullViolation | ErrorKind::UniqueViolation) => Ok(None),
        _ => Err(commit_failed(WHAT, url, query_error(error))),
    }
}
