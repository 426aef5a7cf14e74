//! There and back: what an event says is what arrives, and nothing else does.

use std::time::Duration;

use proptest::prelude::*;
use sse_core::{Event, EventId, EventType};

use super::blocks::{arriving, blocks};
use super::outcome::{Record, Taking, all, decode};

/// Texts with all that a line must not hold.
fn any_text() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z:\\[\\]{}\" \u{0}\r\n\u{85}\u{2028}\u{FEFF}é🎉]{0,30}",
        "\\PC{0,40}",
        any::<String>(),
        Just("data: injected\n\nid: 7\rretry: 1\r\n:".to_owned()),
    ]
}

fn any_event() -> impl Strategy<Value = Event> {
    let event_type =
        proptest::option::of(any_text().prop_filter_map("no type", |text| {
            EventType::new(text.replace(['\r', '\n'], "")).ok()
        }));
    let id =
        proptest::option::of(any_text().prop_filter_map("no id", |text| {
            EventId::new(text.replace(['\r', '\n', '\0'], "")).ok()
        }));
    let retry = proptest::option::of(prop_oneof![any::<u64>(), 0..5_u64]);
    let comments = proptest::collection::vec(any_text(), 0..3);
    let data = proptest::option::of(any_text());
    (event_type, id, retry, comments, data).prop_map(|(event_type, id, retry, comments, data)| {
        let mut event = Event::default();
        if let Some(event_type) = event_type {
            event = event.with_type(event_type);
        }
        if let Some(id) = id {
            event = event.with_id(id);
        }
        if let Some(retry) = retry {
            event = event.with_retry(Duration::from_millis(retry));
        }
        for comment in comments {
            event = event.with_comment(comment);
        }
        if let Some(data) = data {
            event = event.with_data(data);
        }
        event
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2048))]

    #[test]
    fn what_is_encoded_is_what_is_decoded_block_by_block(
        events in proptest::collection::vec(any_event(), 0..6),
    ) {
        let mut bytes = vec![];
        for event in &events {
            event.encode_into(&mut bytes);
        }
        let expected: Vec<_> = events.iter().filter_map(arriving).collect();
        prop_assert_eq!(blocks(&bytes), expected);
    }

    #[test]
    fn nothing_in_an_event_becomes_another_field(event in any_event()) {
        let frame = event.to_frame();
        prop_assert_eq!(frame.as_bytes().len(), event.encoded_len());
        let outcome = decode(all(), [frame.as_bytes()], Taking::Each);
        let ends = outcome.items.iter().filter(|item| !matches!(item, Record::Comment(_))).count();
        prop_assert_eq!(ends, usize::from(event != Event::default()));
        let id = event.id().map_or("", EventId::as_str);
        prop_assert_eq!(outcome.last_event_id, id);
        prop_assert_eq!(outcome.retry.map(Duration::from_millis), event.retry());
    }

    #[test]
    fn a_field_takes_any_text_or_says_what_is_wrong(text in any_text()) {
        let refused = [EventType::new(text.as_str()).err(), EventId::new(text.as_str()).err()];
        for error in refused.into_iter().flatten() {
            prop_assert!(error.position() <= text.len());
            prop_assert!(!error.to_string().is_empty());
        }
    }
}
