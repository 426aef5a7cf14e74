//! What is published and who listens: known beforehand, so that what every client has to end with is known too.

use std::collections::BTreeSet;

use fastrand::Rng;
use sse_core::{Event, EventType};
use sse_store::{Key, NewEntry, Topic};

/// How many topics there are.
pub(crate) const TOPICS: usize = 40;

/// What the last event of every topic says.
pub(crate) const LAST: &str = "last";

pub(crate) fn topic(number: usize) -> Topic {
    Topic::new(format!("topic/{number}")).unwrap()
}

/// An event whose type says its topic, since a client is told no more of it.
fn event(number: usize, data: String) -> NewEntry {
    let topic = topic(number);
    let event = Event::new(data).with_type(EventType::new(topic.as_str()).unwrap());
    NewEntry::new(topic, event)
}

/// Whether a publisher's batches have keys, and so are there once. The others go by the hub alone: who tries again because
/// no answer came may have done it twice.
pub(crate) fn has_keys(publisher: usize) -> bool {
    !publisher.is_multiple_of(4)
}

/// The name of a publisher's batch, the same in every process and after each restart.
pub(crate) fn key(publisher: usize, number: usize) -> Key {
    Key::new(format!("{publisher}.{number}")).unwrap()
}

/// A publisher's batch: one to four events, each for some topic.
pub(crate) fn batch(publisher: usize, number: usize) -> Vec<NewEntry> {
    let mut rng = Rng::with_seed((publisher << 32 | number) as u64);
    let len = number % 4 + 1;
    let entry = |at| {
        let filler = "x".repeat(rng.usize(..200));
        event(rng.usize(..TOPICS), format!("{publisher}.{number} {at}/{len}\n{filler}"))
    };
    (0..len).map(entry).collect()
}

/// The publisher and the number of the batch that an event is of.
pub(crate) fn name(data: &str) -> (usize, usize) {
    let (name, _) = data.split_once(' ').unwrap();
    let (publisher, number) = name.split_once('.').unwrap();
    (publisher.parse().unwrap(), number.parse().unwrap())
}

/// The last event of every topic.
pub(crate) fn last() -> Vec<NewEntry> {
    (0..TOPICS).map(|number| event(number, LAST.to_owned())).collect()
}

/// Where a client begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Begin {
    /// With all that there is.
    Start,
    /// With what comes.
    Now,
    /// After some position of the log, as one who was there before.
    Somewhere,
}

/// A client.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    /// The numbers of its topics.
    pub(crate) topics: BTreeSet<usize>,
    pub(crate) begin: Begin,
    /// How many events there have to be before it comes.
    pub(crate) comes_at: u64,
    /// Whether the proxy goes on for it when an instance is lost, or it has to come again itself.
    pub(crate) is_resumed: bool,
    /// After how many events, about, it hangs up and comes again by itself.
    pub(crate) hangs_up: Option<u32>,
    /// After how many events, about, it stops reading until many more were published.
    pub(crate) naps: Option<u32>,
}

impl Plan {
    /// Of a client, where so many events are published.
    pub(crate) fn of(number: usize, events: u64) -> Self {
        let mut rng = Rng::with_seed(number as u64);
        let topics = match (number % 50, number % 3) {
            (0, _) => (0..TOPICS).collect(),
            (_, 0) => BTreeSet::from([rng.usize(..TOPICS)]),
            (_, 1) => (0..rng.usize(2..=6)).map(|_| rng.usize(..TOPICS)).collect(),
            // These have one in common.
            _ => (0..rng.usize(1..=3)).map(|_| rng.usize(..TOPICS)).chain([0]).collect(),
        };
        Self {
            topics,
            begin: [Begin::Start, Begin::Now, Begin::Start, Begin::Somewhere][number % 4],
            comes_at: if rng.bool() { 0 } else { rng.u64(..events) },
            is_resumed: number % 5 < 2,
            hangs_up: (number % 7 < 3).then_some(100),
            naps: (number % 11 < 2).then_some(200),
        }
    }

    /// The topic whose last event is the last that it is given.
    pub(crate) fn last_topic(&self) -> usize {
        self.topics.last().copied().unwrap_or_default()
    }
}

/// How many events so many publishers with so many batches have for each topic.
pub(crate) fn counts(publishers: usize, batches: usize) -> Vec<u64> {
    let mut counts = vec![0; TOPICS];
    let all = (0..publishers)
        .flat_map(|publisher| (0..batches).flat_map(move |number| batch(publisher, number)));
    let topics: Vec<Topic> = (0..TOPICS).map(topic).collect();
    for entry in all {
        counts[topics.iter().position(|topic| topic == entry.topic()).unwrap()] += 1;
    }
    counts
}
