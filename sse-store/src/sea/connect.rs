//! How a database is opened: settings that keep the store's word.

use std::time::Duration;

use sea_orm::{
    ConnectOptions, ConnectionTrait, Database, DatabaseConnection, DbBackend, DbErr,
    SqliteTransactionMode, TransactionOptions, TransactionTrait,
};
use sea_orm_migration::MigratorTrait;

use super::error::{failed, is_busy};
use super::schema::Migrator;
use crate::StoreError;

/// How long another process may hold the database's lock before a statement fails.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);

/// The writer, and readers beside it.
const CONNECTIONS: u32 = 5;

/// A write transaction: it has the lock before it reads what it bases its writes on.
pub(super) const WRITE: TransactionOptions = TransactionOptions {
    isolation_level: None,
    access_mode: None,
    sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
};

/// Connects, makes the database if it is a file that is not there, and the tables if they are not.
pub(super) async fn open(url: &str) -> Result<DatabaseConnection, StoreError> {
    let options = options(url)?;
    let shown = redacted(url);
    // Turning a new file to WAL does not wait for another process that is doing the same.
    let deadline = tokio::time::Instant::now() + BUSY_TIMEOUT;
    loop {
        let error = match connect_and_migrate(&options).await {
            Ok(db) => return Ok(db),
            Err(error) => error,
        };
        if !is_busy(&error) || tokio::time::Instant::now() >= deadline {
            return Err(failed("open", &shown, error));
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn connect_and_migrate(options: &ConnectOptions) -> Result<DatabaseConnection, DbErr> {
    let db = Database::connect(options.clone()).await?;
    match migrate(&db).await {
        Ok(()) => Ok(db),
        Err(error) => {
            db.close().await?;
            Err(error)
        }
    }
}

/// Makes the tables, or waits for another process that does.
async fn migrate(db: &DatabaseConnection) -> Result<(), DbErr> {
    if Migrator::get_pending_migrations_read_only(db).await?.is_empty() {
        return Ok(());
    }
    let transaction = db.begin_with_options(WRITE).await?;
    Migrator::up(&transaction, None).await?;
    transaction.commit().await
}

fn options(url: &str) -> Result<ConnectOptions, StoreError> {
    let mut options = ConnectOptions::new(url);
    options.sqlx_logging(false);
    match url.split(':').next() {
        #[cfg(feature = "sqlite")]
        Some("sqlite") => sqlite_options(&mut options, url),
        _ => {
            return Err(StoreError::refused(format!(
                "cannot open {}: the URL of a database begins with one of {SCHEMES:?}",
                redacted(url)
            )));
        }
    }
    Ok(options)
}

/// The databases that this build can open.
const SCHEMES: &[&str] = &[
    #[cfg(feature = "sqlite")]
    "sqlite:",
];

#[cfg(feature = "sqlite")]
fn sqlite_options(options: &mut ConnectOptions, url: &str) {
    options.test_before_acquire(false);
    if url.contains(":memory:") || url.contains("mode=memory") {
        // The database is gone with its last connection, and is another one in each.
        options.max_connections(1).min_connections(1).idle_timeout(None).max_lifetime(None);
    } else {
        options.max_connections(CONNECTIONS);
    }
    options.map_sqlx_sqlite_opts(|options| {
        options
            .create_if_missing(true)
            .busy_timeout(BUSY_TIMEOUT)
            .foreign_keys(true)
            .pragma("journal_mode", "WAL")
            .pragma("synchronous", "FULL")
    });
}

/// The URL without its password.
pub(super) fn redacted(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else {
        return url.to_owned();
    };
    let authority = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let Some(at) = rest[..authority].rfind('@') else {
        return url.to_owned();
    };
    match rest[..at].split_once(':') {
        Some((user, _)) => format!("{scheme}://{user}:***{}", &rest[at..]),
        None => url.to_owned(),
    }
}

/// Looks whether an application's own connection can keep the store's word.
pub(super) async fn check(db: &DatabaseConnection) -> Result<(), DbErr> {
    if db.get_database_backend() == DbBackend::Sqlite {
        let row = db.query_one_raw(sea_orm::Statement::from_string(
            DbBackend::Sqlite,
            "SELECT (SELECT synchronous FROM pragma_synchronous), (SELECT timeout FROM pragma_busy_timeout)",
        ));
        if let Some(row) = row.await? {
            if row.try_get_by_index::<i64>(0)? < 2 {
                tracing::warn!(
                    "the connection's `synchronous` is below FULL: an event that was acknowledged \
                     is lost when the machine loses power"
                );
            }
            if row.try_get_by_index::<i64>(1)? == 0 {
                tracing::warn!(
                    "the connection's `busy_timeout` is 0: an append fails while another process \
                     writes"
                );
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_never_shown() {
        for (url, shown) in [
            ("sqlite:a.db", "sqlite:a.db"),
            ("sqlite://a@b/c:d@e.db", "sqlite://a@b/c:d@e.db"),
            ("postgres://u:p@h/d", "postgres://u:***@h/d"),
            ("postgres://u:p@q:r@h:1/d?x=@", "postgres://u:***@h:1/d?x=@"),
            ("postgres://u@h:1/d", "postgres://u@h:1/d"),
        ] {
            assert_eq!(redacted(url), shown);
        }
    }
}
