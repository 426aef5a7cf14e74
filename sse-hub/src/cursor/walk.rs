//! The walk along the log: through the window, and through pages of the store where it has fallen behind that.

use sse_store::{Position, TopicSet};

use super::Cursor;
use crate::Overload;
use crate::reading::Next;
use crate::slot::Slot;
use crate::window::{Found, View, Window};

/// What a step of the walk came to.
#[derive(Debug)]
pub(crate) enum Step {
    /// The next event.
    Slot(Slot),
    /// There is something to tell first.
    Tell,
    /// There is nothing more, for now.
    UpToDate,
    /// The store has to be asked, from the position on.
    Behind,
}

impl Cursor {
    /// Goes on to the next event.
    pub(crate) fn walk(&mut self, window: &Window) -> Step {
        loop {
            if self.tell.is_due() {
                return Step::Tell;
            }
            if self.reading.is_some()
                && let Some(slot) = self.walk_page()
            {
                return Step::Slot(slot);
            }
            if self.members.is_empty() {
                return Step::UpToDate;
            }
            let view = window.view();
            if !view.has(self.position) {
                return self.elsewhere(window, view);
            }
            self.question = None;
            let after = self.position.sequence();
            if view.end == after {
                self.forgives = false;
                return Step::UpToDate;
            }
            let (limit, joins) = self.limit(view.end);
            match self.look(view.epoch, after, limit) {
                Look::Behind => return Step::Behind,
                Look::Slot(slot) => {
                    self.advance(Position::new(view.epoch, slot.sequence));
                    return Step::Slot(slot);
                }
                Look::TooMany(topics) => {
                    let limit = Position::new(view.epoch, limit);
                    self.gap(topics, limit);
                    self.advance(limit);
                    return Step::Tell;
                }
                Look::Nothing => {
                    self.advance(Position::new(view.epoch, limit));
                    if !joins {
                        return Step::UpToDate;
                    }
                }
            }
        }
    }

    /// Goes on to what follows at once in the page or the window, as long as `give` takes it. It may leave some of it to
    /// [`walk`](Self::walk).
    pub(crate) fn walk_on(&mut self, window: &Window, mut give: impl FnMut(&Slot) -> bool) {
        if self.tell.is_due() || self.overload != Overload::KeepAll {
            return;
        }
        let mut last = None;
        let give = |slot: &Slot| {
            let takes = give(slot);
            last = if takes { Some(slot.sequence) } else { last };
            takes
        };
        match &mut self.reading {
            Some(reading) => reading.each(give),
            None => self.look_on(window.view(), give),
        }
        if let Some(sequence) = last {
            self.advance(Position::new(self.position.epoch(), sequence));
            self.tell.position = Some(self.position);
        }
    }

    /// Gives what the window has after the position, as long as `give` takes it.
    fn look_on(&self, view: View, mut give: impl FnMut(&Slot) -> bool) {
        let mut after = self.position.sequence();
        if !view.has(self.position) || view.end == after {
            return;
        }
        let (limit, _) = self.limit(view.end);
        if let [member] = &self.members[..] {
            if member.has_joined(self.position) {
                member.log.each(view.epoch, after, limit, give);
            }
            return;
        }
        while let Look::Slot(slot) = self.look(view.epoch, after, limit) {
            after = slot.sequence;
            if !give(&slot) {
                return;
            }
        }
    }

    /// Up to where the topics that have joined can go on, and whether others join there.
    fn limit(&self, end: u64) -> (u64, bool) {
        match self.next_join() {
            Some(since) if since < end => (since, true),
            _ => (end, false),
        }
    }

    fn look(&self, epoch: u64, after: u64, limit: u64) -> Look {
        if let Overload::SkipWhenBehind(lag) = self.overload {
            let (mut count, mut topics) = (0, Vec::new());
            for member in self.joined() {
                let Some(waiting) = member.log.waiting(epoch, after, limit) else {
                    return Look::Behind;
                };
                count += waiting;
                topics.extend((waiting > 0).then(|| member.log.topic().clone()));
            }
            if count > lag.clamp(1, Overload::MAX_LAG) {
                return Look::TooMany(topics.into_iter().collect());
            }
        }
        let newest_only = self.overload == Overload::LatestByTopic;
        let mut next: Option<Slot> = None;
        for member in self.joined() {
            let limit = next.as_ref().map_or(limit, |slot| slot.sequence - 1);
            let found = match newest_only {
                // Its newest counts, even if it comes after what another topic has.
                true => member.log.newest(epoch, after, u64::MAX),
                false => member.log.first(epoch, after, limit),
            };
            match found {
                Found::Behind => return Look::Behind,
                Found::Slot(slot) if slot.sequence <= limit => next = Some(slot),
                Found::Slot(_) | Found::Nothing => {}
            }
        }
        next.map_or(Look::Nothing, Look::Slot)
    }

    /// Where the window has not come to the position.
    fn elsewhere(&mut self, window: &Window, view: View) -> Step {
        let epoch = self.position.epoch();
        if epoch != view.epoch
            && let Some(epoch) = window.successor(epoch)
        {
            self.reset(epoch);
            return Step::Tell;
        }
        match self.awaits == Some(view.epoch) {
            true => Step::UpToDate,
            false => Step::Behind,
        }
    }

    /// The next of the page it is in, if it is in one; at the page's end the position moves to it.
    fn walk_page(&mut self) -> Option<Slot> {
        let epoch = self.position.epoch();
        match self.reading.as_mut()?.next() {
            Next::Slot(slot) => {
                self.advance(Position::new(epoch, slot.sequence));
                return Some(slot);
            }
            Next::End(sequence) => {
                self.advance(Position::new(epoch, sequence));
                self.question = None;
            }
            Next::Gone => {}
        }
        self.reading = None;
        None
    }
}

enum Look {
    Slot(Slot),
    Nothing,
    Behind,
    /// More wait than may, of these topics.
    TooMany(TopicSet),
}
