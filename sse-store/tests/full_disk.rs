//! Databases on a disk that is full.

#[path = "support/crowded.rs"]
mod crowded;
#[path = "support/server.rs"]
mod server;

use std::fs;
use std::process::ExitCode;

use crowded::what_is_told_on_a_disk_that_is_full_again_and_again_is_true;
use sea_orm::{ConnectionTrait, Database, DbBackend, Statement, TransactionTrait};
use server::Server;
use sse_core::Event;
use sse_store::{EventStore, Key, NewEntry, Position, SeaOrmStore, StoreError, Topic, TopicSet};
use testkit::{Disk, Service, test};

fn main() -> ExitCode {
    testkit::run([
        test!(a_full_disk_is_a_typed_error_and_the_log_goes_on, Mount),
        test!(a_commit_that_finds_no_room_leaves_nothing_of_its_transaction, Mount),
        test!(an_application_whose_commit_finds_no_room_has_nothing_of_its_transaction, Mount),
        test!(what_is_told_on_a_disk_that_is_full_again_and_again_is_true, Mount),
        test!(a_log_cannot_be_made_on_a_full_disk, Mount),
        test!(a_postgres_whose_tables_have_no_room_goes_on, Mount, PostgresPrograms),
        test!(a_mariadb_whose_tables_have_no_room_is_given_more, MariaDbPrograms),
    ])
}

fn new(number: usize) -> NewEntry {
    // Nothing that a database could make shorter.
    let noise: String = (0..20_000).map(|_| fastrand::alphanumeric()).collect();
    let data = format!("{number} {noise}");
    NewEntry::new(Topic::new("t").unwrap(), Event::new(data))
}

/// The numbers of the events that are there.
async fn stored(store: &SeaOrmStore) -> Vec<usize> {
    let mut after = Position::START;
    let mut numbers = Vec::new();
    loop {
        let page = store.read(after, &TopicSet::All, 1000).await.unwrap();
        if page.entries.is_empty() {
            return numbers;
        }
        let data = page.entries.iter().filter_map(|entry| entry.event()?.data());
        numbers.extend(data.map(|data| data.split_once(' ').unwrap().0.parse::<usize>().unwrap()));
        after = page.next;
    }
}

/// Appends until it fails; how many were appended in all, and why no more.
async fn fill(store: &SeaOrmStore, mut appended: usize) -> (usize, StoreError) {
    loop {
        let last = store.append(vec![new(appended)]).await;
        match last {
            Ok(_) => appended += 1,
            Err(error) => return (appended, error),
        }
        assert!(appended < 1000, "the disk is never full");
    }
}

async fn a_full_disk_is_a_typed_error_and_the_log_goes_on() {
    let disk = Disk::new("2m").unwrap();
    let ballast = disk.path().join("ballast");
    fs::write(&ballast, vec![1; 512 << 10]).unwrap();
    let url = format!("sqlite://{}", disk.path().join("log.db").display());
    let store = SeaOrmStore::connect(&url).await.unwrap();
    let (mut appended, error) = fill(&store, 0).await;
    assert!(error.is_unwritable() && !error.is_outcome_unknown(), "{error}");
    assert!(error.to_string().contains("log.db") && error.to_string().contains("full"), "{error}");
    assert!(appended > 10, "{appended}");

    // It is read as before, and each write that finds no room says so.
    let key = Key::random();
    for _ in 0..3 {
        assert!(stored(&store).await.into_iter().eq(0..appended));
        let error = store.append_once(&key, vec![new(appended)]).await.unwrap_err();
        assert!(error.is_unwritable(), "{error}");
        assert_eq!(store.head().await.unwrap().sequence(), appended as u64);
    }

    // With room again it goes on by itself, without a hole.
    fs::remove_file(ballast).unwrap();
    let position = store.append_once(&key, vec![new(appended)]).await.unwrap()[0];
    appended += 1;
    assert_eq!(position.sequence(), appended as u64);
    let (appended, error) = fill(&store, appended).await;
    assert!(error.is_unwritable(), "{error}");
    assert!(stored(&store).await.into_iter().eq(0..appended));
    store.close().await;

    let db = Database::connect(&url).await.unwrap();
    let check = Statement::from_string(DbBackend::Sqlite, "PRAGMA integrity_check");
    let row = db.query_one_raw(check).await.unwrap().unwrap();
    assert_eq!(row.try_get_by_index::<String>(0).unwrap(), "ok");
    db.close().await.unwrap();
    let store = SeaOrmStore::connect(&url).await.unwrap();
    assert!(stored(&store).await.into_iter().eq(0..appended));
    store.close().await;
}

/// Writes little by little, beyond the last room that there is: what a page of the disk has left takes some.
async fn write_in_vain(mut write: impl AsyncFnMut() -> Result<Position, StoreError>) -> u64 {
    let (mut written, mut refused) = (0, 0);
    while refused < 8 {
        match write().await {
            Ok(position) => {
                written += 1;
                assert_eq!(position.sequence(), written, "after {refused} that were refused");
            }
            Err(error) => {
                assert!(error.is_unwritable(), "{error}");
                refused += 1;
            }
        }
        assert!(written < 1000, "the disk is never full");
    }
    written
}

async fn a_commit_that_finds_no_room_leaves_nothing_of_its_transaction() {
    let disk = Disk::new("1m").unwrap();
    let url = format!("sqlite://{}", disk.path().join("log.db").display());
    let store = SeaOrmStore::connect(&url).await.unwrap();
    let other = SeaOrmStore::connect(&url).await.unwrap();
    let topic = Topic::new("t").unwrap();
    let ballast = disk.path().join("ballast");
    assert!(fs::write(&ballast, vec![1; 1 << 20]).is_err(), "the disk is full");
    let written = write_in_vain(async || {
        let cleared = store.clear(&topic).await?;
        assert_eq!(other.head().await.unwrap(), cleared.position);
        Ok(cleared.position)
    })
    .await;
    for store in [&store, &other] {
        assert_eq!(store.head().await.unwrap().sequence(), written);
    }
    fs::remove_file(ballast).unwrap();
    // Each sees at once what the other has done, and neither holds the lock.
    for at in written + 1..written + 9 {
        let (writer, reader) = if at % 2 == 0 { (&store, &other) } else { (&other, &store) };
        let cleared = writer.clear(&topic).await.unwrap();
        assert_eq!(cleared.position.sequence(), at);
        assert_eq!(reader.head().await.unwrap(), cleared.position);
    }
}

async fn an_application_whose_commit_finds_no_room_has_nothing_of_its_transaction() {
    let disk = Disk::new("1m").unwrap();
    let url = format!("sqlite://{}", disk.path().join("log.db").display());
    let other = SeaOrmStore::connect(&url).await.unwrap();
    let db = Database::connect(&url).await.unwrap();
    db.execute_unprepared("CREATE TABLE orders (id INTEGER NOT NULL PRIMARY KEY)").await.unwrap();
    let store = SeaOrmStore::new(db.clone()).await.unwrap();
    let order = async || {
        let transaction = db.begin().await.unwrap();
        transaction.execute_unprepared("INSERT INTO orders DEFAULT VALUES").await.unwrap();
        let entry = NewEntry::new(Topic::new("t").unwrap(), Event::new("shipped"));
        let position = store.commit_with(transaction, vec![entry]).await?[0];
        assert_eq!(other.head().await.unwrap(), position);
        Ok(position)
    };
    let ballast = disk.path().join("ballast");
    assert!(fs::write(&ballast, vec![1; 1 << 20]).is_err(), "the disk is full");
    let written = write_in_vain(order).await;
    fs::remove_file(ballast).unwrap();
    assert_eq!(order().await.unwrap().sequence(), written + 1);
    let count = Statement::from_string(DbBackend::Sqlite, "SELECT count(*) FROM orders");
    let row = db.query_one_raw(count).await.unwrap().unwrap();
    assert_eq!(row.try_get_by_index::<i64>(0).unwrap().cast_unsigned(), written + 1);
}

async fn a_log_cannot_be_made_on_a_full_disk() {
    let disk = Disk::new("64k").unwrap();
    fs::write(disk.path().join("ballast"), vec![1; 64 << 10]).unwrap();
    let url = format!("sqlite://{}", disk.path().join("log.db").display());
    let error = SeaOrmStore::connect(&url).await.unwrap_err();
    assert!(error.is_unwritable() && error.to_string().contains("log.db"), "{error}");
}

/// Fills it, and finds the log as it was.
async fn is_full(store: &SeaOrmStore, appended: usize) -> usize {
    let (appended, error) = fill(store, appended).await;
    assert!(error.is_unwritable() && !error.is_outcome_unknown(), "{error}");
    assert!(stored(store).await.into_iter().eq(0..appended));
    assert_eq!(store.head().await.unwrap().sequence(), appended as u64);
    appended
}

async fn a_postgres_whose_tables_have_no_room_goes_on() {
    let server = Server::start_new(Service::PostgresPrograms).await;
    let disk = Disk::new("12m").unwrap();
    server.own(disk.path());
    let db = Database::connect(server.url()).await.unwrap();
    let tablespace = format!("CREATE TABLESPACE small LOCATION '{}'", disk.path().display());
    for sql in [&tablespace, "CREATE DATABASE small TABLESPACE small"] {
        db.execute_unprepared(sql).await.unwrap();
    }
    let store = SeaOrmStore::connect(&server.url_of("small")).await.unwrap();
    let ballast = disk.path().join("ballast");
    fs::write(&ballast, vec![1; 1 << 20]).unwrap();
    let appended = is_full(&store, 0).await;
    fs::remove_file(ballast).unwrap();
    assert!(is_full(&store, appended).await > appended);
}

async fn a_mariadb_whose_tables_have_no_room_is_given_more() {
    let mut server = Server::start_new(Service::MariaDbPrograms).await;
    let of_size =
        |megabytes| format!("--innodb-data-file-path=ibdata1:12M:autoextend:max:{megabytes}M");
    server.restart_with(&["--innodb-file-per-table=OFF", &of_size(16)]).await;
    let store = SeaOrmStore::connect(&server.url()).await.unwrap();
    let appended = is_full(&store, 0).await;
    store.close().await;
    server.restart_with(&["--innodb-file-per-table=OFF", &of_size(24)]).await;
    let store = SeaOrmStore::connect(&server.url()).await.unwrap();
    assert!(is_full(&store, appended).await > appended);
}
