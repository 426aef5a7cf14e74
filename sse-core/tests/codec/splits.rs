//! Cuts a stream into chunks in every way, and holds what comes out against what must.

use sse_core::DecoderBuilder;

use super::outcome::{Outcome, Taking, decode, decode_messages};

/// Up to this length each of the n²/2 splits into three is run; a longer stream has a sample.
pub(crate) const EVERY_THREE: usize = 200;

/// About how many bytes the sample of a longer stream has in all.
const SAMPLED_BYTES: usize = 500_000;

/// Checks the outcome for the whole stream, for every split into two and three chunks, byte by
/// byte, and for random chunks.
pub(crate) fn check(name: &str, bytes: &[u8], builder: &DecoderBuilder, expected: &Outcome) {
    let run = |chunks: &[&[u8]]| {
        for taking in [Taking::Each, Taking::One, Taking::AtEnd] {
            let outcome = decode(builder.clone(), chunks.iter().copied(), taking);
            assert_eq!(&outcome, expected, "{name}, {taking:?}, as {}", show(chunks));
        }
    };
    let run_messages = |chunks: &[&[u8]]| {
        let outcome = decode_messages(builder.clone(), chunks.iter().copied());
        assert_eq!(outcome, expected.messages(), "{name}, owned, as {}", show(chunks));
    };
    let mut random = Random(bytes.len() as u64);
    let len = bytes.len();

    for whole in [vec![bytes], bytes.chunks(1).collect()] {
        run(&whole);
        run_messages(&whole);
    }
    for cut in 0..=len {
        if !random.one_in(1 + len * len / SAMPLED_BYTES) {
            continue;
        }
        let (one, two) = bytes.split_at(cut);
        run(&[one, two]);
        run_messages(&[one, two]);
    }
    for first in 0..=len {
        for second in first..=len {
            if len > EVERY_THREE && !random.one_in(1 + len * len * len / SAMPLED_BYTES) {
                continue;
            }
            run(&[&bytes[..first], &bytes[first..second], &bytes[second..]]);
        }
    }
    for _ in 0..20 {
        let most = 1 + random.below(8);
        let mut rest = bytes;
        let mut chunks = vec![];
        while !rest.is_empty() {
            let (chunk, after) = rest.split_at(random.below(most + 1).min(rest.len()));
            chunks.push(chunk);
            rest = after;
        }
        run(&chunks);
        run_messages(&chunks);
    }
}

fn show(chunks: &[&[u8]]) -> String {
    let shown: Vec<_> =
        chunks.iter().take(40).map(|chunk| chunk.escape_ascii().to_string()).collect();
    format!("{shown:?}")
}

/// Numbers that are the same in each run (SplitMix64).
pub(crate) struct Random(pub u64);

impl Random {
    fn one_in(&mut self, bound: usize) -> bool {
        self.below(bound) == 0
    }

    pub(crate) fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (z ^ (z >> 31)) as usize % bound
    }
}
