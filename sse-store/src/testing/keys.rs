//! What is appended with a key is appended once.

use std::collections::BTreeSet;
use std::time::{Duration, SystemTime};

use super::{Harness, all, append, data, new, only, open, topic, within};
use crate::{Entry, Key, Position, TopicSet};

fn key(name: &str) -> Key {
    Key::new(name).expect("the name is a key")
}

/// A retry, by whatever handle, appends nothing and gives the positions of the first.
pub async fn a_retry_gives_the_positions_of_the_first(harness: &dyn Harness) {
    let (store, other) = (open(harness).await, open(harness).await);
    let batch = || vec![new("t", "a"), new("u", "b"), new("t", "c")];
    append(&store, "t", "before").await;
    let first = store.append_once(&key("k"), batch()).await.expect("appended");
    assert!(first.iter().map(|position| position.sequence()).eq(2..=4), "{first:?}");
    let head = append(&other, "t", "after").await;
    for store in [&store, &other] {
        assert_eq!(store.append_once(&key("k"), batch()).await.expect("it is there"), first);
    }
    assert_eq!(store.head().await.expect("a head"), head);
    let next = other.append_once(&key("l"), batch()).await.expect("another key is another append");
    assert_eq!(next[0].sequence(), head.sequence() + 1);
    let entries = all(&store, &TopicSet::All).await;
    assert_eq!(data(&entries), ["before", "a", "b", "c", "after", "a", "b", "c"]);
}

/// Whoever tries again late is told that it was done, whatever has become of the records and of the topic.
pub async fn a_key_outlives_its_records(harness: &dyn Harness) {
    let (store, other) = (open(harness).await, open(harness).await);
    let fence = store.clear(&topic("t")).await.expect("cleared").position;
    let batch = || vec![new("t", "a").fenced_by(fence)];
    let first = store.append_once(&key("k"), batch()).await.expect("appended");
    other.clear(&topic("t")).await.expect("cleared");
    let again = store.append_once(&key("k"), batch()).await;
    assert_eq!(again.expect("it was done before the topic was cleared"), first);
    let error = store.append_once(&key("l"), batch()).await.expect_err("this was not");
    assert!(error.is_fenced(), "{error}");

    let future = SystemTime::now() + Duration::from_secs(3600);
    other.purge(future).await.expect("purged");
    other.trim(0).await.expect("trimmed");
    assert_eq!(store.append_once(&key("k"), batch()).await.expect("it was done"), first);
    assert_eq!(all(&store, &TopicSet::All).await, []);
}

/// What was refused has not used its key, nor has an empty batch.
pub async fn a_failed_append_leaves_its_key_free(harness: &dyn Harness) {
    let store = open(harness).await;
    let old = store.clear(&topic("t")).await.expect("cleared").position;
    let young = store.clear(&topic("t")).await.expect("cleared").position;
    let run = |fence| vec![new("t", "a").fenced_by(fence), new("u", "b")];
    assert!(store.append_once(&key("k"), run(old)).await.expect_err("fenced").is_fenced());
    assert_eq!(store.append_once(&key("k"), Vec::new()).await.expect("nothing"), []);
    let first = store.append_once(&key("k"), run(young)).await.expect("appended");
    assert_eq!(first.len(), 2);
    assert_eq!(store.append_once(&key("k"), run(old)).await.expect("it was done"), first);
    assert_eq!(store.append_once(&key("k"), Vec::new()).await.expect("nothing"), []);
    assert_eq!(data(&all(&store, &TopicSet::All).await), ["a", "b"]);
}

/// The positions of another batch are no answer.
pub async fn a_key_of_a_batch_of_another_length_is_refused(harness: &dyn Harness) {
    let store = open(harness).await;
    store.append_once(&key("k"), vec![new("t", "a")]).await.expect("appended");
    let two = vec![new("t", "a"), new("t", "b")];
    let error = store.append_once(&key("k"), two).await.expect_err("refused");
    assert!(error.is_refused() && !error.is_fenced(), "{error}");
    assert!(error.to_string().contains("\"k\""), "{error}");
    assert_eq!(data(&all(&store, &TopicSet::All).await), ["a"]);
}

/// Keys that a database might take for one another, and the longest.
pub async fn hostile_keys_are_apart(harness: &dyn Harness) {
    let store = open(harness).await;
    let long = "x".repeat(Key::MAX_LEN);
    let names = ["k", "K", "k ", " k", "ḱ", "k\u{301}", "%", "'", "\\", "$1", "?", "\n", &long];
    let mut positions = BTreeSet::new();
    for round in 0..2 {
        for name in names.iter().chain([&&long[1..]]) {
            let appended = store.append_once(&key(name), vec![new("t", *name)]).await;
            positions.insert(appended.expect("appended")[0].sequence());
        }
        assert_eq!(positions.len(), names.len() + 1, "round {round}");
    }
}

/// Of many who append with the same key at once, at handles of their own, one does, and all are told where.
pub async fn of_racing_appends_with_a_key_one_is_done(harness: &dyn Harness) {
    const KEYS: usize = 10;
    let mut racers = Vec::new();
    for racer in 0..4 {
        let store = open(harness).await;
        racers.push(tokio::spawn(async move {
            let mut positions = Vec::new();
            for number in 0..KEYS {
                let name = number.to_string();
                let key = key(&name);
                let batch = || vec![new(&name, name.as_str()), new("t", name.as_str())];
                // Twice at once at one handle too.
                let (first, second) = tokio::join!(
                    store.append_once(&key, batch()),
                    store.append_once(&key, batch())
                );
                let first = first.expect("appended");
                assert_eq!(second.expect("appended"), first);
                positions.push(first);
                append(&store, "other", &racer.to_string()).await;
            }
            positions
        }));
    }
    let mut answers: Vec<Vec<Vec<Position>>> = Vec::new();
    for racer in racers {
        answers.push(within("the racer ends", racer).await.expect("no panic"));
    }
    assert!(answers.iter().all(|positions| *positions == answers[0]), "{answers:?}");
    let store = open(harness).await;
    let once: Vec<Position> = all(&store, &only(["t"])).await.iter().map(position).collect();
    assert_eq!(once, answers[0].iter().map(|positions| positions[1]).collect::<Vec<_>>());
    let head = store.head().await.expect("a head");
    assert_eq!(head.sequence() as usize, 2 * KEYS + 4 * KEYS);
}

fn position(entry: &Entry) -> Position {
    entry.position
}

/// Of many appends at once, each with a key of its own, each is remembered where it is.
pub async fn every_key_of_many_appends_at_once_is_remembered(harness: &dyn Harness) {
    let stores = [open(harness).await, open(harness).await];
    let mut answers = Vec::new();
    for store in stores {
        let appends: Vec<_> = (0..24)
            .map(|number| {
                let store = store.clone();
                tokio::spawn(async move {
                    let batch = vec![new("t", number.to_string()); 1 + number % 3];
                    store.append_once(&key(&number.to_string()), batch).await
                })
            })
            .collect();
        let mut positions = Vec::new();
        for append in appends {
            positions.push(append.await.expect("no panic").expect("appended"));
        }
        answers.push(positions);
    }
    assert_eq!(answers[0], answers[1]);
    let store = open(harness).await;
    for entry in all(&store, &TopicSet::All).await {
        let number: usize = data(std::slice::from_ref(&entry))[0].parse().expect("a number");
        assert!(answers[0][number].contains(&entry.position), "{entry:?}");
    }
}

/// Appends with and without a key, fenced, done before and new, all at once, do each other no harm.
pub async fn appends_with_and_without_a_key_mix(harness: &dyn Harness) {
    const EACH: usize = 15;
    let store = open(harness).await;
    let old = store.clear(&topic("t")).await.expect("cleared").position;
    let young = store.clear(&topic("t")).await.expect("cleared").position;
    let done = store.append_once(&key("done"), vec![new("t", "done")]).await.expect("appended");
    for round in 0..2 {
        let mut appends = Vec::new();
        for number in 0..EACH * 5 {
            let store = store.clone();
            appends.push(tokio::spawn(async move {
                let own = key(&format!("{round} {number}"));
                let entry = new("t", format!("{round} {number}"));
                match number % 5 {
                    0 => store.append(vec![entry]).await,
                    1 => store.append_once(&own, vec![entry.fenced_by(young)]).await,
                    2 => store.append_once(&own, vec![entry.fenced_by(old)]).await,
                    3 => store.append_once(&key("done"), vec![entry]).await,
                    _ => store.append_once(&key("shared"), vec![new("t", "shared"); 2]).await,
                }
            }));
        }
        let mut shared = BTreeSet::new();
        let mut appended = BTreeSet::new();
        for (number, append) in appends.into_iter().enumerate() {
            let answer = append.await.expect("no panic");
            match (number % 5, answer) {
                (0 | 1, Ok(positions)) => assert!(appended.insert(positions[0].sequence())),
                (2, Err(error)) => assert!(error.is_fenced(), "{error}"),
                (3, Ok(positions)) => assert_eq!(positions, done),
                (4, Ok(positions)) => {
                    shared.insert(positions[0].sequence());
                }
                (_, answer) => panic!("{number}: {answer:?}"),
            }
        }
        assert_eq!((shared.len(), appended.len()), (1, 2 * EACH));
    }
    let entries = all(&store, &only(["t"])).await;
    assert_eq!(data(&entries).len(), 1 + 2 + 2 * 2 * EACH);
    let distinct: BTreeSet<&str> = data(&entries).into_iter().collect();
    assert_eq!(distinct.len(), 1 + 1 + 2 * 2 * EACH);
}
