//! What a database's errors mean.

use sea_orm::{DbErr, RuntimeErr, SqlxError};

use crate::StoreError;

/// Turns the error of a statement into ours: nothing was written.
pub(super) fn failed(what: &str, url: &str, error: DbErr) -> StoreError {
    let message = format!("cannot {what} {url}: {}", cause(&error));
    let error_of = match class(&error) {
        Class::Unavailable => StoreError::unavailable,
        Class::Unwritable => StoreError::unwritable,
        Class::Other | Class::Io => StoreError::other,
    };
    error_of(message).with_source(error)
}

/// Turns the error of a commit into ours: only where the database itself refused it, nothing was written.
pub(super) fn commit_failed(what: &str, url: &str, error: DbErr) -> StoreError {
    let refused = matches!(sqlx_error(&error), Some(SqlxError::Database(_)));
    if refused && class(&error) != Class::Io {
        return failed(what, url, error);
    }
    let message = format!("cannot tell whether it did {what} {url}: {}", cause(&error));
    StoreError::outcome_unknown(message).with_source(error)
}

/// Whether it is worth to try again at once: another process holds a lock.
pub(super) fn is_busy(error: &DbErr) -> bool {
    matches!(sqlite_code(error), Some(5 | 6))
}

#[derive(PartialEq, Eq)]
enum Class {
    Unavailable,
    Unwritable,
    Io,
    Other,
}

fn class(error: &DbErr) -> Class {
    // The primary result codes of SQLite: https://www.sqlite.org/rescode.html
    match sqlite_code(error) {
        Some(5 | 6) => return Class::Unavailable,
        Some(8 | 13 | 14) => return Class::Unwritable,
        Some(10) => return Class::Io,
        _ => {}
    }
    match (error, sqlx_error(error)) {
        (DbErr::ConnectionAcquire(_), _) => Class::Unavailable,
        (
            _,
            Some(
                SqlxError::Io(_)
                | SqlxError::PoolTimedOut
                | SqlxError::PoolClosed
                | SqlxError::WorkerCrashed,
            ),
        ) => Class::Unavailable,
        _ => Class::Other,
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

/// SQLite's primary result code.
fn sqlite_code(error: &DbErr) -> Option<i32> {
    let SqlxError::Database(error) = sqlx_error(error)? else {
        return None;
    };
    #[cfg(feature = "sqlite")]
    if error.try_downcast_ref::<sea_orm::SqlxSqliteError>().is_some() {
        return Some(error.code()?.parse::<i32>().ok()? & 0xff);
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
