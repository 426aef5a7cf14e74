//! The SeaORM store on PostgreSQL, under the conformance suite, and what is particular to it.

#[path = "support/relay.rs"]
mod relay;
mod support;

use std::process::ExitCode;
use std::time::{Duration, Instant};

use relay::{Relay, postgres_error};
use sea_orm::{
    ConnectionTrait, Database, DatabaseConnection, DbBackend, Statement, TransactionTrait,
};
use sse_core::Event;
use sse_store::{EventStore, NewEntry, Position, SeaOrmStore, Topic, TopicSet};
use testkit::{BOUND, Scratch, Service, test, until};

fn main() -> ExitCode {
    let own = [
        test!(wait_is_told_rather_than_polled, Postgres),
        test!(a_listener_that_is_lost_listens_again, Postgres),
        test!(a_stricter_default_isolation_is_set_aside, Postgres),
        test!(who_waits_for_the_counter_is_fenced_by_a_clear_that_comes_first, Postgres),
        test!(logs_in_two_schemas_of_one_database_are_apart, Postgres),
        test!(a_commit_whose_session_ends_before_its_answer_is_unknown, Postgres),
        test!(an_append_that_the_server_gives_up_is_unavailable, Postgres),
    ];
    testkit::run(support::tests(Service::Postgres).into_iter().chain(own))
}

fn new(data: &str) -> NewEntry {
    NewEntry::new(Topic::new("t").unwrap(), Event::new(data))
}

/// The connections of this database that listen, as the server sees them.
async fn listeners(db: &DatabaseConnection) -> Vec<i32> {
    let query = "SELECT pid FROM pg_stat_activity \
                 WHERE datname = current_database() AND query LIKE 'LISTEN %'";
    let query = Statement::from_string(DbBackend::Postgres, query);
    let rows = db.query_all_raw(query).await.unwrap();
    rows.iter().map(|row| row.try_get_by_index(0).unwrap()).collect()
}

/// Waits at one handle for what another appends; how long after that was done.
async fn told(waiting: &SeaOrmStore, writing: &SeaOrmStore) -> Duration {
    let after = writing.append(vec![new("before")]).await.unwrap()[0];
    let waiting = waiting.clone();
    let waiter = tokio::spawn(async move { waiting.wait(after).await });
    tokio::task::yield_now().await;
    let written = writing.append(vec![new("after")]).await.unwrap()[0];
    let since = Instant::now();
    assert_eq!(waiter.await.unwrap().unwrap(), written);
    since.elapsed()
}

async fn wait_is_told_rather_than_polled() {
    const ROUNDS: u32 = 40;
    let scratch = Scratch::new(Some(Service::Postgres)).await;
    let store = SeaOrmStore::connect(&scratch.url()).await.unwrap();
    let other = SeaOrmStore::connect(&scratch.url()).await.unwrap();
    let db = Database::connect(scratch.url()).await.unwrap();
    until(BOUND, "both listen", async || listeners(&db).await.len() == 2).await;
    let mut waited = Duration::ZERO;
    for _ in 0..ROUNDS {
        waited += told(&other, &store).await;
    }
    // One who polled would have looked just before the event, and have slept a whole interval.
    let polled = SeaOrmStore::TOLD_INTERVAL * ROUNDS;
    assert!(waited < polled / 3, "{waited:?}");
}

async fn a_listener_that_is_lost_listens_again() {
    let scratch = Scratch::new(Some(Service::Postgres)).await;
    let store = SeaOrmStore::connect(&scratch.url()).await.unwrap();
    let other = SeaOrmStore::connect(&scratch.url()).await.unwrap();
    let db = Database::connect(scratch.url()).await.unwrap();
    until(BOUND, "both listen", async || listeners(&db).await.len() == 2).await;
    let lost = listeners(&db).await;
    db.execute_unprepared(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
         WHERE datname = current_database() AND query LIKE 'LISTEN %'",
    )
    .await
    .unwrap();
    // Nothing is missed meanwhile.
    tokio::time::timeout(Duration::from_secs(30), told(&other, &store)).await.unwrap();
    until(BOUND, "both listen again", async || {
        let now = listeners(&db).await;
        now.len() == 2 && now.iter().all(|pid| !lost.contains(pid))
    })
    .await;
    told(&other, &store).await;
}

/// Where transactions are serializable by default, one statement cannot wait for the counter: the way with a lock can.
async fn a_stricter_default_isolation_is_set_aside() {
    let scratch = Scratch::new(Some(Service::Postgres)).await;
    let url =
        format!("{}?options=-c%20default_transaction_isolation%3Dserializable", scratch.url());
    let mut writers = tokio::task::JoinSet::new();
    for _ in 0..3 {
        let store = SeaOrmStore::connect(&url).await.unwrap();
        writers.spawn(async move {
            for _ in 0..30 {
                store.append(vec![new("x")]).await.unwrap();
            }
        });
    }
    writers.join_all().await;
    let store = SeaOrmStore::connect(&url).await.unwrap();
    let page = store.read(Position::START, &TopicSet::All, 1000).await.unwrap();
    assert_eq!((page.entries.len(), page.next.sequence()), (90, 90));
}

/// The statement that appends has looked at the fences by then.
async fn who_waits_for_the_counter_is_fenced_by_a_clear_that_comes_first() {
    let scratch = Scratch::new(Some(Service::Postgres)).await;
    let store = SeaOrmStore::connect(&scratch.url()).await.unwrap();
    let other = SeaOrmStore::connect(&scratch.url()).await.unwrap();
    let db = Database::connect(scratch.url()).await.unwrap();
    let topic = Topic::new("t").unwrap();
    let fence = store.clear(&topic).await.unwrap().position;
    let waiting = async || {
        let query = "SELECT count(*) FROM pg_stat_activity \
                     WHERE datname = current_database() AND wait_event_type = 'Lock'";
        let query = Statement::from_string(DbBackend::Postgres, query);
        let row = db.query_one_raw(query).await.unwrap().unwrap();
        row.try_get_by_index::<i64>(0).unwrap()
    };
    let lock = Database::connect(scratch.url()).await.unwrap().begin().await.unwrap();
    lock.execute_unprepared("SELECT 1 FROM sse_log FOR UPDATE").await.unwrap();
    let clear = tokio::spawn(async move { other.clear(&topic).await });
    until(BOUND, "the clear waits", async || waiting().await == 1).await;
    let append =
        tokio::spawn(async move { store.append(vec![new("late").fenced_by(fence)]).await });
    until(BOUND, "the append waits", async || waiting().await == 2).await;
    lock.rollback().await.unwrap();
    clear.await.unwrap().unwrap();
    assert!(append.await.unwrap().unwrap_err().is_fenced());
}

/// Who waits at one hears of the other's commits too, and is not misled by them.
async fn logs_in_two_schemas_of_one_database_are_apart() {
    let scratch = Scratch::new(Some(Service::Postgres)).await;
    let db = Database::connect(scratch.url()).await.unwrap();
    let mut stores = Vec::new();
    for schema in ["one", "two"] {
        db.execute_unprepared(&format!("CREATE SCHEMA {schema}")).await.unwrap();
        let url = format!("{}?options=-c%20search_path%3D{schema}", scratch.url());
        stores.push(SeaOrmStore::connect(&url).await.unwrap());
    }
    let [one, two] = &stores[..] else { unreachable!() };
    until(BOUND, "both listen", async || listeners(&db).await.len() == 2).await;
    let after = one.append(vec![new("one")]).await.unwrap()[0];
    let mut waiter = tokio::spawn({
        let one = one.clone();
        async move { one.wait(after).await }
    });
    for number in 0..20 {
        two.append(vec![new(&number.to_string())]).await.unwrap();
        let page = one.read(Position::START, &TopicSet::All, 9).await.unwrap();
        assert_eq!((page.entries.len(), page.next), (1, after));
    }
    // It is told, in order, of what was committed before.
    told(two, two).await;
    let early = tokio::time::timeout(SeaOrmStore::POLL_INTERVAL, &mut waiter).await;
    assert!(early.is_err(), "{early:?}");
    let next = one.append(vec![new("one more")]).await.unwrap()[0];
    assert_eq!(next, Position::new(after.epoch(), 2));
    assert_eq!(waiter.await.unwrap().unwrap(), next);
    let query = "SELECT count(*) FROM pg_indexes WHERE indexname LIKE 'sse\\_%' AND indexname NOT LIKE '%pkey'";
    let query = Statement::from_string(DbBackend::Postgres, query);
    let row = db.query_one_raw(query).await.unwrap().unwrap();
    assert_eq!(row.try_get_by_index::<i64>(0).unwrap(), 2 * 3, "each has its indexes");
}

/// A server that dies, and a pooler that has lost it, say so by an error: the commit before that is there all the same.
async fn a_commit_whose_session_ends_before_its_answer_is_unknown() {
    let scratch = Scratch::new(Some(Service::Postgres)).await;
    let direct = SeaOrmStore::connect(&scratch.url()).await.unwrap();
    let relay = Relay::start(&scratch.url()).await;
    let store = SeaOrmStore::connect(&relay.url()).await.unwrap();
    let db = Database::connect(relay.url()).await.unwrap();
    for (severity, state) in
        [("FATAL", "08P01"), ("FATAL", "57P01"), ("PANIC", "53100"), ("ERROR", "40003")]
    {
        let before = store.append(vec![new("before")]).await.unwrap()[0];
        relay.lose_the_answer("alone", postgres_error(severity, state));
        let error = store.append(vec![new("alone")]).await.unwrap_err();
        assert!(error.is_outcome_unknown(), "{severity} {state}: {error}");
        assert_eq!(direct.head().await.unwrap().sequence(), before.sequence() + 1);

        let transaction = db.begin().await.unwrap();
        relay.lose_the_answer("COMMIT", postgres_error(severity, state));
        let error = store.commit_with(transaction, vec![new("with")]).await.unwrap_err();
        assert!(error.is_outcome_unknown(), "{severity} {state}: {error}");
        assert_eq!(direct.head().await.unwrap().sequence(), before.sequence() + 2);
    }
}

/// For time: nothing was written, and it may be tried again.
async fn an_append_that_the_server_gives_up_is_unavailable() {
    let scratch = Scratch::new(Some(Service::Postgres)).await;
    let store = SeaOrmStore::connect(&scratch.url()).await.unwrap();
    let before = store.append(vec![new("before")]).await.unwrap()[0];
    let db = Database::connect(scratch.url()).await.unwrap();
    for limit in ["statement_timeout", "lock_timeout"] {
        let url = format!("{}?options=-c%20{limit}%3D100", scratch.url());
        let hasty = SeaOrmStore::connect(&url).await.unwrap();
        let transaction = db.begin().await.unwrap();
        transaction.execute_unprepared("SELECT 1 FROM sse_log FOR UPDATE").await.unwrap();
        let error = hasty.append(vec![new("late")]).await.unwrap_err();
        assert!(error.is_unavailable(), "{limit}: {error}");
        transaction.rollback().await.unwrap();
        assert_eq!(store.head().await.unwrap(), before);
    }
}
