//! A client.

mod check;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use sse_hub::{Hub, Subscribe, Subscription};
use sse_store::{Position, Topic};

use super::begin::{Begin, Opening};
use super::counts::{Counts, count};
use super::log::{Logs, Place};
use super::{From, How};
use crate::support::{Client, Source};

/// Longer than others keep what reads the store busy.
const BUSY: Duration = Duration::from_secs(5);

pub(crate) struct Reader {
    hub: Hub,
    client: Client,
    how: How,
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
    /// What it was told a gap of because more waited than may.
    skipped: BTreeSet<Place>,
    /// The events that it was given since somebody looked.
    given: Vec<Place>,
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

async fn any(_: Topic) -> bool {
    true
}

fn subscribe(hub: &Hub, topics: &BTreeSet<&str>, how: How) -> Subscribe {
    hub.subscribe(topics.iter().copied()).authorise(any).overload(how.overload)
}

impl Reader {
    pub(crate) async fn subscribe(
        hub: &Hub,
        topics: BTreeSet<&'static str>,
        (from, how): (From, How),
        logs: &Logs,
        counts: &Counts,
    ) -> Option<Self> {
        let head = logs.head();
        let subscribe = subscribe(hub, &topics, how);
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
                Some(Self::new((hub, how), subscription, topics, begin, id))
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
        (hub, how): (&Hub, How),
        subscription: Subscription,
        topics: BTreeMap<&'static str, Place>,
        begin: Begin,
        id: Option<String>,
    ) -> Self {
        let mut client = Client::of(match how.in_batches {
            true => Source::Batches(subscription.in_batches()),
            false => Source::Single(subscription),
        });
        client.last_event_id = id;
        Self {
            hub: hub.clone(),
            client,
            how,
            topics,
            log: begin.place.map_or(0, |(log, _)| log),
            is_known: begin.place.is_some(),
            sequence: begin.place.map_or(0, |(_, sequence)| sequence),
            excused: BTreeSet::new(),
            gap: None,
            skipped: BTreeSet::new(),
            given: Vec::new(),
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

    /// Reads once nothing happens any more, and is given no more than it asked for.
    pub(crate) async fn read_last(&mut self, logs: &Logs, counts: &Counts) {
        self.given.clear();
        let resets = counts.resets.get();
        let began = !self.begins;
        self.read(logs, counts).await;
        if began && counts.resets.get() == resets {
            self.check_given(logs);
        }
    }

    pub(crate) async fn reconnect(&mut self, hub: &Hub, logs: &Logs, counts: &Counts) {
        self.hub.disconnect(self.client.subscription.id());
        let topics: BTreeSet<&str> = self.topics.keys().copied().collect();
        let id = self.client.last_event_id.clone();
        let subscribe = subscribe(hub, &topics, self.how);
        let (subscribe, begin) = match &id {
            Some(id) => (subscribe.resume_from(&**id), Begin::at(id, &topics, logs)),
            None => (subscribe, Begin::now(logs)),
        };
        match subscribe.await {
            Ok(subscription) => {
                let is_back = self.hub.connection(subscription.id()).is_some();
                count(if is_back { &counts.back } else { &counts.elsewhere });
                // From where on it was promised a topic it is promised it still.
                *self = Self::new((hub, self.how), subscription, self.topics.clone(), begin, id);
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
}
