//! The decoder of event streams.

mod block;
mod builder;
mod error;
mod fast;
mod input;
mod line;
mod step;
#[cfg(test)]
mod tests;
mod utf8;

use std::fmt;
use std::time::Duration;

pub use builder::{DecoderBuilder, Overflow};
pub use error::DecodeError;

use self::block::Block;
use self::input::Input;
use self::step::{Step, Tail};
use crate::{BlockRef, EventId, EventType, Item, MessageEvent, MessageRef};

/// Decodes an event stream, chunk by chunk. It does no I/O.
///
/// Chunks may be cut anywhere: in a character, in a line end, in a field's name. What comes out is
/// the same for every cut. An event is there as soon as its last line end is, also where that is a
/// lone CR. An event that the stream ends in is never dispatched: just stop, or
/// [`reset`](Self::reset) for the next connection.
///
/// The work is linear in the bytes fed. Memory is what was fed and not yet taken, and at most
/// [`max_event_size`](DecoderBuilder::max_event_size) of an event that is not yet whole; lines that
/// mean nothing are dropped as they come, and a large buffer is given back after a large event.
/// Take all there is before the next chunk is fed, or not: nothing is lost.
///
/// Where the standard gives each connection an empty last event ID buffer, this decoder
/// begins with the id of the connection before, as browsers do: an event without an id leaves the
/// last one in force.
///
/// Source: WHATWG HTML §9.2.5, "parsing an event stream", and §9.2.6, "interpreting an event
/// stream".
///
/// ```
/// use sse_core::{Decoder, Item};
///
/// let mut decoder = Decoder::new();
/// decoder.feed(b"id: 7\ndata: hel");
/// assert_eq!(decoder.next(), Ok(None));
/// decoder.feed(b"lo\n\n");
/// match decoder.next() {
///     Ok(Some(Item::Message(message))) => {
///         assert_eq!(message.event_type, "message");
///         assert_eq!(message.data, "hello");
///         assert_eq!(message.last_event_id, "7");
///     }
///     other => panic!("{other:?}"),
/// }
/// assert_eq!(decoder.next(), Ok(None));
/// ```
pub struct Decoder {
    options: DecoderBuilder,
    input: Input,
    block: Block,
    /// Whether nothing was seen yet of the next block: the fast path is open.
    between: bool,
    /// Whether the block was handed out: the next step begins another.
    handed_out: bool,
    /// What becomes of the rest of a line whose beginning has left the input.
    tail: Tail,
    last_event_id: String,
    retry: Option<u64>,
    skipped: u64,
    shared: Shared,
}

/// The type and the id of the last owned message, to be shared with the next that has the same.
#[derive(Default)]
struct Shared {
    event_type: Option<EventType>,
    last_event_id: Option<EventId>,
}

impl Decoder {
    /// A decoder with the defaults of [`builder`](Self::builder).
    pub fn new() -> Self {
        Self::builder().build()
    }

    /// A decoder of one's own choosing.
    pub fn builder() -> DecoderBuilder {
        DecoderBuilder::default()
    }

    fn with_options(mut options: DecoderBuilder) -> Self {
        Self {
            last_event_id: std::mem::take(&mut options.last_event_id),
            options,
            input: Input::default(),
            block: Block::default(),
            between: true,
            handed_out: false,
            tail: Tail::None,
            retry: None,
            skipped: 0,
            shared: Shared::default(),
        }
    }

    /// Takes the next chunk of the stream, of any size; bytes that are not UTF-8 become U+FFFD.
    pub fn feed(&mut self, chunk: impl AsRef<[u8]>) {
        let mut chunk = chunk.as_ref();
        if !self.handed_out {
            self.block.keep(&self.input);
        }
        if let Tail::Data(_) = self.tail {
            chunk = self.input.push_value(chunk, self.block.open_line());
        }
        self.input.push(chunk);
    }

    /// The next item of what was fed, borrowed from the decoder; `None` when it needs more.
    ///
    /// It allocates nothing, once its buffers have the size that the stream's events need.
    ///
    /// # Errors
    ///
    /// [`DecodeError`] for an event that is too large, if that is to be an error
    /// ([`Overflow::Error`]). The event is skipped; what comes after it is decoded.
    #[allow(clippy::should_implement_trait)] // An iterator cannot lend its items.
    #[inline]
    pub fn next(&mut self) -> Result<Option<Item<'_>>, DecodeError> {
        if let Some(data) = self.take_plain_event() {
            return Ok(Some(Item::Message(MessageRef {
                event_type: "message",
                data: self.input.get(data),
                last_event_id: &self.last_event_id,
                has_id: false,
                retry: None,
            })));
        }
        Ok(self.step()?.map(|step| match step {
            Step::Message => Item::Message(MessageRef {
                event_type: match self.block.event_type.as_str() {
                    "" => "message",
                    event_type => event_type,
                },
                data: self.block.data(&self.input),
                last_event_id: &self.last_event_id,
                has_id: self.block.has_id,
                retry: self.block.retry,
            }),
            Step::Comment(range) => Item::Comment(self.input.get(range)),
            Step::Block => Item::Block(BlockRef {
                event_type: Some(self.block.event_type.as_str()).filter(|text| !text.is_empty()),
                id: self.block.has_id.then_some(self.last_event_id.as_str()),
                retry: self.block.retry.map(Duration::from_millis),
            }),
        }))
    }

    /// The next message of what was fed, owned; `None` when the decoder needs more. Comments and
    /// blocks without an event are passed over.
    ///
    /// # Errors
    ///
    /// As [`next`](Self::next).
    #[inline]
    pub fn next_message(&mut self) -> Result<Option<MessageEvent>, DecodeError> {
        if let Some(data) = self.take_plain_event() {
            return Ok(Some(MessageEvent {
                event_type: EventType::MESSAGE,
                data: self.input.get(data).to_owned(),
                last_event_id: self.shared_last_event_id(),
                has_id: false,
                retry: None,
            }));
        }
        while let Some(step) = self.step()? {
            if matches!(step, Step::Message) {
                return Ok(Some(MessageEvent {
                    event_type: self.shared_event_type(),
                    data: self.block.take_data(&self.input),
                    last_event_id: self.shared_last_event_id(),
                    has_id: self.block.has_id,
                    retry: self.block.retry,
                }));
            }
        }
        Ok(None)
    }

    #[inline]
    fn shared_event_type(&mut self) -> EventType {
        let text = self.block.event_type.as_str();
        if text.is_empty() {
            return EventType::MESSAGE;
        }
        match &self.shared.event_type {
            Some(event_type) if event_type == text => event_type.clone(),
            _ => self.shared.event_type.insert(EventType::decoded(text)).clone(),
        }
    }

    #[inline]
    fn shared_last_event_id(&mut self) -> EventId {
        if self.last_event_id.is_empty() {
            return EventId::EMPTY;
        }
        self.shared
            .last_event_id
            .get_or_insert_with(|| EventId::decoded(&self.last_event_id))
            .clone()
    }

    /// The last event ID: that of the last block that ended, and what a client sends when it
    /// reconnects. Empty where there was none.
    pub fn last_event_id(&self) -> &str {
        &self.last_event_id
    }

    /// The last reconnection time that the stream named. One beyond `u64::MAX` milliseconds is
    /// that.
    pub fn retry(&self) -> Option<Duration> {
        self.retry.map(Duration::from_millis)
    }

    /// How many events, comments and `retry` lines were skipped because they were too large.
    pub fn skipped(&self) -> u64 {
        self.skipped
    }

    /// Gets ready for the stream of another connection: what is left of this one is dropped, the
    /// last event ID and the reconnection time stay.
    pub fn reset(&mut self) {
        self.input = Input::default();
        self.block = Block::default();
        self.between = true;
        self.handed_out = false;
        self.tail = Tail::None;
    }
}

impl Default for Decoder {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Decoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Decoder")
            .field("options", &self.options)
            .field("last_event_id", &self.last_event_id)
            .field("retry", &self.retry)
            .field("skipped", &self.skipped)
            .finish_non_exhaustive()
    }
}
