//! One order, the same for every reader.

use super::{
    Harness, all, data, fill_with_large, is_full, is_within_limits, new, only, open, read, topic,
    within,
};
use crate::{PageStatus, Position, TopicSet};

/// Positions count up from 1 in one epoch, across topics and handles, and are the ids of what is read.
pub async fn positions_are_dense_and_in_order(harness: &dyn Harness) {
    let stores = [open(harness).await, open(harness).await];
    let head = stores[0].head().await.expect("a head");
    assert!(head.sequence() == 0 && head.epoch() != 0);
    let mut next = 1;
    for round in 0..20 {
        let store = &stores[round % 2];
        let batch: Vec<_> = (0..=round % 3).map(|name| new(&name.to_string(), "x")).collect();
        for position in store.append(batch).await.expect("appended") {
            assert_eq!(position, Position::new(head.epoch(), next));
            next += 1;
        }
        assert_eq!(stores[(round + 1) % 2].head().await.expect("a head").sequence(), next - 1);
    }
    for (index, entry) in all(&stores[0], &TopicSet::All).await.iter().enumerate() {
        assert_eq!(entry.position.sequence(), index as u64 + 1);
        let id = entry.event().and_then(|event| event.id()).expect("an id");
        assert_eq!(Position::try_from(id), Ok(entry.position));
    }
}

/// Following the cursor gives the same records whatever the size of a page.
pub async fn every_page_size_gives_the_same(harness: &dyn Harness) {
    let store = open(harness).await;
    for number in 0..24 {
        let name = ["a", "b", "c"][number % 3];
        match number % 8 {
            7 => drop(store.complete(&topic(name)).await.expect("completed")),
            _ => drop(super::append(&store, name, &number.to_string()).await),
        }
    }
    let head = store.head().await.expect("a head");
    for topics in [TopicSet::All, only(["a", "c"]), only(["b"]), only([])] {
        let whole = all(&store, &topics).await;
        for limit in 0..=25 {
            let mut after = Position::START;
            let mut entries = Vec::new();
            loop {
                let page = read(&store, after, &topics, limit).await;
                assert_eq!(page.status, PageStatus::Exact);
                assert!(page.entries.len() <= limit.max(1));
                entries.extend(page.entries);
                if page.next == after {
                    break;
                }
                assert!(page.next > after);
                after = page.next;
            }
            assert_eq!(entries, whole, "{topics:?} by {limit}");
            assert_eq!(after, head);
        }
    }
}

/// A page ends with the record that makes it as large as pages are, whatever the limit, and not before.
pub async fn a_page_is_full_by_its_bytes(harness: &dyn Harness) {
    let store = open(harness).await;
    let (positions, many) = fill_with_large(&store).await;
    for (topics, every) in [(TopicSet::All, 1), (many, 1), (only(["t7"]), 2)] {
        for limit in [1, 2, 4, 10_000] {
            let mut after = Position::START;
            let mut read_positions = Vec::new();
            loop {
                let page = read(&store, after, &topics, limit).await;
                assert_eq!(page.status, PageStatus::Exact);
                assert!(is_within_limits(&page.entries, limit), "{topics:?} by {limit}");
                read_positions.extend(page.entries.iter().map(|entry| entry.position));
                after = page.next;
                match is_full(&page.entries, limit) {
                    true => assert_eq!(page.entries.last().map(|last| last.position), Some(after)),
                    false => break,
                }
            }
            assert_eq!(Some(&after), positions.last(), "the end is the head");
            let of_topics = positions.iter().step_by(every);
            assert!(read_positions.iter().eq(of_topics), "{topics:?} by {limit}");
        }
    }
}

/// Two followers on handles of their own see what concurrent writers append, once and in the same order, batches whole.
pub async fn a_follower_sees_all_of_concurrent_writers_once_and_in_order(harness: &dyn Harness) {
    const WRITERS: usize = 4;
    const BATCHES: usize = 25;
    let origin = open(harness).await.head().await.expect("a head");
    let mut followers = Vec::new();
    // The second reads by more topics than one statement of any database takes.
    let many: TopicSet = (0..300).map(|number| topic(&format!("t{number}"))).collect();
    for (limit, topics) in [(3, TopicSet::All), (100, many)] {
        let store = open(harness).await;
        followers.push(tokio::spawn(async move {
            let mut seen = Vec::new();
            let mut after = origin;
            while seen.iter().filter(|text: &&String| text.ends_with("end")).count() < WRITERS {
                store.wait(after).await.expect("there is more");
                let page = read(&store, after, &topics, limit).await;
                assert_eq!(page.status, PageStatus::Exact);
                seen.extend(data(&page.entries).into_iter().map(str::to_owned));
                after = page.next;
            }
            seen
        }));
    }
    let mut writers = Vec::new();
    for writer in 0..WRITERS {
        let store = open(harness).await;
        writers.push(tokio::spawn(async move {
            for batch in 0..BATCHES {
                let entries = (0..=(writer + batch) % 4)
                    .map(|number| new(&format!("t{number}"), format!("{writer} {batch} {number}")));
                let positions = store.append(entries.collect()).await.expect("appended");
                let dense = |pair: &[Position]| pair[0].sequence() + 1 == pair[1].sequence();
                assert!(positions.windows(2).all(dense), "{positions:?}");
            }
            super::append(&store, "t0", &format!("{writer} end")).await;
        }));
    }
    for writer in writers {
        within("the writer ends", writer).await.expect("no panic");
    }
    let mut seen = Vec::new();
    for follower in followers {
        seen.push(within("the follower ends", follower).await.expect("no panic"));
    }
    assert_eq!(seen[0], seen[1]);
    let store = open(harness).await;
    assert_eq!(data(&all(&store, &TopicSet::All).await), seen[0]);
    for writer in 0..WRITERS {
        let own = seen[0].iter().filter(|text| text.starts_with(&format!("{writer} ")));
        let expected = (0..BATCHES).flat_map(|batch| {
            (0..=(writer + batch) % 4).map(move |number| format!("{writer} {batch} {number}"))
        });
        let expected: Vec<String> = expected.chain([format!("{writer} end")]).collect();
        assert_eq!(own.cloned().collect::<Vec<_>>(), expected);
    }
}

/// Dropping the future of an append at any moment leaves all of its batch or nothing, and the store works on.
pub async fn a_dropped_append_is_whole_or_nothing(harness: &dyn Harness) {
    let store = open(harness).await;
    for polls in 0..20 {
        let batch = (0..5).map(|_| new("t", polls.to_string())).collect();
        let append = store.append(batch);
        tokio::pin!(append);
        for _ in 0..polls {
            tokio::select! {
                biased;
                appended = &mut append => { appended.expect("appended"); break }
                () = tokio::task::yield_now() => {}
            }
        }
    }
    let last = super::append(&store, "t", "last").await;
    let entries = all(&store, &only(["t"])).await;
    assert_eq!(entries.last().map(|entry| entry.position), Some(last));
    for polls in 0..20 {
        let polls = polls.to_string();
        let times = data(&entries).iter().filter(|text| **text == polls).count();
        assert!(times == 0 || times == 5, "{times} of {polls}");
    }
}
