//! The SeaORM store on SQLite: what is particular to a database in a file.

#[path = "support/application.rs"]
mod application;
#[path = "support/file.rs"]
mod file;
#[path = "support/keys.rs"]
mod keys;
#[path = "support/outbox.rs"]
mod outbox;
#[path = "support/restore.rs"]
mod restore;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Waker};
use std::time::Instant;

use sea_orm::{
    ConnectOptions, ConnectionTrait, Database, DatabaseConnection, DbBackend, Statement,
};
use sse_core::Event;
use sse_store::{
    EventStore, NewEntry, Page, PageStatus, Position, Query, SeaOrmStore, Topic, TopicSet,
};
use tempfile::TempDir;
use testkit::{BOUND, until};

use file::{folder, new, stored, topic, url};

#[tokio::test]
async fn reopening_a_file_keeps_everything_and_the_epoch() {
    let folder = folder();
    let store = SeaOrmStore::connect(&url(&folder)).await.unwrap();
    let fence = store.clear(&topic()).await.unwrap().position;
    let last = store.append(vec![new("a"), new("b")]).await.unwrap()[1];
    let page = store.read(Position::START, &TopicSet::All, 9).await.unwrap();
    store.close().await;
    let store = SeaOrmStore::connect(&url(&folder)).await.unwrap();
    assert_eq!(store.head().await.unwrap(), last);
    assert_eq!(store.read(Position::START, &TopicSet::All, 9).await.unwrap(), page);
    store.append(vec![new("c").fenced_by(fence)]).await.unwrap();
    store.clear(&topic()).await.unwrap();
    store.close().await;
    let store = SeaOrmStore::connect(&url(&folder)).await.unwrap();
    let error = store.append(vec![new("d").fenced_by(fence)]).await.unwrap_err();
    assert!(error.is_fenced());
}

#[tokio::test]
async fn a_lost_and_recreated_file_is_a_reset() {
    let folder = folder();
    let store = SeaOrmStore::connect(&url(&folder)).await.unwrap();
    let position = store.append(vec![new("a")]).await.unwrap()[0];
    store.close().await;
    std::fs::remove_file(folder.path().join("log.db")).unwrap();
    let store = SeaOrmStore::connect(&url(&folder)).await.unwrap();
    store.append(vec![new("b"), new("c")]).await.unwrap();
    let page = store.read(position, &TopicSet::All, 9).await.unwrap();
    assert_eq!((page.status, page.entries.len()), (PageStatus::Reset, 2));
}

#[tokio::test]
async fn a_database_in_memory_lives_as_long_as_its_handle() {
    let store = SeaOrmStore::connect("sqlite::memory:").await.unwrap();
    let other = SeaOrmStore::connect("sqlite::memory:").await.unwrap();
    for _ in 0..20 {
        let handle = store.clone();
        tokio::spawn(async move { handle.append(vec![new("a")]).await }).await.unwrap().unwrap();
    }
    assert_eq!(stored(&store).await.len(), 20);
    assert_eq!(stored(&other).await.len(), 0);
}

#[tokio::test]
async fn rows_and_events_are_committed_together() {
    let folder = folder();
    outbox::rows_and_events_are_committed_together(&url(&folder)).await;
}

#[tokio::test]
async fn a_nested_transaction_is_refused_and_the_outer_one_goes_on() {
    let folder = folder();
    outbox::a_nested_transaction_is_refused_and_the_outer_one_goes_on(&url(&folder)).await;
}

#[tokio::test]
async fn old_keys_go_with_retention() {
    let folder = folder();
    keys::old_keys_go_with_retention(&url(&folder)).await;
}

#[tokio::test]
async fn a_dropped_append_still_commits() {
    let store = SeaOrmStore::connect("sqlite::memory:").await.unwrap();
    let mut append = store.append(vec![new("dropped"), new("too")]);
    assert!(append.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    drop(append);
    until(BOUND, "the append commits", async || stored(&store).await == ["dropped", "too"]).await;
}

/// And when that one goes away, another does.
#[tokio::test]
async fn of_many_who_wait_one_looks_for_all() {
    const WAITERS: usize = 100;
    let folder = folder();
    let other = SeaOrmStore::connect(&url(&folder)).await.unwrap();
    let mut db = Database::connect(url(&folder)).await.unwrap();
    let looks = Arc::new(AtomicUsize::new(0));
    let counted = looks.clone();
    db.set_metric_callback(move |statement| {
        if statement.statement.sql.contains("sse_log") {
            counted.fetch_add(1, Ordering::SeqCst);
        }
    });
    let store = SeaOrmStore::new(db).await.unwrap();
    let head = other.append(vec![new("before")]).await.unwrap()[0];
    let before = looks.load(Ordering::SeqCst);
    let mut waiters: Vec<_> = (0..WAITERS)
        .map(|_| {
            let store = store.clone();
            tokio::spawn(async move { store.wait(head).await })
        })
        .collect();
    let looked = async |times| {
        until(BOUND, "they look", async || looks.load(Ordering::SeqCst) >= times).await;
        (looks.load(Ordering::SeqCst), Instant::now())
    };
    let (first, since) = looked(before + WAITERS).await;
    let (_, now) = looked(first + 6).await;
    assert!(now - since >= SeaOrmStore::POLL_INTERVAL * 4, "{:?}", now - since);

    // The first who came is the one who looks.
    for waiter in waiters.drain(..WAITERS / 2) {
        waiter.abort();
        assert!(waiter.await.unwrap_err().is_cancelled());
    }
    let next = other.append(vec![new("after")]).await.unwrap()[0];
    for waiter in waiters {
        assert_eq!(waiter.await.unwrap().unwrap(), next);
    }
}

#[tokio::test]
async fn a_full_database_is_a_typed_error_and_the_log_goes_on() {
    let folder = folder();
    let store = SeaOrmStore::connect(&url(&folder)).await.unwrap();
    store.close().await;
    // The same settings as the store's own, but for the size and a pool of one.
    let mut options = ConnectOptions::new(url(&folder));
    options
        .max_connections(1)
        .map_sqlx_sqlite_opts(|options| options.pragma("max_page_count", "40"));
    let db = Database::connect(options).await.unwrap();
    let store = SeaOrmStore::new(db.clone()).await.unwrap();
    let mut stored_bytes = 0;
    let error = loop {
        match store.append(vec![new(&"x".repeat(5000))]).await {
            Ok(_) => stored_bytes += 5000,
            Err(error) => break error,
        }
        assert!(stored_bytes < 1_000_000);
    };
    assert!(error.is_unwritable(), "{error}");
    assert_eq!(stored(&store).await.len() * 5000, stored_bytes);
    assert_eq!(store.head().await.unwrap().sequence() * 5000, stored_bytes as u64);
    store.clear(&topic()).await.unwrap();
    store.append(vec![new("there is room again")]).await.unwrap();
}

#[tokio::test]
async fn damaged_rows_are_an_error_that_names_the_record() {
    let folder = folder();
    let store = SeaOrmStore::connect(&url(&folder)).await.unwrap();
    store.append(vec![new("a"), new("b")]).await.unwrap();
    let db = database(&folder).await;
    for (damage, named) in [
        ("data = X'FF'", "data that is not UTF-8"),
        ("type = X'610A'", "line feed"),
        ("topic = ''", "the topic is empty"),
        ("kind = 9", "unknown kind 9"),
    ] {
        let whole = "data = X'61', type = NULL, topic = 't', kind = 0";
        for values in [whole, damage] {
            let update = format!("UPDATE sse_entry SET {values} WHERE sequence = 2");
            db.execute_unprepared(&update).await.unwrap();
        }
        let error = store.read(Position::START, &TopicSet::All, 9).await.unwrap_err();
        assert!(
            error.to_string().contains("record 2") && error.to_string().contains(named),
            "{error}"
        );
    }
}

/// Read or listed, what comes after a page that is full is left in the database: if it were looked at, it would fail.
#[tokio::test]
async fn what_does_not_fit_in_a_page_is_not_read() {
    let folder = folder();
    let store = SeaOrmStore::connect(&url(&folder)).await.unwrap();
    let name = |number: usize| Topic::new(format!("{number:03}")).unwrap();
    let large = || Event::new("x".repeat(Page::FULL_BYTES));
    let whole = [0, 299].map(|number| NewEntry::new(name(number), large()));
    let damaged = (1..299).map(|number| NewEntry::new(name(number), Event::new("damaged")));
    let [first, last] = whole;
    store.append([first].into_iter().chain(damaged).chain([last]).collect()).await.unwrap();
    let db = database(&folder).await;
    db.execute_unprepared("UPDATE sse_entry SET kind = 9 WHERE sequence BETWEEN 2 AND 299")
        .await
        .unwrap();
    let many: TopicSet = (0..300).map(name).collect();
    for topics in [TopicSet::All, many] {
        let page = store.read(Position::START, &topics, 1000).await.unwrap();
        assert_eq!((page.entries.len(), page.next.sequence()), (1, 1));
        let listed = store.list(&Query::new(topics.clone()).limit(1000)).await.unwrap();
        assert_eq!(listed.len(), 1);
        let newest = Query::new(topics.clone()).newest_first().limit(1000);
        if topics == TopicSet::All {
            assert_eq!(store.list(&newest).await.unwrap()[0].position.sequence(), 300);
        }
        assert!(store.read(page.next, &topics, 1000).await.is_err());
    }
}

async fn database(folder: &TempDir) -> DatabaseConnection {
    Database::connect(format!("{}?mode=rwc", url(folder))).await.unwrap()
}

#[tokio::test]
async fn an_application_migrates_and_shares_its_connection() {
    let folder = folder();
    let url = format!("{}?mode=rwc", url(&folder));
    application::an_application_migrates_and_shares_its_connection(&url).await;
}

#[tokio::test]
async fn a_head_that_moved_back_renews_the_epoch() {
    for first in restore::FIRST {
        let folder = folder();
        restore::a_head_that_moved_back_renews_the_epoch(&url(&folder), first).await;
    }
}

#[tokio::test]
async fn an_epoch_is_renewed_once_and_for_every_handle() {
    let folder = folder();
    let store = SeaOrmStore::connect(&url(&folder)).await.unwrap();
    let other = SeaOrmStore::connect(&url(&folder)).await.unwrap();
    let old = store.append(vec![new("a")]).await.unwrap()[0];
    let waiter = tokio::spawn({
        let other = other.clone();
        async move { other.wait(old).await }
    });
    let renewed = store.renew_epoch().await.unwrap();
    assert_eq!(renewed.sequence(), 1);
    assert_ne!(renewed.epoch(), old.epoch());
    assert_eq!(waiter.await.unwrap().unwrap(), renewed);
    for store in [store, other] {
        assert_eq!(store.head().await.unwrap(), renewed);
        let page = store.read(old, &TopicSet::All, 9).await.unwrap();
        assert_eq!((page.status, page.next), (PageStatus::Reset, renewed));
        let fenced = store.append(vec![new("b").fenced_by(old)]).await.unwrap_err();
        assert!(fenced.is_fenced());
    }
}

#[tokio::test]
async fn a_transaction_that_sqlite_has_ended_by_itself_is_over() {
    let folder = folder();
    let store = SeaOrmStore::connect(&url(&folder)).await.unwrap();
    let other = SeaOrmStore::connect(&url(&folder)).await.unwrap();
    let db = Database::connect(url(&folder)).await.unwrap();
    let refuse =
        "CREATE TRIGGER refuse BEFORE INSERT ON sse_entry BEGIN SELECT RAISE(ROLLBACK, 'no'); END";
    db.execute_unprepared(refuse).await.unwrap();
    for _ in 0..3 {
        let error = store.clear(&topic()).await.unwrap_err();
        assert!(!error.is_outcome_unknown(), "{error}");
    }
    db.execute_unprepared("DROP TRIGGER refuse").await.unwrap();
    for writer in [&store, &other, &store, &other] {
        let cleared = writer.clear(&topic()).await.unwrap();
        // Also by the connection that has written.
        for reader in [&store, &other].repeat(5) {
            assert_eq!(reader.head().await.unwrap(), cleared.position);
        }
    }
}

/// The database refuses what one of them writes: the others are there all the same.
#[tokio::test]
async fn an_append_that_fails_takes_none_of_its_group_with_it() {
    let folder = folder();
    let store = SeaOrmStore::connect(&url(&folder)).await.unwrap();
    let refuse = "CREATE TRIGGER refuse BEFORE INSERT ON sse_entry WHEN NEW.topic = 'bad' \
                  BEGIN SELECT RAISE(ABORT, 'no'); END";
    database(&folder).await.execute_unprepared(refuse).await.unwrap();
    // This thread is the task's too: all are queued before it takes the first.
    let bad = NewEntry::new(Topic::new("bad").unwrap(), Event::new("bad"));
    let answers = tokio::join!(
        store.append(vec![new("a")]),
        store.append(vec![new("b"), bad]),
        store.append(vec![new("c")]),
    );
    let error = answers.1.unwrap_err();
    assert!(!error.is_outcome_unknown() && error.to_string().contains("no"), "{error}");
    assert_eq!(answers.0.unwrap()[0].sequence(), 1);
    assert_eq!(answers.2.unwrap()[0].sequence(), 2);
    assert_eq!(stored(&store).await, ["a", "c"]);
}

/// Of those who find at once that the log has moved back, one renews its epoch.
#[tokio::test]
async fn a_head_that_moved_back_renews_the_epoch_once() {
    const HANDLES: usize = 8;
    let folder = folder();
    let mut stores = Vec::new();
    for _ in 0..HANDLES {
        stores.push(SeaOrmStore::connect(&url(&folder)).await.unwrap());
    }
    stores[0].append(vec![new("a"), new("b")]).await.unwrap();
    for store in &stores {
        assert_eq!(store.head().await.unwrap().sequence(), 2);
    }
    let db = database(&folder).await;
    for sql in [
        "CREATE TABLE renewals (epoch INTEGER)",
        "CREATE TRIGGER renewed AFTER UPDATE ON sse_log WHEN NEW.epoch <> OLD.epoch \
         BEGIN INSERT INTO renewals VALUES (NEW.epoch); END",
        "UPDATE sse_log SET head = 1",
        "DELETE FROM sse_entry WHERE sequence > 1",
    ] {
        db.execute_unprepared(sql).await.unwrap();
    }
    let heads = stores.iter().map(|store| store.head());
    let heads = futures_util::future::join_all(heads).await;
    let first = heads[0].as_ref().unwrap();
    assert!(heads.iter().all(|head| head.as_ref().unwrap() == first), "{heads:?}");
    let count = Statement::from_string(DbBackend::Sqlite, "SELECT count(*) FROM renewals");
    let row = db.query_one_raw(count).await.unwrap().unwrap();
    assert_eq!(row.try_get_by_index::<i64>(0).unwrap(), 1);
}
