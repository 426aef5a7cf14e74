//! Processes that share a log from its first moment, and processes that are killed as they write.

// The processes say what was acknowledged.
#![allow(clippy::print_stdout)]

use std::collections::HashMap;
use std::env;
use std::process::{Command, ExitCode};

use sse_core::Event;
use sse_store::{Entry, EventStore, NewEntry, PageStatus, Position, SeaOrmStore, Topic, TopicSet};
use testkit::{BOUND, Process, Scratch, Service, Test, until};

/// Set in a process that writes: the database's URL, and how many batches each of its writers appends.
const URL: &str = "SSE_STORE_PROCESS_URL";
const BATCHES: &str = "SSE_STORE_PROCESS_BATCHES";

const WRITERS: usize = 4;

fn main() -> ExitCode {
    if let Ok(url) = env::var(URL) {
        let batches = env::var(BATCHES).unwrap().parse().unwrap();
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
        runtime.block_on(write(&url, batches));
        return ExitCode::SUCCESS;
    }
    use Service::{MariaDb, Postgres};
    let share = |name, service: Option<Service>| {
        Test::new(name, Vec::from_iter(service), async move || {
            processes_share_a_new_log(Scratch::new(service).await).await;
        })
    };
    let kill = |name, service: Option<Service>| {
        Test::new(name, Vec::from_iter(service), async move || {
            what_was_acknowledged_survives_kill_9(Scratch::new(service).await).await;
        })
    };
    testkit::run([
        share("processes_share_a_new_log_on_sqlite", None),
        share("processes_share_a_new_log_on_postgres", Some(Postgres)),
        share("processes_share_a_new_log_on_mysql", Some(MariaDb)),
        kill("what_was_acknowledged_survives_kill_9_on_sqlite", None),
        kill("what_was_acknowledged_survives_kill_9_on_postgres", Some(Postgres)),
        kill("what_was_acknowledged_survives_kill_9_on_mysql", Some(MariaDb)),
    ])
}

/// What a process of its own does.
async fn write(url: &str, batches: usize) {
    let store = SeaOrmStore::connect(url).await.unwrap();
    let mut writers = tokio::task::JoinSet::new();
    for writer in 0..WRITERS {
        let store = store.clone();
        writers.spawn(async move {
            for number in 0..batches {
                let name = format!("{} {writer} {number}", std::process::id());
                let entry = NewEntry::new(Topic::new("t").unwrap(), Event::new(name.as_str()));
                store.append(vec![entry.clone(), entry]).await.unwrap();
                println!("acknowledged {name}");
            }
        });
    }
    writers.join_all().await;
    store.close().await;
}

fn process(database: &Scratch, batches: usize) -> Process {
    let mut command = Command::new(env::current_exe().unwrap());
    Process::spawn(command.env(URL, database.url()).env(BATCHES, batches.to_string()))
}

fn acknowledged(process: &Process) -> Vec<String> {
    let lines = process.lines().into_iter();
    lines.filter_map(|line| Some(line.strip_prefix("acknowledged ")?.to_owned())).collect()
}

/// Nobody made the tables before; each makes them, or waits for the one who does.
async fn processes_share_a_new_log(database: Scratch) {
    const BATCHES: usize = 5;
    let mut processes: Vec<Process> = (0..4).map(|_| process(&database, BATCHES)).collect();
    let store = SeaOrmStore::connect(&database.url()).await.unwrap();
    let mut seen = 0;
    let mut after = Position::START;
    while seen < 4 * WRITERS as u64 * BATCHES as u64 * 2 {
        tokio::time::timeout(BOUND, store.wait(after)).await.unwrap().unwrap();
        let page = store.read(after, &TopicSet::All, 7).await.unwrap();
        assert_eq!(page.status, PageStatus::Exact);
        for entry in &page.entries {
            seen += 1;
            assert_eq!(entry.position.sequence(), seen);
        }
        after = page.next;
    }
    for process in &mut processes {
        assert!(process.exit().await.success());
    }
}

/// All of it is there once and in order, and no batch is torn.
async fn what_was_acknowledged_survives_kill_9(database: Scratch) {
    const ROUNDS: usize = 6;
    let mut named = Vec::new();
    for round in 0..ROUNDS {
        let mut process = process(&database, usize::MAX);
        until(BOUND, "some are acknowledged", async || {
            acknowledged(&process).len() >= 20 + round * 7
        })
        .await;
        process.kill();
        // What it still said before it died was acknowledged as well, but for the line that it was at.
        process.exit().await;
        let mut own = acknowledged(&process);
        own.pop();
        named.extend(own);
    }
    let store = SeaOrmStore::connect(&database.url()).await.unwrap();
    let mut stored: Vec<Entry> = Vec::new();
    let mut after = Position::START;
    loop {
        let page = store.read(after, &TopicSet::All, 1000).await.unwrap();
        if page.entries.is_empty() {
            break;
        }
        stored.extend(page.entries);
        after = page.next;
    }
    let sequences = stored.iter().map(|entry| entry.position.sequence());
    assert!(sequences.eq(1..=after.sequence()), "nothing is missing or twice");
    let data: Vec<&str> = stored.iter().filter_map(|entry| entry.event()?.data()).collect();
    let mut places = HashMap::new();
    for pair in data.chunks(2) {
        assert_eq!(pair[0], pair[1], "a batch is whole");
        assert_eq!(places.insert(pair[0], places.len()), None, "{} is there twice", pair[0]);
    }
    assert!(named.len() >= ROUNDS * 19);
    let mut last = HashMap::new();
    for name in &named {
        let place = places.get(name.as_str()).copied();
        assert!(place.is_some(), "{name} was acknowledged and is lost");
        let (writer, _) = name.rsplit_once(' ').unwrap();
        assert!(last.insert(writer, place) < Some(place), "{name} is out of order");
    }
}
