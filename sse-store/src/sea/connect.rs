//! How a database is opened: settings that keep the store's word.

use std::time::Duration;

use sea_orm::{
    ConnectOptions, ConnectionTrait, Database, DatabaseConnection, DbBackend, DbErr,
    IsolationLevel, RuntimeErr, SqliteTransactionMode, Statement, TransactionOptions,
    TransactionTrait,
};
use sea_orm_migration::MigratorTrait;

use super::error::{failed, is_busy};
use super::schema::Migrator;
use crate::StoreError;

/// How long another process may hold the database's lock before a statement fails.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);

/// The writer, and readers beside it.
const CONNECTIONS: u32 = 5;

/// How long to try to get a connection to a server before the error says that it is unavailable.
#[cfg(any(feature = "postgres", feature = "mysql"))]
pub(super) const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(5);

/// How long a connection may be idle and is still taken to be alive.
#[cfg(any(feature = "postgres", feature = "mysql"))]
pub(super) const IDLE: Duration = Duration::from_millis(500);

/// A write transaction: what it reads once it has the lock is what the one before has committed.
pub(super) fn write_options(backend: DbBackend) -> TransactionOptions {
    let mut options = TransactionOptions::default();
    match backend {
        DbBackend::Sqlite => {
            options.sqlite_transaction_mode = Some(SqliteTransactionMode::Immediate)
        }
        _ => options.isolation_level = Some(IsolationLevel::ReadCommitted),
    }
    options
}

/// Connects, makes the database if it is a file that is not there, and the tables if they are not.
pub(super) async fn open(url: &str) -> Result<DatabaseConnection, StoreError> {
    let options = options(url)?;
    let shown = redacted(url);
    // Turning a new file to WAL does not wait for another process that is doing the same.
    let deadline = tokio::time::Instant::now() + BUSY_TIMEOUT;
    loop {
        let error = match connect_and_migrate(&options).await {
            Ok(db) => return Ok(db),
            // It has the URL as it is, and so has no place in ours.
            Err(DbErr::Conn(RuntimeErr::Internal(_))) => return Err(StoreError::refused(NO_URL)),
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
    let backend = db.get_database_backend();
    let transaction = db.begin_with_options(write_options(backend)).await?;
    // SQLite has its lock by now. MySQL's tables are made outside of any transaction: its lock is the session's.
    let (lock, unlock) = match backend {
        DbBackend::Postgres => (Some("SELECT pg_advisory_xact_lock(8390882571207632737)"), None),
        DbBackend::MySql => (
            Some("SELECT GET_LOCK('sse_store_migrate', 60)"),
            Some("SELECT RELEASE_LOCK('sse_store_migrate')"),
        ),
        _ => (None, None),
    };
    if let Some(lock) = lock {
        transaction.execute_unprepared(lock).await?;
    }
    let migrated = Migrator::up(&transaction, None).await;
    if let Some(unlock) = unlock {
        transaction.execute_unprepared(unlock).await?;
    }
    migrated?;
    transaction.commit().await
}

fn options(url: &str) -> Result<ConnectOptions, StoreError> {
    let mut options = ConnectOptions::new(match url.strip_prefix("mariadb:") {
        Some(rest) => format!("mysql:{rest}"),
        None => url.to_owned(),
    });
    options.sqlx_logging(false).max_connections(CONNECTIONS);
    match url.split(':').next() {
        #[cfg(feature = "sqlite")]
        Some("sqlite") => super::sqlite::configure(&mut options, url, BUSY_TIMEOUT),
        #[cfg(feature = "postgres")]
        Some("postgres" | "postgresql") => server(&mut options),
        #[cfg(feature = "mysql")]
        Some("mysql" | "mariadb") => server(&mut options),
        _ => {
            return Err(StoreError::refused(format!(
                "cannot open {:?}: the URL of a database begins with one of {SCHEMES:?}; others need a feature of sse-store",
                redacted(url)
            )));
        }
    }
    Ok(options)
}

/// Settings for a server: a connection that was idle is tested before it is used, since the server may have gone.
#[cfg(any(feature = "postgres", feature = "mysql"))]
fn server(options: &mut ConnectOptions) {
    options.test_before_acquire_if_idle_for(IDLE).acquire_timeout(ACQUIRE_TIMEOUT);
}

/// The databases that this build can open.
const SCHEMES: &[&str] = &[
    #[cfg(feature = "sqlite")]
    "sqlite:",
    #[cfg(feature = "postgres")]
    "postgres:",
    #[cfg(feature = "mysql")]
    "mysql:",
    #[cfg(feature = "mysql")]
    "mariadb:",
];

/// The URL without its password, and without its query, which may have one too.
pub(super) fn redacted(url: &str) -> String {
    if url.starts_with("sqlite:") {
        return url.to_owned();
    }
    // A password that was not escaped may have what ends the authority, even the query's mark, but the last `@` is after it.
    let (secret, rest) = url.split_at(url.rfind('@').unwrap_or(0));
    let user = secret.find("://").map_or(0, |at| at + 3);
    let secret = match secret[user..].find(':') {
        Some(colon) => format!("{}:***", &secret[..user + colon]),
        None => secret.to_owned(),
    };
    secret + rest.split(['?', '#']).next().unwrap_or_default()
}

/// Looks whether a connection's settings can keep the store's word, and says what they cannot.
pub(super) async fn check(db: &DatabaseConnection) -> Result<(), DbErr> {
    let backend = db.get_database_backend();
    let settings: &[(&str, &[&str], &str)] = match backend {
        // A journal that is deleted to commit is there again after a loss of power, unless its folder was synced too (3).
        DbBackend::Sqlite => &[
            (
                "SELECT CASE file WHEN '' THEN 'in memory' ELSE journal_mode || ' ' || synchronous END \
                 FROM pragma_database_list AS list, pragma_journal_mode, pragma_synchronous \
                 WHERE list.name = 'main'",
                &[
                    "in memory",
                    "wal 2",
                    "wal 3",
                    "truncate 2",
                    "truncate 3",
                    "persist 2",
                    "persist 3",
                    "delete 3",
                ],
                POWER,
            ),
            ("SELECT CAST(timeout > 0 AS TEXT) FROM pragma_busy_timeout", &["1"], BUSY),
        ],
        DbBackend::Postgres => &[
            (
                "SELECT current_setting('synchronous_commit')",
                &["on", "local", "remote_write", "remote_apply"],
                POWER,
            ),
            ("SELECT current_setting('fsync')", &["on"], POWER),
            ("SELECT current_setting('full_page_writes')", &["on"], TORN),
        ],
        DbBackend::MySql => &[
            ("SELECT CAST(@@innodb_flush_log_at_trx_commit AS CHAR)", &["1", "3"], POWER),
            // What is not in the binary log is rolled back when the server recovers.
            ("SELECT CAST(IF(@@log_bin, @@sync_binlog, 1) AS CHAR)", &["1"], POWER),
            ("SELECT CAST(@@innodb_doublewrite AS CHAR)", &["1", "ON"], TORN),
        ],
        _ => &[],
    };
    for (query, good, consequence) in settings {
        let row = db.query_one_raw(Statement::from_string(backend, *query)).await?;
        let value: String = row.map_or(Ok(String::new()), |row| row.try_get_by_index(0))?;
        if !good.contains(&value.as_str()) {
            tracing::warn!("`{query}` gives {value:?}: {consequence}");
        }
    }
    Ok(())
}

const NO_URL: &str = "cannot open the database: its URL cannot be parsed; what in a password is no letter and no digit \
     is to be percent-encoded";

const POWER: &str =
    "an event that was acknowledged is lost when the database's machine loses power";
const TORN: &str = "the log may be damaged when the database's machine loses power";
const BUSY: &str = "a write fails while another process writes";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_never_shown() {
        for (url, shown) in [
            ("sqlite:a.db", "sqlite:a.db"),
            ("sqlite://a@b/c:d@e.db", "sqlite://a@b/c:d@e.db"),
            ("postgres://u:p@h/d", "postgres://u:***@h/d"),
            ("postgres://u:p@q:r@h:1/d", "postgres://u:***@h:1/d"),
            ("postgres://u:p@h:1/d?password=q", "postgres://u:***@h:1/d"),
            ("postgres://h:1/d?user=u&password=q", "postgres://h:1/d"),
            ("postgres://u:p/q#r?s@h", "postgres://u:***@h"),
            ("postgres://u:p@h/d?x=@", "postgres://u:***@"),
            ("postgres:u:p@h", "postgres:***@h"),
            ("mysql//u:p@h", "mysql//u:***@h"),
            ("postgres://u@h:1/d", "postgres://u@h:1/d"),
            ("postgres://[::1]:1/d", "postgres://[::1]:1/d"),
        ] {
            assert_eq!(redacted(url), shown);
        }
    }
}
