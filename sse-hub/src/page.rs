//! What a subscription that has fallen behind the window reads of the store.

use std::collections::BTreeMap;

use sse_core::{EventId, Frame};
use sse_store::{Entry, PageStatus, Position, Record, Topic, TopicSet};

/// How many records are read at once.
pub(crate) const LIMIT: usize = 500;

/// What a frame costs beside its bytes, about: its place in a list, the index and the allocator's own.
pub(crate) const FRAME_OVERHEAD: usize = 256;

/// An event of a topic, encoded.
#[derive(Debug, Clone)]
pub(crate) struct Slot {
    pub(crate) sequence: u64,
    /// When it was appended, in milliseconds since 1970.
    pub(crate) time: u64,
    pub(crate) frame: Frame,
}

impl Slot {
    pub(crate) fn cost(&self) -> usize {
        self.frame.as_bytes().len() + FRAME_OVERHEAD
    }
}

/// Some of the log, for some topics, that any subscription with these topics may walk.
#[derive(Debug)]
pub(crate) struct Page {
    /// It has everything after this position…
    pub(crate) after: Position,
    /// …up to this one.
    pub(crate) next: Position,
    pub(crate) status: PageStatus,
    /// The window's epoch before it was read: of whatever log it is, the window had not come to a newer one.
    pub(crate) asked_in: u64,
    pub(crate) slots: Vec<Slot>,
    /// Whether it goes up to what was the head when it was read.
    pub(crate) is_last: bool,
    /// The topics whose last record in it is a completion, and where.
    pub(crate) completions: Vec<(Topic, u64)>,
}

impl Page {
    pub(crate) fn new(after: Position, page: sse_store::Page, asked_in: u64) -> Self {
        let is_last = page.entries.last().is_none_or(|last| last.position != page.next);
        let mut completions = BTreeMap::new();
        let mut slots = Vec::new();
        for entry in page.entries {
            let sequence = entry.position.sequence();
            match entry.record {
                Record::Event(_) => {
                    completions.remove(&entry.topic);
                    slots.extend(slot(entry));
                }
                Record::Cleared => _ = completions.remove(&entry.topic),
                Record::Completed => _ = completions.insert(entry.topic, sequence),
            }
        }
        let completions = completions.into_iter().collect();
        Self { after, next: page.next, status: page.status, asked_in, slots, is_last, completions }
    }

    /// Whether a reader at `position` gets from this page all there is for it up to the page's end.
    pub(crate) fn covers(&self, position: Position) -> bool {
        // What is said of a gap or a reset holds for the position that was asked about alone, and so does
        // what begins at the start: it leaves out what is no longer there, without a word.
        position == self.after
            || self.status.is_exact()
                && self.after != Position::START
                && position != Position::START
                && self.after < position
                && position < self.next
    }

    /// Whether a reader gets on by it. One that does not would be given it again and again.
    pub(crate) fn leads_on(&self) -> bool {
        self.next != self.after
    }

    pub(crate) fn cost(&self) -> usize {
        let status = match &self.status {
            PageStatus::Gap { topics: TopicSet::Only(topics) } => topics.len() * Topic::MAX_LEN,
            _ => 0,
        };
        let completions = self.completions.len() * Topic::MAX_LEN;
        self.slots.iter().map(Slot::cost).sum::<usize>() + status + completions + FRAME_OVERHEAD
    }
}

/// The entry's event, encoded once for all; its id is its position, whatever the store has made it.
pub(crate) fn slot(entry: Entry) -> Option<Slot> {
    let (position, time) = (entry.position, entry.time);
    let event = entry.into_event()?.with_id(EventId::from(position));
    Some(Slot { sequence: position.sequence(), time, frame: event.to_frame() })
}
