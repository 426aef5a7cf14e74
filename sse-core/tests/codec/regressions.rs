//! What went wrong elsewhere, each by name.

use sse_core::{Decoder, Event, EventId, EventType};

use super::oracle;
use super::outcome::{Taking, all, decode};

fn messages(bytes: &[u8]) -> Vec<(String, String, String)> {
    let mut decoder = Decoder::new();
    decoder.feed(bytes);
    let mut messages = vec![];
    while let Some(message) = decoder.next_message().unwrap() {
        messages.push((
            message.event_type.to_string(),
            message.data,
            message.last_event_id.to_string(),
        ));
    }
    messages
}

fn message(event_type: &str, data: &str, id: &str) -> (String, String, String) {
    (event_type.to_owned(), data.to_owned(), id.to_owned())
}

#[test]
fn a_line_end_in_an_id_or_a_type_is_an_error_and_no_panic() {
    for text in ["a\nb", "a\rb", "\r\n"] {
        assert!(EventId::new(text).is_err(), "{text:?}");
        assert!(EventType::new(text).is_err(), "{text:?}");
    }
}

#[test]
fn empty_data_is_dispatched() {
    let frame = Event::new("").to_frame();
    assert_eq!(messages(frame.as_bytes()), [message("message", "", "")]);
}

#[test]
fn crlf_in_data_arrives_as_one_lf() {
    let frame = Event::new("a\r\nb").to_frame();
    assert_eq!(messages(frame.as_bytes()), [message("message", "a\nb", "")]);
}

#[test]
fn a_cr_in_data_or_a_comment_injects_no_field() {
    let event = Event::new("a\rid: 1\rdata: b").with_comment("c\revent: d");
    let decoded = messages(event.to_frame().as_bytes());
    assert_eq!(decoded, [message("message", "a\nid: 1\ndata: b", "")]);
}

#[test]
fn a_byte_order_mark_is_no_panic_wherever_it_is_cut() {
    let stream = b"\xEF\xBB\xBFdata: a\n\n";
    for cut in 0..stream.len() {
        let (one, two) = stream.split_at(cut);
        let mut decoder = Decoder::new();
        decoder.feed(one);
        assert_eq!(decoder.next(), Ok(None));
        decoder.feed(two);
        assert_eq!(decoder.next_message().unwrap().unwrap().data, "a", "{cut}");
    }
}

#[test]
fn invalid_utf_8_does_not_hold_up_what_follows() {
    let decoded = messages(b"data: \xFF\n\ndata: \xE2\x80\n\ndata: b\n\n");
    assert_eq!(
        decoded,
        [
            message("message", "\u{FFFD}", ""),
            message("message", "\u{FFFD}", ""),
            message("message", "b", ""),
        ]
    );
}

#[test]
fn an_id_with_a_nul_is_ignored() {
    let decoded = messages(b"id: 1\ndata: a\n\nid: 2\x003\ndata: b\n\n");
    assert_eq!(decoded, [message("message", "a", "1"), message("message", "b", "1")]);
}

#[test]
fn an_event_without_an_id_keeps_the_last_one_also_over_a_reconnect() {
    let mut decoder = Decoder::new();
    decoder.feed("id: 1\ndata: a\n\ndata: b\n\ndata: cut o");
    while decoder.next().unwrap().is_some() {}
    decoder.reset();
    decoder.feed("\u{FEFF}data: c\n\n");
    let after = decoder.next_message().unwrap().unwrap();
    assert_eq!((after.data.as_str(), after.last_event_id.as_str()), ("c", "1"));
    assert_eq!(after.id(), None);
    assert_eq!(decoder.last_event_id(), "1");
}

#[test]
fn a_cr_ends_an_event_at_once() {
    let mut decoder = Decoder::new();
    decoder.feed("data: a\r\r");
    assert_eq!(decoder.next_message().unwrap().unwrap().data, "a");
    decoder.feed("\ndata: b\r\n\r");
    assert_eq!(decoder.next_message().unwrap().unwrap().data, "b");
    decoder.feed("\n");
    assert_eq!(decoder.next(), Ok(None));
}

#[test]
fn a_comment_between_lines_of_data_moves_nothing() {
    let stream = b"data: a\n: c\ndata: b\n\n";
    for cut in 0..stream.len() {
        for taking in [Taking::One, Taking::Each] {
            let (one, two) = stream.split_at(cut);
            assert_eq!(decode(all(), [one, two], taking), oracle::decode(stream, ""));
        }
    }
}

#[test]
fn a_reset_keeps_the_reconnection_time_and_drops_what_is_pending() {
    let mut decoder = Decoder::new();
    decoder.feed("retry: 10\nid: 5\nevent: x\ndata: a");
    assert_eq!(decoder.next(), Ok(None));
    decoder.reset();
    decoder.feed("\n\ndata: b\n\n");
    let message = decoder.next_message().unwrap().unwrap();
    assert_eq!((message.event_type.as_str(), message.data.as_str()), ("message", "b"));
    assert_eq!(message.last_event_id, EventId::EMPTY);
    assert_eq!(decoder.retry(), Some(std::time::Duration::from_millis(10)));
}

#[test]
fn a_long_line_after_a_lone_cr_keeps_its_own_line_end() {
    let mut decoder = Decoder::new();
    decoder.feed("data: a\r\r");
    assert_eq!(decoder.next_message().unwrap().unwrap().data, "a");
    assert_eq!(decoder.next(), Ok(None));
    let long = "x".repeat(2000);
    for piece in [&format!("data: {long}"), "\n", "data: b\n\n"] {
        assert_eq!(decoder.next(), Ok(None));
        decoder.feed(piece);
    }
    let data = decoder.next_message().unwrap().unwrap().data;
    assert_eq!(data, format!("{long}\nb"));
}
