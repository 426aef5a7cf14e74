//! Bytes in, text out, a line at a time.

use std::ops::Range;

use memchr::memchr2;

use super::utf8::Utf8;

/// What a buffer may keep between events, in bytes; more is given back.
pub(super) const RETAIN: usize = 128 * 1024;

/// Gives back what `buffer` holds beyond [`RETAIN`], once its content no longer needs it.
pub(super) fn release(buffer: &mut String) {
    if buffer.capacity() > RETAIN && buffer.len() <= RETAIN / 2 {
        buffer.shrink_to(RETAIN);
    }
}

/// The text that was fed and not yet decoded.
///
/// Decoding UTF-8 before anything else, as the standard does, leaves one place for the byte order
/// mark, for characters split over chunks and for bytes that are none; all that follows is `&str`.
#[derive(Default)]
pub(super) struct Input {
    pub(super) text: String,
    /// Where the first line begins that was not yet taken.
    pub(super) start: usize,
    /// Before this there is no line end after `start`: no byte is searched twice.
    pub(super) searched: usize,
    /// Whether an LF at `start` belongs to the line end before it.
    pub(super) after_cr: bool,
    utf8: Utf8,
    /// Whether the first character was seen, which may be a byte order mark.
    begun: bool,
    /// How much text was dropped from the front.
    dropped: u64,
    #[cfg(test)]
    pub(super) bytes_looked_at: usize,
}

impl Input {
    /// Decodes a chunk and puts it behind what is there.
    #[inline]
    pub(super) fn push(&mut self, chunk: &[u8]) {
        self.make_room();
        self.count(chunk.len());
        self.utf8.decode(chunk, &mut self.text);
        if !self.begun && !self.text.is_empty() {
            self.begun = true;
            if self.text.starts_with('\u{feff}') {
                self.start = '\u{feff}'.len_utf8();
            }
        }
    }

    /// Decodes what a chunk has of the present line to the end of `value`, and returns the rest, its
    /// line end first. Only where nothing else is waiting.
    pub(super) fn push_value<'a>(&mut self, chunk: &'a [u8], value: &mut String) -> &'a [u8] {
        if !self.is_empty() {
            return chunk;
        }
        let end = memchr2(b'\n', b'\r', chunk).unwrap_or(chunk.len());
        let (line, rest) = chunk.split_at(end);
        self.count(2 * end);
        let before = value.len();
        self.utf8.decode(line, value);
        self.dropped += (value.len() - before) as u64;
        rest
    }

    /// Moves what is left to the front, when that is no more than was taken since: each byte pays
    /// for at most one move.
    #[inline]
    fn make_room(&mut self) {
        let left = self.text.len() - self.start;
        if self.start == 0 || self.start < left {
            return;
        }
        if left == 0 {
            self.text.clear();
        } else {
            self.text.drain(..self.start);
            self.count(left);
        }
        self.dropped += self.start as u64;
        self.searched = self.searched.saturating_sub(self.start);
        self.start = 0;
        release(&mut self.text);
    }

    /// Takes the next line, where its end is there. The line end is taken with it; of a CRLF the LF
    /// is taken when it comes, so that a line ended by a CR waits for nothing.
    #[inline]
    pub(super) fn take_line(&mut self) -> Option<Range<usize>> {
        if self.after_cr {
            let next = *self.text.as_bytes().get(self.start)?;
            self.start += usize::from(next == b'\n');
            self.after_cr = false;
        }
        if !self.has_line_end() {
            return None;
        }
        let end = self.find_line_end(self.start)?;
        let bytes = self.text.as_bytes();
        let line = self.start..end;
        self.start = end + 1;
        if bytes[end] == b'\r' {
            match bytes.get(self.start) {
                Some(b'\n') => self.start += 1,
                Some(_) => {}
                None => self.after_cr = true,
            }
        }
        Some(line)
    }

    /// Whether there may be a line end: where all was searched, there is none.
    #[inline]
    pub(super) fn has_line_end(&self) -> bool {
        self.searched < self.text.len()
    }

    /// The first line end from `from` on, no earlier than `start`.
    #[inline]
    pub(super) fn find_line_end(&mut self, from: usize) -> Option<usize> {
        let bytes = self.text.as_bytes();
        let from = self.searched.max(from);
        let found = line_end(bytes.get(from..)?);
        self.searched = found.map_or(bytes.len(), |at| from + at);
        self.count(self.searched - from + usize::from(found.is_some()));
        found.map(|at| from + at)
    }

    /// The text within a range that was taken since the last push.
    #[inline]
    pub(super) fn get(&self, range: Range<usize>) -> &str {
        &self.text[range]
    }

    /// The beginning of a line whose end is not yet there.
    #[inline]
    pub(super) fn partial_line(&self) -> &str {
        &self.text[self.start..]
    }

    /// Drops the beginning of a line whose end is not yet there.
    pub(super) fn drop_partial_line(&mut self) {
        self.start = self.text.len();
    }

    /// Whether all was taken.
    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.start == self.text.len()
    }

    /// Gives memory back where nothing is left to decode.
    #[inline]
    pub(super) fn settle(&mut self) {
        if self.is_empty() {
            self.make_room();
        }
    }

    /// How much text stood before `at`, since the stream began.
    pub(super) fn position(&self, at: usize) -> u64 {
        self.dropped + at as u64
    }

    /// Counts the bytes that some work was done on.
    #[inline]
    #[cfg_attr(not(test), allow(clippy::unused_self))]
    fn count(&mut self, _bytes: usize) {
        #[cfg(test)]
        {
            self.bytes_looked_at += _bytes;
        }
    }
}

/// Where the first CR or LF is. Short lines are common, and a vector search costs more to begin than
/// to look at sixteen bytes in registers.
#[inline]
fn line_end(bytes: &[u8]) -> Option<usize> {
    let Some((words, rest)) = bytes.split_first_chunk::<16>() else {
        return bytes.iter().position(|byte| matches!(byte, b'\n' | b'\r'));
    };
    let words = u128::from_le_bytes(*words);
    line_end_in_word(words as u64)
        .or_else(|| line_end_in_word((words >> 64) as u64).map(|at| at + 8))
        .or_else(|| memchr2(b'\n', b'\r', rest).map(|at| at + 16))
}

#[inline]
fn line_end_in_word(word: u64) -> Option<usize> {
    const ONES: u64 = u64::from_ne_bytes([1; 8]);
    // The lowest high bit that is set marks the first byte that is zero.
    let zeros = |word: u64| word.wrapping_sub(ONES) & !word & (ONES << 7);
    let ends = zeros(word ^ (ONES * 0x0A)) | zeros(word ^ (ONES * 0x0D));
    (ends != 0).then(|| ends.trailing_zeros() as usize / 8)
}
