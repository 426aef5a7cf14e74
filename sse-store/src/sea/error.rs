//! What a database's errors mean.

use sea_orm::{DbErr, RuntimeErr, SqlxError};

use crate::StoreError;

/// An error of sqlx as one of SeaORM.
#[cfg(any(feature = "sqlite", feature = "postgres", feature = "mysql"))]
pub(super) fn query_error(error: SqlxError) -> DbErr {
    DbErr::Query(RuntimeErr::SqlxError(std::sync::Arc::new(error)))
}

/// That a transaction is nested in another.
pub(super) fn nested() -> DbErr {
    DbErr::Custom(NESTED.to_owned())
}

const NESTED: &str = "the transaction is nested in another";

/// Turns the error of a statement into ours: nothing was written.
pub(super) fn failed(what: &str, url: &str, error: DbErr) -> StoreError {
    let message = format!("cannot {what} {url}: {}", cause(&error));
    let error_of = match class(&error) {
        Class::Unavailable => StoreError::unavailable,
        Class::Unwritable => StoreError::unwritable,
        Class::Refused => StoreError::refused,
        Class::Other => StoreError::other,
    };
    error_of(message).with_source(error)
}

/// Turns the error of a commit into ours: only where the database itself refused it and the session goes on, nothing was
/// written.
pub(super) fn commit_failed(what: &str, url: &str, error: DbErr) -> StoreError {
    let was_refused = match code(&error) {
        Some(Code::Sqlite(code)) => code != 10,
        // A server that ends may have committed before it said so, and a pooler does not know what the one behind it did.
        Some(Code::Postgres(state, goes_on)) => goes_on && state != "40003",
        Some(Code::MySql(_)) | None => false,
    };
    if was_refused {
        return failed(what, url, error);
    }
    let message = format!("cannot tell whether it did {what} {url}: {}", cause(&error));
    StoreError::outcome_unknown(message).with_source(error)
}

/// Whether it is worth to try again at once: another process holds a lock.
pub(super) fn is_busy(error: &DbErr) -> bool {
    matches!(code(error), Some(Code::Sqlite(5 | 6)))
}

/// Whether PostgreSQL has rolled back for what other transactions do: a serialization failure or a deadlock.
#[cfg(feature = "postgres")]
pub(super) fn is_rolled_back(error: &DbErr) -> bool {
    matches!(code(error), Some(Code::Postgres(state, _)) if state == "40001" || state == "40P01")
}

/// Whether a row is there already, such as that of a key.
#[cfg(feature = "postgres")]
pub(super) fn is_unique_violation(error: &SqlxError) -> bool {
    error.as_database_error().is_some_and(|error| error.is_unique_violation())
}

/// Whether a text has failed for what it checks on MySQL: a subquery has two rows, or a key is there already.
#[cfg(feature = "mysql")]
pub(super) fn is_failed_check(error: &DbErr) -> bool {
    matches!(code(error), Some(Code::MySql(1062 | 1242)))
}

enum Class {
    Unavailable,
    Unwritable,
    Refused,
    Other,
}

fn class(error: &DbErr) -> Class {
    match (code(error), error, sqlx_error(error)) {
        // Primary result codes: https://www.sqlite.org/rescode.html
        (Some(Code::Sqlite(5 | 6)), ..) => Class::Unavailable,
        (Some(Code::Sqlite(8 | 13 | 14)), ..) => Class::Unwritable,
        // PostgreSQL, appendix A: connections, serialization and deadlocks, resources, an operator; disk full, read only;
        // out of patience with an idle transaction or a lock.
        (Some(Code::Postgres(state, _)), ..) => match &state[..] {
            "53100" | "25006" => Class::Unwritable,
            "25P03" | "55P03" => Class::Unavailable,
            _ if ["08", "40", "53", "57"].iter().any(|class| state.starts_with(class)) => {
                Class::Unavailable
            }
            _ => Class::Other,
        },
        // Too many connections, shutting down, lock wait timeout, deadlock, killed; a snapshot that is too old, and out of
        // patience with a statement.
        (Some(Code::MySql(1040 | 1053 | 1203 | 1205 | 1213 | 1226 | 1927)), ..) => {
            Class::Unavailable
        }
        (Some(Code::MySql(1020 | 1317 | 1969 | 3024)), ..) => Class::Unavailable,
        // Disk full, table full, read only.
        (Some(Code::MySql(1021 | 1114 | 1290 | 1792 | 1836)), ..) => Class::Unwritable,
        (Some(_), ..) => Class::Other,
        (None, DbErr::ConnectionAcquire(_), _) => Class::Unavailable,
        (None, DbErr::Custom(what), _) if what == NESTED => Class::Refused,
        (
            None,
            _,
            Some(
                SqlxError::Io(_)
                | SqlxError::PoolTimedOut
                | SqlxError::PoolClosed
                | SqlxError::WorkerCrashed,
            ),
        ) => Class::Unavailable,
        (None, ..) => Class::Other,
    }
}

fn sqlx_error(error: &DbErr) -> Option<&SqlxError> {
    match error {
        DbErr::Conn(RuntimeErr::SqlxError(error))
        | DbErr::Exec(RuntimeErr::SqlxError(error))
        | DbErr::Query(RuntimeErr::SqlxError(error)) => Some(error),
        _ => None,
    }
}

/// A database's own code for its error.
#[allow(dead_code, reason = "a code is made only where its database is a feature")]
enum Code {
    /// The primary result code.
    Sqlite(i32),
    /// The SQLSTATE, and whether the session goes on.
    Postgres(String, bool),
    MySql(u16),
}

fn code(error: &DbErr) -> Option<Code> {
    let SqlxError::Database(error) = sqlx_error(error)? else {
        return None;
    };
    #[cfg(feature = "sqlite")]
    if error.try_downcast_ref::<sea_orm::SqlxSqliteError>().is_some() {
        return Some(Code::Sqlite(error.code()?.parse::<i32>().ok()? & 0xff));
    }
    #[cfg(feature = "postgres")]
    if let Some(error) = error.try_downcast_ref::<sea_orm::SqlxPostgresError>() {
        let goes_on = error.severity() == sea_orm::sqlx::postgres::PgSeverity::Error;
        return Some(Code::Postgres(error.code().to_owned(), goes_on));
    }
    #[cfg(feature = "mysql")]
    if let Some(error) = error.try_downcast_ref::<sea_orm::SqlxMySqlError>() {
        return Some(Code::MySql(error.number()));
    }
    None
}

/// The cause in one line, without the words that SeaORM and sqlx put before it.
fn cause(error: &DbErr) -> String {
    let text = match sqlx_error(error) {
        Some(SqlxError::Database(error)) => error.message().to_owned(),
        Some(error) => error.to_string(),
        None => error.to_string(),
    };
    text.lines().collect::<Vec<_>>().join(" ")
}
