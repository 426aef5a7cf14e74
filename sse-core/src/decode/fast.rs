//! The fast path: between events, take a whole event at once.
//!
//! Nearly every event of nearly every stream is one line of data and a blank line, and an idle
//! stream is comments. Here they are taken without the buffers of an event that is still being
//! read: one search for the line end, no copy. Whatever looks otherwise, or is not there whole, is
//! left to the way line by line; what was searched for it is not searched again.

use std::ops::Range;

use super::input::Input;

impl Input {
    /// Takes a line of data and the blank line after it, and returns where the value is: of `room`
    /// bytes at most.
    #[inline]
    pub(super) fn take_data_and_end(&mut self, room: usize) -> Option<Range<usize>> {
        let bytes = self.text.as_bytes();
        let name = bytes.get(self.start..)?.strip_prefix(b"data:")?;
        let value = self.start + 5 + usize::from(name.first() == Some(&b' '));
        let end = self.find_line_end(value)?;
        // Of a CR at the end of a chunk it is not known whether it is a CRLF: that is left, too.
        let after = match &self.text.as_bytes()[end..] {
            [b'\n', b'\n', ..] => end + 2,
            [b'\r', b'\n', b'\r', b'\n', ..] => end + 4,
            _ => return None,
        };
        if end - value > room {
            return None;
        }
        self.after_cr = false;
        self.start = after;
        Some(value..end)
    }

    /// Passes over the comments and blank lines that are there whole and end in LF or CRLF. Between
    /// events they come to nothing.
    pub(super) fn skip_comments(&mut self) {
        loop {
            match self.text.as_bytes().get(self.start) {
                Some(b'\n') => self.start += 1,
                Some(b':') => {
                    let Some(end) = self.find_line_end(self.start) else {
                        return;
                    };
                    match &self.text.as_bytes()[end..] {
                        [b'\n', ..] => self.start = end + 1,
                        [b'\r', b'\n', ..] => self.start = end + 2,
                        _ => return,
                    }
                }
                _ => return,
            }
            self.after_cr = false;
        }
    }
}
