//! The decoder's options.

use crate::{Decoder, EventId};

/// What becomes of an event that is larger than [`DecoderBuilder::max_event_size`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Overflow {
    /// It is skipped, and the decoder says so with an error.
    #[default]
    Error,
    /// It is skipped and counted ([`Decoder::skipped`]). An id that it had becomes the last event
    /// ID, so that it is not asked for again.
    Skip,
}

/// The options of a [`Decoder`].
///
/// ```
/// use sse_core::{Decoder, Item};
///
/// let mut decoder = Decoder::builder().comments(true).build();
/// decoder.feed(": still here\n\n");
/// assert_eq!(decoder.next(), Ok(Some(Item::Comment("still here"))));
/// ```
#[derive(Debug, Clone)]
#[must_use]
pub struct DecoderBuilder {
    pub(super) max_event_size: usize,
    pub(super) overflow: Overflow,
    pub(super) comments: bool,
    pub(super) blocks: bool,
    pub(super) last_event_id: String,
}

impl Default for DecoderBuilder {
    fn default() -> Self {
        Self {
            max_event_size: 16 * 1024 * 1024,
            overflow: Overflow::default(),
            comments: false,
            blocks: false,
            last_event_id: String::new(),
        }
    }
}

impl DecoderBuilder {
    /// How many bytes an event may have: its data, its type and its id together, as text. A comment,
    /// where they are asked for, may have as many. 16 MiB by default.
    pub fn max_event_size(mut self, bytes: usize) -> Self {
        self.max_event_size = bytes;
        self
    }

    /// What becomes of a larger event; an error by default.
    pub fn overflow(mut self, overflow: Overflow) -> Self {
        self.overflow = overflow;
        self
    }

    /// Whether [`Decoder::next`] yields comments. Not by default.
    pub fn comments(mut self, wanted: bool) -> Self {
        self.comments = wanted;
        self
    }

    /// Whether [`Decoder::next`] yields the blocks that dispatch no event, such as an id or a
    /// `retry` alone. Not by default.
    pub fn blocks(mut self, wanted: bool) -> Self {
        self.blocks = wanted;
        self
    }

    /// The last event ID before the stream begins; empty by default.
    pub fn last_event_id(mut self, id: &EventId) -> Self {
        id.as_str().clone_into(&mut self.last_event_id);
        self
    }

    /// The decoder.
    pub fn build(self) -> Decoder {
        Decoder::with_options(self)
    }
}
