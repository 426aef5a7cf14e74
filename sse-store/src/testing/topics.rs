//! Topics are apart, and are read by one cursor.

use super::{Harness, all, append, data, only, open, read, topic};
use crate::{PageStatus, Position, Record, Topic, TopicSet};

/// Names that a database might take for one another, or for something else.
pub async fn hostile_names_are_apart(harness: &dyn Harness) {
    let store = open(harness).await;
    let long = "x".repeat(Topic::MAX_LEN);
    let wide = "🦀".repeat(Topic::MAX_LEN / 4);
    let names = [
        "a",
        "A",
        "a ",
        " a",
        "a\t",
        "á",
        "a\u{301}",
        "а",
        "ａ",
        "ß",
        "ss",
        "%",
        "_",
        "a%",
        "*",
        "'",
        "''",
        "\"",
        "\\",
        "\\'",
        "`",
        "?",
        "$1",
        ":a",
        "--",
        ";",
        "\n",
        "\r",
        "\u{1}",
        "\u{7f}",
        "\u{feff}",
        "\u{200b}",
        "null",
        "NULL",
        "0",
        "1",
        "1.0",
        "0x31",
        "{}",
        "[1]",
        "/",
        "..",
        "<script>",
        &long,
        &long[1..],
        &wide,
    ];
    for name in names {
        append(&store, name, "").await;
    }
    for name in names {
        let entries = all(&store, &only([name])).await;
        assert_eq!(entries.len(), 1, "{name:?}");
        assert_eq!(entries[0].topic.as_str(), name);
    }
    for name in names {
        assert_eq!(store.clear(&topic(name)).await.expect("cleared").removed, 1, "{name:?}");
    }
}

/// Several topics come in the log's order, and no other with them.
pub async fn several_topics_have_one_cursor(harness: &dyn Harness) {
    let store = open(harness).await;
    for number in 0..30 {
        append(&store, ["a", "b", "c"][number % 3], &number.to_string()).await;
    }
    let of_two: Vec<String> = (0..30).filter(|n| n % 3 != 1).map(|n| n.to_string()).collect();
    assert_eq!(data(&all(&store, &only(["a", "c", "never"])).await), of_two);
    let head = store.head().await.expect("a head");
    let half = Position::new(head.epoch(), 15);
    let page = read(&store, half, &only(["c", "a"]), 4).await;
    assert_eq!(data(&page.entries), ["15", "17", "18", "20"]);
    assert_eq!(page.next.sequence(), 21);
}

/// The cursor moves past what is not of its topics, so that a purge of that is no gap.
pub async fn quiet_topics_advance_the_cursor(harness: &dyn Harness) {
    let store = open(harness).await;
    append(&store, "quiet", "1").await;
    for number in 0..10 {
        append(&store, "loud", &number.to_string()).await;
    }
    let head = store.head().await.expect("a head");
    for topics in [only(["quiet"]), only(["never"]), only([])] {
        let page = read(&store, Position::START, &topics, 100).await;
        assert_eq!(page.next, head);
        let page = read(&store, head, &topics, 100).await;
        assert_eq!((page.next, page.entries.len()), (head, 0));
        assert_eq!(page.status, PageStatus::Exact);
    }
}

/// More topics than one statement of any database takes.
pub async fn very_many_topics_have_one_cursor(harness: &dyn Harness) {
    let store = open(harness).await;
    let names: Vec<String> = (0..700).map(|number| format!("topic {}", number * 7 % 700)).collect();
    let batch = names.iter().map(|name| super::new(name, name.as_str()));
    store.append(batch.collect()).await.expect("appended");
    let topics: TopicSet = names.iter().map(|name| topic(name)).collect();
    let mut after = Position::START;
    let mut seen = Vec::new();
    while seen.len() < names.len() {
        let page = read(&store, after, &topics, 130).await;
        assert_eq!(page.status, PageStatus::Exact);
        assert!(page.next > after);
        seen.extend(data(&page.entries).into_iter().map(str::to_owned));
        after = page.next;
    }
    assert_eq!(seen, names);
}

/// A clear takes a position, deletes what stood before it, and is read by every handle.
pub async fn a_clear_is_a_record(harness: &dyn Harness) {
    let (store, other) = (open(harness).await, open(harness).await);
    append(&store, "a", "1").await;
    append(&store, "b", "2").await;
    store.complete(&topic("a")).await.expect("completed");
    let before = store.head().await.expect("a head");
    let cleared = store.clear(&topic("a")).await.expect("cleared");
    assert_eq!((cleared.removed, cleared.position.sequence()), (1, before.sequence() + 1));
    append(&store, "a", "3").await;
    let entries = all(&other, &only(["a"])).await;
    let records: Vec<_> = entries.iter().map(|entry| (entry.event(), entry.position)).collect();
    assert_eq!(records[0], (None, cleared.position));
    assert_eq!(entries[0].record, Record::Cleared);
    assert_eq!(data(&entries), ["3"]);
    assert_eq!(data(&all(&other, &only(["b"])).await), ["2"]);
}

/// A completion takes a position and is read by every handle; a later append stands after it.
pub async fn a_completion_is_a_record(harness: &dyn Harness) {
    let (store, other) = (open(harness).await, open(harness).await);
    let last = append(&store, "a", "1").await;
    let completed = store.complete(&topic("a")).await.expect("completed");
    assert_eq!(completed.sequence(), last.sequence() + 1);
    let page = read(&other, last, &only(["a"]), 9).await;
    assert_eq!(page.entries[0].record, Record::Completed);
    assert_eq!((page.entries.len(), page.next), (1, completed));
    append(&other, "a", "2").await;
    assert_eq!(data(&all(&store, &only(["a"])).await), ["1", "2"]);
}
