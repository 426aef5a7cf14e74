//! Server-Sent Events: events, an exact codec, and how a stream lives and ends.

#![forbid(unsafe_code)]
#![warn(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

mod backoff;
mod boundary;
mod chance;
#[cfg(feature = "codec")]
mod codec;
mod completion;
mod decode;
mod event;
mod field;
mod frame;
mod headers;
#[cfg(feature = "serde")]
mod json;
mod last_event_id;
#[cfg(feature = "tokio")]
mod lifecycle;
mod message;
mod refusal;
mod request;
mod stream;
#[cfg(feature = "serde")]
mod typed;

pub use backoff::Backoff;
pub use boundary::Boundary;
#[cfg(feature = "codec")]
pub use codec::EventCodec;
pub use completion::Completion;
pub use decode::{DecodeError, Decoder, DecoderBuilder, Overflow};
pub use event::Event;
pub use field::{EventId, EventType, FieldError, FieldErrorKind};
pub use frame::Frame;
pub use headers::{HEADERS, MIME, response_headers};
pub use last_event_id::{LastEventId, LastEventIdError};
#[cfg(feature = "tokio")]
pub use lifecycle::{
    CloseReason, KeepAlive, Lifecycle, MaxLifetime, SseBody, StreamItem, StreamStats,
};
pub use message::{BlockRef, Item, MessageEvent, MessageRef};
pub use refusal::Refusal;
pub use request::{Refused, StreamRequest};
pub use stream::{EventStream, StreamError};
#[cfg(feature = "serde")]
pub use typed::TypedError;
