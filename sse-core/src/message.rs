//! What a client dispatches.

use crate::{EventId, EventType};

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
}
