//! How often each path was taken: what is never taken is not shown.

use std::cell::Cell;
use std::fmt;

#[derive(Debug, Default)]
pub(crate) struct Counts {
    /// Events that were given.
    pub(crate) given: Cell<usize>,
    /// Of those the ones that came while the store was read, and the others.
    pub(crate) while_read: Cell<usize>,
    pub(crate) unread: Cell<usize>,
    pub(crate) gaps: Cell<usize>,
    pub(crate) resets: Cell<usize>,
    /// Positions told beside events.
    pub(crate) moves: Cell<usize>,
    /// Clients that came back to where they had been, and to the other hub.
    pub(crate) back: Cell<usize>,
    pub(crate) elsewhere: Cell<usize>,
    /// Topics added to a client that was behind.
    pub(crate) joined_late: Cell<usize>,
    /// Clients that were refused, and that were ended, because all was complete.
    pub(crate) refused: Cell<usize>,
    pub(crate) ended: Cell<usize>,
    /// Events that were given in batches, that were overtaken by newer ones, and that were skipped.
    pub(crate) batched: Cell<usize>,
    pub(crate) overtaken: Cell<usize>,
    pub(crate) skipped: Cell<usize>,
    /// Events of a topic that had been complete just before.
    pub(crate) reopened: Cell<usize>,
}

pub(crate) fn count(cell: &Cell<usize>) {
    cell.set(cell.get() + 1);
}

impl Counts {
    fn all(&self) -> [(&str, usize); 15] {
        [
            ("given", &self.given),
            ("while read", &self.while_read),
            ("unread", &self.unread),
            ("gaps", &self.gaps),
            ("resets", &self.resets),
            ("moves", &self.moves),
            ("back", &self.back),
            ("elsewhere", &self.elsewhere),
            ("joined late", &self.joined_late),
            ("refused", &self.refused),
            ("ended", &self.ended),
            ("batched", &self.batched),
            ("overtaken", &self.overtaken),
            ("skipped", &self.skipped),
            ("reopened", &self.reopened),
        ]
        .map(|(name, count)| (name, count.get()))
    }

    pub(crate) fn check(&self) {
        assert!(self.all().iter().all(|(_, count)| *count > 0), "{self}");
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.all().iter().try_for_each(|(name, count)| writeln!(f, "{name}: {count}"))
    }
}
