//! What is ready to leave in one chunk.

use bytes::Bytes;

use crate::Event;

/// The bytes that leave in the next chunk. A single block of shared bytes leaves as it is; only a
/// second one makes a copy.
#[derive(Debug, Default)]
pub struct Out {
    /// The first block, while it is the only one.
    shared: Bytes,
    owned: Vec<u8>,
}

/// The least that a copy of several blocks has room for: a few small events.
const ROOM: usize = 1024;

impl Out {
    pub(super) fn len(&self) -> usize {
        self.shared.len() + self.owned.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(super) fn push(&mut self, event: &Event) {
        event.encode_into(self.copy(event.encoded_len()));
    }

    pub(super) fn push_bytes(&mut self, bytes: Bytes) {
        if self.is_empty() {
            self.shared = bytes;
        } else {
            self.copy(bytes.len()).extend_from_slice(&bytes);
        }
    }

    /// Makes room for several blocks with so many bytes in all.
    pub(super) fn make_room(&mut self, bytes: usize) {
        self.copy(bytes);
    }

    /// The copy, with room for `more` bytes.
    fn copy(&mut self, more: usize) -> &mut Vec<u8> {
        let first = std::mem::take(&mut self.shared);
        let len = self.owned.len() + first.len();
        if self.owned.capacity() < len + more {
            // A lone event gets no more room than it needs.
            let size = if len == 0 { more } else { (len + more).max(ROOM) };
            self.owned.reserve(size - self.owned.len());
        }
        self.owned.extend_from_slice(&first);
        &mut self.owned
    }

    /// The chunk, if there is one; nothing is kept of its buffer.
    pub(super) fn take(&mut self) -> Option<Bytes> {
        if !self.owned.is_empty() {
            return Some(std::mem::take(&mut self.owned).into());
        }
        (!self.shared.is_empty()).then(|| std::mem::take(&mut self.shared))
    }
}
