//! The fast path: what streams mostly are, taken with one search and no copy.
//!
//! Nearly every event of nearly every stream is one line of data and a blank line, most others are
//! several lines of data, and an idle stream is comments. Whatever looks otherwise, or is not there
//! whole, is left to the way line by line; what was searched for it is not searched again.

use std::ops::Range;

use super::input::Input;

impl Input {
    /// Takes a line of data and the blank line after it, and returns where the value is: of `room`
    /// bytes at most. This is an event by itself, if nothing of one was there before.
    #[inline]
    pub(super) fn take_data_and_end(&mut self, room: usize) -> Option<Range<usize>> {
        let value = self.find_data(room)?;
        let after = match &self.text.as_bytes()[value.end..] {
            [b'\n', b'\n', ..] => value.end + 2,
            [b'\r', b'\n', b'\r', b'\n', ..] => value.end + 4,
            _ => return None,
        };
        self.after_cr = false;
        self.start = after;
        Some(value)
    }

    /// Takes a line of data, and returns where the value is: of `room` bytes at most. The line end is
    /// no lone CR, and so is that of [`take_blank`](Self::take_blank).
    #[inline]
    pub(super) fn take_data(&mut self, room: usize) -> Option<Range<usize>> {
        let value = self.find_data(room)?;
        let after = match &self.text.as_bytes()[value.end..] {
            [b'\n', ..] => value.end + 1,
            [b'\r', b'\n', ..] => value.end + 2,
            _ => return None,
        };
        self.after_cr = false;
        self.start = after;
        Some(value)
    }

    /// Takes a blank line.
    #[inline]
    pub(super) fn take_blank(&mut self) -> bool {
        self.start += match &self.text.as_bytes()[self.start..] {
            [b'\n', ..] => 1,
            [b'\r', b'\n', ..] => 2,
            _ => return false,
        };
        true
    }

    /// Where the value of the next line is, if that is data and ends.
    #[inline]
    fn find_data(&mut self, room: usize) -> Option<Range<usize>> {
        let line = self.text.as_bytes().get(self.start..)?;
        let space = line.strip_prefix(b"data:")?.first() == Some(&b' ');
        let value = self.start + 5 + usize::from(space);
        let end = self.find_line_end(value)?;
        (end - value <= room).then_some(value..end)
    }

    /// Passes over the comments and blank lines that are there whole and end in LF or CRLF. Between
    /// events they come to nothing.
    #[inline]
    pub(super) fn skip_comments(&mut self) {
        if let Some(b':' | b'\n') = self.text.as_bytes().get(self.start) {
            self.skip_comments_that_are_there();
        }
    }

    fn skip_comments_that_are_there(&mut self) {
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
