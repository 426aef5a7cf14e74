//! What decoding and encoding cost in memory, counted by the allocator.

use allocation_counter::{AllocationInfo, measure};
use sse_core::{Decoder, Event, Overflow};

const KIB: u64 = 1024;
const MIB: u64 = 1024 * KIB;

/// Feeds `total` bytes of `line` over and over, in chunks of `size`, and takes all there is.
fn feed(decoder: &mut Decoder, line: &[u8], total: u64, size: usize) -> (u64, u64) {
    let stream = line.repeat(size.div_ceil(line.len()) + 1);
    let (mut fed, mut items, mut errors) = (0, 0, 0);
    while fed < total {
        let from = (fed % line.len() as u64) as usize;
        decoder.feed(&stream[from..from + size]);
        fed += size as u64;
        loop {
            match decoder.next() {
                Ok(None) => break,
                Ok(Some(_)) => items += 1,
                Err(_) => errors += 1,
            }
        }
    }
    (items, errors)
}

fn assert_at_most(what: &str, info: &AllocationInfo, bytes_max: u64) {
    assert!(info.bytes_max <= bytes_max, "{what}: {info:?}");
}

#[test]
fn lending_events_allocates_nothing_once_the_buffers_are_there() {
    let token = format!("data: {}\n\n", "x".repeat(200));
    for (name, block) in [
        ("tokens", token.as_str()),
        ("typed", "event: delta\ndata: {\"a\": 1}\n\n"),
        ("ids", "id: 1234\ndata: a\n\nid: 1235\ndata: b\n\n"),
        ("lines", "data: a\ndata: b\ndata: c\nretry: 5\n\n"),
        ("comments", ": still here\n\n"),
        ("crlf", "event: delta\r\ndata: a\r\ndata: b\r\n\r\n"),
        ("not utf-8", "data: \u{e9}\n\n"),
    ] {
        for size in [1, 7, 1400, 16384] {
            // Whole blocks in whole chunks.
            let total = (block.len() * size * 100_usize.div_ceil(size)) as u64;
            let mut decoder = Decoder::builder().comments(true).blocks(true).build();
            feed(&mut decoder, block.as_bytes(), total, size);
            let info = measure(|| {
                feed(&mut decoder, block.as_bytes(), total, size);
            });
            // The stream that is fed is the one allocation.
            assert_eq!(info.count_total, 1, "{name} in chunks of {size}");
        }
    }
}

#[test]
fn an_owned_message_costs_one_allocation_and_another_for_a_new_id() {
    for (name, block, expected) in [
        ("tokens", "data: some text of a token\n\n", 1),
        ("typed", "event: delta\ndata: some text\n\n", 1),
        ("same id", "id: 7\ndata: some text\n\n", 2),
        ("kept id", "data: some text\n\n", 1),
        ("lines", "data: a\ndata: b\ndata: c\n\n", 1),
        ("empty", "data\n\n", 0),
    ] {
        let stream = block.repeat(100);
        let mut decoder = Decoder::new();
        let mut take_all = || {
            decoder.feed(&stream);
            let mut taken = 0;
            while decoder.next_message().unwrap().is_some() {
                taken += 1;
            }
            taken
        };
        take_all();
        let info = measure(|| assert_eq!(take_all(), 100));
        assert_eq!(info.count_total, expected * 100, "{name}");
    }
}

#[test]
fn what_means_nothing_is_not_kept_however_long_it_is() {
    for (name, line, size) in [
        ("an endless comment", b":".as_slice(), 16384),
        ("an endless unknown field", b"x", 16384),
        ("an endless name that begins like data", b"dat", 16384),
        ("only comments", b": comment\n", 16384),
        ("only unknown fields", b"field: value\n", 16384),
        ("only ids", b"id: 12345\n", 16384),
        ("only types", b"event: 12345\n", 16384),
        ("only blank lines", b"\r\n", 16384),
        ("no UTF-8 at all", b"\xFF", 16384),
        ("an endless comment, byte by byte", b":", 1),
        ("only blank lines, byte by byte", b"\r\n", 1),
    ] {
        let mut decoder = Decoder::new();
        let info = measure(|| {
            let total = if size == 1 { MIB / 2 } else { 4 * MIB };
            assert_eq!(feed(&mut decoder, line, total, size), (0, 0), "{name}");
        });
        assert_at_most(name, &info, 200 * KIB);
        assert!(info.count_total < 100, "{name}: {info:?}");
    }
}

#[test]
fn an_event_that_never_ends_is_kept_up_to_the_limit_and_dropped() {
    for (name, line, size) in [
        ("one line", b"x".as_slice(), 16384),
        ("lines of data", b"data: x\n", 16384),
        ("empty lines of data", b"data\n", 16384),
        ("types and data", b"event: 1\ndata: 2\n", 16384),
        ("one line, byte by byte", b"x", 1),
        ("lines of data, byte by byte", b"data: x\n", 1),
    ] {
        for overflow in [Overflow::Error, Overflow::Skip] {
            let limit = if size == 1 { 64 * KIB } else { 256 * KIB };
            let builder = Decoder::builder().max_event_size(limit as usize);
            let mut decoder = builder.overflow(overflow).build();
            let info = measure(|| {
                decoder.feed("data: ");
                let total = if size == 1 { MIB / 2 } else { 4 * MIB };
                let (items, errors) = feed(&mut decoder, line, total, size);
                let told = u64::from(overflow == Overflow::Error);
                assert_eq!((items, errors), (0, told), "{name}");
            });
            assert_eq!(decoder.skipped(), 1, "{name}");
            // A buffer grows by doubling: both sizes are there for a moment.
            assert_at_most(name, &info, MIB);
            assert!(info.bytes_current < 150 * KIB as i64, "{name}: {info:?}");
            assert!(info.bytes_total < 2 * MIB, "{name}: {info:?}");
        }
    }
}

#[test]
fn a_large_event_leaves_no_large_buffer_behind() {
    let long = "x".repeat(16 << 20);
    let half = &long[..8 << 20];
    for (name, large) in [
        ("one line", format!("data: {long}\n\n")),
        ("two lines", format!("data: {half}\ndata: {}\n\n", &half[1..])),
        ("a type", format!("event: {half}\ndata: a\n\n")),
        ("a type alone", format!("event: {half}\n\n")),
        ("an id", format!("id: {half}\ndata: a\n\nid: 2\n\nid: 3\n\n")),
    ] {
        for size in [large.len(), 16384] {
            let mut decoder = Decoder::new();
            let info = measure(|| {
                for chunk in large.as_bytes().chunks(size) {
                    decoder.feed(chunk);
                    while decoder.next().unwrap().is_some() {}
                }
            });
            assert!(info.bytes_max >= 8 * MIB, "{name}: {info:?}");
            assert!(info.bytes_current <= 300 * KIB as i64, "{name}: {info:?}");
            let after = measure(|| {
                let (events, _) = feed(&mut decoder, b"data: a\n\n", 9 * MIB / 4, 16384);
                assert_eq!(events, MIB / 4, "{name}");
            });
            assert_at_most(name, &after, 200 * KIB);
        }
    }
}

#[test]
fn an_owned_large_message_is_given_away_and_not_copied() {
    let stream = format!("data: {}\n", "x".repeat(999)).repeat(1000) + "\n";
    let mut decoder = Decoder::new();
    let mut data = None;
    let info = measure(|| {
        for chunk in stream.as_bytes().chunks(16384) {
            decoder.feed(chunk);
            if let Some(message) = decoder.next_message().unwrap() {
                data = Some(message.data);
            }
        }
    });
    assert_eq!(data.unwrap().len(), 999_999);
    assert_at_most("a message of many lines", &info, 2 * MIB);
}

#[test]
fn encoding_allocates_nothing_into_a_buffer_and_once_into_a_frame() {
    for event in
        [Event::new("hello"), Event::new("many\nlines\r\nof\rdata").with_id(17).with_comment("why")]
    {
        let mut buffer = Vec::with_capacity(event.encoded_len());
        let into = measure(|| event.encode_into(&mut buffer));
        assert_eq!(into.count_total, 0, "{event:?}");
        let mut frame = None;
        let framed = measure(|| frame = Some(event.to_frame()));
        assert!(framed.count_total <= 1, "{event:?}: {framed:?}");
        let cloned = measure(|| drop(frame.clone()));
        assert!(cloned.count_total <= 1, "{event:?}: {cloned:?}");
    }
}
