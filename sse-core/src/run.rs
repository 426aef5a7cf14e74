//! A part of a shared buffer.

use bytes::{Buf as _, Bytes};

/// A part of a shared buffer, which can be widened by the one that lies behind it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Run {
    buffer: Bytes,
    // Its place in the buffer; a slice of `Bytes` would not tell which others are beside it.
    start: usize,
    end: usize,
}

impl Run {
    pub(crate) fn len(&self) -> usize {
        self.end - self.start
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.buffer[self.start..self.end]
    }

    /// Keeps of the buffer what others have of it.
    pub(crate) fn into_bytes(self) -> Bytes {
        let (len, mut bytes) = (self.len(), self.buffer);
        if bytes.len() > len {
            bytes.truncate(self.end);
            bytes.advance(self.start);
        }
        bytes
    }

    /// Takes in what lies behind it in the same buffer; says whether `next` does.
    pub(crate) fn join(&mut self, next: &Self) -> bool {
        // Both hold their buffers, so the same place is the same buffer, and what is in it does not change.
        let is_behind = self.end == next.start
            && self.buffer.as_ptr() == next.buffer.as_ptr()
            && self.buffer.len() == next.buffer.len();
        if is_behind {
            self.end = next.end;
        }
        is_behind
    }

    /// Takes so many bytes off its beginning.
    pub(crate) fn split_to(&mut self, len: usize) -> Self {
        let mut first = self.clone();
        self.start = self.end.min(self.start + len);
        first.end = self.start;
        first
    }
}

impl From<Bytes> for Run {
    fn from(buffer: Bytes) -> Self {
        Self { start: 0, end: buffer.len(), buffer }
    }
}
