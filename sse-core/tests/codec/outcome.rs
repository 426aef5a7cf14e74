//! What a stream comes to, and how the decoder is driven to it.

use std::time::Duration;

use sse_core::{DecodeError, Decoder, DecoderBuilder, Item, MessageEvent};

#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Outcome {
    pub items: Vec<Record>,
    pub last_event_id: String,
    pub retry: Option<u64>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Record {
    Message {
        event_type: String,
        data: String,
        last_event_id: String,
        id: Option<String>,
        retry: Option<u64>,
    },
    Comment(String),
    Block {
        event_type: Option<String>,
        id: Option<String>,
        retry: Option<u64>,
    },
    TooLarge,
}

impl From<Item<'_>> for Record {
    fn from(item: Item<'_>) -> Self {
        match item {
            Item::Message(message) => Self::Message {
                event_type: message.event_type.to_owned(),
                data: message.data.to_owned(),
                last_event_id: message.last_event_id.to_owned(),
                id: message.id().map(str::to_owned),
                retry: message.retry().map(milliseconds),
            },
            Item::Comment(comment) => Self::Comment(comment.to_owned()),
            Item::Block(block) => Self::Block {
                event_type: block.event_type.map(str::to_owned),
                id: block.id.map(str::to_owned),
                retry: block.retry.map(milliseconds),
            },
            other => panic!("{other:?}"),
        }
    }
}

impl From<MessageEvent> for Record {
    fn from(message: MessageEvent) -> Self {
        Self::Message {
            event_type: message.event_type.to_string(),
            data: message.data.clone(),
            last_event_id: message.last_event_id.to_string(),
            id: message.id().map(ToString::to_string),
            retry: message.retry().map(milliseconds),
        }
    }
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap()
}

/// When what was fed is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Taking {
    /// All there is, after each chunk.
    Each,
    /// One item after each chunk, the rest at the end.
    One,
    /// Nothing before the last chunk.
    AtEnd,
}

/// A decoder that is asked for all it can yield.
pub(crate) fn all() -> DecoderBuilder {
    Decoder::builder().comments(true).blocks(true)
}

/// The same with a limit that a stream of `len` bytes cannot pass, and that is close: what a decoder
/// does with the beginnings of long lines it then does with short ones.
pub(crate) fn all_of(len: usize) -> DecoderBuilder {
    all().max_event_size(3 * len)
}

/// What the decoder makes of the chunks, with its borrowing form.
pub(crate) fn decode<'a>(
    builder: DecoderBuilder,
    chunks: impl IntoIterator<Item = &'a [u8]>,
    taking: Taking,
) -> Outcome {
    fn take(decoder: &mut Decoder, items: &mut Vec<Record>) -> bool {
        match decoder.next() {
            Ok(None) => return false,
            Ok(Some(item)) => items.push(item.into()),
            Err(error) => items.push(too_large(&error)),
        }
        true
    }
    let mut decoder = builder.build();
    let mut items = vec![];
    for chunk in chunks {
        decoder.feed(chunk);
        match taking {
            Taking::Each => while take(&mut decoder, &mut items) {},
            Taking::One => _ = take(&mut decoder, &mut items),
            Taking::AtEnd => {}
        }
    }
    while take(&mut decoder, &mut items) {}
    assert!(!take(&mut decoder, &mut items), "none is none again");
    outcome(&decoder, items)
}

/// What the decoder makes of the chunks, with its owned form.
pub(crate) fn decode_messages<'a>(
    builder: DecoderBuilder,
    chunks: impl IntoIterator<Item = &'a [u8]>,
) -> Outcome {
    let mut decoder = builder.build();
    let mut items = vec![];
    for chunk in chunks {
        decoder.feed(chunk);
        loop {
            match decoder.next_message() {
                Ok(None) => break,
                Ok(Some(message)) => items.push(message.into()),
                Err(error) => items.push(too_large(&error)),
            }
        }
    }
    outcome(&decoder, items)
}

fn too_large(error: &DecodeError) -> Record {
    assert!(error.is_too_large());
    Record::TooLarge
}

fn outcome(decoder: &Decoder, items: Vec<Record>) -> Outcome {
    Outcome {
        items,
        last_event_id: decoder.last_event_id().to_owned(),
        retry: decoder.retry().map(milliseconds),
    }
}

impl Outcome {
    /// The same without comments and blocks.
    pub(crate) fn messages(&self) -> Self {
        let mut outcome = self.clone();
        outcome.items.retain(|item| matches!(item, Record::Message { .. } | Record::TooLarge));
        outcome
    }
}
