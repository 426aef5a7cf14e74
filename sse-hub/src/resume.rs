//! Where a subscription begins.

use sse_core::{EventId, LastEventId};
use sse_store::Position;

/// Where a subscription begins: what [`resume_from`](crate::Subscribe::resume_from) takes.
///
/// It is made of a position, of an event's id, of the `Last-Event-ID` of a request, or of an `Option` of these, where
/// none means from now on. An id that is no position was not given out by any store: the client is told a reset.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ResumeFrom(pub(crate) Begin);

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Begin {
    /// With what comes from now on.
    #[default]
    Now,
    /// With what there is.
    Start,
    /// With the newest so many events.
    Last(usize),
    /// After this position, if it is one of the log.
    After(Position),
    /// After something that is no position.
    Nowhere,
}

impl From<Position> for ResumeFrom {
    fn from(position: Position) -> Self {
        Self(Begin::After(position))
    }
}

impl From<&str> for ResumeFrom {
    fn from(id: &str) -> Self {
        Self(id.parse().map_or(Begin::Nowhere, Begin::After))
    }
}

impl From<&EventId> for ResumeFrom {
    fn from(id: &EventId) -> Self {
        id.as_str().into()
    }
}

impl From<EventId> for ResumeFrom {
    fn from(id: EventId) -> Self {
        id.as_str().into()
    }
}

impl From<&LastEventId> for ResumeFrom {
    fn from(id: &LastEventId) -> Self {
        id.as_str().into()
    }
}

impl From<LastEventId> for ResumeFrom {
    fn from(id: LastEventId) -> Self {
        id.as_str().into()
    }
}

impl<T: Into<ResumeFrom>> From<Option<T>> for ResumeFrom {
    fn from(id: Option<T>) -> Self {
        id.map_or(Self::default(), Into::into)
    }
}
