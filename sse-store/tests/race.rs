//! Many processes write at once, some of their transactions are rolled back, some of the processes are killed, and
//! readers follow all the while; and what happens to a reader who goes by an autoincrement column instead.

// The processes say what was acknowledged.
#![allow(clippy::print_stdout)]

use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::process::{Command, ExitCode};
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use sea_orm::{
    ConnectOptions, ConnectionTrait, Database, DatabaseConnection, DbBackend,
    SqliteTransactionMode, Statement, TransactionOptions, TransactionTrait,
};
use sse_core::Event;
use sse_store::{
    Entry, EventStore, Key, NewEntry, PageStatus, Position, SeaOrmStore, Topic, TopicSet, follow,
};
use testkit::{BOUND, Process, Scratch, Service, Test};

/// Set in a process that writes: the database's URL.
const WRITER: &str = "SSE_STORE_RACE_WRITER";

const PROCESSES: usize = 8;
const WRITERS: usize = 4;
const ROUNDS: usize = 8;

fn main() -> ExitCode {
    if let Ok(url) = env::var(WRITER) {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
        runtime.block_on(write(&url));
        return ExitCode::SUCCESS;
    }
    let race = |name, service: Option<Service>| {
        Test::new(name, Vec::from_iter(service), async move || {
            let scratch = Scratch::new(service).await;
            readers_see_all_that_racing_processes_commit(&scratch.url()).await;
        })
    };
    let late = |name, service| {
        Test::new(name, [service], async move || {
            late_commits(&Scratch::new(Some(service)).await.url()).await;
        })
    };
    testkit::run([
        race("every_commit_is_seen_once_and_in_order_on_sqlite", None),
        race("every_commit_is_seen_once_and_in_order_on_postgres", Some(Service::Postgres)),
        race("every_commit_is_seen_once_and_in_order_on_mysql", Some(Service::MariaDb)),
        late("an_autoincrement_cursor_skips_and_ours_does_not_on_postgres", Service::Postgres),
        late("an_autoincrement_cursor_skips_and_ours_does_not_on_mysql", Service::MariaDb),
    ])
}

fn topic(number: usize) -> Topic {
    Topic::new(format!("t{number}")).unwrap()
}

fn new(number: usize, data: impl Into<String>) -> NewEntry {
    NewEntry::new(topic(number), Event::new(data))
}

/// An application's own connections, with the patience that SQLite needs.
async fn application(url: &str) -> DatabaseConnection {
    let mut options = ConnectOptions::new(url.to_owned());
    options.sqlx_logging(false).max_connections(2);
    options.map_sqlx_sqlite_opts(|options| options.busy_timeout(Duration::from_secs(60)));
    Database::connect(options).await.unwrap()
}

/// What a process of its own does.
async fn write(url: &str) {
    let store = SeaOrmStore::connect(url).await.unwrap();
    let db = application(url).await;
    println!("connected");
    let mut writers = tokio::task::JoinSet::new();
    for writer in 0..WRITERS {
        let (store, db) = (store.clone(), db.clone());
        writers.spawn(async move {
            for round in 0..ROUNDS {
                let name = format!("{}.{writer}.{round}", std::process::id());
                write_once(&store, &db, &name).await;
                // What every process and every writer appends with the same key.
                let name = format!("shared.{round}");
                let batch = vec![new(0, format!("{name} 0/2")), new(1, format!("{name} 1/2"))];
                let key = Key::new(name.as_str()).unwrap();
                let positions = store.append_once(&key, batch).await.unwrap();
                println!("acknowledged once {name} {}", positions[0].sequence());
            }
        });
    }
    writers.join_all().await;
    store.close().await;
}

/// One batch, alone or at the end of a transaction of random length.
async fn write_once(store: &SeaOrmStore, db: &DatabaseConnection, name: &str) {
    let len = fastrand::usize(1..=4);
    let batch: Vec<NewEntry> = (0..len)
        .map(|number| new(fastrand::usize(..3), format!("{name} {number}/{len}")))
        .collect();
    let is_alone = fastrand::bool();
    let positions = if is_alone {
        store.append(batch).await.unwrap()
    } else {
        let options = TransactionOptions {
            sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
            ..TransactionOptions::default()
        };
        let transaction = db.begin_with_options(options).await.unwrap();
        for part in 0..fastrand::usize(1..=3) {
            let insert = format!("INSERT INTO application VALUES ('{name}', {part})");
            transaction.execute_unprepared(&insert).await.unwrap();
            tokio::time::sleep(Duration::from_millis(fastrand::u64(..4))).await;
        }
        if fastrand::u8(..4) == 0 {
            return transaction.rollback().await.unwrap();
        }
        store.commit_with(transaction, batch).await.unwrap()
    };
    let kind = if is_alone { "alone" } else { "with" };
    println!("acknowledged {kind} {name} {}", positions[0].sequence());
}

async fn readers_see_all_that_racing_processes_commit(url: &str) {
    let store: Arc<dyn EventStore> = Arc::new(SeaOrmStore::connect(url).await.unwrap());
    let other: Arc<dyn EventStore> = Arc::new(SeaOrmStore::connect(url).await.unwrap());
    let db = application(url).await;
    let create = "CREATE TABLE application (name varchar(99) NOT NULL, part INTEGER NOT NULL)";
    db.execute_unprepared(create).await.unwrap();
    let two: TopicSet = [topic(0), topic(2)].into_iter().collect();
    let readers = [(store.clone(), TopicSet::All), (store.clone(), two.clone()), (other, two)]
        .map(|(store, topics)| tokio::spawn(read_to_the_end(store, topics)));

    let mut processes: Vec<Process> = (0..PROCESSES)
        .map(|_| Process::spawn(Command::new(env::current_exe().unwrap()).env(WRITER, url)))
        .collect();
    // A few are killed in the middle of their work.
    for (acknowledged, process) in processes.iter_mut().take(3).enumerate() {
        process.line_after("connected").await;
        let lines = async || process.lines().len() > 2 + acknowledged * 4;
        testkit::until(BOUND, "something is written", lines).await;
        process.kill();
    }
    for process in &mut processes[3..] {
        assert!(process.exit().await.success());
    }
    store.append(vec![new(0, "end")]).await.unwrap();

    let [all, two, other] = readers;
    let (all, two, other) = (all.await.unwrap(), two.await.unwrap(), other.await.unwrap());
    let sequences = all.iter().map(|entry| entry.position.sequence());
    assert!(sequences.eq(1..=all.len() as u64), "each position once, in order");
    let of_two: Vec<Entry> = all.iter().filter(|entry| entry.topic != topic(1)).cloned().collect();
    assert_eq!(two, of_two);
    assert_eq!(other, of_two);

    let stored = batches(&all[..all.len() - 1]);
    let mut acknowledged = 0;
    let mut with_rows = BTreeSet::new();
    let mut alone = BTreeSet::new();
    for line in processes.iter().flat_map(Process::lines) {
        let Some(line) = line.strip_prefix("acknowledged ") else { continue };
        // A process that was killed may have left half a line.
        let [kind, name, position] = line.split(' ').collect::<Vec<_>>()[..] else { continue };
        if !position.is_empty() && stored.get(name).is_some_and(|at| at.to_string() != position) {
            assert!(stored[name].to_string().starts_with(position), "{name} was moved");
        }
        assert!(stored.contains_key(name), "{name} was acknowledged and is lost");
        match kind {
            "with" => with_rows.insert(name.to_owned()),
            _ => alone.insert(name.to_owned()),
        };
        acknowledged += 1;
    }
    assert!(
        acknowledged > (PROCESSES - 3) * WRITERS * ROUNDS * 3 / 2,
        "{acknowledged} acknowledged"
    );
    let rows = rows(&db, "SELECT DISTINCT name FROM application").await;
    assert!(with_rows.is_subset(&rows) && alone.is_disjoint(&rows));
    assert!(rows.iter().all(|name| stored.contains_key(name)), "rows and events come together");
}

async fn read_to_the_end(store: Arc<dyn EventStore>, topics: TopicSet) -> Vec<Entry> {
    let origin = Position::new(store.head().await.unwrap().epoch(), 0);
    let mut pages = follow(store, origin, topics);
    let mut seen: Vec<Entry> = Vec::new();
    while seen.last().and_then(|entry| entry.event()?.data()) != Some("end") {
        let page = tokio::time::timeout(BOUND, pages.next()).await.expect("it goes on to the end");
        let page = page.unwrap().unwrap();
        assert_eq!(page.status, PageStatus::Exact);
        seen.extend(page.entries);
    }
    seen
}

/// The batches by name with their first position; each is whole, in a row and there once.
fn batches(entries: &[Entry]) -> BTreeMap<String, u64> {
    let mut found = BTreeMap::new();
    let mut left = entries.iter();
    while let Some(first) = left.next() {
        let (name, len) = first.event().unwrap().data().unwrap().split_once(" 0/").unwrap();
        let len: usize = len.parse().unwrap();
        for number in 1..len {
            let data = left.next().and_then(|entry| entry.event()?.data()).unwrap();
            assert_eq!(data, format!("{name} {number}/{len}"));
        }
        let before = found.insert(name.to_owned(), first.position.sequence());
        assert_eq!(before, None, "{name} is there twice");
    }
    found
}

async fn rows(db: &DatabaseConnection, query: &str) -> BTreeSet<String> {
    let query = Statement::from_string(db.get_database_backend(), query);
    let rows = db.query_all_raw(query).await.unwrap();
    rows.iter().map(|row| row.try_get_by_index(0).unwrap()).collect()
}

/// Of two transactions the first to begin is the last to commit, and a reader comes between.
async fn late_commits(url: &str) {
    let store = SeaOrmStore::connect(url).await.unwrap();
    let db = application(url).await;
    let id = match db.get_database_backend() {
        DbBackend::Postgres => "BIGSERIAL PRIMARY KEY",
        _ => "BIGINT PRIMARY KEY AUTO_INCREMENT",
    };
    let create = format!("CREATE TABLE naive (id {id}, data varchar(9) NOT NULL)");
    db.execute_unprepared(&create).await.unwrap();
    let reader = application(url).await;
    let mut cursor = 0_i64;
    let mut naive = async || {
        let query = format!("SELECT id, data FROM naive WHERE id > {cursor} ORDER BY id");
        let query = Statement::from_string(reader.get_database_backend(), query);
        let rows = reader.query_all_raw(query).await.unwrap();
        let row = |row: &sea_orm::QueryResult| {
            cursor = row.try_get_by_index(0).unwrap();
            row.try_get_by_index::<String>(1).unwrap()
        };
        rows.iter().map(row).collect::<Vec<String>>()
    };
    let mut after = Position::START;
    let mut ours = async || {
        let page = store.read(after, &TopicSet::All, 9).await.unwrap();
        after = page.next;
        let events = page.entries.into_iter().filter_map(|entry| entry.into_event());
        events.map(|event| event.data().unwrap().to_owned()).collect::<Vec<String>>()
    };

    let (first, second) = (db.begin().await.unwrap(), db.begin().await.unwrap());
    first.execute_unprepared("INSERT INTO naive (data) VALUES ('first')").await.unwrap();
    second.execute_unprepared("INSERT INTO naive (data) VALUES ('second')").await.unwrap();
    store.commit_with(second, vec![new(0, "second")]).await.unwrap();
    assert_eq!((naive().await, ours().await), (vec!["second".into()], vec!["second".into()]));
    store.commit_with(first, vec![new(0, "first")]).await.unwrap();
    let nothing: Vec<String> = Vec::new();
    assert_eq!(naive().await, nothing, "the autoincrement column has skipped a row");
    assert_eq!(ours().await, ["first"], "and the log has not");
    let query = Statement::from_string(reader.get_database_backend(), "SELECT data FROM naive");
    assert_eq!(reader.query_all_raw(query).await.unwrap().len(), 2, "though it is there");
}
