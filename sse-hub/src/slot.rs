//! Events as they wait in the window or in a page: encoded, and marked with their places.

use sse_core::{EventId, Frame, Frames};
use sse_store::Entry;

/// What a frame costs beside its bytes, about: its place in a list, the index and the allocator's own.
pub(crate) const FRAME_OVERHEAD: usize = 256;

/// From how many bytes on no more is encoded together, and an event is encoded alone. So a frame that somebody holds keeps less
/// than twice as much in memory beside itself.
const TOGETHER: usize = 32 * 1024;

/// An event of a topic, encoded.
#[derive(Debug, Clone)]
pub(crate) struct Slot {
    pub(crate) sequence: u64,
    /// When it was appended, in milliseconds since 1970.
    pub(crate) time: u64,
    pub(crate) frame: Frame,
    /// How many bytes are freed with it: those of all that were encoded together, with the last of them.
    pub(crate) frees: usize,
}

impl Slot {
    pub(crate) fn cost(&self) -> usize {
        self.frees + FRAME_OVERHEAD
    }
}

/// Events that follow upon each other for some readers, encoded together, so that they leave together without a copy.
#[derive(Debug, Default)]
pub(crate) struct Slots {
    done: Vec<Slot>,
    frames: Frames,
    /// The sequence and the time of each.
    marks: Vec<(u64, u64)>,
}

impl Slots {
    /// Adds the entry's event, if it is one; its id is its position, whatever the store has made it.
    pub(crate) fn push(&mut self, entry: Entry) {
        let (position, time) = (entry.position, entry.time);
        let Some(event) = entry.into_event() else { return };
        let event = event.with_id(EventId::from(position));
        if event.encoded_len() >= TOGETHER {
            self.finish();
        }
        self.frames.encode(&event);
        self.marks.push((position.sequence(), time));
        if self.frames.as_bytes().len() >= TOGETHER {
            self.finish();
        }
    }

    /// Makes slots of what is encoded: what comes is not encoded with it.
    fn finish(&mut self) {
        let bytes = self.frames.as_bytes().len();
        let marks = self.marks.drain(..).zip(std::mem::take(&mut self.frames));
        let slot = |((sequence, time), frame)| Slot { sequence, time, frame, frees: 0 };
        self.done.extend(marks.map(slot));
        if let Some(last) = self.done.last_mut() {
            last.frees += bytes;
        }
    }

    /// All of them, in their order.
    pub(crate) fn take(&mut self) -> Vec<Slot> {
        self.finish();
        std::mem::take(&mut self.done)
    }
}
