//! Compares what every client was told with the log, and the log with what was published.

use std::iter::zip;

use sse_core::Event;
use sse_store::{Entry, EventStore as _, NewEntry, Position, SeaOrmStore, TopicSet};

use crate::client::{Client, Seen, Told};
use crate::program::{self, Plan, topic};

/// The whole log.
pub(crate) async fn read(store: &SeaOrmStore) -> Vec<Entry> {
    let mut log = Vec::new();
    let mut after = Position::START;
    loop {
        let page = store.read(after, &TopicSet::All, 500).await.unwrap();
        assert!(page.status.is_exact(), "{:?}", page.status);
        if page.entries.is_empty() {
            return log;
        }
        log.extend(page.entries);
        after = page.next;
    }
}

/// The log has each batch, whole, those of a publisher in its order, and once where it has a key; then what came last;
/// and nothing else.
pub(crate) fn is_as_published(log: &[Entry], publishers: usize, batches: usize) {
    let sequences = log.iter().map(|entry| entry.position.sequence());
    assert!(sequences.eq(1..=log.len() as u64), "each position is there once, in order");
    let (log, last) = log.split_at(log.len() - program::TOPICS);
    assert!(zip(last, program::last()).all(|(entry, new)| is(entry, &new)));
    let mut published = vec![0; publishers];
    let mut left = log;
    while let Some(first) = left.first() {
        let (publisher, number) = program::name(first.event().unwrap().data().unwrap());
        let batch = program::batch(publisher, number);
        let entries = left.split_off(..batch.len()).unwrap();
        assert!(zip(entries, &batch).all(|(entry, new)| is(entry, new)), "{publisher}.{number}");
        let is_again = number < published[publisher];
        assert!(number <= published[publisher], "{publisher}.{number} comes too early");
        assert!(!is_again || !program::has_keys(publisher), "{publisher}.{number} is there twice");
        published[publisher] += usize::from(!is_again);
    }
    assert_eq!(published, vec![batches; publishers]);
}

/// Whether this entry is what was published there.
fn is(entry: &Entry, new: &NewEntry) -> bool {
    let said = |event: Option<&Event>| {
        event.map(|event| (event.data().map(str::to_owned), event.event_type().cloned()))
    };
    (&entry.topic, said(entry.event())) == (new.topic(), said(new.event()))
}

/// What is wrong with a client, if something is.
pub(crate) fn complaint(client: &Client, log: &[Entry]) -> Option<String> {
    let seen = client.seen.lock().unwrap();
    let why = why(&client.plan, &seen, log).err()?;
    let Seen { start, streams, connection, .. } = &*seen;
    let (last, Client { number, plan, .. }) = (seen.told.last(), client);
    Some(format!(
        "client {number}: {plan:?}\n  began after {start:?}, is at {last:?}, has had {} events by {streams} streams, the last: \
         {connection}\n  {why}",
        seen.events(),
    ))
}

fn why(plan: &Plan, seen: &Seen, log: &[Entry]) -> Result<(), String> {
    if let Some(fault) = &seen.fault {
        return Err(fault.clone());
    }
    let Some(start) = seen.start else {
        return Err("it was never told where it stands".to_owned());
    };
    let topics: TopicSet = plan.topics.iter().map(|number| topic(*number)).collect();
    let is_its_own =
        |entry: &&Entry| entry.position > start && topics.contains(entry.topic.as_str());
    let expected: Vec<&Entry> = log.iter().filter(is_its_own).collect();
    let told = |entry: &Entry| {
        let data = entry.event().and_then(|event| event.data()).unwrap_or_default();
        Told::Event(entry.position, entry.topic.to_string(), data.to_owned())
    };
    let mut given = 0;
    for it in &seen.told {
        match it {
            Told::Event(..) => {
                let should = expected.get(given).map(|entry| told(entry));
                if should.as_ref() != Some(it) {
                    return Err(format!(
                        "event {given} should be\n  {should:?}, and was\n  {it:?}"
                    ));
                }
                given += 1;
            }
            // Who is told a position and comes again with it is given nothing of before.
            Told::Position(position) => {
                let due = expected.partition_point(|entry| entry.position <= *position);
                if due != given {
                    return Err(format!("it was told {position} after {given} events, not {due}"));
                }
            }
        }
    }
    match expected.len() - given {
        0 => Ok(()),
        missing => {
            Err(format!("{missing} events are missing, the first: {:?}", told(expected[given])))
        }
    }
}
