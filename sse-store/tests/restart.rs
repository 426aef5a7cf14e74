//! A database server that is stopped, or crashes, while a service writes and reads.

#[path = "support/server.rs"]
mod server;

use std::collections::{BTreeMap, BTreeSet};
use std::process::ExitCode;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::StreamExt;
use server::{End, Server};
use sse_core::Event;
use sse_store::{Entry, EventStore, Key, NewEntry, Position, SeaOrmStore, Topic, TopicSet, follow};
use testkit::{BOUND, Service, Test, until};

fn main() -> ExitCode {
    let restart = |name, service| {
        Test::new(name, [service], async move || a_service_outlives_its_server(service).await)
    };
    testkit::run([
        restart("a_service_outlives_its_postgres", Service::PostgresPrograms),
        restart("a_service_outlives_its_mariadb", Service::MariaDbPrograms),
    ])
}

const WRITERS: usize = 4;

/// How long a service waits before it tries again.
const PAUSE: Duration = Duration::from_millis(20);

/// What came of each event.
#[derive(Default)]
struct Outcomes {
    acknowledged: BTreeMap<String, Position>,
    not_written: BTreeSet<String>,
    unknown: BTreeSet<String>,
}

async fn a_service_outlives_its_server(service: Service) {
    let mut server = Server::start_new(service).await;
    let store = SeaOrmStore::connect(&server.url()).await.unwrap();
    let origin = store.head().await.unwrap();
    let outcomes = Arc::new(Mutex::new(Outcomes::default()));
    let mut writers = tokio::task::JoinSet::new();
    for writer in 0..WRITERS {
        match writer % 2 {
            0 => writers.spawn(write(store.clone(), writer, outcomes.clone())),
            _ => writers.spawn(write_until_it_is_there(store.clone(), writer, outcomes.clone())),
        };
    }
    let seen = Arc::new(Mutex::new(Vec::new()));
    let read_errors = Arc::new(Mutex::new(0));
    let reader = tokio::spawn(read(store.clone(), origin, seen.clone(), read_errors.clone()));

    let acknowledged = || outcomes.lock().unwrap().acknowledged.len();
    let refused = || outcomes.lock().unwrap().not_written.len();
    for end in [End::Stop, End::Crash] {
        let before = acknowledged();
        until(BOUND, "events are stored", async || acknowledged() > before + 50).await;
        let (refused_before, errors_before) = (refused(), *read_errors.lock().unwrap());
        server.end(end).await;
        until(BOUND, "writers and readers are told", async || {
            refused() > refused_before && *read_errors.lock().unwrap() > errors_before
        })
        .await;
        server.start().await;
        let before = acknowledged();
        until(BOUND, "events are stored again", async || acknowledged() > before + 50).await;
    }
    writers.shutdown().await;
    let head = store.append(vec![new("end".to_owned())]).await.unwrap()[0];
    until(BOUND, "all is read", async || {
        seen.lock().unwrap().last().is_some_and(|last: &Entry| last.position == head)
    })
    .await;
    reader.abort();

    let seen = seen.lock().unwrap();
    let outcomes = outcomes.lock().unwrap();
    assert!(seen.iter().map(|entry| entry.position.sequence()).eq(1..=head.sequence()));
    let mut stored = BTreeMap::new();
    for entry in seen.iter() {
        let data = entry.event().unwrap().data().unwrap().to_owned();
        assert_eq!(stored.insert(data.clone(), entry.position), None, "{data} is there twice");
    }
    for (data, position) in &outcomes.acknowledged {
        assert_eq!(stored.get(data), Some(position), "{data} was acknowledged");
    }
    for data in &outcomes.not_written {
        assert!(!stored.contains_key(data), "{data} was said not to be written");
    }
    // Each writer has one on its way, at most once for each of the five connections that turn out to be lost.
    assert!(outcomes.unknown.len() <= WRITERS * 2 * 5, "{:?}", outcomes.unknown);
    // Who tries again with a key leaves nothing out.
    for writer in (1..WRITERS).step_by(2) {
        let of_writer = |data: &&String| data.starts_with(&format!("{writer} "));
        let written = outcomes.acknowledged.keys().filter(of_writer).count();
        assert!((0..written).all(|number| stored.contains_key(&format!("{writer} {number}"))));
    }
}

fn new(data: String) -> NewEntry {
    NewEntry::new(Topic::new("t").unwrap(), Event::new(data))
}

async fn write(store: SeaOrmStore, writer: usize, outcomes: Arc<Mutex<Outcomes>>) {
    for number in 0.. {
        let data = format!("{writer} {number}");
        let appended = store.append(vec![new(data.clone())]).await;
        let failed = {
            let mut outcomes = outcomes.lock().unwrap();
            match &appended {
                Ok(positions) => drop(outcomes.acknowledged.insert(data, positions[0])),
                Err(error) if error.is_outcome_unknown() => drop(outcomes.unknown.insert(data)),
                Err(error) if error.is_unavailable() => drop(outcomes.not_written.insert(data)),
                Err(error) => panic!("neither unavailable nor unknown: {error}"),
            }
            appended.is_err()
        };
        if failed {
            tokio::time::sleep(PAUSE).await;
        }
    }
}

async fn write_until_it_is_there(
    store: SeaOrmStore,
    writer: usize,
    outcomes: Arc<Mutex<Outcomes>>,
) {
    for number in 0.. {
        let data = format!("{writer} {number}");
        let key = Key::random();
        let position = loop {
            match store.append_once(&key, vec![new(data.clone())]).await {
                Ok(positions) => break positions[0],
                Err(error) => assert!(
                    error.is_outcome_unknown() || error.is_unavailable(),
                    "neither unavailable nor unknown: {error}"
                ),
            }
            tokio::time::sleep(PAUSE).await;
        };
        outcomes.lock().unwrap().acknowledged.insert(data, position);
    }
}

async fn read(
    store: SeaOrmStore,
    after: Position,
    seen: Arc<Mutex<Vec<Entry>>>,
    errors: Arc<Mutex<usize>>,
) {
    let mut pages = follow(Arc::new(store), after, TopicSet::All);
    while let Some(page) = pages.next().await {
        match page {
            Ok(page) => {
                assert!(page.status.is_exact(), "{:?}", page.status);
                seen.lock().unwrap().extend(page.entries);
            }
            Err(error) => {
                assert!(error.is_unavailable(), "{error}");
                *errors.lock().unwrap() += 1;
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}
