//! The SeaORM store on MySQL or MariaDB, under the conformance suite, and what is particular to it.

#[path = "support/relay.rs"]
mod relay;
mod support;

use std::process::ExitCode;

use relay::{Relay, mysql_error};
use sea_orm::{ConnectOptions, ConnectionTrait, Database, TransactionTrait};
use sse_core::Event;
use sse_store::{EventStore, NewEntry, SeaOrmStore, Topic};
use testkit::{Scratch, Service, test};

fn main() -> ExitCode {
    let own = [
        test!(a_commit_that_the_server_gives_up_is_unavailable, MariaDb),
        test!(a_commit_whose_server_ends_before_its_answer_is_unknown, MariaDb),
    ];
    testkit::run(support::tests(Service::MariaDb).into_iter().chain(own))
}

fn new(data: &str) -> NewEntry {
    NewEntry::new(Topic::new("t").unwrap(), Event::new(data))
}

/// For time, and for a snapshot that is too old: nothing was written, and it may be tried again.
async fn a_commit_that_the_server_gives_up_is_unavailable() {
    let scratch = Scratch::new(Some(Service::MariaDb)).await;
    let store = SeaOrmStore::connect(&scratch.url()).await.unwrap();
    let other = Database::connect(scratch.url()).await.unwrap();
    for (setting, is_locked) in [
        ("innodb_snapshot_isolation = ON", false),
        ("max_statement_time = 0.1", true),
        ("innodb_lock_wait_timeout = 1", true),
    ] {
        let mut options = ConnectOptions::new(scratch.url());
        options.max_connections(1).sqlx_logging(false);
        let db = Database::connect(options).await.unwrap();
        db.execute_unprepared(&format!("SET {setting}")).await.unwrap();
        let transaction = db.begin().await.unwrap();
        transaction.execute_unprepared("SELECT head FROM sse_log").await.unwrap();
        let before = store.append(vec![new("between")]).await.unwrap()[0];
        let lock = other.begin().await.unwrap();
        if is_locked {
            lock.execute_unprepared("SELECT 1 FROM sse_log FOR UPDATE").await.unwrap();
        }
        let error = store.commit_with(transaction, vec![new("late")]).await.unwrap_err();
        assert!(error.is_unavailable(), "{setting}: {error}");
        lock.rollback().await.unwrap();
        assert_eq!(store.head().await.unwrap(), before);
    }
}

/// It says so by an error, and the commit is there all the same.
async fn a_commit_whose_server_ends_before_its_answer_is_unknown() {
    const SHUTS_DOWN: u16 = 1053;
    let scratch = Scratch::new(Some(Service::MariaDb)).await;
    let direct = SeaOrmStore::connect(&scratch.url()).await.unwrap();
    let relay = Relay::start(&scratch.url()).await;
    let store = SeaOrmStore::connect(&relay.url()).await.unwrap();
    let db = Database::connect(relay.url()).await.unwrap();
    for _ in 0..2 {
        let before = store.append(vec![new("before")]).await.unwrap()[0];
        // As digits, in the text that appends.
        let alone: String = "alone".bytes().map(|byte| format!("{byte:x}")).collect();
        relay.lose_the_answer(&alone, mysql_error(SHUTS_DOWN));
        let error = store.append(vec![new("alone")]).await.unwrap_err();
        assert!(error.is_outcome_unknown(), "{error}");
        assert_eq!(direct.head().await.unwrap().sequence(), before.sequence() + 1);

        let transaction = db.begin().await.unwrap();
        relay.lose_the_answer("COMMIT", mysql_error(SHUTS_DOWN));
        let error = store.commit_with(transaction, vec![new("with")]).await.unwrap_err();
        assert!(error.is_outcome_unknown(), "{error}");
        assert_eq!(direct.head().await.unwrap().sequence(), before.sequence() + 2);
    }
}
