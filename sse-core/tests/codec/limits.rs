//! What a decoder does with an event that is too large.

use sse_core::{Decoder, Item, Overflow};

use super::outcome::{Outcome, Record, all};
use super::splits;

fn message(data: &str, last_event_id: &str) -> Record {
    Record::Message {
        event_type: "message".to_owned(),
        data: data.to_owned(),
        last_event_id: last_event_id.to_owned(),
        id: Some(last_event_id.to_owned()).filter(|id| !id.is_empty()),
        retry: None,
    }
}

fn check(limit: usize, stream: &str, items: Vec<Record>, last_event_id: &str) {
    let builder = Decoder::builder().comments(true).max_event_size(limit);
    let mut expected = Outcome { items, last_event_id: last_event_id.to_owned(), retry: None };
    let name = format!("{stream:?} of at most {limit}");
    splits::check(&name, stream.as_bytes(), &builder, &expected);
    expected.items.retain(|item| *item != Record::TooLarge);
    let skipping = builder.overflow(Overflow::Skip);
    splits::check(&name, stream.as_bytes(), &skipping, &expected);
}

#[test]
fn an_event_may_be_as_large_as_the_limit_and_no_larger() {
    check(4, "data: abcd\n\n", vec![message("abcd", "")], "");
    check(3, "data: abcd\n\n", vec![Record::TooLarge], "");
    check(3, "data: abcd\n\ndata: abc\n\n", vec![Record::TooLarge, message("abc", "")], "");
}

#[test]
fn the_lines_of_data_and_the_type_and_the_id_count_together() {
    check(3, "data: a\ndata: b\n\n", vec![message("a\nb", "")], "");
    check(2, "data: a\ndata: b\n\n", vec![Record::TooLarge], "");
    check(3, "data: a\nid: bc\n\n", vec![message("a", "bc")], "bc");
    check(2, "data: a\nid: bc\n\n", vec![Record::TooLarge], "");
    check(2, "event: ab\ndata: c\n\n", vec![Record::TooLarge], "");
    check(2, "data\ndata\ndata\n\n", vec![message("\n\n", "")], "");
    check(1, "data\ndata\ndata\n\n", vec![Record::TooLarge], "");
}

#[test]
fn an_event_that_is_skipped_leaves_its_id() {
    check(
        4,
        "id: 7\ndata: abcd\ndata: x\nevent: t\n\ndata: z\n\n",
        {
            let mut after = message("z", "7");
            if let Record::Message { id, .. } = &mut after {
                *id = None;
            }
            vec![Record::TooLarge, after]
        },
        "7",
    );
    check(4, "data: abcde\nid: 7\n\n", vec![Record::TooLarge], "7");
}

#[test]
fn what_means_nothing_counts_for_nothing() {
    let long = "x".repeat(50);
    check(2, &format!("{long}: y\ndatax: {long}\ndata: ok\n\n"), vec![message("ok", "")], "");
    check(1, "data\ndata\ndatax\n\n", vec![message("\n", "")], "");
    check(1, "da\ndat\ndata\n\n", vec![message("", "")], "");
}

#[test]
fn a_comment_that_is_too_large_leaves_the_event_alone() {
    check(
        4,
        "data: a\n: abcd\n: abcde\ndata: b\n\n",
        vec![Record::Comment("abcd".into()), Record::TooLarge, message("a\nb", "")],
        "",
    );
}

#[test]
fn a_long_line_is_held_to_the_limit_before_it_ends() {
    let x = |len| "x".repeat(len);
    let fits = format!("data: {}\ndata: {}\n\n", x(1500), x(1499));
    check(3000, &fits, vec![message(&format!("{}\n{}", x(1500), x(1499)), "")], "");
    check(2999, &format!("{fits}data: ok\n\n"), vec![Record::TooLarge, message("ok", "")], "");
    let id = format!("id: {}\ndata: a\n\n", x(1200));
    check(1200, &id, vec![Record::TooLarge], &x(1200));
    let comment = format!(": {}\ndata: a\n\n", x(1200));
    check(1199, &comment, vec![Record::TooLarge, message("a", "")], "");
}

#[test]
fn an_error_names_the_limit_and_the_place_and_is_told_once() {
    let mut decoder = Decoder::builder().max_event_size(2000).build();
    decoder.feed("data: ok\n\nid: 1\ndata: ");
    assert!(decoder.next().unwrap().is_some());
    for _ in 0..2 {
        assert_eq!(decoder.next(), Ok(None));
        decoder.feed("x".repeat(1000));
    }
    let error = decoder.next().unwrap_err();
    assert_eq!((error.limit(), error.position()), (2000, 16));
    assert!(error.is_too_large());
    assert!(error.to_string().contains("2000 bytes"), "{error}");
    assert_eq!(decoder.next(), Ok(None));
    assert_eq!(decoder.skipped(), 1);
    decoder.feed("9\ndata: 1\n\ndata: 2\n\n");
    match decoder.next() {
        Ok(Some(Item::Message(message))) => {
            assert_eq!((message.data, message.last_event_id), ("2", "1"));
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(decoder.skipped(), 1);
}

#[test]
fn the_default_limit_is_16_mib() {
    let mut decoder = all().build();
    decoder.feed("data: ");
    decoder.feed(vec![b'x'; 16 << 20]);
    assert_eq!(decoder.next(), Ok(None));
    decoder.feed("x");
    assert!(decoder.next().is_err());
}
