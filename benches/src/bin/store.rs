//! Prints the table of appending to a store: one insert per event, the store, and the floor, on each database.
//!
//! `cargo run --release -p benches --features store --bin store` measures SQLite in a folder of its own, and
//! PostgreSQL and MariaDB where `POSTGRES_URL` and `MYSQL_URL` say a server is. There it makes the database
//! `sse_store_bench` and drops it again.

#![allow(clippy::print_stdout, clippy::expect_used)]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use sea_orm::{
    ConnectOptions, ConnectionTrait, Database, DatabaseConnection, DbBackend, Statement,
    TransactionTrait, Value,
};
use sse_core::Event;
use sse_store::{EventStore, Key, NewEntry, Position, SeaOrmStore, Topic, TopicSet};
use tokio::task::JoinSet;

const ROUNDS: usize = 5;
const TIME: Duration = Duration::from_secs(1);
const REPLAY: usize = 10_000;
const DATA: &str = "{\"id\":\"0123456789\",\"object\":\"chat.completion.chunk\",\"created\":1700000000,\"choices\":\
                    [{\"index\":0,\"delta\":{\"content\":\" and the next word\"},\"finish_reason\":null}]}";

#[tokio::main(flavor = "multi_thread")]
async fn main() {
    let folder = tempfile::tempdir_in(".").expect("a folder");
    let sqlite = format!("sqlite://{}", folder.path().join("log.db").display());
    // Writers of one file wait for each other by sleeping: one connection is the fastest way to insert one by one.
    bench("SQLite", &sqlite, 1).await;
    for (name, variable) in [("PostgreSQL", "POSTGRES_URL"), ("MariaDB", "MYSQL_URL")] {
        let Ok(server) = std::env::var(variable) else {
            println!("\n{name}: {variable} is not set");
            continue;
        };
        let (host, _) = server.rsplit_once('/').expect("a URL with a database");
        on_server(&server, "DROP DATABASE IF EXISTS sse_store_bench").await;
        on_server(&server, "CREATE DATABASE sse_store_bench").await;
        bench(name, &format!("{host}/sse_store_bench"), 64).await;
        on_server(&server, "DROP DATABASE sse_store_bench").await;
    }
}

async fn on_server(url: &str, sql: &str) {
    let server = Database::connect(url).await.expect("a server");
    server.execute_unprepared(sql).await.expect(sql);
    server.close().await.expect("closed");
}

async fn bench(name: &str, url: &str, connections: u32) {
    let store = SeaOrmStore::connect(url).await.expect("a store");
    let mut options = ConnectOptions::new(url.to_owned());
    options.sqlx_logging(false).test_before_acquire(false);
    options.min_connections(connections).max_connections(connections);
    options.map_sqlx_sqlite_opts(|options| {
        options.pragma("journal_mode", "WAL").pragma("synchronous", "FULL")
    });
    let db = Database::connect(options).await.expect("a database");
    db.execute_unprepared("DROP TABLE IF EXISTS naive").await.expect("dropped");
    create(&db).await;

    println!("\n{name}: events of {} bytes appended in a second, median of {ROUNDS}", DATA.len());
    let topic = Topic::new("orders/42").expect("a topic");
    let fence = store.clear(&topic).await.expect("cleared").position;
    for writers in [1, 64] {
        let mut rates = [const { Vec::new() }; 4];
        for _ in 0..ROUNDS {
            let db = db.clone();
            let one_each = move || {
                let db = db.clone();
                async move { insert(&db).await }
            };
            rates[0].push(rate(writers, one_each).await);
            for (rates, kind) in rates[1..].iter_mut().zip([Kind::Plain, Kind::Fenced, Kind::Keyed])
            {
                let store = store.clone();
                let ours = move || {
                    let store = store.clone();
                    async move { append(&store, kind, fence).await }
                };
                rates.push(rate(writers, ours).await);
            }
        }
        let [(one, low, high), ours @ ..] = rates.map(median);
        println!("  {writers:>2} writers, one insert each {one:>9.0}  ({low:.0} to {high:.0})");
        for (name, (rate, low, high)) in
            ["the store", "with a fence", "with a key"].into_iter().zip(ours)
        {
            let ratio = rate / one;
            println!(
                "  {writers:>2} writers, {name:<15} {rate:>9.0}  ({low:.0} to {high:.0}), {ratio:.2}x"
            );
        }
    }
    let mut floors = Vec::new();
    for _ in 0..ROUNDS {
        floors.push(floor(&db).await);
    }
    println!("  prepared inserts, one commit {:>9.0}", median(floors).0);
    replay(&store, &db).await;
    lag(&store, url).await;
    store.close().await;
    db.close().await.expect("closed");
}

/// A table with the columns of the store's own, numbered by the database.
async fn create(db: &DatabaseConnection) {
    let (number, topic, bytes) = match db.get_database_backend() {
        DbBackend::Postgres => ("BIGSERIAL PRIMARY KEY", "text COLLATE \"C\"", "bytea"),
        DbBackend::MySql => (
            "BIGINT PRIMARY KEY AUTO_INCREMENT",
            "varchar(255) COLLATE utf8mb4_nopad_bin",
            "longblob",
        ),
        _ => ("INTEGER PRIMARY KEY AUTOINCREMENT", "text", "blob"),
    };
    let table = format!(
        "CREATE TABLE naive (id {number}, topic {topic} NOT NULL, time BIGINT NOT NULL, kind SMALLINT NOT NULL, \
         type {bytes}, data {bytes}, retry BIGINT, comments {bytes})"
    );
    db.execute_unprepared(&table).await.expect("a table");
    db.execute_unprepared("CREATE INDEX naive_topic ON naive (topic, id)").await.expect("an index");
}

async fn insert(db: &impl ConnectionTrait) {
    let backend = db.get_database_backend();
    let sql = match backend {
        DbBackend::Postgres => {
            "INSERT INTO naive (topic, time, kind, type, data) VALUES ($1, $2, $3, $4, $5)"
        }
        _ => "INSERT INTO naive (topic, time, kind, type, data) VALUES (?, ?, ?, ?, ?)",
    };
    let values: [Value; 5] = [
        "orders/42".into(),
        1_700_000_000_000_i64.into(),
        0_i16.into(),
        b"token".to_vec().into(),
        DATA.as_bytes().to_vec().into(),
    ];
    let statement = Statement::from_sql_and_values(backend, sql, values);
    db.execute_raw(statement).await.expect("inserted");
}

/// How an event is appended.
#[derive(Clone, Copy)]
enum Kind {
    Plain,
    Fenced,
    Keyed,
}

async fn append(store: &SeaOrmStore, kind: Kind, fence: Position) {
    let topic = Topic::new("orders/42").expect("a topic");
    let event = Event::new(DATA).with_type(sse_core::EventType::from_static("token"));
    let entry = NewEntry::new(topic, event);
    let appended = match kind {
        Kind::Plain => store.append(vec![entry]).await,
        Kind::Fenced => store.append(vec![entry.fenced_by(fence)]).await,
        Kind::Keyed => store.append_once(&Key::random(), vec![entry]).await,
    };
    appended.expect("appended");
}

/// How many events so many writers append in a second, each waiting for its own.
async fn rate<F>(writers: usize, append: impl Fn() -> F + Clone + Send + 'static) -> f64
where
    F: Future<Output = ()> + Send,
{
    let count = Arc::new(AtomicUsize::new(0));
    let start = Instant::now();
    let mut tasks = JoinSet::new();
    for _ in 0..writers {
        let (count, append) = (count.clone(), append.clone());
        tasks.spawn(async move {
            while start.elapsed() < TIME {
                append().await;
                count.fetch_add(1, Ordering::Relaxed);
            }
        });
    }
    tasks.join_all().await;
    count.load(Ordering::Relaxed) as f64 / start.elapsed().as_secs_f64()
}

/// How many rows a second one connection inserts by a prepared statement in one transaction.
async fn floor(db: &DatabaseConnection) -> f64 {
    let start = Instant::now();
    let transaction = db.begin().await.expect("begun");
    for _ in 0..REPLAY {
        insert(&transaction).await;
    }
    transaction.commit().await.expect("committed");
    REPLAY as f64 / start.elapsed().as_secs_f64()
}

/// Reads records from the start, against the rows alone.
async fn replay(store: &SeaOrmStore, db: &DatabaseConnection) {
    let select = format!(
        "SELECT id, topic, time, kind, type, data, retry, comments FROM naive ORDER BY id LIMIT {REPLAY}"
    );
    let mut times = [const { Vec::new() }; 3];
    let topic = TopicSet::from(Topic::new("orders/42").expect("a topic"));
    for _ in 0..ROUNDS {
        let start = Instant::now();
        let query = Statement::from_string(db.get_database_backend(), &select);
        let rows = db.query_all_raw(query).await.expect("rows");
        let bytes: usize = rows
            .iter()
            .map(|row| row.try_get_by_index::<Vec<u8>>(5).map_or(0, |data| data.len()))
            .sum();
        assert_eq!(bytes, REPLAY * DATA.len());
        times[0].push(start.elapsed().as_secs_f64() * 1e3);
        for (topics, times) in [&TopicSet::All, &topic].into_iter().zip(&mut times[1..]) {
            let start = Instant::now();
            let mut after = Position::START;
            let mut read = 0;
            while read < REPLAY {
                let page = store.read(after, topics, 1000).await.expect("a page");
                read += page.entries.len();
                after = page.next;
            }
            times.push(start.elapsed().as_secs_f64() * 1e3);
        }
    }
    let [rows, all, topic] = times.map(|times| median(times).0);
    println!(
        "  {REPLAY} events read again, ms: rows {rows:.1}, all topics {all:.1}, one topic {topic:.1}"
    );
}

/// How long after a commit another handle has read the event.
async fn lag(store: &SeaOrmStore, url: &str) {
    let other = SeaOrmStore::connect(url).await.expect("a store");
    for (name, reader) in [("this handle", store), ("another handle", &other)] {
        let mut times = Vec::new();
        for _ in 0..50 {
            let head = store.head().await.expect("a head");
            let reader = reader.clone();
            let waiter = tokio::spawn(async move {
                reader.wait(head).await.expect("more");
                let page = reader.read(head, &TopicSet::All, 10).await.expect("a page");
                assert_eq!(page.entries.len(), 1);
                Instant::now()
            });
            tokio::time::sleep(Duration::from_millis(7)).await;
            append(store, Kind::Plain, Position::START).await;
            let appended = Instant::now();
            let read = waiter.await.expect("read");
            times.push(read.saturating_duration_since(appended).as_secs_f64() * 1e3);
        }
        let (time, low, high) = median(times);
        println!("  read by {name} after the commit, ms: {time:.2} ({low:.2} to {high:.2})");
    }
    other.close().await;
}

/// The median, the least and the greatest.
fn median(mut numbers: Vec<f64>) -> (f64, f64, f64) {
    numbers.sort_by(f64::total_cmp);
    let at = |index: usize| numbers.get(index).copied().unwrap_or(f64::NAN);
    (at(numbers.len() / 2), at(0), at(numbers.len().saturating_sub(1)))
}
