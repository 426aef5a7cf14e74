//! Where one event ends and the next begins, in bytes that nobody decodes.

use memchr::memchr2_iter;

const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

/// Knows, chunk by chunk, whether a stream of raw bytes is between two events.
///
/// For whoever passes an event stream on as it is and may say something of its own, or end it, only
/// where that splits no event. It keeps two bytes of state, allocates nothing, and looks only at the end of a
/// chunk that ends with a blank line; its work is linear in any case.
///
/// Between events means: no field line has come since the last blank line, and no line is half
/// written. Comments begin no event. After a CR that ends a blank line the stream is between events
/// at once: should an LF follow, it is one more blank line to a client, which dispatches nothing.
///
/// Source: WHATWG HTML §9.2.5, "parsing an event stream", and §9.2.6, "interpreting an event stream".
///
/// ```
/// use sse_core::Boundary;
///
/// let mut boundary = Boundary::new();
/// boundary.feed(b"data: one\n\ndata: t");
/// assert!(!boundary.is_between_events());
/// assert_eq!(boundary.last_in(b"wo\n\ndata: thr"), Some(4));
/// boundary.feed(b"wo\n\n");
/// assert!(boundary.is_between_events());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Boundary {
    at: At,
    /// Whether a field line has come since the last blank line.
    in_event: bool,
}

/// Where in a line the stream is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum At {
    /// At the start of the stream, after so many bytes of a byte order mark.
    ByteOrderMark(u8),
    LineStart,
    /// At the start of a line whose predecessor was ended by CR: an LF here is part of that end.
    LineStartAfterCr,
    Comment,
    Field,
}

impl Boundary {
    /// At the start of a stream, which is between events.
    pub const fn new() -> Self {
        Self { at: At::ByteOrderMark(0), in_event: false }
    }

    /// Whether the stream is between two events, or at its start.
    pub fn is_between_events(&self) -> bool {
        let in_line = matches!(self.at, At::ByteOrderMark(1..) | At::Comment | At::Field);
        !self.in_event && !in_line
    }

    /// Takes the next bytes of the stream.
    pub fn feed(&mut self, chunk: &[u8]) {
        // Whatever came before, this is the end of some line and then a blank one.
        if chunk.ends_with(b"\n\n") || chunk.ends_with(b"\r\n\r\n") {
            *self = Self { at: At::LineStart, in_event: false };
            return;
        }
        self.walk(chunk);
    }

    /// The offset in `chunk`, if it came next, of the last place between two events: `chunk` cut there
    /// holds no part of an event without the rest. Offset 0 is not considered, as
    /// [`is_between_events`](Self::is_between_events) tells it.
    pub fn last_in(mut self, chunk: &[u8]) -> Option<usize> {
        self.walk(chunk)
    }

    fn walk(&mut self, chunk: &[u8]) -> Option<usize> {
        let mut last = None;
        let mut from = self.byte_order_mark(chunk);
        if from > 0 && self.is_between_events() {
            last = Some(from);
        }
        let mut ends = memchr2_iter(b'\r', b'\n', chunk);
        while from < chunk.len() {
            let end = ends.next();
            let line = &chunk[from..end.unwrap_or(chunk.len())];
            if let Some(first) = line.first() {
                // A line that began in an earlier chunk is what it was.
                if matches!(self.at, At::LineStart | At::LineStartAfterCr) {
                    self.at = if *first == b':' { At::Comment } else { At::Field };
                }
                self.in_event |= self.at == At::Field;
            }
            let Some(end) = end else { break };
            let is_cr = chunk[end] == b'\r';
            match self.at {
                At::LineStartAfterCr if !is_cr => {} // the LF of a CRLF
                At::LineStart | At::LineStartAfterCr | At::ByteOrderMark(_) => {
                    self.in_event = false;
                }
                At::Comment | At::Field => {}
            }
            self.at = if is_cr { At::LineStartAfterCr } else { At::LineStart };
            from = end + 1;
            if !self.in_event {
                last = Some(from);
            }
        }
        last
    }

    /// Reads a byte order mark at the start of the stream; says how many bytes of the chunk it took.
    fn byte_order_mark(&mut self, chunk: &[u8]) -> usize {
        let mut taken = 0;
        while let At::ByteOrderMark(seen) = self.at {
            let Some(byte) = chunk.get(taken) else { break };
            if *byte == BYTE_ORDER_MARK[usize::from(seen)] {
                taken += 1;
                self.at = match seen {
                    2 => At::LineStart,
                    _ => At::ByteOrderMark(seen + 1),
                };
            } else if seen == 0 {
                self.at = At::LineStart;
            } else {
                // Not a mark after all: the bytes are the start of a field's name.
                self.at = At::Field;
                self.in_event = true;
            }
        }
        taken
    }
}

impl Default for Boundary {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The rule read off the text, slowly: whether a stream that begins with all of `bytes` is
    /// between events.
    fn is_between_events(bytes: &[u8]) -> bool {
        let text: Vec<u8> = match bytes.strip_prefix(BYTE_ORDER_MARK) {
            Some(rest) => rest.to_vec(),
            None => bytes.to_vec(),
        };
        let mut lines = vec![vec![]];
        let mut at = 0;
        while at < text.len() {
            match (text[at], text.get(at + 1)) {
                (b'\r', Some(b'\n')) => {
                    lines.push(vec![]);
                    at += 1;
                }
                (b'\r' | b'\n', _) => lines.push(vec![]),
                (byte, _) => lines.last_mut().unwrap().push(byte),
            }
            at += 1;
        }
        let half_line = lines.pop().unwrap();
        let block = lines.rsplit(|line| line.is_empty()).next().unwrap();
        half_line.is_empty() && block.iter().all(|line| line[0] == b':')
    }

    /// Holds the tracker against the rule after each chunk of a split, and `last_in` against the rule
    /// at each byte.
    fn check(text: &[u8], cuts: &[usize]) {
        let mut boundary = Boundary::new();
        let mut from = 0;
        for to in cuts.iter().copied().chain([text.len()]) {
            let chunk = &text[from..to];
            // Between CR and LF is a boundary only to who must decide there.
            let splits_crlf =
                |at: usize| at < to && text[at] == b'\n' && at > 0 && text[at - 1] == b'\r';
            let last = (from + 1..=to)
                .rev()
                .find(|at| is_between_events(&text[..*at]) && !splits_crlf(*at));
            let found = boundary.last_in(chunk).map(|at| from + at);
            assert_eq!(found, last, "{text:?} {cuts:?} from {from}");
            boundary.feed(chunk);
            assert_eq!(
                boundary.is_between_events(),
                is_between_events(&text[..to]),
                "{text:?} {cuts:?} at {to}"
            );
            from = to;
        }
    }

    const TEXTS: [&[u8]; 14] = [
        b"data: one\n\ndata: two\n\n",
        b"data: one\r\n\r\ndata: two\r\n\r\n",
        b"data: one\r\rdata: two\r\r",
        b"data: one\n\r\ndata: two\r\n\n\r",
        b":\n\n: c\nid: 1\n: c\n\n:\n",
        b"\n\n\r\n\r\r\n",
        b"\xEF\xBB\xBFdata: x\n\n",
        b"\xEF\xBB\xBF\n\n",
        b"\xEF\xBB\xBF:\r\rx",
        b"\xEF\xBBdata: x\n\n",
        b"\xEFdata: x\n\n",
        b"\n\xEF\xBB\xBF\n\n",
        b"data\n\n data\n:\n\n",
        b"",
    ];

    #[test]
    fn every_split_in_three_gives_the_same_boundaries() {
        for text in TEXTS {
            for first in 0..=text.len() {
                for second in first..=text.len() {
                    check(text, &[first, second]);
                }
            }
            check(text, &(0..text.len()).collect::<Vec<_>>());
        }
    }

    #[test]
    fn a_comment_begins_no_event() {
        let mut boundary = Boundary::new();
        boundary.feed(b": still\n");
        assert!(boundary.is_between_events());
        boundary.feed(b"id: 1\n: still\n");
        assert!(!boundary.is_between_events());
    }

    #[test]
    fn a_cr_that_ends_a_blank_line_is_a_boundary_at_once() {
        let mut boundary = Boundary::new();
        boundary.feed(b"data: x\r");
        assert!(!boundary.is_between_events());
        boundary.feed(b"\r");
        assert!(boundary.is_between_events());
        boundary.feed(b"\n");
        assert!(boundary.is_between_events());
    }

    #[test]
    fn a_cut_takes_whole_events_and_the_whole_of_a_crlf() {
        let boundary = Boundary::new();
        assert_eq!(boundary.last_in(b"data: x\r\n\r\ndata"), Some(11));
        assert_eq!(boundary.last_in(b"data: x\n\n: c\nid"), Some(13));
        assert_eq!(boundary.last_in(b"data: x\n"), None);
        assert_eq!(boundary.last_in(b""), None);
    }

    proptest! {
        #[test]
        fn any_bytes_under_any_split_follow_the_rule(
            text in proptest::collection::vec(
                prop_oneof![Just(b'\r'), Just(b'\n'), Just(b':'), Just(b'd'),
                    Just(0xEFu8), Just(0xBB), Just(0xBF)],
                0..40,
            ),
            cuts in proptest::collection::vec(any::<proptest::sample::Index>(), 0..6),
        ) {
            let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(text.len() + 1)).collect();
            cuts.sort_unstable();
            check(&text, &cuts);
        }
    }
}
