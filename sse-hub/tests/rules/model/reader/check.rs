//! What a client may be told.

use std::collections::BTreeSet;

use sse_hub::Overload;

use super::super::begin::Opening;
use super::super::counts::{Counts, count};
use super::super::log::{Kind, Logs, Place, Record};
use super::Reader;
use crate::support::Told;

impl Reader {
    pub(super) fn check_all(&mut self, told: &[Told], logs: &Logs, counts: &Counts) {
        for told in told {
            self.check(told, logs, counts);
        }
        if self.client.is_over {
            count(&counts.ended);
            self.check_over(logs);
        }
    }

    fn check(&mut self, told: &Told, logs: &Logs, counts: &Counts) {
        if let Some(opening) = self.opening.take() {
            assert_eq!(told.event_type.as_deref(), Some("position"), "it comes first");
            assert_eq!(told.data, self.client.subscription.id().to_string());
            return self.opened(opening, told.id.as_deref(), logs);
        }
        let position = told.id.as_deref().map(|id| id.parse().unwrap());
        let place = position.map(|position| logs.place(position).expect("an epoch that was"));
        let is_reset = told.event_type.as_deref() == Some("reset");
        assert!(is_reset || !self.owes_reset, "a reset was due");
        match (told.event_type.as_deref(), place) {
            (Some("reset"), None) => {
                count(&counts.resets);
                self.reset(logs);
            }
            (Some("gap"), None) => {
                count(&counts.gaps);
                self.told_gap(&told.data, logs);
            }
            (Some("position"), Some(place)) => {
                count(&counts.moves);
                assert!(told.data.is_empty());
                self.moved(place, logs, counts);
            }
            (None, Some(place)) => {
                count(&counts.given);
                let record = logs.at(place);
                let said = (record.kind, record.data.to_string());
                assert_eq!(said, (Kind::Event, told.data.clone()));
                assert!(self.topics.contains_key(record.topic), "{} is foreign", record.topic);
                assert!(!self.is_known || place.1 > self.sequence, "{place:?} again");
                self.moved((place.0, place.1 - 1), logs, counts);
                self.sequence = place.1;
                self.given.push(place);
                if self.how.in_batches {
                    count(&counts.batched);
                }
                (self.gap, self.may_be_reset) = (None, false);
                if logs.is_reopened(place) {
                    count(&counts.reopened);
                }
            }
            _ => panic!("{told:?}"),
        }
    }

    /// The opening says where it begins.
    fn opened(&mut self, opening: Opening, id: Option<&str>, logs: &Logs) {
        let place = id.and_then(|id| logs.place(id.parse().unwrap()));
        match (opening, place) {
            (Opening::Id(expected), _) => assert_eq!(id, Some(&*expected)),
            (Opening::NoId, _) => assert_eq!(id, None),
            (Opening::Beginning, Some((log, sequence))) => {
                assert_eq!(sequence, 0);
                (self.log, self.is_known) = (log, true);
            }
            (Opening::UpTo(most), Some(place)) => {
                assert!(place <= most, "{place:?} after {most:?}");
                (self.log, self.sequence, self.is_known) = (place.0, place.1, true);
            }
            (opening, None) => panic!("{id:?} where {opening:?} was to be said"),
        }
    }

    /// It is told that it has all up to a place.
    fn moved(&mut self, (log, sequence): Place, logs: &Logs, counts: &Counts) {
        assert!((log, sequence) <= logs.end(), "{sequence} of {log} is to come yet");
        if self.topics.is_empty() {
            (self.log, self.sequence, self.is_known) = (log, sequence, true);
            return;
        }
        let is_right = if self.is_known { log == self.log } else { log >= self.log };
        assert!(is_right, "log {log} after {} without a reset", self.log);
        assert!(sequence >= self.sequence, "back from {} to {sequence}", self.sequence);
        self.begin(log, logs);
        self.check_none_missing(log, sequence, logs, counts);
        (self.log, self.sequence, self.is_known) = (log, sequence, true);
    }

    /// What it began with is what was there when the first of it was given.
    fn begin(&mut self, log: usize, logs: &Logs) {
        if std::mem::take(&mut self.begins) {
            let all = logs.between(log, 0, u64::MAX);
            self.excused.extend(all.filter(|(_, it)| it.is_deleted).map(|(at, _)| (log, at)));
        }
    }

    fn check_none_missing(&self, log: usize, up_to: u64, logs: &Logs, counts: &Counts) {
        for (at, record) in logs.between(log, self.sequence, up_to) {
            let since = self.topics.get(record.topic).filter(|since| (log, at) > **since);
            if record.kind != Kind::Event || since.is_none() {
                continue;
            }
            if self.how.overload == Overload::LatestByTopic && logs.is_overtaken((log, at)) {
                count(&counts.overtaken);
                continue;
            }
            if self.skipped.contains(&(log, at)) {
                count(&counts.skipped);
                continue;
            }
            let is_in_gap = |(topics, end): &(BTreeSet<String>, Place)| {
                (log, at) <= *end && topics.contains(record.topic)
            };
            let is_excused =
                self.excused.contains(&(log, at)) || self.gap.as_ref().is_some_and(is_in_gap);
            assert!(record.is_deleted && is_excused, "{at} of {} is missing", record.topic);
        }
    }

    fn reset(&mut self, logs: &Logs) {
        // It may be in any log after its own.
        let is_elsewhere = self.log < logs.current();
        assert!(self.may_be_reset || self.owes_reset || is_elsewhere, "a reset without a reason");
        let is_of_this_log = self.may_be_reset || self.owes_reset;
        self.log += usize::from(!is_of_this_log);
        (self.is_known, self.sequence, self.gap) = (false, 0, None);
        (self.begins, self.may_be_reset, self.owes_reset) = (true, false, false);
        self.excused.clear();
        self.skipped.clear();
    }

    /// What waits for it, as far as can be known: perhaps more than the hub knows of.
    fn waiting(&self, last: usize, logs: &Logs) -> BTreeSet<Place> {
        let in_log = |log| {
            let after = logs.between(log, self.sequence, u64::MAX);
            // A topic that was added may be given from before that on, where the hub was behind.
            let is_own = |(_, record): &(u64, &Record)| {
                record.kind == Kind::Event && self.topics.contains_key(record.topic)
            };
            after.filter(is_own).map(move |(at, _)| (log, at))
        };
        (self.log..=last).flat_map(in_log).collect()
    }

    fn told_gap(&mut self, data: &str, logs: &Logs) {
        let names: BTreeSet<String> = data
            .trim_start_matches("{\"topics\":[")
            .trim_end_matches("]}")
            .split(',')
            .map(|name| name.trim_matches('"').to_owned())
            .collect();
        // Of which log it is need not be known yet.
        let last = if self.is_known { self.log } else { logs.current() };
        let is_missed = |log, name: &str| {
            let mut after = logs.between(log, self.sequence, u64::MAX);
            after.any(|(_, it)| it.topic == name && it.is_deleted)
        };
        let waiting = self.waiting(last, logs);
        let skips =
            matches!(self.how.overload, Overload::SkipWhenBehind(lag) if waiting.len() > lag);
        if skips {
            let is_named = |place: &Place| names.contains(logs.at(*place).topic);
            self.skipped.extend(waiting.into_iter().filter(is_named));
        }
        for name in &names {
            assert!(self.topics.contains_key(name.as_str()), "a gap of {name}, which is foreign");
            let is_true = (self.log..=last).any(|log| is_missed(log, name));
            assert!(is_true || skips, "a gap of {name} without a reason");
        }
        for log in self.log..=last {
            let after = logs.between(log, self.sequence, u64::MAX);
            let deleted = after.filter(|(_, it)| it.is_deleted && names.contains(it.topic));
            self.excused.extend(deleted.map(|(at, _)| (log, at)));
        }
        self.gap = Some((names, logs.end()));
    }

    /// It ended where all its topics were complete, and knows where that was.
    fn check_over(&self, logs: &Logs) {
        assert!(!self.topics.is_empty() && self.client.error.is_none());
        let id = self.client.last_event_id.as_deref().and_then(|id| id.parse().ok());
        let (log, sequence) = id.and_then(|id| logs.place(id)).expect("a position");
        assert!(!self.is_known || (log, sequence) == (self.log, self.sequence));
        for name in self.topics.keys() {
            let up_to = logs.between(log, 0, sequence);
            let newest = up_to.map(|(_, record)| record).filter(|record| record.topic == *name);
            assert!(newest.last().is_some_and(Record::is_completion), "{name} was not complete");
        }
    }

    /// Nothing is left over, once it has read all there is.
    pub(crate) fn check_end(&mut self, logs: &Logs, counts: &Counts) {
        if !self.is_open() || self.topics.is_empty() {
            return;
        }
        let is_complete =
            |name: &&str| logs.newest(name).is_some_and(|it| it.is_completion() && !it.is_deleted);
        assert!(!self.topics.keys().all(is_complete), "it did not end");
        let (log, head) = logs.end();
        assert!(!self.is_known || self.log == log, "it was not told of the new log");
        assert!(!self.owes_reset && self.opening.is_none());
        self.begin(log, logs);
        self.check_none_missing(log, head, logs, counts);
    }

    /// It was given what its policy says and no more.
    pub(super) fn check_given(&self, logs: &Logs) {
        match self.how.overload {
            Overload::LatestByTopic => {
                let older = self.given.iter().find(|place| logs.is_overtaken(**place));
                assert_eq!(older, None, "it is not the newest of its topic");
            }
            Overload::SkipWhenBehind(lag) => {
                // What waits before a topic that was added counts by itself.
                let (many, most) = (self.given.len(), lag * self.topics.len());
                assert!(many <= most, "{many} were given where {lag} may wait");
            }
            _ => {}
        }
    }
}
