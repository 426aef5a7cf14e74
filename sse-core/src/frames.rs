//! Several encoded events that leave together.

use std::fmt;

use bytes::Bytes;
use memchr::memchr_iter;

use crate::run::Run;
use crate::{Event, Frame};

/// The least that a copy of several blocks has room for: a few small events.
const ROOM: usize = 1024;

/// From how many bytes on what is shared leaves by itself: another chunk costs less than to copy them.
#[cfg(feature = "tokio")]
const SHARED: usize = 16 * 1024;

/// Encoded events, one behind the other, that leave together.
///
/// Events that are encoded here share one buffer, and their frames lie side by side in it. Where frames are put together that
/// lie side by side nothing is copied: neither here nor by a response, which does so with whatever it is given to send. Each of
/// them keeps the whole buffer in memory, so that what is encoded together should be of some KiB, and needed together.
///
/// ```
/// use sse_core::{Event, Frames};
///
/// let mut frames = Frames::new();
/// for data in ["a", "b", "c"] {
///     frames.encode(&Event::new(data));
/// }
/// let [a, b, _] = frames.into_iter().collect::<Vec<_>>().try_into().unwrap();
///
/// let mut some = Frames::from(a);
/// some.push(&b);
/// assert_eq!(some.as_bytes(), b"data: a\n\ndata: b\n\n");
/// ```
#[derive(Clone, Default)]
pub struct Frames {
    blocks: Blocks,
    count: usize,
}

#[derive(Clone)]
enum Blocks {
    /// They lie side by side in one buffer, or there are none.
    Shared(Run),
    /// A copy of all of them.
    Copied(Vec<u8>),
}

impl Default for Blocks {
    fn default() -> Self {
        Self::Shared(Run::default())
    }
}

impl Frames {
    /// None yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an event.
    pub fn encode(&mut self, event: &Event) {
        self.copy(event.encoded_len(), |copy| event.encode_into(copy));
        self.count += 1;
    }

    /// Adds a frame. Nothing is copied if it lies behind the last one in the same buffer, or is the first.
    pub fn push(&mut self, frame: &Frame) {
        if self.has_nothing() {
            self.blocks = Blocks::Shared(frame.run().clone());
        } else {
            self.extend(frame.run());
        }
        self.count += 1;
    }

    /// Adds a frame if it lies behind the last one in the same buffer, and says whether it does.
    pub fn join(&mut self, frame: &Frame) -> bool {
        let joins = self.widen(frame.run());
        self.count += usize::from(joins);
        joins
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.count
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// All blocks, one behind the other.
    pub fn as_bytes(&self) -> &[u8] {
        match &self.blocks {
            Blocks::Shared(run) => run.as_bytes(),
            Blocks::Copied(copy) => copy,
        }
    }

    /// All blocks as shared bytes.
    pub fn into_bytes(self) -> Bytes {
        self.into_run().into_bytes()
    }

    pub(crate) fn into_run(self) -> Run {
        match self.blocks {
            Blocks::Shared(run) => run,
            Blocks::Copied(copy) => Bytes::from(copy).into(),
        }
    }

    /// Adds so many blocks.
    pub(crate) fn push_run(&mut self, blocks: Run, count: usize) {
        if self.has_nothing() {
            self.blocks = Blocks::Shared(blocks);
        } else {
            self.extend(&blocks);
        }
        self.count += count;
    }

    /// Whether there is enough for one chunk of about so many bytes at the most.
    #[cfg(feature = "tokio")]
    #[inline]
    pub(crate) fn is_full(&self, most: usize) -> bool {
        match &self.blocks {
            Blocks::Shared(run) => run.len() >= most.min(SHARED),
            Blocks::Copied(copy) => copy.len() >= most,
        }
    }

    /// Whether there is not a byte.
    #[inline]
    pub(crate) fn has_nothing(&self) -> bool {
        self.as_bytes().is_empty()
    }

    fn extend(&mut self, blocks: &Run) {
        if !self.widen(blocks) {
            self.copy(blocks.len(), |copy| copy.extend_from_slice(blocks.as_bytes()));
        }
    }

    fn widen(&mut self, next: &Run) -> bool {
        match &mut self.blocks {
            Blocks::Shared(run) => run.join(next),
            Blocks::Copied(_) => false,
        }
    }

    /// Has `more` bytes added to a copy of what there is.
    fn copy(&mut self, more: usize, add: impl FnOnce(&mut Vec<u8>)) {
        match &mut self.blocks {
            Blocks::Shared(run) => {
                let len = run.len() + more;
                // A lone event gets no more room than it needs.
                let room = if run.len() == 0 { len } else { len.max(ROOM) };
                let mut copy = Vec::with_capacity(room);
                copy.extend_from_slice(run.as_bytes());
                add(&mut copy);
                self.blocks = Blocks::Copied(copy);
            }
            Blocks::Copied(copy) => {
                if copy.capacity() - copy.len() < more {
                    copy.reserve(more.max(ROOM.saturating_sub(copy.len())));
                }
                add(copy);
            }
        }
    }
}

impl From<Frame> for Frames {
    fn from(frame: Frame) -> Self {
        Self { blocks: Blocks::Shared(frame.into_run()), count: 1 }
    }
}

impl FromIterator<Frame> for Frames {
    fn from_iter<T: IntoIterator<Item = Frame>>(frames: T) -> Self {
        let mut all = Self::new();
        frames.into_iter().for_each(|frame| all.push_run(frame.into_run(), 1));
        all
    }
}

impl IntoIterator for Frames {
    type Item = Frame;
    type IntoIter = IntoIter;

    /// The frames, which lie side by side, in a buffer without room to spare.
    fn into_iter(mut self) -> IntoIter {
        if let Blocks::Copied(copy) = &mut self.blocks {
            copy.shrink_to_fit();
        }
        IntoIter { rest: self.into_run() }
    }
}

impl fmt::Debug for Frames {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Frames").field(&String::from_utf8_lossy(self.as_bytes())).finish()
    }
}

/// Each of some [`Frames`] by itself.
#[derive(Debug, Clone)]
pub struct IntoIter {
    rest: Run,
}

impl Iterator for IntoIter {
    type Item = Frame;

    fn next(&mut self) -> Option<Frame> {
        let len = first_block(self.rest.as_bytes())?;
        let is_last = len == self.rest.len();
        let block = if is_last { std::mem::take(&mut self.rest) } else { self.rest.split_to(len) };
        Some(Frame::of(block))
    }
}

/// How long the first of some encoded blocks is: its first empty line is its last.
fn first_block(blocks: &[u8]) -> Option<usize> {
    let mut line = 0;
    for end in memchr_iter(b'\n', blocks) {
        if end == line {
            return Some(end + 1);
        }
        line = end + 1;
    }
    None
}
