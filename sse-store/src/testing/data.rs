//! What is appended is what is read.

use std::time::Duration;

use sse_core::{Event, EventType};

use super::{Harness, all, new, only, open, topic};
use crate::{NewEntry, TopicSet};

/// Type, data, reconnection time and comments are kept, each present or absent.
pub async fn whole_events_are_kept(harness: &dyn Harness) {
    let store = open(harness).await;
    let mut events = Vec::new();
    for fields in 0..16 {
        let mut event = Event::default();
        if fields & 1 != 0 {
            event = event.with_data("data");
        }
        if fields & 2 != 0 {
            event = event.with_type(EventType::from_static("tick"));
        }
        if fields & 4 != 0 {
            event = event.with_retry(Duration::from_millis(u64::MAX));
        }
        if fields & 8 != 0 {
            event = event.with_comment("one\n\ntwo").with_comment("");
        }
        events.push(event);
    }
    events.push(Event::default().with_comment(""));
    let batch = events.iter().cloned();
    let batch = batch.map(|event| NewEntry::new(topic("t"), event)).collect();
    let positions = store.append(batch).await.expect("appended");
    let read = all(&store, &only(["t"])).await;
    assert_eq!(read.len(), events.len());
    for ((entry, event), position) in read.into_iter().zip(events).zip(positions) {
        assert_eq!(entry.into_event(), Some(event.with_id(position)));
    }
}

/// NUL, emoji, line ends, texts that look like SQL, and a mebibyte, in data, type and comment.
pub async fn any_text_is_kept(harness: &dyn Harness) {
    let store = open(harness).await;
    let long = "0123456789abcdé\0".repeat(1 << 16);
    let texts = [
        "",
        " ",
        "\0",
        "a\0b",
        "🦀 e\u{301} \u{feff} \u{10ffff}",
        "\r\n\r\n\n",
        "'; DROP TABLE x; --",
        "\\",
        "%s ? $1 :a",
        &long,
    ];
    for text in texts {
        let mut event = Event::new(text).with_comment(text);
        if let Ok(name) = EventType::new(text) {
            event = event.with_type(name);
        }
        let entry = NewEntry::new(topic("t"), event.clone());
        let position = store.append(vec![entry]).await.expect("appended")[0];
        let read = all(&store, &TopicSet::All).await;
        let last = read.last().cloned().expect("it is there");
        assert!(
            last.into_event() == Some(event.with_id(position)),
            "{:?}…",
            text.chars().take(20).collect::<String>()
        );
    }
}

/// A position is the only id: nothing of a batch is kept if an event in it has one.
pub async fn an_event_with_an_id_is_refused(harness: &dyn Harness) {
    let store = open(harness).await;
    let with_id = NewEntry::new(topic("t"), Event::new("b").with_id(7));
    let error = store.append(vec![new("t", "a"), with_id]).await.expect_err("refused");
    assert!(error.is_refused() && !error.is_fenced(), "{error}");
    assert!(error.to_string().contains("\"7\""), "{error}");
    assert_eq!(all(&store, &TopicSet::All).await, []);
}

/// The longest event is taken whole, a longer one is refused whole.
pub async fn an_event_that_is_too_long_is_refused(harness: &dyn Harness) {
    let store = open(harness).await;
    let of_len = |len: usize| {
        let empty = Event::new("").encoded_len();
        new("t", "x".repeat(len - empty))
    };
    store.append(vec![of_len(NewEntry::MAX_EVENT_LEN)]).await.expect("appended");
    let long = of_len(NewEntry::MAX_EVENT_LEN + 1);
    let error = store.append(vec![new("t", "short"), long]).await.expect_err("too long");
    assert!(error.is_refused() && error.to_string().contains("4194305 bytes"), "{error}");
    let entries = all(&store, &only(["t"])).await;
    assert_eq!(entries.len(), 1);
    let data = entries[0].event().and_then(|event| event.data()).expect("data");
    assert_eq!(data.len(), NewEntry::MAX_EVENT_LEN - Event::new("").encoded_len());
}

/// A batch of several of the longest events is more than MariaDB takes in one statement by default.
pub async fn a_batch_may_be_longer_than_a_statement(harness: &dyn Harness) {
    let store = open(harness).await;
    let len = NewEntry::MAX_EVENT_LEN - 10;
    let batch = (0..5).map(|number| new("t", number.to_string().repeat(len)));
    let positions = store.append(batch.collect()).await.expect("appended");
    let entries = all(&store, &only(["t"])).await;
    assert!(entries.iter().map(|entry| entry.position).eq(positions));
    for (number, data) in super::data(&entries).into_iter().enumerate() {
        assert!(data.len() == len && data.starts_with(&number.to_string()));
    }
}

/// An empty batch has no positions and moves nothing.
pub async fn an_empty_batch_is_nothing(harness: &dyn Harness) {
    let store = open(harness).await;
    assert_eq!(store.append(Vec::new()).await.expect("appended"), []);
    assert_eq!(store.head().await.expect("a head").sequence(), 0);
}
