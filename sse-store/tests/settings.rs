//! Settings of a database that cannot keep the store's word: it says so when it opens.

#[path = "support/server.rs"]
mod server;

use std::io::{self, Write};
use std::process::ExitCode;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use sea_orm::{ConnectOptions, Database};
use sea_orm_migration::MigratorTrait;
use server::Server;
use sse_store::{Migrator, SeaOrmStore};
use testkit::{Scratch, Service, Test, test};

fn main() -> ExitCode {
    let warns = |name, service, cases: &'static [Case]| {
        Test::new(name, [service], async move || server_warns(service, cases).await)
    };
    testkit::run([
        test!(weak_settings_of_sqlite_are_told),
        warns("weak_settings_of_postgres_are_told", Service::PostgresPrograms, &POSTGRES),
        warns("weak_settings_of_mariadb_are_told", Service::MariaDbPrograms, &MARIADB),
    ])
}

const POWER: &str = "is lost when the database's machine loses power";
const TORN: &str = "may be damaged when the database's machine loses power";
const BUSY: &str = "a write fails while another process writes";

/// A server's arguments, and what is said of them.
type Case = (&'static [&'static str], &'static [&'static str]);

const POSTGRES: [Case; 3] = [
    (&["--fsync=on"], &[]),
    (&["--fsync=off"], &[POWER]),
    (&["--synchronous_commit=off", "--full_page_writes=off"], &[POWER, TORN]),
];

const MARIADB: [Case; 4] = [
    (&[], &[]),
    (&["--innodb-flush-log-at-trx-commit=2"], &[POWER]),
    (&["--log-bin", "--sync-binlog=1"], &[]),
    (&["--log-bin", "--sync-binlog=0", "--skip-innodb-doublewrite"], &[POWER, TORN]),
];

/// What is logged.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What the store says as it opens.
async fn told(open: impl Future<Output = SeaOrmStore>) -> Vec<String> {
    let lines = Lines::default();
    let writer = lines.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::WARN)
        .with_writer(move || writer.clone())
        .finish();
    // This thread alone, which is the one that opens.
    let guard = tracing::subscriber::set_default(subscriber);
    let store = open.await;
    drop(guard);
    store.close().await;
    let lines = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
    lines.lines().filter(|line| line.contains("sse_store")).map(str::to_owned).collect()
}

fn assert_told(lines: &[String], expected: &[&str], of: &str) {
    let as_expected = lines.len() == expected.len()
        && lines.iter().zip(expected).all(|(line, expected)| line.contains(expected));
    assert!(as_expected, "of {of}: {lines:?}");
}

async fn server_warns(service: Service, cases: &[Case]) {
    let mut server = Server::start_new(service).await;
    let url = server.url();
    for (arguments, expected) in cases {
        server.restart_with(arguments).await;
        let lines = told(async { SeaOrmStore::connect(&url).await.unwrap() }).await;
        assert_told(&lines, expected, &format!("{arguments:?}"));
    }
}

async fn weak_settings_of_sqlite_are_told() {
    let scratch = Scratch::new(None).await;
    for url in [&scratch.url(), "sqlite::memory:"] {
        let lines = told(async { SeaOrmStore::connect(url).await.unwrap() }).await;
        assert_told(&lines, &[], "our own");
    }
    for (journal, synchronous, timeout, expected) in [
        ("WAL", "FULL", 1, &[][..]),
        ("WAL", "NORMAL", 1, &[POWER]),
        ("WAL", "OFF", 0, &[POWER, BUSY]),
        ("DELETE", "FULL", 1, &[POWER]),
        ("DELETE", "EXTRA", 1, &[]),
        ("TRUNCATE", "FULL", 1, &[]),
        ("MEMORY", "FULL", 1, &[POWER]),
    ] {
        let scratch = Scratch::new(None).await;
        let mut options = ConnectOptions::new(scratch.url());
        options.max_connections(1).sqlx_logging(false);
        options.map_sqlx_sqlite_opts(move |options| {
            options
                .pragma("journal_mode", journal)
                .pragma("synchronous", synchronous)
                .busy_timeout(Duration::from_secs(timeout))
        });
        let db = Database::connect(options).await.unwrap();
        Migrator::up(&db, None).await.unwrap();
        let lines = told(async { SeaOrmStore::new(db).await.unwrap() }).await;
        assert_told(&lines, expected, &format!("{journal} and {synchronous}"));
    }
}
