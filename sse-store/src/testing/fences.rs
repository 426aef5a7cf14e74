//! A new run of a topic keeps the old ones out.

use super::{Harness, all, append, data, new, only, open, topic, within};
use crate::{NewEntry, Position, TopicSet};

/// What is fenced by a clear is taken until the next clear, by whatever handle, and never after.
pub async fn a_clear_fences_what_came_before(harness: &dyn Harness) {
    let (old, young) = (open(harness).await, open(harness).await);
    let first = old.clear(&topic("t")).await.expect("cleared");
    let fenced = |data: &str, fence| vec![new("t", data).fenced_by(fence)];
    old.append(fenced("a", first.position)).await.expect("the newest run may write");
    young.clear(&topic("other")).await.expect("cleared");
    old.append(fenced("b", first.position)).await.expect("another topic's clear is no fence");
    let second = young.clear(&topic("t")).await.expect("cleared");
    assert_eq!((first.removed, second.removed), (0, 2));
    young.append(fenced("c", second.position)).await.expect("the newest run may write");
    let error = old.append(fenced("d", first.position)).await.expect_err("fenced");
    assert!(error.is_fenced() && !error.is_refused(), "{error}");
    let completion = NewEntry::completion(topic("t")).fenced_by(first.position);
    assert!(old.append(vec![completion]).await.expect_err("fenced").is_fenced());
    assert!(old.append(fenced("e", Position::START)).await.expect_err("fenced").is_fenced());
    append(&old, "t", "without a fence").await;
    assert_eq!(data(&all(&young, &only(["t"])).await), ["c", "without a fence"]);
}

/// One entry behind its fence refuses the batch, also what is of other topics or has no fence.
pub async fn a_fenced_entry_refuses_its_whole_batch(harness: &dyn Harness) {
    let store = open(harness).await;
    let first = store.clear(&topic("t")).await.expect("cleared").position;
    store.clear(&topic("t")).await.expect("cleared");
    let head = store.head().await.expect("a head");
    let batch = vec![new("u", "a"), new("t", "b").fenced_by(first), new("t", "c")];
    assert!(store.append(batch).await.expect_err("fenced").is_fenced());
    assert_eq!(store.head().await.expect("a head"), head);
}

/// Whoever holds a position of a log that was lost is an old run.
pub async fn a_fence_of_another_log_is_too_old(harness: &dyn Harness) {
    let store = open(harness).await;
    let cleared = store.clear(&topic("t")).await.expect("cleared").position;
    let foreign = Position::new(cleared.epoch() + 1, cleared.sequence() + 1);
    for name in ["t", "never cleared"] {
        let batch = vec![new(name, "a").fenced_by(foreign)];
        assert!(store.append(batch).await.expect_err("fenced").is_fenced());
    }
    // From the start on, only a topic that was never cleared.
    let fresh = vec![new("never cleared", "b").fenced_by(Position::START)];
    store.append(fresh).await.expect("nothing has cleared it");
}

/// Of many appends at once, those behind their fence are refused and all others taken.
pub async fn a_refused_append_harms_no_other(harness: &dyn Harness) {
    let store = open(harness).await;
    let old = store.clear(&topic("t")).await.expect("cleared").position;
    store.clear(&topic("t")).await.expect("cleared");
    let appends: Vec<_> = (0..60)
        .map(|number| {
            let store = store.clone();
            let mut entry = new("t", number.to_string());
            if number % 3 == 0 {
                entry = entry.fenced_by(old);
            }
            tokio::spawn(async move { store.append(vec![entry]).await })
        })
        .collect();
    for (number, append) in appends.into_iter().enumerate() {
        let appended = append.await.expect("no panic");
        assert_eq!(appended.is_err_and(|error| error.is_fenced()), number % 3 == 0);
    }
    assert_eq!(data(&all(&store, &only(["t"])).await).len(), 40);
}

/// Runs that start at once, each clearing and then writing: after the last clear there is only the last run's.
pub async fn the_last_of_racing_runs_wins(harness: &dyn Harness) {
    let mut runs = Vec::new();
    for run in 0..4 {
        let store = open(harness).await;
        runs.push(tokio::spawn(async move {
            for round in 0..5 {
                let fence = store.clear(&topic("t")).await.expect("cleared").position;
                for _ in 0..10 {
                    let entry = new("t", format!("{run} {round}")).fenced_by(fence);
                    match store.append(vec![entry]).await {
                        Ok(_) => {}
                        Err(error) if error.is_fenced() => break,
                        Err(error) => panic!("{error}"),
                    }
                }
            }
        }));
    }
    for run in runs {
        within("the run ends", run).await.expect("no panic");
    }
    let store = open(harness).await;
    let left = all(&store, &TopicSet::All).await;
    let events = data(&left);
    assert!(events.windows(2).all(|pair| pair[0] == pair[1]), "{events:?}");
    // The run that cleared last was never fenced.
    assert_eq!(events.len(), 10, "{events:?}");
}
