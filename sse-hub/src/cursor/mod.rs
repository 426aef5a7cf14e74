//! A subscription's place in the log.

mod walk;

use std::cmp::Ordering;
use std::sync::Arc;

use sse_store::{PageStatus, Position, Topic, TopicSet};

use crate::page::{Page, Question};
use crate::reading::Reading;
use crate::tell::Tell;
use crate::window::{TopicLog, Window};
use crate::{EndReason, Overload};

pub(crate) use walk::Step;

/// A set of topics and a position: all of a subscription that there is.
#[derive(Debug)]
pub(crate) struct Cursor {
    /// All that its topics have up to here has been given.
    position: Position,
    members: Vec<Member>,
    overload: Overload,
    /// It has been given nothing yet, and did not ask for what is missing at its beginning.
    forgives: bool,
    /// The page that it is in.
    reading: Option<Reading>,
    /// What it asks the store for, while it does.
    question: Option<Arc<Question>>,
    /// A window of this epoch will come to the position, if it is not there yet: there is no need to ask the store.
    awaits: Option<u64>,
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

impl Member {
    /// Whether it takes part in what follows a position. In another log than the one it was to join, it does.
    fn has_joined(&self, position: Position) -> bool {
        self.since.partial_cmp(&position) != Some(Ordering::Greater)
    }
}

/// A gap: where it was, and of which topics.
#[derive(Debug, PartialEq, Eq)]
struct GapTold {
    after: Position,
    up_to: Position,
    topics: TopicSet,
}

impl Cursor {
    /// A cursor with room for so many topics.
    pub(crate) fn new(overload: Overload, topics: usize) -> Self {
        Self {
            position: Position::START,
            members: Vec::with_capacity(topics),
            overload,
            forgives: false,
            reading: None,
            question: None,
            awaits: None,
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

    pub(crate) fn take_members(&mut self) -> Vec<Member> {
        self.reading = None;
        self.question = None;
        std::mem::take(&mut self.members)
    }

    /// Begins behind this position. The store has to say what one is worth that is beyond `now`, or of another log. Where
    /// it `forgives`, the client is not told that something is missing at its beginning.
    pub(crate) fn begin(&mut self, position: Position, forgives: bool, now: Position) {
        (self.position, self.forgives) = (position, forgives);
        self.awaits = (position <= now).then_some(now.epoch());
    }

    /// Begins the log of this epoch anew, and tells a reset.
    pub(crate) fn reset(&mut self, epoch: u64) {
        (self.position, self.forgives) = (Position::new(epoch, 0), true);
        self.awaits = None;
        self.reading = None;
        self.question = None;
        self.tell.reset();
    }

    /// Goes on to a position: all before it has been given or told.
    fn advance(&mut self, position: Position) {
        (self.position, self.forgives) = (position, false);
    }

    /// Takes a topic in, unless it has it; gives the member back that is not needed.
    pub(crate) fn add(&mut self, member: Member) -> Option<Member> {
        if self.topics().any(|topic| topic == member.log.topic()) {
            return Some(member);
        }
        let begins = self.members.is_empty() && member.since != Position::START;
        if begins && !self.tell.is_reset_due() {
            // Nothing is missing for it, wherever it comes from.
            self.begin(member.since, false, member.since);
        }
        // A page in hand was read before, so nothing is in it that the new topic would have to give.
        self.question = None;
        self.members.push(member);
        None
    }

    pub(crate) fn remove(&mut self, topic: &Topic) -> Option<Member> {
        let at = self.topics().position(|it| it == topic)?;
        self.reading = None;
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

    /// Where the next topic joins.
    fn next_join(&self) -> Option<u64> {
        let joins = self.members.iter().filter(|member| !member.has_joined(self.position));
        joins.map(|member| member.since.sequence()).min()
    }

    fn joined(&self) -> impl Iterator<Item = &Member> {
        self.members.iter().filter(|member| member.has_joined(self.position))
    }

    /// Takes what a page says of its position, if it still is there. It does not walk it.
    pub(crate) fn accept_if_there(&mut self, page: &Arc<Page>, window: &Window) {
        if self.position == page.after {
            self.accept(page, window);
        }
    }

    /// Takes a page that covers its position. Whoever walks on at once gets on, even if nobody keeps the page.
    pub(crate) fn accept(&mut self, page: &Arc<Page>, window: &Window) {
        let epoch = page.next.epoch();
        if page.status == PageStatus::Reset {
            self.reset(epoch);
        }
        // The store has said what the position is worth, when the window was of this epoch.
        self.awaits = Some(page.asked_in);
        if page.status == PageStatus::Reset || epoch != window.view().epoch {
            // What another log has is walked when the window has come there.
            return;
        }
        if let PageStatus::Gap { topics } = &page.status
            && !self.forgives
        {
            self.gap(self.own(topics), page.next);
        }
        let after = self.position.sequence();
        if let Overload::SkipWhenBehind(lag) = self.overload
            && page.slots.len() - page.up_to(after) > lag.clamp(1, Overload::MAX_LAG)
            && !self.forgives
        {
            let now = window.now();
            self.gap(TopicSet::Only(self.topics().cloned().collect()), page.next);
            self.advance(if now > page.next { now } else { page.next });
            self.question = None;
            return;
        }
        let limit = self.next_join().unwrap_or(u64::MAX);
        self.reading = Some(Reading::new(page, after, limit));
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

    /// Whether all its topics are complete, and it is past their completions. Where it is beyond the window, what the
    /// window knows may have been taken back.
    pub(crate) fn is_complete(&self, window: &Window) -> bool {
        let is_past = |member: &Member| member.log.is_completed_at(self.position);
        window.view().has(self.position)
            && !self.members.is_empty()
            && self.members.iter().all(is_past)
    }

    /// Whether what is missing from here on came after its beginning, so that the position says all that was before.
    pub(crate) fn has_begun(&self) -> bool {
        !self.forgives
    }

    /// Whether its client does not know of how far others' events have moved it on.
    pub(crate) fn has_moved_on(&self, now: Position) -> bool {
        let told = self.tell.position.unwrap_or(Position::START);
        !self.members.is_empty() && told.is_passed_by(now)
    }

    /// Whether frames may be waiting for it.
    pub(crate) fn may_have_more(&self, window: &Window) -> bool {
        let after = self.position.sequence();
        self.reading.is_some()
            || window.view().epoch != self.position.epoch()
            || self.joined().any(|member| member.log.has_after(after))
            || self.next_join().is_some()
    }
}
