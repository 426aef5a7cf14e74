//! What is no longer there is told, and nothing else is.

use std::time::{Duration, SystemTime};

use super::{Harness, Store, all, append, data, later_than, new, only, open, read, topic, within};
use crate::{Page, PageStatus, Position, Record, TopicSet};

fn future() -> SystemTime {
    SystemTime::now() + Duration::from_secs(3600)
}

fn gap<const N: usize>(names: [&str; N]) -> PageStatus {
    PageStatus::Gap { topics: only(names) }
}

/// A page of everything, and of a topic, after a position.
async fn after(store: &Store, position: Position, name: &str) -> (Page, Page) {
    let everything = read(store, position, &TopicSet::All, 1000).await;
    (everything, read(store, position, &only([name]), 1000).await)
}

/// A reader before a purged event is told so, also by another handle; a reader after it is not.
pub async fn gap_is_told_when_purged_past_cursor(harness: &dyn Harness) {
    let (store, other) = (open(harness).await, open(harness).await);
    let a = append(&store, "a", "1").await;
    let b = append(&store, "b", "2").await;
    assert_eq!(store.purge(future()).await.expect("purged"), 2);
    let c = append(&store, "a", "3").await;

    let origin = Position::new(a.epoch(), 0);
    let (everything, of_a) = after(&other, origin, "a").await;
    assert_eq!(everything.status, gap(["a", "b"]));
    assert_eq!(of_a.status, gap(["a"]));
    assert_eq!((data(&of_a.entries), of_a.next), (vec!["3"], c));
    let (everything, of_a) = after(&other, a, "a").await;
    assert_eq!((everything.status, of_a.status), (gap(["b"]), PageStatus::Exact));
    let (everything, of_b) = after(&other, b, "b").await;
    assert_eq!((everything.status, of_b.status), (PageStatus::Exact, PageStatus::Exact));
}

/// The same for a clear, which also leaves a record.
pub async fn gap_is_told_when_cleared_past_cursor(harness: &dyn Harness) {
    let (store, other) = (open(harness).await, open(harness).await);
    let a = append(&store, "a", "1").await;
    append(&store, "b", "2").await;
    let c = append(&store, "a", "3").await;
    let cleared = store.clear(&topic("a")).await.expect("cleared");
    assert_eq!(cleared.removed, 2);

    let (everything, of_a) = after(&other, a, "a").await;
    assert_eq!((everything.status, of_a.status), (gap(["a"]), gap(["a"])));
    assert_eq!(of_a.entries.len(), 1);
    assert_eq!(of_a.entries[0].record, Record::Cleared);
    assert_eq!(read(&other, a, &only(["b"]), 9).await.status, PageStatus::Exact);
    let (everything, of_a) = after(&other, c, "a").await;
    assert_eq!((everything.status, of_a.status), (PageStatus::Exact, PageStatus::Exact));
}

/// What was lost stays so, whatever is deleted after it: nothing, or something older.
pub async fn a_gap_is_not_forgotten_for_a_later_deletion(harness: &dyn Harness) {
    let store = open(harness).await;
    let b = append(&store, "b", "1").await;
    append(&store, "a", "2").await;
    store.clear(&topic("a")).await.expect("cleared");
    for deletion in ["a clear of nothing", "a trim"] {
        match deletion {
            "a trim" => assert_eq!(store.trim(3).await.expect("trimmed"), 1),
            _ => assert_eq!(store.clear(&topic("a")).await.expect("cleared").removed, 0),
        }
        let (everything, of_a) = after(&store, b, "a").await;
        assert_eq!((everything.status, of_a.status), (gap(["a"]), gap(["a"])), "{deletion}");
    }
}

/// Who starts, who has seen all, who follows another topic, and who sees a clear of nothing, misses nothing.
pub async fn no_gap_is_told_falsely(harness: &dyn Harness) {
    let store = open(harness).await;
    let origin = store.head().await.expect("a head");
    store.clear(&topic("a")).await.expect("cleared");
    store.clear(&topic("a")).await.expect("cleared");
    assert_eq!(read(&store, origin, &TopicSet::All, 9).await.status, PageStatus::Exact);
    append(&store, "b", "1").await;
    append(&store, "a", "2").await;
    store.clear(&topic("a")).await.expect("cleared");
    let head = store.head().await.expect("a head");
    for (topics, limit) in [(only(["a"]), 1), (only(["b"]), 1), (TopicSet::All, 9)] {
        let mut after = Position::START;
        while after != head {
            let page = read(&store, after, &topics, limit).await;
            assert_eq!(page.status, PageStatus::Exact);
            after = page.next;
        }
    }
    assert_eq!(read(&store, origin, &only(["b", "c"]), 9).await.status, PageStatus::Exact);
    assert_eq!(read(&store, head, &TopicSet::All, 9).await.status, PageStatus::Exact);
}

/// A reader of a log that was lost starts anew, and is told.
pub async fn position_of_another_log_is_a_reset(harness: &dyn Harness) {
    let store = open(harness).await;
    let a = append(&store, "a", "1").await;
    append(&store, "a", "2").await;
    for sequence in [0, 1, 2, 3, u64::MAX] {
        for epoch in [0, a.epoch() - 1, a.epoch() + 1, u64::MAX] {
            let foreign = Position::new(epoch, sequence);
            if foreign == Position::START {
                continue;
            }
            let (everything, of_a) = after(&store, foreign, "a").await;
            for page in [everything, of_a] {
                assert_eq!(page.status, PageStatus::Reset, "{foreign}");
                assert_eq!(data(&page.entries), ["1", "2"]);
            }
        }
    }
}

/// A position that the log has not reached was given out by a log that was lost. The head itself is reached, also for
/// a handle that has seen nothing yet.
pub async fn a_position_to_come_is_a_reset(harness: &dyn Harness) {
    let (store, other) = (open(harness).await, open(harness).await);
    for number in 0..10 {
        let head = append(&store, "a", &number.to_string()).await;
        assert_eq!(read(&other, head, &only(["a"]), 9).await.status, PageStatus::Exact);
        for ahead in [1, 1 << 40, u64::MAX - head.sequence()] {
            let to_come = Position::new(head.epoch(), head.sequence() + ahead);
            let page = read(&other, to_come, &only(["a"]), 1).await;
            assert_eq!(page.status, PageStatus::Reset);
            assert_eq!(data(&page.entries), ["0"]);
        }
    }
}

/// Records of the time and later stay.
pub async fn a_purge_takes_the_old_and_leaves_the_young(harness: &dyn Harness) {
    let store = open(harness).await;
    for number in 0..2500 {
        // Batches, so that it does not take long.
        if number % 500 == 0 {
            let batch = (number..number + 500).map(|number| new("a", number.to_string()));
            store.append(batch.collect()).await.expect("appended");
        }
    }
    let time = later_than(&last(&store).await).await;
    append(&store, "a", "young").await;
    assert_eq!(store.purge(time).await.expect("purged"), 2500);
    assert_eq!(data(&all(&store, &TopicSet::All).await), ["young"]);
    assert_eq!(store.purge(time).await.expect("purged"), 0);
    let head = store.head().await.expect("a head");
    assert_eq!(store.purge(future()).await.expect("purged"), 1);
    assert_eq!(store.head().await.expect("a head"), head, "positions are never reused");
    let next = append(&store, "a", "next").await;
    assert_eq!(next.sequence(), head.sequence() + 1);
}

/// The newest positions stay, whatever is left at them; who was before them is told of a gap.
pub async fn a_trim_keeps_the_newest_positions(harness: &dyn Harness) {
    let (store, other) = (open(harness).await, open(harness).await);
    let origin = store.head().await.expect("a head");
    assert_eq!(store.trim(0).await.expect("trimmed"), 0);
    for number in 0..30 {
        append(&store, ["a", "b"][number % 2], &number.to_string()).await;
    }
    for (keep, removed) in [(u64::MAX, 0), (30, 0), (20, 10), (20, 0), (3, 17)] {
        assert_eq!(store.trim(keep).await.expect("trimmed"), removed, "{keep}");
    }
    assert_eq!(data(&all(&other, &TopicSet::All).await), ["27", "28", "29"]);
    assert_eq!(read(&other, origin, &only(["a"]), 9).await.status, gap(["a"]));
    store.clear(&topic("b")).await.expect("cleared");
    // Positions count, whether or not a record is left at them: "28", nothing, the clear.
    assert_eq!(store.trim(3).await.expect("trimmed"), 0);
    assert_eq!(store.trim(2).await.expect("trimmed"), 1);
    assert_eq!(all(&other, &TopicSet::All).await.len(), 1);
    assert_eq!(store.trim(0).await.expect("trimmed"), 0);
    assert!(all(&other, &TopicSet::All).await.is_empty());
}

/// Readers that page while the log is purged get every event or are told of a gap: also one with more topics than one
/// statement of any database takes, whose page is not of one moment.
pub async fn a_purge_while_a_reader_pages_is_never_a_hole(harness: &dyn Harness) {
    let store = open(harness).await;
    let origin = store.head().await.expect("a head");
    let writer = tokio::spawn(async move {
        for _ in 0..100 {
            let batch = (0..10).map(|number| new("a", number.to_string()));
            store.append(batch.collect()).await.expect("appended");
            store.purge(future()).await.expect("purged");
        }
        append(&store, "a", "end").await;
    });
    // The one that is written to is the last of them.
    let many = (0..300).map(|number| topic(&format!("A{number}"))).chain([topic("a")]);
    let mut readers = Vec::new();
    for topics in [only(["a"]), many.collect()] {
        let store = open(harness).await;
        readers.push(tokio::spawn(reads_all_or_is_told(store, origin, topics)));
    }
    for reader in readers {
        within("the reader comes to the end", reader).await.expect("no panic");
    }
    writer.await.expect("no panic");
}

/// Reads up to the event "end" of topic `a`, where every position is an event of that topic.
async fn reads_all_or_is_told(store: Store, origin: Position, topics: TopicSet) {
    let mut after = origin;
    let mut seen = 0;
    loop {
        let page = read(&store, after, &topics, 7).await;
        if page.entries.is_empty() && page.status == PageStatus::Exact {
            assert!(page.next >= after);
            tokio::task::yield_now().await;
        }
        for (index, entry) in page.entries.iter().enumerate() {
            let dense = entry.position.sequence() == seen + 1;
            assert!(
                dense || (index == 0 && page.status == gap(["a"])),
                "from {seen} to {} without a gap told",
                entry.position
            );
            seen = entry.position.sequence();
            if entry.event().and_then(|event| event.data()) == Some("end") {
                return;
            }
        }
        if page.status == PageStatus::Exact {
            assert!(
                page.next.sequence() == seen,
                "from {seen} past {} without a gap told",
                page.next
            );
        } else {
            // What was purged before it was read is behind the cursor from here on.
            seen = seen.max(page.next.sequence());
        }
        after = page.next;
    }
}

/// A reader that is never told that its topic is complete would wait for good.
pub async fn a_purged_completion_is_a_gap(harness: &dyn Harness) {
    let store = open(harness).await;
    let a = append(&store, "a", "1").await;
    store.complete(&topic("a")).await.expect("completed");
    assert_eq!(store.purge(future()).await.expect("purged"), 1);
    assert_eq!(read(&store, a, &only(["a"]), 9).await.status, gap(["a"]));
}

/// A store may forget which of very many topics lost something, and then it says more than is true, never less.
pub async fn very_many_purged_topics_withhold_no_gap_and_pass_no_fence(harness: &dyn Harness) {
    const TOPICS: usize = 12_000;
    let store = open(harness).await;
    let origin = store.head().await.expect("a head");
    let fence = store.clear(&topic("live")).await.expect("cleared").position;
    store.clear(&topic("0")).await.expect("cleared");
    for from in (0..TOPICS).step_by(1000) {
        let batch = (from..from + 1000).map(|number| new(&number.to_string(), "x"));
        store.append(batch.collect()).await.expect("appended");
    }
    let before = store.head().await.expect("a head");
    later_than(&last(&store).await).await;
    let now = SystemTime::now();
    append(&store, "live", "y").await;
    assert_eq!(store.purge(now).await.expect("purged"), TOPICS as u64);

    for number in [0, 1, TOPICS / 2, TOPICS - 1] {
        let number = number.to_string();
        let page = read(&store, origin, &only([&number]), 9).await;
        assert_eq!(page.status, gap([&number]));
    }
    match read(&store, origin, &TopicSet::All, 9).await.status {
        PageStatus::Gap { topics } => assert!(topics.contains("0") && topics.contains("11999")),
        other => panic!("{other:?}"),
    }
    for topics in [TopicSet::All, only(["0"]), only(["live"])] {
        assert_eq!(read(&store, before, &topics, 9).await.status, PageStatus::Exact);
    }
    let old = vec![new("0", "old").fenced_by(fence)];
    assert!(store.append(old).await.expect_err("fenced").is_fenced());
    let live = vec![new("live", "z").fenced_by(fence)];
    store.append(live).await.expect("a topic that is written to keeps its fence");
}

async fn last(store: &Store) -> crate::Entry {
    let query = crate::Query::new(TopicSet::All).newest_first().limit(1);
    let mut newest = store.list(&query).await.expect("listed");
    newest.pop().expect("it is there")
}
