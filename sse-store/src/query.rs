//! What people ask of a log.

use std::time::{SystemTime, UNIX_EPOCH};

use sse_core::EventType;

use crate::{Entry, Position, StoreError, TopicSet};

/// Which records a listing shows: a page at a time, oldest or newest first.
///
/// A listing is for people and tools, and for the newest few; a reader that follows the log uses
/// [`read`](crate::EventStore::read), which also says what is missing.
///
/// ```
/// use sse_store::{Query, Topic};
///
/// let orders = Topic::new("orders/42")?;
/// let query = Query::new(orders).events().newest_first().limit(20);
/// # Ok::<(), sse_store::TopicError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
#[must_use]
pub struct Query {
    /// The topics.
    pub topics: TopicSet,
    /// Whether to leave out clears and completions.
    pub events_only: bool,
    /// Only events of this type.
    pub event_type: Option<EventType>,
    /// Only records of this time or later, in milliseconds since 1970.
    pub from: Option<u64>,
    /// Only records before this time, in milliseconds since 1970.
    pub until: Option<u64>,
    /// Whether the newest come first.
    pub newest_first: bool,
    /// Only records that come after this one in the listing's order: the last of the page before.
    pub after: Option<Position>,
    /// How many records at most, at least 1 and at most [`MAX_LIMIT`](Self::MAX_LIMIT).
    pub limit: usize,
}

impl Query {
    /// The most records of a page.
    pub const MAX_LIMIT: usize = 10_000;

    /// Every record of these topics, oldest first, 100 at a time.
    pub fn new(topics: impl Into<TopicSet>) -> Self {
        Self {
            topics: topics.into(),
            events_only: false,
            event_type: None,
            from: None,
            until: None,
            newest_first: false,
            after: None,
            limit: 100,
        }
    }

    /// Only events: no clears and no completions.
    pub fn events(mut self) -> Self {
        self.events_only = true;
        self
    }

    /// Only events of this type; an event that names none is a `message`.
    pub fn event_type(mut self, event_type: EventType) -> Self {
        self.event_type = Some(event_type);
        self
    }

    /// Only records of this time or later.
    pub fn from(mut self, time: SystemTime) -> Self {
        self.from = Some(milliseconds(time));
        self
    }

    /// Only records before this time.
    pub fn until(mut self, time: SystemTime) -> Self {
        self.until = Some(milliseconds(time));
        self
    }

    /// The newest first.
    pub fn newest_first(mut self) -> Self {
        self.newest_first = true;
        self
    }

    /// The page after this record, in the listing's order.
    pub fn after(mut self, position: Position) -> Self {
        self.after = Some(position);
        self
    }

    /// At most so many records.
    pub fn limit(mut self, limit: usize) -> Self {
        self.limit = limit.clamp(1, Self::MAX_LIMIT);
        self
    }

    /// The sequence that the listing goes on from, in a log with this head.
    ///
    /// # Errors
    ///
    /// [`is_refused`](StoreError::is_refused) when [`after`](Self::after) is a position of another log.
    pub fn listed_after(&self, head: Position) -> Result<Option<u64>, StoreError> {
        match self.after {
            None | Some(Position::START) => Ok(None),
            Some(after) if after.epoch() == head.epoch() => Ok(Some(after.sequence())),
            Some(after) => {
                Err(StoreError::refused(format!("{after} is not a position of this log")))
            }
        }
    }

    /// Whether the record is of those asked for, whatever [`after`](Self::after) and the limit say.
    pub fn matches(&self, entry: &Entry) -> bool {
        let event_matches = match (entry.event(), &self.event_type) {
            (None, wanted) => wanted.is_none() && !self.events_only,
            (Some(_), None) => true,
            (Some(event), Some(wanted)) => {
                event.event_type().unwrap_or(&EventType::MESSAGE) == wanted
            }
        };
        event_matches
            && self.topics.contains(entry.topic.as_str())
            && self.from.is_none_or(|from| entry.time >= from)
            && self.until.is_none_or(|until| entry.time < until)
    }
}

/// The milliseconds from 1970 to `time`; none before.
pub(crate) fn milliseconds(time: SystemTime) -> u64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
