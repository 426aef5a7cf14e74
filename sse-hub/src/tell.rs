//! What a subscription has yet to tell beside events.

use sse_core::Frame;
use sse_store::{Position, TopicSet};

use crate::{metrics, told};

/// What is due, in the order in which it is told: a reset, then a gap.
#[derive(Debug, Default)]
pub(crate) struct Tell {
    reset: bool,
    gap: Option<Box<TopicSet>>,
    /// The id that the client has, if it has been given one.
    pub(crate) position: Option<Position>,
    /// How its resume came out, until that is counted.
    pub(crate) outcome: Option<Outcome>,
    /// Whether the first event of all has been told.
    pub(crate) said_first: bool,
    /// Whether the last one has been told.
    pub(crate) said_last: bool,
}

/// How a resume came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Not known yet.
    Open,
    Gap,
    Reset,
}

impl Tell {
    pub(crate) fn reset(&mut self) {
        self.reset = true;
        // What was missing of the old log is of no interest in the new one.
        self.gap = None;
        self.outcome = self.outcome.map(|_| Outcome::Reset);
    }

    pub(crate) fn gap(&mut self, topics: TopicSet) {
        self.outcome = self.outcome.map(|outcome| match outcome {
            Outcome::Reset => Outcome::Reset,
            Outcome::Open | Outcome::Gap => Outcome::Gap,
        });
        let gap = match (self.gap.take().map(|gap| *gap), topics) {
            (Some(TopicSet::Only(mut old)), TopicSet::Only(new)) => {
                old.extend(new);
                TopicSet::Only(old)
            }
            (None, topics) => topics,
            (Some(_), _) => TopicSet::All,
        };
        self.gap = Some(Box::new(gap));
    }

    pub(crate) fn is_due(&self) -> bool {
        self.reset || self.gap.is_some()
    }

    pub(crate) fn is_reset_due(&self) -> bool {
        self.reset
    }

    /// The next that is due.
    pub(crate) fn next(&mut self) -> Option<Frame> {
        if std::mem::take(&mut self.reset) {
            metrics::reset();
            return Some(told::reset());
        }
        self.gap.take().map(|topics| {
            metrics::gap();
            told::gap(&topics)
        })
    }
}
