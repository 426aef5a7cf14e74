//! The decoder against the oracle, over streams that were made up.

use proptest::prelude::*;
use sse_core::{Decoder, Overflow};

use super::oracle;
use super::outcome::{Record, Taking, all, all_of, decode, decode_messages};

/// Pieces of which every rule of the standard can be put together, and many of its breaches.
fn piece() -> impl Strategy<Value = Vec<u8>> {
    const PIECES: &[&[u8]] = &[
        b"\n",
        b"\r",
        b"\r\n",
        b"\n\n",
        b"\r\r",
        b"\r\n\r\n",
        b"\n\r",
        b"data",
        b"data:",
        b"data: ",
        b"event",
        b"event:",
        b"event: ",
        b"id",
        b"id:",
        b"id: ",
        b"retry",
        b"retry:",
        b"retry: ",
        b":",
        b": ",
        b"dat",
        b"even",
        b"ret",
        b"i",
        b" ",
        b"  ",
        b"\t",
        b"\0",
        b"a",
        b"b:c",
        b"7",
        b"42",
        b"18446744073709551616",
        b"\xEF\xBB\xBF",
        b"\xEF\xBB",
        b"\xBF",
        b"\xC3\xA9",
        b"\xC3",
        b"\xE2\x80\xA8",
        b"\xE2\x80",
        b"\xF0\x9F\x8E\x89",
        b"\xF0\x9F",
        b"\xFF",
        b"\xED\xA0\x80",
        b"\xC0\xAF",
        b"\xF4\x90\x80\x80",
        b"data: x\n\n",
        b"id: 1\ndata: y\n\n",
        b"data: 1\ndata: 2\n\n",
    ];
    prop_oneof![
        20 => proptest::sample::select(PIECES).prop_map(<[u8]>::to_vec),
        1 => proptest::collection::vec(any::<u8>(), 0..6),
        1 => (1_usize..400).prop_map(|len| vec![b'x'; len]),
        1 => (900_usize..1400, "(data: |data:|id: |event: |: |x)(\\xE9)?").prop_map(|(len, name)| {
            [name.as_bytes(), &b"x".repeat(len), "\u{1F389}".as_bytes()].concat()
        }),
    ]
}

/// A stream, and where it is cut.
fn stream() -> impl Strategy<Value = (Vec<u8>, Vec<usize>)> {
    (
        proptest::collection::vec(piece(), 0..40).prop_map(|pieces| pieces.concat()),
        proptest::collection::vec(prop_oneof![8 => 1_usize..40, 1 => 500_usize..1500], 1..20),
    )
}

/// The chunks: `sizes` over and over, until the stream is used up.
fn chunks<'a>(mut bytes: &'a [u8], sizes: &[usize]) -> Vec<&'a [u8]> {
    let mut sizes = sizes.iter().cycle();
    let mut chunks = vec![];
    while !bytes.is_empty() {
        let (chunk, rest) = bytes.split_at((*sizes.next().unwrap()).min(bytes.len()));
        chunks.push(chunk);
        bytes = rest;
    }
    chunks
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4096))]

    #[test]
    fn any_stream_under_any_split_comes_to_what_the_standard_says(
        (bytes, sizes) in stream(),
        taking in prop_oneof![Just(Taking::Each), Just(Taking::One), Just(Taking::AtEnd)],
        begun_with in prop_oneof![Just(""), Just("before")],
    ) {
        let chunks = chunks(&bytes, &sizes);
        let expected = oracle::decode(&bytes, begun_with);
        let id = begun_with.parse().unwrap();
        for builder in [all(), all_of(bytes.len())] {
            let outcome = decode(builder.last_event_id(&id), chunks.iter().copied(), taking);
            prop_assert_eq!(&outcome, &expected);
        }
        let messages = decode_messages(Decoder::builder().last_event_id(&id), chunks);
        prop_assert_eq!(messages, expected.messages());
    }

    #[test]
    fn a_limit_is_passed_under_every_split_or_under_none(
        (bytes, sizes) in stream(),
        limit in prop_oneof![0_usize..60, 900_usize..3000],
        overflow in prop_oneof![Just(Overflow::Error), Just(Overflow::Skip)],
    ) {
        let builder = all().max_event_size(limit).overflow(overflow);
        let whole = decode(builder.clone(), [bytes.as_slice()], Taking::Each);
        let split = decode(builder, chunks(&bytes, &sizes), Taking::Each);
        prop_assert_eq!(split, whole);
    }

    #[test]
    fn what_is_sent_on_comes_to_the_same((mut bytes, sizes) in stream()) {
        // What is not whole is not sent on, though its `retry` counts.
        bytes.extend(b"\n\n");
        let mut decoder = all().build();
        let mut sent = vec![];
        for chunk in chunks(&bytes, &sizes) {
            decoder.feed(chunk);
            while let Some(item) = decoder.next().unwrap() {
                item.encode_into(&mut sent);
            }
        }
        let mut expected = oracle::decode(&bytes, "");
        let mut outcome = decode(all(), [sent.as_slice()], Taking::Each);
        for outcome in [&mut expected, &mut outcome] {
            // Such as a block of fields that nobody knows.
            let nothing = Record::Block { event_type: None, id: None, retry: None };
            outcome.items.retain(|item| *item != nothing);
        }
        prop_assert_eq!(outcome, expected);
    }
}
