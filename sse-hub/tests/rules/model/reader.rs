//! A client, and what it may be told.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use sse_hub::{Hub, Subscription};
use sse_store::{Position, Topic};

use super::From;
use super::counts::{Counts, count};
use super::log::{Kind, Logs, Place, Record};
use crate::support::{Client, Told};

/// Longer than others keep what reads the store busy.
const BUSY: Duration = Duration::from_secs(5);

pub(crate) struct Reader {
    hub: Hub,
    client: Client,
    /// Its topics, and after which place all of each must be given.
    topics: BTreeMap<&'static str, Place>,
    /// Its log. While it is not known, it may be a later one.
    log: usize,
    is_known: bool,
    /// All up to here is accounted for.
    sequence: u64,
    /// What is deleted and need not be told, since it has been, or it never asked for it.
    excused: BTreeSet<Place>,
    /// What was there when a gap was told is excused even if it is deleted later, until the next event.
    gap: Option<(BTreeSet<String>, Place)>,
    /// It began with what there is, and has been given nothing of it yet.
    begins: bool,
    /// What it came with may be no position of its log.
    may_be_reset: bool,
    /// It came with something that is no position of any: a reset is all that it may be told next.
    owes_reset: bool,
    /// What its first event has to say, until it has.
    opening: Option<Opening>,
    is_gone: bool,
}

/// What the first event has to say.
#[derive(Debug)]
enum Opening {
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
struct Begin {
    opening: Opening,
    /// The place that it came with.
    place: Option<Place>,
    begins: bool,
    may_be_reset: bool,
    owes_reset: bool,
}

async fn any(_: Topic) -> bool {
    true
}

impl Begin {
    fn now(logs: &Logs) -> Self {
        let opening = Opening::UpTo(logs.end());
        Self { opening, place: None, begins: false, may_be_reset: false, owes_reset: false }
    }

    fn beginning(logs: &Logs) -> Self {
        Self { opening: Opening::Beginning, begins: true, ..Self::now(logs) }
    }

    /// With its newest so many events.
    fn last(most: usize, topics: &BTreeSet<&str>, logs: &Logs) -> Self {
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
    fn at(id: &str, topics: &BTreeSet<&str>, logs: &Logs) -> Self {
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
    fn check_refusal(&self, topics: &BTreeSet<&str>, logs: &Logs) {
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

impl Reader {
    pub(crate) async fn subscribe(
        hub: &Hub,
        topics: BTreeSet<&'static str>,
        from: From,
        logs: &Logs,
        counts: &Counts,
    ) -> Option<Self> {
        let head = logs.head();
        let subscribe = hub.subscribe(topics.iter().copied()).authorise(any);
        let (subscribe, begin, id) = match from {
            From::Now | From::Last(0) => (subscribe, Begin::now(logs), None),
            From::Start => (subscribe.from_start(), Begin::beginning(logs), None),
            From::Last(most) => (subscribe.last(most), Begin::last(most, &topics, logs), None),
            _ => {
                let id = match from {
                    From::After(at) => {
                        let sequence = at as u64 % (head.sequence() + 1);
                        Position::new(head.epoch(), sequence).to_string()
                    }
                    From::Future(more) => {
                        Position::new(head.epoch(), head.sequence() + 1 + more).to_string()
                    }
                    From::Elsewhere => Position::new(head.epoch() + 1, 1).to_string(),
                    From::Zero => Position::START.to_string(),
                    _ => "garbage".to_owned(),
                };
                (subscribe.resume_from(&*id), Begin::at(&id, &topics, logs), Some(id))
            }
        };
        match subscribe.await {
            Ok(subscription) => {
                let topics = topics.into_iter().map(|name| (name, (0, 0))).collect();
                Some(Self::new(hub, subscription, topics, begin, id))
            }
            Err(error) => {
                assert!(error.is_complete(), "{error}");
                begin.check_refusal(&topics, logs);
                count(&counts.refused);
                None
            }
        }
    }

    fn new(
        hub: &Hub,
        subscription: Subscription,
        topics: BTreeMap<&'static str, Place>,
        begin: Begin,
        id: Option<String>,
    ) -> Self {
        let mut client = Client::new(subscription);
        client.last_event_id = id;
        Self {
            hub: hub.clone(),
            client,
            topics,
            log: begin.place.map_or(0, |(log, _)| log),
            is_known: begin.place.is_some(),
            sequence: begin.place.map_or(0, |(_, sequence)| sequence),
            excused: BTreeSet::new(),
            gap: None,
            begins: begin.begins,
            may_be_reset: begin.may_be_reset,
            owes_reset: begin.owes_reset,
            opening: Some(begin.opening),
            is_gone: false,
        }
    }

    /// Whether it is still connected, as far as it knows.
    pub(crate) fn is_open(&self) -> bool {
        !self.is_gone && !self.client.is_over
    }

    pub(crate) fn take(&mut self, most: usize, logs: &Logs, counts: &Counts) {
        if self.is_open() {
            let told = self.client.take_ready(most);
            self.check_all(&told, logs, counts);
        }
    }

    pub(crate) async fn read(&mut self, logs: &Logs, counts: &Counts) {
        if self.is_open() {
            let told = self.client.read().await;
            self.check_all(&told, logs, counts);
        }
        // Pages that others have asked for and do not take keep the readers of the store busy for a second each.
        tokio::time::sleep(BUSY).await;
        if self.is_open() {
            let told = self.client.read().await;
            self.check_all(&told, logs, counts);
        }
    }

    pub(crate) async fn reconnect(&mut self, hub: &Hub, logs: &Logs, counts: &Counts) {
        self.hub.disconnect(self.client.subscription.id());
        let topics: BTreeSet<&str> = self.topics.keys().copied().collect();
        let id = self.client.last_event_id.clone();
        let subscribe = hub.subscribe(topics.iter().copied()).authorise(any);
        let (subscribe, begin) = match &id {
            Some(id) => (subscribe.resume_from(&**id), Begin::at(id, &topics, logs)),
            None => (subscribe, Begin::now(logs)),
        };
        match subscribe.await {
            Ok(subscription) => {
                let is_back = self.hub.connection(subscription.id()).is_some();
                count(if is_back { &counts.back } else { &counts.elsewhere });
                // From where on it was promised a topic it is promised it still.
                *self = Self::new(hub, subscription, self.topics.clone(), begin, id);
            }
            Err(error) => {
                assert!(error.is_complete(), "{error}");
                begin.check_refusal(&topics, logs);
                count(&counts.refused);
                (self.is_gone, self.hub) = (true, hub.clone());
            }
        }
    }

    pub(crate) async fn add(&mut self, name: &'static str, logs: &Logs, counts: &Counts) {
        let id = self.client.subscription.id();
        match self.hub.add_topics(id, None, [name]).await {
            Ok(()) => {
                if self.topics.is_empty() {
                    // Nothing could be missing for it, wherever it was: it is where its hub is now.
                    (self.log, self.is_known, self.sequence) = (0, false, 0);
                    self.begins = false;
                    // A reset that it was to be told may be due already.
                    self.may_be_reset |= self.owes_reset;
                    let id = self.client.last_event_id.as_deref();
                    self.owes_reset &= id.is_some_and(|id| id.parse::<Position>().is_err());
                    if !matches!(self.opening, None | Some(Opening::NoId)) {
                        self.opening = Some(Opening::UpTo(logs.end()));
                    }
                }
                let is_behind = self.is_known && (self.log, self.sequence) < logs.end();
                if !self.topics.contains_key(name) && is_behind {
                    count(&counts.joined_late);
                }
                self.topics.entry(name).or_insert(logs.end());
            }
            Err(error) => assert!(error.is_unknown_connection(), "{error}"),
        }
    }

    pub(crate) fn remove(&mut self, name: &'static str) {
        let id = self.client.subscription.id();
        match self.hub.remove_topics(id, None, [name]) {
            Ok(()) => _ = self.topics.remove(name),
            Err(error) => assert!(error.is_unknown_connection(), "{error}"),
        }
    }

    fn check_all(&mut self, told: &[Told], logs: &Logs, counts: &Counts) {
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
                self.moved(place, logs);
            }
            (None, Some(place)) => {
                count(&counts.given);
                let record = logs.at(place);
                let said = (record.kind, record.data.to_string());
                assert_eq!(said, (Kind::Event, told.data.clone()));
                assert!(self.topics.contains_key(record.topic), "{} is foreign", record.topic);
                assert!(!self.is_known || place.1 > self.sequence, "{place:?} again");
                self.moved((place.0, place.1 - 1), logs);
                self.sequence = place.1;
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
    fn moved(&mut self, (log, sequence): Place, logs: &Logs) {
        assert!((log, sequence) <= logs.end(), "{sequence} of {log} is to come yet");
        if self.topics.is_empty() {
            (self.log, self.sequence, self.is_known) = (log, sequence, true);
            return;
        }
        let is_right = if self.is_known { log == self.log } else { log >= self.log };
        assert!(is_right, "log {log} after {} without a reset", self.log);
        assert!(sequence >= self.sequence, "back from {} to {sequence}", self.sequence);
        self.begin(log, logs);
        self.check_none_missing(log, sequence, logs);
        (self.log, self.sequence, self.is_known) = (log, sequence, true);
    }

    /// What it began with is what was there when the first of it was given.
    fn begin(&mut self, log: usize, logs: &Logs) {
        if std::mem::take(&mut self.begins) {
            let all = logs.between(log, 0, u64::MAX);
            self.excused.extend(all.filter(|(_, it)| it.is_deleted).map(|(at, _)| (log, at)));
        }
    }

    fn check_none_missing(&self, log: usize, up_to: u64, logs: &Logs) {
        for (at, record) in logs.between(log, self.sequence, up_to) {
            let since = self.topics.get(record.topic).filter(|since| (log, at) > **since);
            if record.kind != Kind::Event || since.is_none() {
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
        for name in &names {
            assert!(self.topics.contains_key(name.as_str()), "a gap of {name}, which is foreign");
            let is_true = (self.log..=last).any(|log| is_missed(log, name));
            assert!(is_true, "a gap of {name} without a reason");
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
    pub(crate) fn check_end(&mut self, logs: &Logs) {
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
        self.check_none_missing(log, head, logs);
    }
}
