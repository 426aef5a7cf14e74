//! What is particular to SQLite.

use std::time::Duration;

use sea_orm::ConnectOptions;

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
