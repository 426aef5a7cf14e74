//! A subscription's place in the log, and its walk along it: through the window, and through pages of the store where it
//! has fallen behind that.

use std::sync::{Arc, Weak};

use sse_store::{PageStatus, Position, Topic, TopicSet};

use crate::page::{Page, Slot};
use crate::tell::Tell;
use crate::window::{Found, TopicLog, View, Window};
use crate::{EndReason, Overload};

/// A set of topics and a position: all of a subscription that there is.
#[derive(Debug)]
pub(crate) struct Cursor {
    /// All that its topics have up to here has been given.
    position: Position,
    members: Vec<Member>,
    overload: Overload,
    /// Whether the store has to say what the position is worth.
    is_unproven: bool,
    /// Whether what is missing is not to be told: the client did not ask for it.
    forgives: bool,
    page: Option<Reading>,
    /// What it asks the store for, while it does.
    question: Option<Arc<Question>>,
    /// The window's epoch when the store had nothing more for a position of another one.
    ahead_of: Option<u64>,
    /// The gap that was told last.
    gap_told: Option<Box<GapTold>>,
    /// What it has to tell beside events.
    pub(crate) tell: Tell,
    /// Why it is over, once it is.
    pub(crate) ending: Option<EndReason>,
}

/// A topic of a subscription.
#[derive(Debug)]
pub(crate) struct Member {
    pub(crate) log: Arc<TopicLog>,
    /// Its place among the log's subscribers.
    pub(crate) place: usize,
    /// It takes part from here on: what was before is none of its business.
    pub(crate) since: Position,
}

/// Where a cursor was.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Mark {
    position: Position,
    forgives: bool,
}

/// A page that is being walked.
#[derive(Debug)]
struct Reading {
    /// Held weakly: a client that does not read keeps no page.
    page: Weak<Page>,
    /// How many of its frames are behind the cursor.
    given: usize,
    /// The page says nothing of a topic that joins here.
    limit: u64,
}

impl Member {
    /// Whether it takes part in what follows a position. Where that is the start, it is not known of which log yet; in
    /// another log than the one that it was to join in, it takes part from the beginning.
    fn has_joined(&self, position: Position) -> bool {
        match self.since == Position::START || position == Position::START {
            true => self.since <= position,
            false => {
                self.since.epoch() != position.epoch()
                    || self.since.sequence() <= position.sequence()
            }
        }
    }
}

/// A gap: where it was, and of which topics.
#[derive(Debug, PartialEq, Eq)]
struct GapTold {
    after: Position,
    up_to: Position,
    topics: TopicSet,
}

/// What a cursor asks the store for. Those who ask the same share the answer.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(crate) struct Question {
    /// Each once, in order.
    pub(crate) topics: Vec<Topic>,
    /// Only the newest event of each.
    pub(crate) newest_only: bool,
}

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
    pub(crate) fn new(overload: Overload) -> Self {
        Self {
            position: Position::START,
            members: Vec::new(),
            overload,
            is_unproven: false,
            forgives: false,
            page: None,
            question: None,
            ahead_of: None,
            gap_told: None,
            tell: Tell::default(),
            ending: None,
        }
    }

    pub(crate) fn position(&self) -> Position {
        self.position
    }

    pub(crate) fn topics(&self) -> impl ExactSizeIterator<Item = &Topic> {
        self.members.iter().map(|member| member.log.topic())
    }

    pub(crate) fn members(&self) -> &[Member] {
        &self.members
    }

    pub(crate) fn take_members(&mut self) -> Vec<Member> {
        self.page = None;
        self.question = None;
        std::mem::take(&mut self.members)
    }

    /// Begins behind this position. One that is `unproven` is shown to the store first, and where it `forgives`, the
    /// client is not told that something is missing at its beginning.
    pub(crate) fn begin(&mut self, position: Position, unproven: bool, forgives: bool) {
        self.position = position;
        self.is_unproven = unproven;
        self.forgives = forgives;
    }

    /// Where it is, to go back there.
    pub(crate) fn mark(&self) -> Mark {
        Mark { position: self.position, forgives: self.forgives }
    }

    /// What was taken since is taken again.
    pub(crate) fn go_back_to(&mut self, mark: Mark) {
        (self.position, self.forgives) = (mark.position, mark.forgives);
        self.page = None;
    }

    /// Begins behind something that is no position: with the log's start, which is told as a reset.
    pub(crate) fn begin_anew(&mut self) {
        self.reset();
    }

    /// Takes a topic in, unless it has it; gives the member back that is not needed.
    pub(crate) fn add(&mut self, member: Member) -> Option<Member> {
        if self.topics().any(|topic| topic == member.log.topic()) {
            return Some(member);
        }
        // A page in hand was read before, so nothing is in it that the new topic would have to give.
        self.question = None;
        self.members.push(member);
        None
    }

    pub(crate) fn remove(&mut self, topic: &Topic) -> Option<Member> {
        let at = self.topics().position(|it| it == topic)?;
        self.page = None;
        self.question = None;
        Some(self.members.swap_remove(at))
    }

    /// What it asks the store for: the topics that have joined already.
    pub(crate) fn question(&mut self) -> Arc<Question> {
        let question = self.question.take().unwrap_or_else(|| {
            let joined = self.joined().map(|member| member.log.topic().clone());
            let mut topics: Vec<_> = joined.collect();
            topics.sort_unstable();
            let newest_only = self.overload == Overload::LatestByTopic;
            Arc::new(Question { topics, newest_only })
        });
        self.question.insert(question).clone()
    }

    /// Goes on to the next event.
    pub(crate) fn walk(&mut self, window: &Window) -> Step {
        loop {
            if self.tell.is_due() {
                return Step::Tell;
            }
            if let Some(slot) = self.walk_page() {
                return Step::Slot(slot);
            }
            if self.members.is_empty() {
                // Nothing can be missing for it, wherever it comes from.
                self.position = window.now().unwrap_or(self.position);
                return Step::UpToDate;
            }
            let view = window.view();
            if self.is_unproven || view.epoch == 0 || view.epoch != self.position.epoch() {
                return self.elsewhere(window, view);
            }
            self.question = None;
            let after = self.position.sequence();
            let (limit, joins) = self.limit(view.end);
            if limit <= after {
                self.forgives = false;
                return Step::UpToDate;
            }
            let found = self.look(view.epoch, after, limit);
            // What is missing from here on came after its beginning.
            self.forgives &= matches!(found, Look::Behind);
            match found {
                Look::Behind => return Step::Behind,
                Look::Slot(slot) => {
                    self.position = Position::new(view.epoch, slot.sequence);
                    return Step::Slot(slot);
                }
                Look::TooMany(topics) => {
                    let limit = Position::new(view.epoch, limit);
                    self.gap(topics, limit);
                    self.position = limit;
                    return Step::Tell;
                }
                Look::Nothing => {
                    self.position = Position::new(view.epoch, limit);
                    if !joins {
                        return Step::UpToDate;
                    }
                }
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

    /// Where the next topic joins.
    fn next_join(&self) -> Option<u64> {
        let joins = self.members.iter().filter(|member| !member.has_joined(self.position));
        joins.map(|member| member.since.sequence()).min()
    }

    fn joined(&self) -> impl Iterator<Item = &Member> {
        self.members.iter().filter(|member| member.has_joined(self.position))
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

    /// Where the window has nothing to say to this position.
    fn elsewhere(&mut self, window: &Window, view: View) -> Step {
        if self.position != Position::START && window.is_retired(self.position.epoch()) {
            self.reset();
            return Step::Tell;
        }
        // The store had nothing more, and the feed has not come to that log yet: it will wake us.
        if !self.is_unproven && self.ahead_of == Some(view.epoch) {
            return Step::UpToDate;
        }
        Step::Behind
    }

    /// Begins the log anew.
    fn reset(&mut self) {
        self.position = Position::START;
        (self.is_unproven, self.ahead_of) = (false, None);
        self.page = None;
        self.question = None;
        for member in &mut self.members {
            member.since = Position::START;
        }
        self.tell.reset();
    }

    /// Takes a page that begins right at its position, if it still is there.
    pub(crate) fn accept_if_there(&mut self, page: &Arc<Page>, window: &Window) {
        if self.position == page.after {
            self.accept(page, window);
            // The page leads nowhere, so it is walked at once.
            self.walk_page();
        }
    }

    /// Takes a page that covers its position. Whoever walks on at once gets on, even if nobody keeps the page.
    pub(crate) fn accept(&mut self, page: &Arc<Page>, window: &Window) {
        let epoch = page.next.epoch();
        let forgives = std::mem::take(&mut self.forgives);
        match &page.status {
            PageStatus::Exact => {}
            PageStatus::Gap { .. } if forgives => {}
            PageStatus::Gap { topics } => self.gap(self.own(topics), page.next),
            PageStatus::Reset => self.reset(),
        }
        (self.is_unproven, self.ahead_of) = (false, None);
        for (topic, sequence) in &page.completions {
            for member in self.members.iter().filter(|member| member.log.topic() == topic) {
                member.log.observe(Position::new(epoch, *sequence), true);
            }
        }
        if self.joins_another(epoch) {
            // It was asked without a topic that it should have been asked with.
            self.question = None;
            return;
        }
        let after = self.position.sequence();
        let from = page.slots.partition_point(|slot| slot.sequence <= after);
        let limit = self.next_join().unwrap_or(u64::MAX);
        self.page = Some(Reading { page: Arc::downgrade(page), given: from, limit });
        if let Overload::SkipWhenBehind(lag) = self.overload
            && page.slots.len() - from > lag.clamp(1, Overload::MAX_LAG)
            && !forgives
        {
            let now = window.now().filter(|now| now.epoch() == epoch);
            self.gap(TopicSet::Only(self.topics().cloned().collect()), page.next);
            self.position = now.filter(|now| *now > page.next).unwrap_or(page.next);
            self.page = None;
            self.question = None;
        }
    }

    /// Lets those join that were to join in a log of before, now that it is known that this is another; whether there
    /// were any.
    fn joins_another(&mut self, epoch: u64) -> bool {
        let is_of_before = |member: &&mut Member| ![0, epoch].contains(&member.since.epoch());
        let before = self.members.iter_mut().filter(is_of_before);
        before.map(|member| member.since = Position::START).count() > 0
    }

    /// Tells that something is missing between the position and another. What was told already is not told again, however
    /// often the same is read.
    fn gap(&mut self, topics: TopicSet, up_to: Position) {
        let gap = GapTold { after: self.position, up_to, topics };
        if self.gap_told.as_deref() != Some(&gap) {
            self.tell.gap(gap.topics.clone());
            self.gap_told = Some(Box::new(gap));
        }
    }

    /// Those of the topics that are its own.
    fn own(&self, topics: &TopicSet) -> TopicSet {
        match topics {
            TopicSet::All => TopicSet::All,
            topics => {
                self.topics().filter(|topic| topics.contains(topic.as_str())).cloned().collect()
            }
        }
    }

    /// The next of the page it is in, if it is in one; at the page's end the position moves to it.
    fn walk_page(&mut self) -> Option<Slot> {
        let Reading { page, given, limit } = self.page.as_mut()?;
        let limit = *limit;
        let Some(page) = page.upgrade() else {
            // It goes on from its position, wherever that is to be had.
            self.page = None;
            return None;
        };
        let epoch = page.next.epoch();
        if let Some(slot) = page.slots.get(*given).filter(|slot| slot.sequence <= limit) {
            *given += 1;
            self.position = Position::new(epoch, slot.sequence);
            return Some(slot.clone());
        }
        // Where a topic joins before the page's end, what follows has to be asked for with it.
        let ends = page.next.sequence() <= limit;
        self.position = if ends { page.next } else { Position::new(epoch, limit) };
        self.page = None;
        self.question = None;
        if ends && page.is_last && page.asked_in != epoch {
            self.ahead_of = Some(page.asked_in);
        }
        None
    }

    /// Whether all its topics are complete, and it is past their completions.
    pub(crate) fn is_complete(&self) -> bool {
        let is_past = |member: &Member| member.log.is_completed_at(self.position);
        !self.members.is_empty() && self.members.iter().all(is_past)
    }

    /// Whether its client does not know of how far others' events have moved it on.
    pub(crate) fn has_moved_on(&self, now: Option<Position>) -> bool {
        let told = self.tell.position.unwrap_or(Position::START);
        !self.members.is_empty() && now.is_some_and(|now| told.is_passed_by(now))
    }

    /// Whether frames may be waiting for it.
    pub(crate) fn may_have_more(&self, window: &Window) -> bool {
        let after = self.position.sequence();
        self.page.is_some()
            || window.view().epoch != self.position.epoch()
            || self.joined().any(|member| member.log.has_after(after))
            || self.next_join().is_some()
    }
}

enum Look {
    Slot(Slot),
    Nothing,
    Behind,
    /// More wait than may, of these topics.
    TooMany(TopicSet),
}
