//! What a decoder yields.

use std::time::Duration;

use bytes::BufMut;

use crate::event::{encode_comment, encode_decoded};
use crate::{Event, EventId, EventType};

/// A dispatched event: the type defaulted, the last event ID resolved.
///
/// Source: WHATWG HTML §9.2.6, "dispatch the event".
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct MessageEvent {
    /// The type; `message` where the stream named none.
    pub event_type: EventType,
    /// The data, its lines separated by LF.
    pub data: String,
    /// The last event ID at dispatch: an earlier event's, where this one has none.
    pub last_event_id: EventId,
    pub(crate) has_id: bool,
    pub(crate) retry: Option<u64>,
}

impl MessageEvent {
    /// The id that this very event has, if it has one.
    pub fn id(&self) -> Option<&EventId> {
        self.has_id.then_some(&self.last_event_id)
    }

    /// The reconnection time that this very event sets, if it does.
    pub fn retry(&self) -> Option<Duration> {
        self.retry.map(Duration::from_millis)
    }
}

/// The event that dispatches this message: to send on what was received.
///
/// The type `message` is left out, and the id where it is an earlier event's.
impl From<MessageEvent> for Event {
    fn from(message: MessageEvent) -> Self {
        let retry = message.retry();
        let mut event = Self::new(message.data);
        if message.event_type != EventType::MESSAGE {
            event = event.with_type(message.event_type);
        }
        if message.has_id {
            event = event.with_id(message.last_event_id);
        }
        if let Some(retry) = retry {
            event = event.with_retry(retry);
        }
        event
    }
}

/// A dispatched event, borrowed from the decoder until its next step.
///
/// Source: WHATWG HTML §9.2.6, "dispatch the event".
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct MessageRef<'a> {
    /// The type; `message` where the stream named none.
    pub event_type: &'a str,
    /// The data, its lines separated by LF.
    pub data: &'a str,
    /// The last event ID at dispatch: an earlier event's, where this one has none.
    pub last_event_id: &'a str,
    pub(crate) has_id: bool,
    pub(crate) retry: Option<u64>,
}

impl<'a> MessageRef<'a> {
    /// The same message, borrowed.
    pub(crate) fn of(message: &'a MessageEvent) -> Self {
        Self {
            event_type: message.event_type.as_str(),
            data: &message.data,
            last_event_id: message.last_event_id.as_str(),
            has_id: message.has_id,
            retry: message.retry,
        }
    }

    /// The id that this very event has, if it has one.
    pub fn id(&self) -> Option<&'a str> {
        self.has_id.then_some(self.last_event_id)
    }

    /// The reconnection time that this very event sets, if it does.
    pub fn retry(&self) -> Option<Duration> {
        self.retry.map(Duration::from_millis)
    }

    /// The same message, owned.
    pub fn to_message(&self) -> MessageEvent {
        MessageEvent {
            event_type: EventType::decoded(self.event_type),
            data: self.data.to_owned(),
            last_event_id: EventId::decoded(self.last_event_id),
            has_id: self.has_id,
            retry: self.retry,
        }
    }
}

/// A block of lines that dispatches no event, for it has no data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct BlockRef<'a> {
    /// The type, if the block names one. It comes to nothing.
    pub event_type: Option<&'a str>,
    /// The id, if the block has one. It has become the last event ID.
    pub id: Option<&'a str>,
    /// The reconnection time, if the block sets it.
    pub retry: Option<Duration>,
}

/// What a stream holds, borrowed from the decoder until its next step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Item<'a> {
    /// An event was dispatched.
    Message(MessageRef<'a>),
    /// A comment, without its colon and one space after it. Only on request:
    /// [`DecoderBuilder::comments`](crate::DecoderBuilder::comments).
    Comment(&'a str),
    /// A block ended that has lines, but no data. Only on request:
    /// [`DecoderBuilder::blocks`](crate::DecoderBuilder::blocks).
    Block(BlockRef<'a>),
}

impl Item<'_> {
    /// Appends the item as it would be written: to send on what was received. A comment is a line, all
    /// else a block with its blank line. The type `message` is left out, and the id where it is an
    /// earlier event's. Allocates nothing of its own.
    ///
    /// ```
    /// use sse_core::Decoder;
    ///
    /// let mut decoder = Decoder::builder().comments(true).blocks(true).build();
    /// decoder.feed(":hi\r\ndata:one\rdata\nid:7\n\nretry:5\n\n");
    /// let mut sent = Vec::new();
    /// while let Some(item) = decoder.next()? {
    ///     item.encode_into(&mut sent);
    /// }
    /// assert_eq!(sent, b": hi\nid: 7\ndata: one\ndata: \n\nretry: 5\n\n");
    /// # Ok::<(), sse_core::DecodeError>(())
    /// ```
    pub fn encode_into(&self, buf: &mut impl BufMut) {
        match self {
            Self::Message(message) => {
                let event_type = Some(message.event_type).filter(|it| *it != "message");
                encode_decoded(buf, event_type, message.id(), message.retry, Some(message.data));
            }
            Self::Comment(text) => encode_comment(buf, text),
            Self::Block(block) => {
                let retry = block.retry.map(|it| u64::try_from(it.as_millis()).unwrap_or(u64::MAX));
                encode_decoded(buf, block.event_type, block.id, retry, None);
            }
        }
    }
}
