//! The page of the store that a subscription is in.

use std::sync::{Arc, Weak};

use crate::page::Page;
use crate::slot::Slot;

/// A page that is being walked.
#[derive(Debug)]
pub(crate) struct Reading {
    /// Held weakly: a client that does not read keeps no page.
    page: Weak<Page>,
    /// How many of its frames are behind the reader.
    given: usize,
    /// The page says nothing of a topic that joins here.
    limit: u64,
}

/// What comes next in a page.
#[derive(Debug)]
pub(crate) enum Next {
    Slot(Slot),
    /// There is nothing more up to this sequence, and what follows is elsewhere.
    End(u64),
    /// The page is there no longer: the reader goes on from where it is, wherever that is to be had.
    Gone,
}

impl Reading {
    /// Begins behind a sequence, and ends where a topic joins that the page was not asked for.
    pub(crate) fn new(page: &Arc<Page>, after: u64, limit: u64) -> Self {
        Self { page: Arc::downgrade(page), given: page.up_to(after), limit }
    }

    pub(crate) fn next(&mut self) -> Next {
        let Some(page) = self.page.upgrade() else { return Next::Gone };
        match page.slots.get(self.given).filter(|slot| slot.sequence <= self.limit) {
            Some(slot) => {
                self.given += 1;
                Next::Slot(slot.clone())
            }
            None => Next::End(page.next.sequence().min(self.limit)),
        }
    }

    /// Gives what comes next in the page, as long as `give` takes it. The page's end is left to [`next`](Self::next).
    pub(crate) fn each(&mut self, mut give: impl FnMut(&Slot) -> bool) {
        let Some(page) = self.page.upgrade() else { return };
        let rest = page.slots.iter().skip(self.given);
        let rest = rest.take_while(|slot| slot.sequence <= self.limit);
        self.given += rest.take_while(|slot| give(slot)).count();
    }
}
