//! What goes into a log, and what comes out.

use sse_core::{Event, EventId};

use crate::{Position, StoreError, Topic, TopicSet};

/// What is to be appended: an event for a topic, or the topic's completion.
///
/// ```
/// use sse_core::Event;
/// use sse_store::{NewEntry, Position, Topic};
///
/// # let start_of_this_run = Position::START;
/// let topic = Topic::new("session/1")?;
/// let entry = NewEntry::new(topic, Event::new("hello")).fenced_by(start_of_this_run);
/// # Ok::<(), sse_store::TopicError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub struct NewEntry {
    topic: Topic,
    record: Record,
    fence: Option<Position>,
}

impl NewEntry {
    /// The most bytes that an event may have, as it is encoded: what every database takes in one statement by default.
    pub const MAX_EVENT_LEN: usize = 4 << 20;

    /// An event for a topic. The whole event is stored: type, data, reconnection time and comments. It must not have an
    /// id, since its position becomes its id.
    pub fn new(topic: Topic, event: Event) -> Self {
        Self { topic, record: Record::Event(event), fence: None }
    }

    /// The completion of a topic, so that the last event and the completion can be appended in one batch.
    pub fn completion(topic: Topic) -> Self {
        Self { topic, record: Record::Completed, fence: None }
    }

    /// The same entry, refused if its topic has been cleared after this position.
    ///
    /// A writer that starts anew clears its topic and fences all it appends by the position of that clear: the next
    /// one to do so fences it out, in whatever process it is.
    pub fn fenced_by(mut self, position: Position) -> Self {
        self.fence = Some(position);
        self
    }

    /// The topic.
    pub fn topic(&self) -> &Topic {
        &self.topic
    }

    /// The event, if this is not a completion.
    pub fn event(&self) -> Option<&Event> {
        self.record.event()
    }

    /// The position that fences the entry, if one does.
    pub fn fence(&self) -> Option<Position> {
        self.fence
    }

    /// How much it counts for in a page: see [`Entry::size`].
    #[cfg(feature = "_sea-orm")]
    pub(crate) fn size(&self) -> usize {
        size(&self.topic, self.event())
    }

    /// Checks what needs no look at the log. Every store begins its `append` with it.
    ///
    /// # Errors
    ///
    /// [`is_refused`](StoreError::is_refused) when the event already has an id, or is longer than
    /// [`MAX_EVENT_LEN`](Self::MAX_EVENT_LEN).
    pub fn check(&self) -> Result<(), StoreError> {
        let Some(event) = self.event() else {
            return Ok(());
        };
        let what = match (event.id(), event.encoded_len()) {
            (Some(id), _) => format!("already has the id {id:?}"),
            (None, len) if len > Self::MAX_EVENT_LEN => {
                format!("has {len} bytes, where {} are allowed", Self::MAX_EVENT_LEN)
            }
            (None, _) => return Ok(()),
        };
        Err(StoreError::refused(format!("the event for topic {:?} {what}", self.topic)))
    }

    /// The entry as it stands in the log, at this position and time in milliseconds since 1970.
    pub fn into_entry(self, position: Position, time: u64) -> Entry {
        Entry::new(position, self.topic, time, self.record)
    }
}

impl From<(Topic, Event)> for NewEntry {
    fn from((topic, event): (Topic, Event)) -> Self {
        Self::new(topic, event)
    }
}

/// A record of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Entry {
    /// Where it stands.
    pub position: Position,
    /// Its topic.
    pub topic: Topic,
    /// When it was appended, in milliseconds since 1970 by the clock of the process that appended it.
    pub time: u64,
    /// What it says.
    pub record: Record,
}

impl Entry {
    /// A record of the log; its event gets the position as its id. For those who implement a store.
    pub fn new(position: Position, topic: Topic, time: u64, record: Record) -> Self {
        let record = match record {
            Record::Event(event) => Record::Event(event.with_id(EventId::from(position))),
            other => other,
        };
        Self { position, topic, time, record }
    }

    /// The event with its position as its id, if the record is one.
    pub fn event(&self) -> Option<&Event> {
        self.record.event()
    }

    /// How much it counts for in a page: the bytes of its topic and of its event's type, data and comments.
    pub fn size(&self) -> usize {
        size(&self.topic, self.event())
    }

    /// The event with its position as its id, if the record is one.
    pub fn into_event(self) -> Option<Event> {
        match self.record {
            Record::Event(event) => Some(event),
            Record::Cleared | Record::Completed => None,
        }
    }
}

fn size(topic: &Topic, event: Option<&Event>) -> usize {
    let event = event.map_or(0, |event| {
        let event_type = event.event_type().map_or(0, |name| name.as_str().len());
        let comments: usize = event.comments().map(str::len).sum();
        event_type + event.data().map_or(0, str::len) + comments
    });
    topic.as_str().len() + event
}

/// What a record of the log says.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(clippy::exhaustive_enums)]
pub enum Record {
    /// An event of the topic.
    Event(Event),
    /// The topic has been cleared: what stood before is gone.
    Cleared,
    /// The topic has said all it will say, unless something is appended after this.
    Completed,
}

impl Record {
    /// The event, if the record is one.
    pub fn event(&self) -> Option<&Event> {
        match self {
            Self::Event(event) => Some(event),
            Self::Cleared | Self::Completed => None,
        }
    }
}

/// What a read gives: some records in order, and where to go on.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Page {
    /// The records, oldest first.
    pub entries: Vec<Entry>,
    /// Where to read on: past the last of the entries, and past the records of other topics once there are no more of
    /// these.
    pub next: Position,
    /// Whether something is missing before or among the entries.
    pub status: PageStatus,
}

impl Page {
    /// A page is full once its records come to this many bytes, as [`Entry::size`] counts them: the one that reaches them
    /// is the last. So a reader holds less than this and one record more, whatever limit it asks for.
    pub const FULL_BYTES: usize = 1 << 20;

    /// A page. For those who implement a store.
    pub fn new(entries: Vec<Entry>, next: Position, status: PageStatus) -> Self {
        Self { entries, next, status }
    }
}

/// Whether a page has all there was after the reader's position.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(clippy::exhaustive_enums)]
pub enum PageStatus {
    /// Nothing is missing.
    Exact,
    /// Records after the reader's position are no longer there.
    Gap {
        /// The topics that miss some; all, where it is not known which.
        topics: TopicSet,
    },
    /// The position is not of this log, or not yet: the page begins at the log's start.
    Reset,
}

impl PageStatus {
    /// Whether nothing is missing.
    pub fn is_exact(&self) -> bool {
        matches!(self, Self::Exact)
    }
}

/// The newest record of a topic: see [`EventStore::newest`](crate::EventStore::newest).
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Newest {
    /// The topic.
    pub topic: Topic,
    /// Where its newest record stands.
    pub position: Position,
    /// Whether that is a completion, so that the topic is complete.
    pub is_completion: bool,
}

impl Newest {
    /// The newest record of a topic. For those who implement a store.
    pub fn new(topic: Topic, position: Position, is_completion: bool) -> Self {
        Self { topic, position, is_completion }
    }
}

impl From<&Entry> for Newest {
    fn from(entry: &Entry) -> Self {
        let is_completion = entry.record == Record::Completed;
        Self::new(entry.topic.clone(), entry.position, is_completion)
    }
}

/// What a clear did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Cleared {
    /// How many events were deleted.
    pub removed: u64,
    /// The position of the clear itself: a fence for what is appended from here on.
    pub position: Position,
}

impl Cleared {
    /// What a clear did. For those who implement a store.
    pub fn new(removed: u64, position: Position) -> Self {
        Self { removed, position }
    }
}
