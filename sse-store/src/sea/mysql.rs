//! What is particular to MySQL and MariaDB: a group is appended in one round trip.

use std::fmt::Write as _;
use std::future::poll_fn;

use sea_orm::sqlx::mysql::MySqlPoolOptions;
use sea_orm::sqlx::{
    self, AssertSqlSafe, ConnectOptions as _, Connection as _, Either, Error as SqlxError,
    MySqlConnection, MySqlPool,
};
use sea_orm::{DatabaseConnection, DatabaseConnectionType};

use super::connect::{ACQUIRE_TIMEOUT, IDLE};
use super::error::{commit_failed, failed, is_failed_check, query_error};
use super::group::{Batch, Group, ROWS_PER_INSERT, Written};
use super::rows::NewRow;
use super::write::now;
use crate::{Position, StoreError};

/// The most bytes of a group that is written as one text, in which each is two digits.
const TEXT_BYTES: usize = 1 << 20;

/// What fails in any mode, and so ends the text where it stands: a subquery with two rows for one value.
const FAIL: &str = "(SELECT 1 UNION SELECT 2)";

/// A connection of the writer's own, to the same server. Its statements are not logged, since their text has the events.
pub(super) fn pool(db: &DatabaseConnection) -> Option<MySqlPool> {
    let DatabaseConnectionType::SqlxMySqlPoolConnection(_) = &db.inner else {
        return None;
    };
    let shared = db.get_mysql_connection_pool();
    let options = shared.connect_options().as_ref().clone().disable_statement_logging();
    let pool = MySqlPoolOptions::new()
        .max_connections(1)
        .acquire_timeout(ACQUIRE_TIMEOUT)
        .test_before_acquire(false)
        .before_acquire(|connection, meta| {
            Box::pin(async move {
                if meta.idle_for >= IDLE {
                    connection.ping().await?;
                }
                Ok(true)
            })
        });
    Some(pool.connect_lazy_with(options))
}

/// A transaction that appends a group, in one text, since each statement by itself would be a round trip. It fails where
/// the log is not the one that is known, has cleared a row's topic after its fence, or has one of the keys.
/// Bytes are written as digits: nothing in them can be taken for anything else.
fn append_sql(known: Position, group: &Group<'_>, time: i64) -> String {
    let rows = group.rows.len();
    let (epoch, sequence) = (known.epoch().cast_signed(), known.sequence().cast_signed());
    let bytes: usize = group.rows.iter().map(NewRow::bytes).sum();
    let mut sql = String::with_capacity(512 + 128 * rows + 2 * bytes);
    // Writing to a string does not fail.
    let _ = write!(
        sql,
        "BEGIN; UPDATE sse_log SET head = LAST_INSERT_ID(head + {rows}) \
         WHERE id = 1 AND epoch = {epoch} AND head >= {sequence}; SELECT IF(ROW_COUNT() > 0"
    );
    for (topic, fence) in group.fences() {
        sql += " AND COALESCE((SELECT cleared FROM sse_topic WHERE topic = ";
        text(&mut sql, topic);
        let _ = write!(sql, "), (SELECT cleared FROM sse_log WHERE id = 1)) <= {fence}");
    }
    let _ = write!(
        sql,
        ", 0, {FAIL}); INSERT INTO sse_entry \
         (sequence, topic, time, kind, size, type, data, retry, comments) VALUES "
    );
    for (at, row) in group.rows.iter().enumerate() {
        let comma = if at > 0 { ", " } else { "" };
        let _ = write!(sql, "{comma}(LAST_INSERT_ID() - {}, ", rows - 1 - at);
        text(&mut sql, row.topic.as_str());
        let _ = write!(sql, ", {time}, {}, {}, ", row.kind, row.size);
        bytes_or_null(&mut sql, row.event_type());
        sql += ", ";
        bytes_or_null(&mut sql, row.data());
        let _ = match row.retry() {
            Some(retry) => write!(sql, ", {retry}, "),
            None => write!(sql, ", NULL, "),
        };
        bytes_or_null(&mut sql, row.comments().as_deref());
        sql.push(')');
    }
    for (at, (key, own)) in group.keys.iter().enumerate() {
        sql += match at {
            0 => "; INSERT INTO sse_key (name, sequence, records, time) VALUES (",
            _ => ", (",
        };
        text(&mut sql, key.as_str());
        let _ =
            write!(sql, ", LAST_INSERT_ID() - {}, {}, {time})", rows - 1 - own.start, own.len());
    }
    sql + "; COMMIT"
}

fn text(sql: &mut String, text: &str) {
    sql.push_str("_utf8mb4 ");
    bytes_or_null(sql, Some(text.as_bytes()));
}

fn bytes_or_null(sql: &mut String, bytes: Option<&[u8]>) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let Some(bytes) = bytes else {
        sql.push_str("NULL");
        return;
    };
    sql.push_str("x'");
    for byte in bytes {
        sql.push(char::from(DIGITS[usize::from(byte >> 4)]));
        sql.push(char::from(DIGITS[usize::from(byte & 15)]));
    }
    sql.push('\'');
}

fn is_small(group: &Group<'_>) -> bool {
    let bytes: usize = group.rows.iter().map(NewRow::bytes).sum();
    group.rows.len() <= ROWS_PER_INSERT && bytes <= TEXT_BYTES
}

/// Appends some small batches in one round trip. Nothing, and nothing done, where there is more to it.
pub(super) async fn append(
    pool: &MySqlPool,
    url: &str,
    known: Position,
    batches: &[Batch<'_>],
) -> Result<Option<Written>, StoreError> {
    const WHAT: &str = "append to";
    let Some(group) = Group::admit_all(batches, known).filter(is_small) else {
        return Ok(None);
    };
    let not_done = |error| failed(WHAT, url, query_error(error));
    let mut connection = pool.acquire().await.map_err(not_done)?;
    let sql = append_sql(known, &group, now());
    let statements = if group.keys.is_empty() { 5 } else { 6 };
    let (error, ended) = match run(&mut connection, sql).await {
        Ok(head) => {
            let base = head - group.rows.len() as u64;
            return Ok(Some(group.written(Position::new(known.epoch(), base))));
        }
        Err(error) => error,
    };
    let was_told = error.as_database_error().is_some();
    if sqlx::raw_sql("ROLLBACK").execute(&mut *connection).await.is_err() {
        // It is lost: the pool is to have another.
        drop(connection.detach());
    }
    let error = query_error(error);
    match was_told && ended < statements - 1 {
        true if is_failed_check(&error) => Ok(None),
        true => Err(failed(WHAT, url, error)),
        // It came to the commit, or nobody knows how far.
        false => Err(commit_failed(WHAT, url, error)),
    }
}

/// Runs the statements of a text and gives what the second calls the last insert id; or the error, and how many
/// statements have ended well.
async fn run(connection: &mut MySqlConnection, sql: String) -> Result<u64, (SqlxError, usize)> {
    let mut results = sqlx::raw_sql(AssertSqlSafe(sql)).fetch_many(connection);
    let mut ended = 0;
    let mut head = 0;
    while let Some(result) = poll_fn(|cx| results.as_mut().poll_next(cx)).await {
        match result {
            Ok(Either::Left(result)) => {
                ended += 1;
                if ended == 2 {
                    head = result.last_insert_id();
                }
            }
            Ok(Either::Right(_)) => {}
            Err(error) => return Err((error, ended)),
        }
    }
    Ok(head)
}
