//! A log in a file of SQLite's.

use sse_core::Event;
use sse_store::{EventStore, NewEntry, Position, SeaOrmStore, Topic, TopicSet};
use tempfile::TempDir;

pub(crate) fn folder() -> TempDir {
    tempfile::tempdir().unwrap()
}

pub(crate) fn url(folder: &TempDir) -> String {
    format!("sqlite://{}", folder.path().join("log.db").display())
}

pub(crate) fn topic() -> Topic {
    Topic::new("t").unwrap()
}

pub(crate) fn new(data: &str) -> NewEntry {
    NewEntry::new(topic(), Event::new(data))
}

pub(crate) async fn stored(store: &SeaOrmStore) -> Vec<String> {
    let page = store.read(Position::START, &TopicSet::All, 10_000).await;
    let events = page.unwrap().entries.into_iter();
    let events = events.filter_map(|entry| entry.into_event());
    events.map(|event| event.data().unwrap().to_owned()).collect()
}
