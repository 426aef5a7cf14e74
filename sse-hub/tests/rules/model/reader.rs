//! A client, and what it may be told.

use std::collections::{BTreeMap, BTreeSet};

use sse_hub::{Hub, HubError, Subscription};
use sse_store::{Position, Topic};

use super::From;
use super::log::{Kind, Logs, Place};
use crate::support::{Client, Told};

pub(crate) struct Reader {
    hub: Hub,
    client: Client,
    /// Its topics, and after which place all of each must be given.
    topics: BTreeMap<&'static str, Place>,
    /// Its log, once an id has said so.
    log: Option<usize>,
    /// All up to here is accounted for.
    sequence: u64,
    /// What is deleted and need not be told, since it has been, or it never asked for it.
    excused: BTreeSet<u64>,
    /// What was there when a gap was told is excused even if it is deleted later, until the next event.
    gap: Option<(BTreeSet<String>, u64)>,
    /// It began with what there is, and has been given nothing of it yet.
    begins: bool,
    /// It came with something that is no position, or may be none.
    may_be_reset: bool,
    is_gone: bool,
}

async fn any(_: Topic) -> bool {
    true
}

/// Whether a refusal because all is complete is right for a client that has had everything up to `after`.
fn check_complete(topics: &BTreeSet<&str>, after: u64, is_exact: bool, logs: &Logs) {
    assert!(!topics.is_empty());
    for name in topics {
        let newest = logs.newest(name).expect("a record");
        assert_eq!(newest.kind, Kind::Completion);
    }
    let (log, head) = logs.end();
    for (sequence, record) in logs.between(log, after, head) {
        let is_missed = record.kind == Kind::Event && (is_exact || !record.is_deleted);
        assert!(!is_missed || !topics.contains(record.topic), "{sequence} was not given");
    }
}

impl Reader {
    pub(crate) async fn subscribe(
        hub: &Hub,
        topics: BTreeSet<&'static str>,
        from: From,
        logs: &Logs,
    ) -> Option<Self> {
        let head = logs.head();
        let subscribe = hub.subscribe(topics.iter().copied()).authorise(any);
        let mut id = None;
        let mut resume = |position: Position| {
            id = Some(position.to_string());
            subscribe_at(hub, &topics, &position.to_string())
        };
        let (subscribe, after, is_exact) = match from {
            From::Now => (subscribe, head.sequence(), true),
            From::Start => (subscribe.from_start(), 0, false),
            From::Last(0) => (subscribe.last(0), head.sequence(), true),
            From::Last(count) => (subscribe.last(count), 0, false),
            From::After(index) => {
                let sequence = index.index(head.sequence() as usize + 1) as u64;
                (resume(Position::new(head.epoch(), sequence)), sequence, true)
            }
            From::Future => {
                let future = Position::new(head.epoch(), head.sequence() + 2);
                (resume(future), future.sequence(), true)
            }
            From::Garbage => {
                id = Some("garbage".to_owned());
                (subscribe.resume_from("garbage"), 0, true)
            }
        };
        match subscribe.await {
            Ok(subscription) => {
                let mut reader = Self {
                    hub: hub.clone(),
                    client: Client::new(subscription),
                    topics: topics.into_iter().map(|name| (name, (0, 0))).collect(),
                    log: None,
                    sequence: 0,
                    excused: BTreeSet::new(),
                    gap: None,
                    begins: matches!(from, From::Start | From::Last(_)),
                    may_be_reset: matches!(from, From::Garbage | From::Future),
                    is_gone: false,
                };
                reader.client.last_event_id = id;
                Some(reader)
            }
            Err(error) => {
                assert!(error.is_complete(), "{error}");
                check_complete(&topics, after, is_exact, logs);
                None
            }
        }
    }

    /// Whether it is still connected, as far as it knows.
    pub(crate) fn is_open(&self) -> bool {
        !self.is_gone && !self.client.is_over
    }

    pub(crate) fn take(&mut self, most: usize, logs: &Logs) {
        if !self.is_gone {
            for told in self.client.take_ready(most) {
                self.check(&told, logs);
            }
        }
    }

    pub(crate) async fn read(&mut self, logs: &Logs) {
        if !self.is_gone {
            for told in self.client.read().await {
                self.check(&told, logs);
            }
        }
    }

    pub(crate) async fn reconnect(&mut self, hub: &Hub, logs: &Logs) {
        self.hub.disconnect(self.client.subscription.id());
        let topics: BTreeSet<&str> = self.topics.keys().copied().collect();
        let id = self.client.last_event_id.clone();
        let subscribe = match &id {
            Some(id) => subscribe_at(hub, &topics, id),
            None => hub.subscribe(topics.iter().copied()).authorise(any),
        };
        let subscribed: Result<Subscription, HubError> = subscribe.await;
        match subscribed {
            Ok(subscription) => {
                let position: Option<Position> = id.as_deref().and_then(|id| id.parse().ok());
                self.begins = position == Some(Position::START);
                self.may_be_reset = match position {
                    Some(position) => position > logs.head(),
                    None => id.is_some(),
                };
                (self.gap, self.is_gone) = (None, false);
                self.excused.clear();
                self.client = Client::new(subscription);
                self.client.last_event_id = id;
            }
            Err(error) => {
                assert!(error.is_complete(), "{error}");
                if self.log == Some(logs.current()) {
                    check_complete(&topics, self.sequence, true, logs);
                }
                self.is_gone = true;
            }
        }
        self.hub = hub.clone();
    }

    pub(crate) async fn add(&mut self, name: &'static str, logs: &Logs) {
        let id = self.client.subscription.id();
        match self.hub.add_topics(id, None, [name]).await {
            Ok(()) => {
                if self.topics.is_empty() {
                    // Nothing could be missing for it, wherever it was.
                    (self.log, self.sequence) = (None, 0);
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

    fn check(&mut self, told: &Told, logs: &Logs) {
        let position: Option<Position> = told.id.as_deref().map(|id| id.parse().unwrap());
        match (told.event_type.as_deref(), position) {
            (Some("reset"), None) => self.reset(logs),
            (Some("gap"), None) => self.told_gap(&told.data, logs),
            (Some("position"), None) => assert!(self.has_reset(logs) && !told.data.is_empty()),
            (Some("position"), Some(Position::START)) => assert!(self.begins),
            (Some("position"), Some(at)) if !told.data.is_empty() => self.opened(at, logs),
            (Some("position"), Some(at)) => self.moved(logs.place(at), logs),
            (None, Some(at)) => {
                let place = logs.place(at);
                let record = logs.at(place);
                assert_eq!(
                    (record.kind, record.data.to_string()),
                    (Kind::Event, told.data.clone())
                );
                assert!(self.topics.contains_key(record.topic), "{} is foreign", record.topic);
                assert!(self.log != Some(place.0) || place.1 > self.sequence, "{place:?} again");
                self.moved((place.0, place.1 - 1), logs);
                self.sequence = place.1;
                (self.gap, self.may_be_reset) = (None, false);
            }
            _ => panic!("{told:?}"),
        }
    }

    /// The opening says where it begins.
    fn opened(&mut self, at: Position, logs: &Logs) {
        let (log, sequence) = logs.place(at);
        match self.log {
            Some(known) => assert_eq!((known, self.sequence), (log, sequence)),
            None => (self.log, self.sequence) = (Some(log), sequence),
        }
    }

    /// It is told that it has all up to a place.
    fn moved(&mut self, (log, sequence): Place, logs: &Logs) {
        assert_eq!(log, self.log.unwrap_or(log), "another log without a reset");
        let up_to = self.sequence.max(sequence);
        if std::mem::take(&mut self.begins) {
            let head = logs.between(log, 0, u64::MAX);
            self.excused.extend(head.filter(|(_, it)| it.is_deleted).map(|(at, _)| at));
        }
        self.check_none_missing(log, up_to, logs);
        (self.log, self.sequence) = (Some(log), up_to);
    }

    fn check_none_missing(&self, log: usize, up_to: u64, logs: &Logs) {
        for (at, record) in logs.between(log, self.sequence, up_to) {
            let since = self.topics.get(record.topic).filter(|since| (log, at) > **since);
            if record.kind != Kind::Event || since.is_none() {
                continue;
            }
            let is_in_gap = |(topics, head): &(BTreeSet<String>, u64)| {
                at <= *head && topics.contains(record.topic)
            };
            let is_excused = self.excused.contains(&at) || self.gap.as_ref().is_some_and(is_in_gap);
            // What it began with is what was there when the first of it was given.
            let is_excused = is_excused || self.begins;
            assert!(record.is_deleted && is_excused, "{at} of {} is missing", record.topic);
        }
    }

    /// Whether there is a reason to tell it a reset.
    fn has_reset(&self, logs: &Logs) -> bool {
        // Before its first event it may not know of which log it is.
        let is_elsewhere = self.log.map_or(logs.current() > 0, |log| log != logs.current());
        self.may_be_reset || is_elsewhere
    }

    fn reset(&mut self, logs: &Logs) {
        assert!(self.has_reset(logs), "a reset without a reason");
        (self.log, self.sequence, self.gap) = (None, 0, None);
        (self.begins, self.may_be_reset) = (true, false);
        self.excused.clear();
    }

    fn told_gap(&mut self, data: &str, logs: &Logs) {
        let log = self.log.unwrap_or(logs.current());
        let names: BTreeSet<String> = data
            .trim_start_matches("{\"topics\":[")
            .trim_end_matches("]}")
            .split(',')
            .map(|name| name.trim_matches('"').to_owned())
            .collect();
        for name in &names {
            assert!(self.topics.contains_key(name.as_str()), "a gap of {name}, which is foreign");
            let mut after = logs.between(log, self.sequence, u64::MAX);
            let is_true = after.any(|(_, it)| it.topic == name && it.is_deleted);
            assert!(is_true, "a gap of {name} without a reason");
        }
        let after = logs.between(log, self.sequence, u64::MAX);
        let deleted = after.filter(|(_, it)| it.is_deleted && names.contains(it.topic));
        self.excused.extend(deleted.map(|(at, _)| at));
        let head = logs.between(log, 0, u64::MAX).count() as u64;
        self.gap = Some((names, head));
    }

    /// Nothing is left over, once it has read all there is.
    pub(crate) fn check_end(&self, logs: &Logs) {
        if self.is_gone {
            return;
        }
        let mut names = self.topics.keys();
        if self.client.is_over {
            assert!(!self.topics.is_empty() && names.all(|name| logs.was_completed(name)));
            return;
        }
        let is_complete = |name: &&str| {
            logs.newest(name).is_some_and(|it| it.kind == Kind::Completion && !it.is_deleted)
        };
        assert!(self.topics.is_empty() || !names.all(is_complete), "it did not end");
        if self.topics.is_empty() {
            return;
        }
        let (log, head) = logs.end();
        assert_eq!(self.log.unwrap_or(log), log, "it was not told of the new log");
        self.check_none_missing(log, head, logs);
    }
}

fn subscribe_at(hub: &Hub, topics: &BTreeSet<&'static str>, id: &str) -> sse_hub::Subscribe {
    hub.subscribe(topics.iter().copied()).authorise(any).resume_from(id)
}
