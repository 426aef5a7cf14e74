//! Where a client begins, and what its first event has to say.

use std::collections::BTreeSet;

use sse_store::Position;

use super::log::{Kind, Logs, Place, Record};

/// What the first event has to say.
#[derive(Debug)]
pub(super) enum Opening {
    /// What it came with.
    Id(String),
    /// It came with something that is no position.
    NoId,
    /// At the beginning of the log.
    Beginning,
    /// Not after this.
    UpTo(Place),
}

/// Where a client begins.
pub(super) struct Begin {
    pub(super) opening: Opening,
    /// The place that it came with.
    pub(super) place: Option<Place>,
    pub(super) begins: bool,
    pub(super) may_be_reset: bool,
    pub(super) owes_reset: bool,
}

impl Begin {
    pub(super) fn now(logs: &Logs) -> Self {
        let opening = Opening::UpTo(logs.end());
        Self { opening, place: None, begins: false, may_be_reset: false, owes_reset: false }
    }

    pub(super) fn beginning(logs: &Logs) -> Self {
        Self { opening: Opening::Beginning, begins: true, ..Self::now(logs) }
    }

    /// With its newest so many events.
    pub(super) fn last(most: usize, topics: &BTreeSet<&str>, logs: &Logs) -> Self {
        let (log, head) = logs.end();
        let is_there = |record: &Record| {
            record.kind == Kind::Event && !record.is_deleted && topics.contains(record.topic)
        };
        let there = logs.between(log, 0, head).filter(|(_, record)| is_there(record));
        let mut there: Vec<u64> = there.map(|(at, _)| at).collect();
        match there.split_off(there.len().saturating_sub(most)).first() {
            Some(first) => {
                let before = Position::new(logs.head().epoch(), first - 1);
                Self { begins: true, ..Self::at(&before.to_string(), topics, logs) }
            }
            None => Self { begins: true, ..Self::now(logs) },
        }
    }

    /// With a last event id.
    pub(super) fn at(id: &str, topics: &BTreeSet<&str>, logs: &Logs) -> Self {
        let (position, now) = (id.parse::<Position>().ok(), Self::now(logs));
        if position == Some(Position::START) {
            return Self::beginning(logs);
        }
        let place = position.and_then(|position| logs.place(position));
        // Without a topic nothing can be missing, wherever it comes from.
        let needs_none = topics.is_empty() && position.is_some();
        Self {
            opening: position.map_or(Opening::NoId, |_| Opening::Id(id.to_owned())),
            place,
            may_be_reset: place.is_none_or(|place| place > logs.end()),
            owes_reset: place.is_none() && !needs_none,
            ..now
        }
    }

    /// Whether it is right to refuse it because all is complete.
    pub(super) fn check_refusal(&self, topics: &BTreeSet<&str>, logs: &Logs) {
        let (log, head) = logs.end();
        let is_complete = |name: &&str| logs.newest(name).is_some_and(Record::is_completion);
        assert!(!topics.is_empty() && topics.iter().all(is_complete) && !self.owes_reset);
        let after = match (self.place, &self.opening) {
            (Some(place), _) => place,
            (None, Opening::Beginning) => (log, 0),
            (None, _) => (log, head),
        };
        assert!(after.0 == log && after.1 <= head, "it had to be told a reset");
        for (sequence, record) in logs.between(log, after.1, head) {
            let is_missed = record.kind == Kind::Event && !(self.begins && record.is_deleted);
            assert!(!is_missed || !topics.contains(record.topic), "{sequence} was not given");
        }
    }
}
