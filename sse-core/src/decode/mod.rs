//! The decoder of event streams.

mod block;
mod builder;
mod error;
mod input;
mod line;
#[cfg(test)]
mod tests;

use std::fmt;
use std::ops::Range;
use std::time::Duration;

use memchr::memchr;

pub use builder::{DecoderBuilder, Overflow};
pub use error::DecodeError;

use self::block::Block;
use self::input::Input;
use self::line::{Field, field_of, may_become_field};
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
    /// Whether the block was handed out: the next step begins another.
    handed_out: bool,
    /// Whether what comes up to the next line end is dropped.
    skip_line: bool,
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

/// What the input holds next; where it is, the decoder knows.
enum Step {
    Message,
    Comment(Range<usize>),
    Block,
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
            handed_out: false,
            skip_line: false,
            retry: None,
            skipped: 0,
            shared: Shared::default(),
        }
    }

    /// Takes the next chunk of the stream, of any size; bytes that are not UTF-8 become U+FFFD.
    pub fn feed(&mut self, chunk: impl AsRef<[u8]>) {
        if !self.handed_out {
            self.block.keep(&self.input);
        }
        self.input.push(chunk.as_ref());
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
        self.handed_out = false;
        self.skip_line = false;
    }

    #[inline]
    fn step(&mut self) -> Result<Option<Step>, DecodeError> {
        if self.handed_out {
            self.handed_out = false;
            self.block.clear();
        }
        if self.take_last_data() {
            return Ok(self.end_block());
        }
        self.step_by_line()
    }

    /// The fast path: an event's only line of data with the blank line after it.
    #[inline]
    fn take_last_data(&mut self) -> bool {
        if self.block.has_data || self.block.too_large || self.skip_line {
            return false;
        }
        let beside = self.block.size_beside(Field::Data);
        let room = self.options.max_event_size.saturating_sub(beside);
        match self.input.take_last_data(room) {
            Some(range) => self.block.set_data(range),
            None => return false,
        }
        true
    }

    fn step_by_line(&mut self) -> Result<Option<Step>, DecodeError> {
        loop {
            let Some(line) = self.input.take_line() else {
                return self.wait().map(|()| None);
            };
            if self.skip_line {
                self.skip_line = false;
            } else if line.is_empty() {
                if let Some(step) = self.end_block() {
                    return Ok(Some(step));
                }
            } else if let Some(step) = self.line(line)? {
                return Ok(Some(step));
            }
            if self.take_last_data() {
                return Ok(self.end_block());
            }
        }
    }

    /// Takes a whole line that is not blank.
    #[inline]
    fn line(&mut self, line: Range<usize>) -> Result<Option<Step>, DecodeError> {
        let (field, value) = field_of(self.input.get(line.clone()).as_bytes());
        let value = line.start + value..line.end;
        self.block.begun = true;
        if !self.wants(field) {
            return Ok(None);
        }
        if !self.has_room(field, value.len()) {
            return self.overflow(field, line.start).map(|()| None);
        }
        match field {
            Field::Data => self.block.push_data(value, &self.input),
            Field::Event => self.block.set_event_type(self.input.get(value)),
            Field::Id => {
                let id = self.input.get(value);
                if memchr(0, id.as_bytes()).is_none() {
                    self.block.set_id(id);
                }
            }
            Field::Retry => {
                if let Some(retry) = milliseconds(self.input.get(value)) {
                    self.retry = Some(retry);
                    self.block.retry = Some(retry);
                }
            }
            Field::Comment => return Ok(Some(Step::Comment(value))),
            Field::Unknown => {}
        }
        Ok(None)
    }

    /// Takes a blank line.
    #[inline]
    fn end_block(&mut self) -> Option<Step> {
        if self.block.commit_id(&mut self.last_event_id) {
            self.shared.last_event_id = None;
        }
        self.handed_out = true;
        if self.block.has_data {
            return Some(Step::Message);
        }
        if self.options.blocks && self.block.begun {
            return Some(Step::Block);
        }
        self.handed_out = false;
        self.block.clear();
        None
    }

    /// Looks at what there is of a line that has not ended: what means nothing or is too large is
    /// not kept.
    fn wait(&mut self) -> Result<(), DecodeError> {
        self.block.keep(&self.input);
        let line = self.input.partial_line().as_bytes();
        let mut result = Ok(());
        if !line.is_empty() && !self.skip_line {
            let (field, value) = field_of(line);
            let len = line.len() - value;
            self.skip_line = match field {
                Field::Unknown => !may_become_field(line),
                field => !self.wants(field),
            };
            if self.skip_line {
                self.block.begun = true;
            } else if field != Field::Unknown && len > 0 && !self.has_room(field, len) {
                self.skip_line = true;
                self.block.begun = true;
                result = self.overflow(field, self.input.line_start());
            }
        }
        if self.skip_line {
            self.input.drop_partial_line();
        }
        self.input.settle();
        result
    }

    /// Whether a line of this kind is of any use.
    #[inline]
    fn wants(&self, field: Field) -> bool {
        match field {
            Field::Data | Field::Event => !self.block.too_large,
            Field::Id | Field::Retry => true,
            Field::Comment => self.options.comments,
            Field::Unknown => false,
        }
    }

    #[inline]
    fn has_room(&self, field: Field, len: usize) -> bool {
        self.block.size_beside(field) + len <= self.options.max_event_size
    }

    /// Skips what the line at `start` belongs to.
    #[cold]
    fn overflow(&mut self, field: Field, start: usize) -> Result<(), DecodeError> {
        match field {
            Field::Data | Field::Event | Field::Id if self.block.too_large => return Ok(()),
            Field::Data | Field::Event | Field::Id => self.block.skip(),
            Field::Retry | Field::Comment | Field::Unknown => {}
        }
        self.skipped += 1;
        match self.options.overflow {
            Overflow::Skip => Ok(()),
            Overflow::Error => Err(DecodeError {
                limit: self.options.max_event_size,
                position: self.input.position(start),
            }),
        }
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
}

/// The value of a `retry` field: digits alone, and as many as one likes.
fn milliseconds(text: &str) -> Option<u64> {
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    // Digits alone can only be refused for being too many.
    Some(text.parse().unwrap_or(u64::MAX))
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
