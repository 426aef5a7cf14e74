//! Events that are committed together with an application's own rows.

use sea_orm::{
    ConnectionTrait, Database, DatabaseConnection, DatabaseTransaction, Statement, TransactionTrait,
};
use sse_core::Event;
use sse_store::{EventStore, Key, NewEntry, PageStatus, Position, SeaOrmStore, Topic, TopicSet};

fn new(data: String) -> NewEntry {
    NewEntry::new(Topic::new("t").unwrap(), Event::new(data))
}

async fn rows(db: &DatabaseConnection) -> Vec<i32> {
    let query = "SELECT number FROM application ORDER BY number";
    let query = Statement::from_string(db.get_database_backend(), query);
    let rows = db.query_all_raw(query).await.unwrap();
    rows.iter().map(|row| row.try_get_by_index(0).unwrap()).collect()
}

/// Rows and events come together or not at all, whichever of them fails, among other writers, and a reader skips none.
pub(crate) async fn rows_and_events_are_committed_together(url: &str) {
    let store = SeaOrmStore::connect(url).await.unwrap();
    let db = Database::connect(url).await.unwrap();
    db.execute_unprepared("CREATE TABLE application (number INTEGER NOT NULL PRIMARY KEY)")
        .await
        .unwrap();
    let fence = store.clear(&Topic::new("t").unwrap()).await.unwrap().position;
    let others = tokio::spawn({
        let store = store.clone();
        async move {
            for number in 0..50 {
                store.append(vec![new(format!("other {number}"))]).await.unwrap();
            }
        }
    });
    let mut committed = Vec::new();
    for number in 0..30 {
        let transaction = db.begin().await.unwrap();
        let insert = format!("INSERT INTO application VALUES ({number})");
        transaction.execute_unprepared(&insert).await.unwrap();
        let event = new(number.to_string());
        match number % 5 {
            0 => transaction.rollback().await.unwrap(),
            1 => {
                let other_log = Position::new(fence.epoch() + 1, 1);
                let refused =
                    store.commit_with(transaction, vec![event.fenced_by(other_log)]).await;
                assert!(refused.unwrap_err().is_fenced());
            }
            2 => {
                let event = NewEntry::new(event.topic().clone(), Event::new("x").with_id(1));
                let refused = store.commit_with(transaction, vec![event]).await;
                assert!(refused.unwrap_err().is_refused());
            }
            3 => {
                let entries = vec![event.fenced_by(fence)];
                assert_eq!(store.commit_with(transaction, entries).await.unwrap().len(), 1);
                committed.push(number);
            }
            _ => {
                let key = Key::new(number.to_string()).unwrap();
                let batch = vec![event];
                let first = store.commit_once_with(transaction, &key, batch.clone()).await.unwrap();
                committed.push(number);
                // As one does who was not told: what it writes then is not there twice, nor is anything else.
                let transaction = db.begin().await.unwrap();
                let insert = format!("INSERT INTO application VALUES (-{number})");
                transaction.execute_unprepared(&insert).await.unwrap();
                let again = store.commit_once_with(transaction, &key, batch.clone()).await;
                assert_eq!(again.unwrap(), first);
                assert_eq!(store.append_once(&key, batch).await.unwrap(), first);
            }
        }
    }
    others.await.unwrap();
    assert_eq!(rows(&db).await, committed);
    let page = store.read(Position::START, &TopicSet::All, 1000).await.unwrap();
    assert_eq!(page.status, PageStatus::Exact);
    let sequences = page.entries.iter().map(|entry| entry.position.sequence());
    assert!(sequences.eq(1..=1 + 50 + committed.len() as u64));
    let events = page.entries.iter().filter_map(|entry| entry.event()?.data());
    let events = events.filter_map(|data| data.parse::<i32>().ok());
    assert!(events.eq(committed));
}

/// A transaction within another is committed with the other or not at all: it is refused, and the other goes on without it.
pub(crate) async fn a_nested_transaction_is_refused_and_the_outer_one_goes_on(url: &str) {
    let store = SeaOrmStore::connect(url).await.unwrap();
    let db = Database::connect(url).await.unwrap();
    db.execute_unprepared("CREATE TABLE application (number INTEGER NOT NULL PRIMARY KEY)")
        .await
        .unwrap();
    let insert = async |transaction: &DatabaseTransaction, number: i32| {
        let insert = format!("INSERT INTO application VALUES ({number})");
        transaction.execute_unprepared(&insert).await.unwrap();
    };
    let before = store.append(vec![new("before".to_owned())]).await.unwrap()[0];
    for (round, commits) in [(0, true), (10, false), (20, true)] {
        let outer = db.begin().await.unwrap();
        insert(&outer, round).await;
        let nested = outer.begin().await.unwrap();
        insert(&nested, round + 1).await;
        let error = store.commit_with(nested, vec![new("nested".to_owned())]).await.unwrap_err();
        assert!(error.is_refused() && error.to_string().contains("nested"), "{error}");
        // One that has gone well before does no harm to the whole.
        let nested = outer.begin().await.unwrap();
        insert(&nested, round + 2).await;
        nested.commit().await.unwrap();
        let middle = outer.begin().await.unwrap();
        insert(&middle, round + 3).await;
        let nested = middle.begin().await.unwrap();
        insert(&nested, round + 4).await;
        let key = Key::random();
        let batch = vec![new("nested deeper".to_owned())];
        let error = store.commit_once_with(nested, &key, batch).await.unwrap_err();
        assert!(error.is_refused(), "{error}");
        middle.commit().await.unwrap();
        match commits {
            true => outer.commit().await.unwrap(),
            false => outer.rollback().await.unwrap(),
        }
    }
    assert_eq!(rows(&db).await, [0, 2, 3, 20, 22, 23]);
    assert_eq!(store.head().await.unwrap(), before);
    // Neither the connection nor the log has kept anything of it.
    let outer = db.begin().await.unwrap();
    let nested = outer.begin().await.unwrap();
    insert(&nested, 30).await;
    nested.commit().await.unwrap();
    let position = store.commit_with(outer, vec![new("whole".to_owned())]).await.unwrap()[0];
    assert_eq!(position, Position::new(before.epoch(), before.sequence() + 1));
    assert_eq!(rows(&db).await, [0, 2, 3, 20, 22, 23, 30]);
}

/// Also where the transaction has a snapshot of before: a clear fences it, and a key that was used is known.
#[allow(dead_code, reason = "SQLite refuses such a transaction")]
pub(crate) async fn what_was_committed_since_a_transaction_began_counts(url: &str) {
    let store = SeaOrmStore::connect(url).await.unwrap();
    let db = Database::connect(url).await.unwrap();
    let topic = Topic::new("t").unwrap();
    let begin = async || {
        let transaction = db.begin().await.unwrap();
        for table in ["sse_log", "sse_topic", "sse_key"] {
            let query = format!("SELECT count(*) FROM {table}");
            let query = Statement::from_string(db.get_database_backend(), query);
            transaction.query_one_raw(query).await.unwrap();
        }
        transaction
    };
    let fence = store.clear(&topic).await.unwrap().position;
    let transaction = begin().await;
    store.clear(&topic).await.unwrap();
    let late = vec![new("late".to_owned()).fenced_by(fence)];
    assert!(store.commit_with(transaction, late).await.unwrap_err().is_fenced());

    let key = Key::new("k").unwrap();
    let batch = vec![new("once".to_owned())];
    let transaction = begin().await;
    let first = store.append_once(&key, batch.clone()).await.unwrap();
    assert_eq!(store.commit_once_with(transaction, &key, batch).await.unwrap(), first);
    assert_eq!(store.head().await.unwrap(), first[0]);
}
