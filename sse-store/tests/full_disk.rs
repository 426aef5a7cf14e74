//! SQLite on a disk that is full.

use std::fs;
use std::process::ExitCode;

use sea_orm::{ConnectionTrait, Database, DbBackend, Statement};
use sse_core::Event;
use sse_store::{EventStore, Key, NewEntry, Position, SeaOrmStore, StoreError, Topic, TopicSet};
use testkit::{Disk, test};

fn main() -> ExitCode {
    testkit::run([
        test!(a_full_disk_is_a_typed_error_and_the_log_goes_on, Mount),
        test!(a_log_cannot_be_made_on_a_full_disk, Mount),
    ])
}

fn new(number: usize) -> NewEntry {
    let data = format!("{number} {}", "x".repeat(5000));
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

async fn a_log_cannot_be_made_on_a_full_disk() {
    let disk = Disk::new("64k").unwrap();
    fs::write(disk.path().join("ballast"), vec![1; 64 << 10]).unwrap();
    let url = format!("sqlite://{}", disk.path().join("log.db").display());
    let error = SeaOrmStore::connect(&url).await.unwrap_err();
    assert!(error.is_unwritable() && error.to_string().contains("log.db"), "{error}");
}
