//! Bytes in, text out, a line at a time.

use std::ops::Range;

use memchr::memchr2;

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
    text: String,
    /// Where the first line begins that was not yet taken.
    start: usize,
    /// Before this there is no line end after `start`: no byte is searched twice.
    searched: usize,
    /// The beginning of a character whose end is in the next chunk.
    split: [u8; 4],
    split_len: usize,
    /// Whether the first character was seen, which may be a byte order mark.
    begun: bool,
    /// Whether an LF at `start` belongs to the line end before it.
    after_cr: bool,
    /// How much text was dropped from the front.
    dropped: u64,
    #[cfg(test)]
    pub(super) bytes_looked_at: usize,
}

impl Input {
    /// Decodes a chunk and puts it behind what is there.
    ///
    /// Source: Encoding standard §6, "UTF-8 decode".
    pub(super) fn push(&mut self, chunk: &[u8]) {
        self.make_room();
        #[cfg(test)]
        {
            self.bytes_looked_at += chunk.len();
        }
        let chunk = self.end_split(chunk);
        match simdutf8::compat::from_utf8(chunk) {
            Ok(text) => self.text.push_str(text),
            Err(error) => {
                let (valid, rest) = chunk.split_at(error.valid_up_to());
                self.push_lossy(valid);
                self.push_lossy(rest);
            }
        }
        if !self.begun && !self.text.is_empty() {
            self.begun = true;
            if self.text.starts_with('\u{feff}') {
                self.start = '\u{feff}'.len_utf8();
            }
        }
    }

    /// Moves what is left to the front, when that is no more than was taken since: each byte pays
    /// for at most one move.
    fn make_room(&mut self) {
        if self.start >= self.text.len() - self.start {
            self.text.drain(..self.start);
            #[cfg(test)]
            {
                self.bytes_looked_at += self.text.len();
            }
            self.dropped += self.start as u64;
            self.searched = self.searched.saturating_sub(self.start);
            self.start = 0;
            release(&mut self.text);
        }
    }

    /// Ends the character that the last chunk began, and returns what is left of this one.
    fn end_split<'a>(&mut self, mut chunk: &'a [u8]) -> &'a [u8] {
        while let ([byte, rest @ ..], 1..=3) = (chunk, self.split_len) {
            self.split[self.split_len] = *byte;
            match std::str::from_utf8(&self.split[..=self.split_len]) {
                Ok(character) => {
                    self.text.push_str(character);
                    self.split_len = 0;
                }
                Err(error) if error.error_len().is_none() => self.split_len += 1,
                Err(_) => {
                    // The byte does not go on with the character, so it is looked at again.
                    self.text.push(char::REPLACEMENT_CHARACTER);
                    self.split_len = 0;
                    return chunk;
                }
            }
            chunk = rest;
        }
        chunk
    }

    fn push_lossy(&mut self, bytes: &[u8]) {
        let mut left = bytes.len();
        for part in bytes.utf8_chunks() {
            self.text.push_str(part.valid());
            left -= part.valid().len() + part.invalid().len();
            match std::str::from_utf8(part.invalid()) {
                Ok(_) => {}
                Err(error) if left == 0 && error.error_len().is_none() => {
                    self.split_len = part.invalid().len();
                    self.split[..self.split_len].copy_from_slice(part.invalid());
                }
                Err(_) => self.text.push(char::REPLACEMENT_CHARACTER),
            }
        }
    }

    /// Takes a line of data and the blank line after it, where both are there whole and the value is
    /// of `room` bytes at most. Most events of most streams are just that, or end in that.
    ///
    /// What it finds out and cannot use is kept in `searched`, so nothing is searched twice.
    #[inline]
    pub(super) fn take_last_data(&mut self, room: usize) -> Option<Range<usize>> {
        let bytes = self.text.as_bytes();
        let from = match bytes.get(self.start..)? {
            [b'd', b'a', b't', b'a', b':', b' ', ..] => self.start + 6,
            [b'd', b'a', b't', b'a', b':', ..] => self.start + 5,
            _ => return None,
        };
        let unsearched = self.searched.max(from);
        let found = memchr2(b'\n', b'\r', &bytes[unsearched..]);
        #[cfg(test)]
        {
            self.bytes_looked_at += found.map_or(bytes.len() - unsearched, |at| at + 1);
        }
        let end = found.map_or(bytes.len(), |at| unsearched + at);
        let after = match &bytes[end..] {
            [b'\n', b'\n', ..] => end + 2,
            [b'\r', b'\n', b'\r', b'\n', ..] => end + 4,
            _ => usize::MAX,
        };
        if after == usize::MAX || end - from > room {
            self.searched = end;
            return None;
        }
        self.start = after;
        Some(from..end)
    }

    /// Takes the next line, where its end is there. The line end is taken with it; of a CRLF the LF
    /// is taken when it comes, so that a line ended by a CR waits for nothing.
    #[inline]
    pub(super) fn take_line(&mut self) -> Option<Range<usize>> {
        let bytes = self.text.as_bytes();
        if self.after_cr {
            let next = *bytes.get(self.start)?;
            self.start += usize::from(next == b'\n');
            self.after_cr = false;
        }
        let from = self.searched.max(self.start);
        let found = match bytes.get(from) {
            Some(b'\n' | b'\r') => Some(0),
            _ => memchr2(b'\n', b'\r', &bytes[from..]),
        };
        #[cfg(test)]
        {
            self.bytes_looked_at += found.map_or(bytes.len() - from, |at| at + 1);
        }
        let Some(at) = found else {
            self.searched = bytes.len();
            return None;
        };
        let line = self.start..from + at;
        self.start = line.end + 1;
        if bytes[line.end] == b'\r' {
            match bytes.get(self.start) {
                Some(b'\n') => self.start += 1,
                Some(_) => {}
                None => self.after_cr = true,
            }
        }
        Some(line)
    }

    /// The text within a range that [`take_line`](Self::take_line) returned since the last push.
    #[inline]
    pub(super) fn get(&self, range: Range<usize>) -> &str {
        &self.text[range]
    }

    /// The beginning of a line whose end is not yet there.
    pub(super) fn partial_line(&self) -> &str {
        &self.text[self.start..]
    }

    /// Drops the beginning of a line whose end is not yet there.
    pub(super) fn drop_partial_line(&mut self) {
        self.start = self.text.len();
    }

    /// Gives memory back where nothing is left to decode.
    pub(super) fn settle(&mut self) {
        if self.start == self.text.len() {
            self.make_room();
        }
    }

    /// Where the next line begins.
    pub(super) fn line_start(&self) -> usize {
        self.start
    }

    /// How much text stood before `at`, since the stream began.
    pub(super) fn position(&self, at: usize) -> u64 {
        self.dropped + at as u64
    }
}
