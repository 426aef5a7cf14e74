//! A backup that is restored under a service that runs.

use sea_orm::{ConnectionTrait, Database};
use sse_core::Event;
use sse_store::{EventStore, Key, NewEntry, PageStatus, Position, SeaOrmStore, Topic, TopicSet};

/// What the service does first.
pub(crate) const FIRST: [&str; 7] =
    ["read", "append", "append where all was purged", "once", "fenced", "clear", "wait"];

fn topic() -> Topic {
    Topic::new("t").unwrap()
}

fn new(data: &str) -> NewEntry {
    NewEntry::new(topic(), Event::new(data))
}

/// Whatever it does first, no position is given out twice.
pub(crate) async fn a_head_that_moved_back_renews_the_epoch(url: &str, first: &str) {
    let store = SeaOrmStore::connect(url).await.unwrap();
    let lost = store.append(vec![new("a"), new("b"), new("c")]).await.unwrap()[2];
    let db = Database::connect(url).await.unwrap();
    for sql in ["UPDATE sse_log SET head = 1", "DELETE FROM sse_entry WHERE sequence > 1"] {
        db.execute_unprepared(sql).await.unwrap();
    }
    match first {
        "read" => {
            let page = store.read(lost, &TopicSet::All, 9).await.unwrap();
            assert_eq!((page.status, page.entries.len()), (PageStatus::Reset, 1));
            assert_ne!(page.next.epoch(), lost.epoch());
        }
        "append" => drop(store.append(vec![new("d")]).await.unwrap()),
        "append where all was purged" => {
            db.execute_unprepared("DELETE FROM sse_entry").await.unwrap();
            store.append(vec![new("d")]).await.unwrap();
        }
        "once" => drop(store.append_once(&Key::random(), vec![new("d")]).await.unwrap()),
        "fenced" => {
            let fenced = |fence| store.append(vec![new("d").fenced_by(fence)]);
            assert!(fenced(lost).await.unwrap_err().is_fenced());
            fenced(Position::START).await.unwrap();
        }
        "clear" => drop(store.clear(&topic()).await.unwrap()),
        _ => drop(store.wait(lost).await.unwrap()),
    }
    // Whatever comes to stand where `c` stood, a reader that has seen `c` starts anew.
    let positions = store.append(vec![new("e"), new("f"), new("g")]).await.unwrap();
    assert!(positions.iter().all(|position| position.epoch() != lost.epoch()));
    let page = store.read(lost, &TopicSet::All, 9).await.unwrap();
    assert_eq!(page.status, PageStatus::Reset, "{first}");
    let last = page.entries.last().and_then(|entry| entry.event()?.data());
    assert_eq!(last, Some("g"));
}
