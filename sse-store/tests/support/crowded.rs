//! Writers and readers on a disk that is full again and again.

use std::collections::BTreeMap;
use std::fs;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use futures_util::StreamExt as _;
use sse_core::Event;
use sse_store::{
    Entry, EventStore, NewEntry, PageStatus, Position, Record, SeaOrmStore, StoreError, Topic,
    TopicSet, follow,
};
use testkit::{BOUND, Disk, until};
use tokio::task::JoinSet;

const ROUNDS: u64 = 2;
const TIMES_FULL: u64 = 4;
const WRITERS: usize = 4;

fn topic(number: usize) -> Topic {
    Topic::new(format!("t{number}")).unwrap()
}

/// What was said of each record, by its position: its topic, and what it is.
#[derive(Debug, Default)]
struct Said {
    acknowledged: Mutex<BTreeMap<u64, (Topic, String)>>,
    refused: Mutex<Vec<String>>,
    /// How many writes each writer was acknowledged and refused.
    counts: [(AtomicU64, AtomicU64); WRITERS],
    is_over: AtomicBool,
}

impl Said {
    fn acknowledge(&self, position: Position, topic: Topic, what: String) {
        let before = self.acknowledged.lock().unwrap().insert(position.sequence(), (topic, what));
        assert_eq!(before, None, "{position} was given twice");
    }
}

/// One write, of whatever kind.
async fn write(
    store: &SeaOrmStore,
    said: &Said,
    name: &str,
    rng: &mut fastrand::Rng,
) -> Result<(), StoreError> {
    let topic = topic(rng.usize(..3));
    match rng.u8(..10) {
        0 | 1 => {
            let cleared = store.clear(&topic).await?;
            said.acknowledge(cleared.position, topic, "cleared".to_owned());
        }
        2 => {
            let position = store.complete(&topic).await?;
            said.acknowledge(position, topic, "completed".to_owned());
        }
        _ => {
            let names: Vec<String> =
                (0..rng.usize(1..4)).map(|at| format!("{name} {at}")).collect();
            let new = |name: &String| NewEntry::new(topic.clone(), Event::new(name.as_str()));
            match store.append(names.iter().map(new).collect()).await {
                Ok(positions) => {
                    for (position, name) in positions.into_iter().zip(names) {
                        said.acknowledge(position, topic.clone(), name);
                    }
                }
                Err(error) => {
                    said.refused.lock().unwrap().extend(names);
                    return Err(error);
                }
            }
        }
    }
    Ok(())
}

async fn write_on(store: SeaOrmStore, said: Arc<Said>, writer: usize, seed: u64) {
    let mut rng = fastrand::Rng::with_seed(seed * 100 + writer as u64);
    let (acknowledged, refused) = &said.counts[writer];
    for number in 0.. {
        if said.is_over.load(Ordering::SeqCst) {
            return;
        }
        match write(&store, &said, &format!("{writer} {number}"), &mut rng).await {
            Ok(()) => acknowledged.fetch_add(1, Ordering::SeqCst),
            Err(error) => {
                assert!(error.is_unwritable(), "{error}");
                refused.fetch_add(1, Ordering::SeqCst)
            }
        };
    }
}

/// The record as it was said.
fn what(entry: &Entry) -> (Topic, String) {
    let what = match &entry.record {
        Record::Event(event) => event.data().unwrap(),
        Record::Cleared => "cleared",
        _ => "completed",
    };
    (entry.topic.clone(), what.to_owned())
}

/// Each position is later than the one before.
async fn read_on(store: SeaOrmStore, from: Position) -> BTreeMap<u64, (Topic, String)> {
    let mut pages = follow(Arc::new(store), from, TopicSet::All);
    let (mut seen, mut last) = (BTreeMap::new(), from);
    loop {
        let page = pages.next().await.unwrap().unwrap();
        assert_ne!(page.status, PageStatus::Reset, "after {last}");
        for entry in &page.entries {
            assert!(last < entry.position, "{} after {last}", entry.position);
            last = entry.position;
            seen.insert(last.sequence(), what(entry));
            if what(entry).1 == "end" {
                return seen;
            }
        }
    }
}

pub(crate) async fn what_is_told_on_a_disk_that_is_full_again_and_again_is_true() {
    for seed in 0..ROUNDS {
        round(seed).await;
    }
}

async fn round(seed: u64) {
    // More than the log before SQLite puts it into the file.
    let disk = Disk::new("6m").unwrap();
    let url = format!("sqlite://{}", disk.path().join("log.db").display());
    let ballast = disk.path().join("ballast");
    let stores =
        [SeaOrmStore::connect(&url).await.unwrap(), SeaOrmStore::connect(&url).await.unwrap()];
    let from = stores[0].head().await.unwrap();
    let said = Arc::new(Said::default());
    let (mut readers, mut writers) = (JoinSet::new(), JoinSet::new());
    for store in &stores {
        readers.spawn(read_on(store.clone(), from));
    }
    for writer in 0..WRITERS {
        writers.spawn(write_on(stores[writer % 2].clone(), said.clone(), writer, seed));
    }
    // A full disk still takes what fits into a log that SQLite begins anew: then it may refuse nobody.
    let mut go_on = async |what: &str, is_enough: fn(u64, u64) -> bool| {
        let counts = || {
            said.counts.each_ref().map(|(acknowledged, refused)| {
                (acknowledged.load(Ordering::SeqCst), refused.load(Ordering::SeqCst))
            })
        };
        let before = counts();
        until(BOUND, what, async || {
            if let Some(ended) = writers.try_join_next() {
                ended.unwrap();
            }
            let both = counts().into_iter().zip(before);
            both.into_iter().all(|(now, before)| is_enough(now.0 - before.0, now.1 - before.1))
        })
        .await;
    };
    for _ in 0..TIMES_FULL {
        assert!(fs::write(&ballast, vec![1; 6 << 20]).is_err(), "the disk is full");
        go_on("a full disk", |acknowledged, refused| refused >= 8 || acknowledged >= 100).await;
        fs::remove_file(&ballast).unwrap();
        go_on("room again", |acknowledged, _| acknowledged >= 8).await;
    }
    said.is_over.store(true, Ordering::SeqCst);
    writers.join_all().await;
    let end = NewEntry::new(topic(0), Event::new("end"));
    let end = stores[0].append(vec![end]).await.unwrap()[0];
    said.acknowledge(end, topic(0), "end".to_owned());

    // Each position is one that was acknowledged, with what it was acknowledged for, and what is missing was cleared.
    let acknowledged = said.acknowledged.lock().unwrap().clone();
    assert!(acknowledged.keys().copied().eq(1..=end.sequence()), "seed {seed}");
    let refused = said.refused.lock().unwrap().clone();
    let seen = tokio::time::timeout(BOUND, readers.join_all()).await.expect("the end is read");
    for seen in seen {
        for (position, what) in &seen {
            assert_eq!(acknowledged[position], *what, "{position}, seed {seed}");
            assert!(!refused.contains(&what.1), "{what:?} was refused, seed {seed}");
        }
        let mut cleared = BTreeMap::new();
        for (position, (topic, what)) in acknowledged.iter().rev() {
            let is_cleared = cleared.contains_key(topic);
            assert!(is_cleared || seen.contains_key(position), "{position} {what}, seed {seed}");
            if what == "cleared" {
                cleared.insert(topic, position);
            }
        }
    }
    for store in stores {
        store.close().await;
    }
}
