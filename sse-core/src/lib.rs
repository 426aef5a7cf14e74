//! Server-Sent Events: events, an exact codec, and how a stream lives and ends.

#![forbid(unsafe_code)]

mod boundary;
mod event;
mod field;
mod frame;
mod headers;
mod last_event_id;
mod message;

pub use boundary::Boundary;
pub use event::Event;
pub use field::{EventId, EventType, FieldError, FieldErrorKind};
pub use frame::Frame;
pub use headers::{HEADERS, MIME, response_headers};
pub use last_event_id::{LastEventId, LastEventIdError};
pub use message::{MessageEvent, MessageRef};
