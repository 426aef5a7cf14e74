//! Server-Sent Events: events, an exact codec, and how a stream lives and ends.
//!
//! This is the core that the adapters, the store and the proxy stand on. It opens no socket, spawns no
//! task and knows no framework. In a web service, take `sse-axum` or `sse-actix`, which give all that
//! is needed of it again.
//!
//! | to | take |
//! |---|---|
//! | make an event | [`Event`], with [`EventType`] and [`EventId`] that are valid by construction |
//! | send one event to many | [`Frame`]: encoded once, cheap to clone |
//! | turn a stream of events into a response | [`Lifecycle`] |
//! | say which event is the last | [`Completion`] |
//! | read a stream | [`EventStream`] over chunks, or [`Decoder`] without any I/O |
//! | match on what was read | [`MessageEvent::typed`]: one enum for all types |
//! | know where a client left off | [`LastEventId`] |
//! | refuse a stream so that a browser comes back, or stays away | [`Refusal`] |
//! | ask for a stream, and again when it is lost | [`Reconnect`], with [`Backoff`] |
//! | pass raw bytes on without splitting an event | [`Boundary`] |
//!
//! # A server
//!
//! Any stream of events becomes a body, which hyper, Axum and Actix serve.
//!
//! ```
//! use futures_util::stream;
//! use sse_core::{Completion, Event, EventType, Lifecycle};
//!
//! # #[cfg(feature = "tokio")] {
//! const DONE: EventType = EventType::from_static("done");
//!
//! let events = stream::iter([Event::new("one").with_id(1), Event::new("").with_type(DONE)]);
//! let body = Lifecycle::new().complete_on(Completion::event_type(DONE)).body(events);
//! let mut response = http::Response::new(body);
//! sse_core::response_headers(response.headers_mut());
//! assert_eq!(response.headers()["content-type"], "text/event-stream");
//! # }
//! ```
//!
//! # A client
//!
//! ```
//! use sse_core::Decoder;
//!
//! let mut decoder = Decoder::new();
//! let mut messages = Vec::new();
//! for chunk in ["id: 7\ndata: hel", "lo\n\n: still he", "re\n\n"] {
//!     decoder.feed(chunk);
//!     while let Some(message) = decoder.next_message()? {
//!         messages.push(message.data);
//!     }
//! }
//! assert_eq!(messages, ["hello"]);
//! assert_eq!(decoder.last_event_id(), "7");
//! # Ok::<(), sse_core::DecodeError>(())
//! ```
//!
//! # How a stream ends
//!
//! A browser takes the end of a stream for a lost connection, tells the page of an `error`, and comes
//! back. So an end has to say what it means:
//!
//! | what happened | what the client gets | what a browser does |
//! |---|---|---|
//! | the completing event was sent | up to `linger` to hang up, then the end | the page closes: no `error` |
//! | the source ended | the end | comes back |
//! | the source failed | a truncated response | comes back |
//! | the stream is too old, the server stops | a `retry`, the end | comes back, spread over time |
//! | it comes back to a complete stream | [`Refusal::complete`], 204 | stays away |
//! | there is no room | a [`Refusal`], in the stream | comes back, spread over time |
//!
//! [`Lifecycle::on_close`] is told which, once for each stream; an absent client is one of them.
//!
//! # Limits
//!
//! | what | limit |
//! |---|---|
//! | a type or an id that is built | [`EventType::MAX_LEN`], [`EventId::MAX_LEN`] |
//! | an id that a client sends back | [`EventId::MAX_LEN`] |
//! | an event that is decoded | [`DecoderBuilder::max_event_size`], 16 MiB |
//! | a chunk that leaves at once | [`Lifecycle::max_chunk`], 64 KiB, and one event more |
//!
//! # Features
//!
//! | feature | gives | default |
//! |---|---|---|
//! | `serde` | JSON, typed events, completion by a JSON field | yes |
//! | `tokio` | [`Lifecycle`] and its body, on tokio's timer | yes |
//! | `codec` | `EventCodec`, for the `Framed` of `tokio_util` | no |
//!
//! The MSRV is 1.88. There is no `unsafe`.

#![forbid(unsafe_code)]
#![warn(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

mod backoff;
mod boundary;
#[cfg(feature = "codec")]
mod codec;
mod completion;
mod decode;
mod event;
mod field;
mod frame;
mod frames;
mod headers;
#[cfg(feature = "serde")]
mod json;
mod last_event_id;
#[cfg(feature = "tokio")]
mod lifecycle;
mod message;
mod reconnect;
mod refusal;
mod request;
mod run;
mod spread;
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
pub use frames::Frames;
pub use headers::{HEADERS, MIME, is_event_stream, response_headers};
pub use last_event_id::{LastEventId, LastEventIdError};
#[cfg(feature = "tokio")]
pub use lifecycle::{
    CloseReason, KeepAlive, Lifecycle, MaxLifetime, SseBody, StreamItem, StreamStats,
};
pub use message::{BlockRef, Item, MessageEvent, MessageRef};
pub use reconnect::{Cause, End, ReadyState, Reconnect, Step, has_event_stream, retry_after};
pub use refusal::Refusal;
pub use request::{Refused, StreamRequest};
pub use spread::spread;
pub use stream::{EventStream, StreamError};
#[cfg(feature = "serde")]
pub use typed::TypedError;
