//! A byte order mark that comes too late.

use bytes::Bytes;

const MARK: &[u8] = b"\xEF\xBB\xBF";

/// Takes the byte order mark off the start of an upstream's stream.
///
/// A client ignores the mark only where its stream begins (WHATWG HTML §9.2.5): once the proxy has
/// said something before the upstream did, the mark would become part of a field's name.
#[derive(Debug, Default)]
pub(crate) struct LateMark {
    seen: usize,
    decided: bool,
}

impl LateMark {
    /// The chunk without what belongs to the mark; a part of a mark is kept back until it is whole.
    pub(crate) fn strip(&mut self, mut chunk: Bytes) -> Bytes {
        if self.decided {
            return chunk;
        }
        let missing = &MARK[self.seen..];
        let common = missing.iter().zip(&chunk).take_while(|(a, b)| a == b).count();
        if common == missing.len() || common == chunk.len() {
            self.seen += common;
            self.decided = self.seen == MARK.len();
            return chunk.split_off(common);
        }
        self.decided = true;
        match self.seen {
            0 => chunk,
            seen => Bytes::from([&MARK[..seen], &chunk].concat()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_is_taken_off_once_whatever_the_chunks() {
        for (stream, rest) in [
            (&b"\xEF\xBB\xBFdata: x"[..], &b"data: x"[..]),
            (b"\xEF\xBB\xBF\xEF\xBB\xBFx", b"\xEF\xBB\xBFx"),
            (b"\xEF\xBBdata", b"\xEF\xBBdata"),
            (b"\xEFdata", b"\xEFdata"),
            (b"data: \xEF\xBB\xBF", b"data: \xEF\xBB\xBF"),
            (b"\xEF\xEF\xBB\xBF", b"\xEF\xEF\xBB\xBF"),
        ] {
            for first in 0..=stream.len() {
                for second in first..=stream.len() {
                    let mut mark = LateMark::default();
                    let chunks = [&stream[..first], &stream[first..second], &stream[second..]];
                    let out: Vec<u8> = chunks
                        .into_iter()
                        .flat_map(|chunk| mark.strip(Bytes::copy_from_slice(chunk)))
                        .collect();
                    assert_eq!(out, rest, "{first} {second}");
                }
            }
        }
    }
}
