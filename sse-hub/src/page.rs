//! What a subscription that has fallen behind the window reads of the store.

use std::collections::HashMap;

use sse_store::{PageStatus, Position, Topic, TopicSet};

use crate::slot::{Slot, Slots};

/// How many records are read at once.
pub(crate) const LIMIT: usize = 500;

/// What a page costs beside its frames, about: itself, its question, and their places on the shelves.
const PAGE_OVERHEAD: usize = 768;

/// What a subscription asks the store for. Those who ask the same share the answer.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(crate) struct Question {
    /// Each once, in order.
    pub(crate) topics: Vec<Topic>,
    /// Only the newest event of each.
    pub(crate) newest_only: bool,
}

/// Some of the log, for some topics, that any subscription with these topics may walk.
#[derive(Debug)]
pub(crate) struct Page {
    /// It has everything after this position…
    pub(crate) after: Position,
    /// …up to this one.
    pub(crate) next: Position,
    pub(crate) status: PageStatus,
    /// The window's epoch when it was asked for: of whatever log the page is, the window had not come to a newer one.
    pub(crate) asked_in: u64,
    pub(crate) slots: Vec<Slot>,
    /// What its frames hold in memory: also what is no longer given of all that was encoded together.
    held: usize,
}

impl Page {
    pub(crate) fn new(after: Position, page: sse_store::Page, asked_in: u64) -> Self {
        let mut slots = Slots::default();
        page.entries.into_iter().for_each(|entry| slots.push(entry));
        let slots = slots.take();
        let held = slots.iter().map(Slot::cost).sum();
        Self { after, next: page.next, status: page.status, asked_in, slots, held }
    }

    /// Whether a reader at `position` gets from this page all there is for it up to the page's end.
    pub(crate) fn covers(&self, position: Position) -> bool {
        // What is said of a gap holds for the position that was asked about alone.
        position == self.after
            || self.status.is_exact() && self.after < position && position < self.next
    }

    /// Whether others get on by it, while the window is of this epoch. A reset holds for those alone who had asked before
    /// it was read, and one who is led nowhere would be given it again and again.
    pub(crate) fn leads_on(&self, epoch: u64) -> bool {
        self.status != PageStatus::Reset && self.next != self.after && self.next.epoch() == epoch
    }

    /// How many of its frames there are up to a sequence.
    pub(crate) fn up_to(&self, sequence: u64) -> usize {
        self.slots.partition_point(|slot| slot.sequence <= sequence)
    }

    pub(crate) fn cost(&self) -> usize {
        let status = match &self.status {
            PageStatus::Gap { topics: TopicSet::Only(topics) } => topics.len() * Topic::MAX_LEN,
            _ => 0,
        };
        self.held + status + PAGE_OVERHEAD
    }
}

/// A page that has just been read: it is known yet of which topic each of its frames is.
#[derive(Debug)]
pub(crate) struct Fresh {
    page: Page,
    topics: Vec<Topic>,
}

impl Fresh {
    pub(crate) fn new(after: Position, page: sse_store::Page, asked_in: u64) -> Self {
        let events = page.entries.iter().filter(|entry| entry.event().is_some());
        let topics = events.map(|entry| entry.topic.clone()).collect();
        Self { page: Page::new(after, page, asked_in), topics }
    }

    /// The page as the store would give it now that these topics have been cleared at these positions.
    pub(crate) fn without(self, cleared: &HashMap<Topic, Position>) -> Page {
        let Self { mut page, topics } = self;
        if cleared.is_empty() {
            return page;
        }
        let epoch = page.next.epoch();
        let mut missing = Vec::new();
        let mut topics = topics.into_iter();
        page.slots.retain(|slot| {
            let position = Position::new(epoch, slot.sequence);
            let topic = topics.next();
            let gone = topic.filter(|it| cleared.get(it).is_some_and(|at| position < *at));
            missing.extend(gone.clone());
            gone.is_none()
        });
        match &mut page.status {
            PageStatus::Exact if missing.is_empty() => {}
            PageStatus::Exact => {
                page.status = PageStatus::Gap { topics: missing.into_iter().collect() };
            }
            PageStatus::Gap { topics: TopicSet::Only(topics) } => topics.extend(missing),
            PageStatus::Gap { topics: TopicSet::All } | PageStatus::Reset => {}
        }
        page
    }
}
