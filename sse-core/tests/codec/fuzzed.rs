//! What the fuzz targets check, and a test that replays their corpus.

use std::time::Duration;

use sse_core::{Event, EventId, EventType};

use super::blocks::{arriving, blocks};
use super::oracle;
use super::outcome::{Taking, all, all_of, decode, decode_messages};

/// Four bytes say how the rest is cut and taken; the outcome must be the standard's, or, where a
/// limit is set, that of the stream in one piece.
pub(crate) fn decoder(input: &[u8]) {
    let Some(([options, sizes @ ..], stream)) = input.split_first_chunk::<4>() else {
        return;
    };
    let mut rest = stream;
    let mut chunks = vec![];
    for size in sizes.iter().cycle() {
        if rest.is_empty() {
            break;
        }
        // Most sizes are small, some are those of a connection.
        let size = match usize::from(*size) {
            small @ ..200 => small + 1,
            large => (large - 199) * 100,
        };
        let (chunk, after) = rest.split_at(size.min(rest.len()));
        chunks.push(chunk);
        rest = after;
    }
    let taking = match options % 3 {
        0 => Taking::Each,
        1 => Taking::One,
        _ => Taking::AtEnd,
    };
    let chunks = || chunks.iter().copied();
    if options & 128 == 0 {
        let expected = oracle::decode(stream, "");
        assert_eq!(decode(all(), chunks(), taking), expected);
        let close = all_of(stream.len());
        assert_eq!(decode(close.clone(), chunks(), taking), expected);
        assert_eq!(decode_messages(close, chunks()), expected.messages());
    } else {
        let limited = all().max_event_size(usize::from(*options & 127) * 16);
        let whole = decode(limited.clone(), [stream], Taking::Each);
        assert_eq!(decode(limited, chunks(), taking), whole);
    }
}

/// Pieces ended by 0xFF, each a field by its first byte, are events that must all arrive.
pub(crate) fn round_trip(input: &[u8]) {
    let mut events = vec![];
    let mut event = Event::default();
    for piece in input.split(|byte| *byte == 0xFF) {
        let Some((field, text)) = piece.split_first() else {
            events.push(std::mem::take(&mut event));
            continue;
        };
        let text = String::from_utf8_lossy(text);
        event = match (field % 5, EventType::new(&*text), EventId::new(&*text)) {
            (0, Ok(event_type), _) => event.with_type(event_type),
            (1, _, Ok(id)) => event.with_id(id),
            (2, ..) => event.with_retry(Duration::from_millis(text.parse().unwrap_or(7))),
            (3, ..) => event.with_comment(&*text),
            (4, ..) => event.with_data(&*text),
            _ => event,
        };
    }
    events.push(event);
    let mut bytes = vec![];
    for event in &events {
        let before = bytes.len();
        event.encode_into(&mut bytes);
        assert_eq!(bytes.len() - before, event.encoded_len());
        let frame = event.to_frame();
        assert_eq!(frame.as_bytes(), &bytes[before..]);
        assert_eq!(frame.data().as_deref(), event.data());
    }
    let expected: Vec<_> = events.iter().filter_map(arriving).collect();
    assert_eq!(blocks(&bytes), expected);
}

#[test]
fn the_corpus_of_the_fuzz_targets_finds_nothing() {
    let corpus = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus");
    for (target, check) in [("decoder", decoder as fn(&[u8])), ("round_trip", round_trip)] {
        let mut files = 0;
        for entry in std::fs::read_dir(corpus.join(target)).unwrap() {
            check(&std::fs::read(entry.unwrap().path()).unwrap());
            files += 1;
        }
        assert!(files >= 10, "{target} has {files} files");
    }
}
