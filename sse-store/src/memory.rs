//! The log of one process.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use tokio::sync::watch;

use crate::key::Done;
use crate::query::milliseconds;
use crate::{
    Cleared, Entry, EventStore, Key, NewEntry, Newest, Page, PageStatus, Position, Query, Record,
    StoreError, StoreFuture, Topic, TopicSet,
};

/// A log in memory: gone with the process, and seen by no other.
///
/// It keeps what it is given until it is cleared or purged. Cloning gives another handle on the same log.
#[derive(Debug, Clone)]
pub struct MemoryStore {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    log: Mutex<Log>,
    head: watch::Sender<Position>,
}

#[derive(Debug)]
struct Log {
    head: Position,
    entries: BTreeMap<u64, Entry>,
    topics: HashMap<Topic, TopicLog>,
    /// The appends that had a key, and when they were.
    done: HashMap<Key, (Done, u64)>,
    /// What holds of a topic that is no longer in `topics`.
    folded: Marks,
    /// The last position deleted from any topic: at or after it nobody can have missed anything.
    deleted: u64,
}

#[derive(Debug)]
struct TopicLog {
    sequences: BTreeSet<u64>,
    marks: Marks,
}

/// What a log remembers of what it has deleted.
#[derive(Debug, Clone, Copy, Default)]
struct Marks {
    /// The last position deleted.
    floor: u64,
    /// The position of the last clear.
    cleared: u64,
}

impl MemoryStore {
    /// How many topics without a record are remembered one by one; of the others, the newest deletion alone.
    pub const MAX_IDLE_TOPICS: usize = 10_000;

    /// An empty log, with an epoch of its own.
    pub fn new() -> Self {
        let head = Position::new(Position::random_epoch(), 0);
        Self {
            shared: Arc::new(Shared {
                log: Mutex::new(Log {
                    head,
                    entries: BTreeMap::new(),
                    topics: HashMap::new(),
                    done: HashMap::new(),
                    folded: Marks::default(),
                    deleted: 0,
                }),
                head: watch::Sender::new(head),
            }),
        }
    }

    fn log(&self) -> MutexGuard<'_, Log> {
        // No method leaves the log half changed, so a panic elsewhere is no reason to stop.
        (self.shared.log.lock()).unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the log and wakes those who wait.
    fn write<T>(&self, change: impl FnOnce(&mut Log) -> T) -> T {
        let mut log = self.log();
        let result = change(&mut log);
        let head = log.head;
        self.shared.head.send_if_modified(|old| std::mem::replace(old, head) != head);
        result
    }
}

impl Default for MemoryStore {
    fn default() -> Self {
        Self::new()
    }
}

impl EventStore for MemoryStore {
    fn append(&self, batch: Vec<NewEntry>) -> StoreFuture<'_, Vec<Position>> {
        Box::pin(async move { self.write(|log| log.append(batch)) })
    }

    fn append_once<'a>(
        &'a self,
        key: &'a Key,
        batch: Vec<NewEntry>,
    ) -> StoreFuture<'a, Vec<Position>> {
        Box::pin(async move { self.write(|log| log.append_once(key, batch)) })
    }

    fn head(&self) -> StoreFuture<'_, Position> {
        Box::pin(async move { Ok(self.log().head) })
    }

    fn read<'a>(
        &'a self,
        after: Position,
        topics: &'a TopicSet,
        limit: usize,
    ) -> StoreFuture<'a, Page> {
        Box::pin(async move { Ok(self.log().read(after, topics, limit.max(1))) })
    }

    fn list<'a>(&'a self, query: &'a Query) -> StoreFuture<'a, Vec<Entry>> {
        Box::pin(async move { self.log().list(query) })
    }

    fn newest<'a>(&'a self, topics: &'a BTreeSet<Topic>) -> StoreFuture<'a, Vec<Newest>> {
        Box::pin(async move {
            let log = self.log();
            Ok(topics.iter().filter_map(|topic| log.newest(topic)).collect())
        })
    }

    fn wait(&self, after: Position) -> StoreFuture<'_, Position> {
        Box::pin(async move {
            let mut head = self.shared.head.subscribe();
            let head = head.wait_for(|head| after.is_passed_by(*head)).await;
            // The sender lives as long as `self`.
            head.map(|head| *head).map_err(|_| StoreError::closed())
        })
    }

    fn clear<'a>(&'a self, topic: &'a Topic) -> StoreFuture<'a, Cleared> {
        Box::pin(async move { Ok(self.write(|log| log.clear(topic))) })
    }

    fn purge(&self, before: SystemTime) -> StoreFuture<'_, u64> {
        let before = milliseconds(before);
        Box::pin(async move { Ok(self.write(|log| log.purge(|entry| entry.time < before))) })
    }

    fn trim(&self, keep: u64) -> StoreFuture<'_, u64> {
        Box::pin(async move {
            Ok(self.write(|log| {
                let last = log.head.sequence().saturating_sub(keep);
                log.purge(|entry| entry.position.sequence() <= last)
            }))
        })
    }
}

impl Log {
    fn marks(&self, topic: &Topic) -> Marks {
        self.topics.get(topic).map_or(self.folded, |topic| topic.marks)
    }

    fn topic(&mut self, topic: &Topic) -> &mut TopicLog {
        let marks = self.folded;
        self.topics.entry(topic.clone()).or_insert(TopicLog { sequences: BTreeSet::new(), marks })
    }

    fn append(&mut self, batch: Vec<NewEntry>) -> Result<Vec<Position>, StoreError> {
        for entry in &batch {
            entry.check()?;
            if let Some(fence) = entry.fence() {
                let cleared = self.marks(entry.topic()).cleared;
                fence.check_fence(entry.topic(), Position::new(self.head.epoch(), cleared))?;
            }
        }
        let time = milliseconds(SystemTime::now());
        Ok(batch
            .into_iter()
            .map(|entry| self.push(|position| entry.into_entry(position, time)))
            .collect())
    }

    fn append_once(
        &mut self,
        key: &Key,
        batch: Vec<NewEntry>,
    ) -> Result<Vec<Position>, StoreError> {
        batch.iter().try_for_each(NewEntry::check)?;
        let records = batch.len();
        if records == 0 {
            return Ok(Vec::new());
        }
        if let Some((done, _)) = self.done.get(key) {
            return done.check(key, records).map(|()| done.positions(self.head.epoch()));
        }
        let done = Done { first: self.head.sequence() + 1, records };
        let positions = self.append(batch)?;
        self.done.insert(key.clone(), (done, milliseconds(SystemTime::now())));
        Ok(positions)
    }

    fn push(&mut self, entry: impl FnOnce(Position) -> Entry) -> Position {
        let position = Position::new(self.head.epoch(), self.head.sequence() + 1);
        let entry = entry(position);
        let sequences = &mut self.topic(&entry.topic).sequences;
        sequences.insert(position.sequence());
        self.entries.insert(position.sequence(), entry);
        self.head = position;
        position
    }

    fn read(&self, after: Position, topics: &TopicSet, limit: usize) -> Page {
        let reset = !after.is_within(self.head);
        let after = if reset { Position::START } else { after };
        let from = after.sequence() + 1..;
        let mut full = Full::at(limit);
        let entries: Vec<Entry> = match topics {
            TopicSet::All => full.take(self.entries.range(from).map(|(_, entry)| entry)),
            TopicSet::Only(topics) => {
                let logs = topics.iter().filter_map(|topic| self.topics.get(topic));
                let mut sequences: Vec<u64> = logs
                    .flat_map(|log| log.sequences.range(from.clone()).take(limit))
                    .copied()
                    .collect();
                sequences.sort_unstable();
                full.take(sequences.iter().filter_map(|at| self.entries.get(at)))
            }
        };
        let next = match entries.last() {
            Some(last) if full.is_reached() => last.position,
            _ => self.head,
        };
        let status = match reset {
            true => PageStatus::Reset,
            false => self.status(after, topics),
        };
        Page::new(entries, next, status)
    }

    fn status(&self, after: Position, topics: &TopicSet) -> PageStatus {
        if after == Position::START || after.sequence() >= self.deleted {
            return PageStatus::Exact;
        }
        let misses = |marks: Marks| marks.floor > after.sequence();
        let topics = match topics {
            TopicSet::All if misses(self.folded) => TopicSet::All,
            TopicSet::All => self
                .topics
                .iter()
                .filter(|(_, topic)| misses(topic.marks))
                .map(|(topic, _)| topic.clone())
                .collect(),
            TopicSet::Only(topics) => {
                topics.iter().filter(|topic| misses(self.marks(topic))).cloned().collect()
            }
        };
        match &topics {
            TopicSet::Only(none) if none.is_empty() => PageStatus::Exact,
            _ => PageStatus::Gap { topics },
        }
    }

    fn newest(&self, topic: &Topic) -> Option<Newest> {
        let last = self.topics.get(topic)?.sequences.last()?;
        self.entries.get(last).map(Newest::from)
    }

    fn list(&self, query: &Query) -> Result<Vec<Entry>, StoreError> {
        let after = query.listed_after(self.head)?;
        let wanted = |entry: &&Entry| query.matches(entry);
        let entry = |(_, entry)| entry;
        let mut full = Full::at(query.limit.clamp(1, Query::MAX_LIMIT));
        Ok(match query.newest_first {
            true => {
                let range = self.entries.range(..after.unwrap_or(u64::MAX));
                full.take(range.rev().map(entry).filter(wanted))
            }
            false => {
                let range = self.entries.range(after.unwrap_or(0).saturating_add(1)..);
                full.take(range.map(entry).filter(wanted))
            }
        })
    }

    fn clear(&mut self, topic: &Topic) -> Cleared {
        let time = milliseconds(SystemTime::now());
        let mut removed = 0;
        let mut floor = 0;
        for sequence in std::mem::take(&mut self.topic(topic).sequences) {
            let entry = self.entries.remove(&sequence);
            // A clear or completion that goes unread is made up for by the record of this clear.
            if entry.is_some_and(|entry| entry.event().is_some()) {
                removed += 1;
                floor = sequence;
            }
        }
        let position =
            self.push(|position| Entry::new(position, topic.clone(), time, Record::Cleared));
        self.deleted = self.deleted.max(floor);
        let marks = &mut self.topic(topic).marks;
        marks.floor = marks.floor.max(floor);
        marks.cleared = position.sequence();
        Cleared::new(removed, position)
    }

    /// Deletes the records at the old end for which `goes` holds, and forgets old keys.
    fn purge(&mut self, goes: impl Fn(&Entry) -> bool) -> u64 {
        self.forget(Key::kept_from(SystemTime::now()));
        let mut removed = 0;
        while let Some(first) = self.entries.first_entry() {
            if !goes(first.get()) {
                break;
            }
            let (sequence, entry) = first.remove_entry();
            removed += u64::from(entry.event().is_some());
            self.deleted = self.deleted.max(sequence);
            let topic = self.topic(&entry.topic);
            topic.sequences.remove(&sequence);
            topic.marks.floor = topic.marks.floor.max(sequence);
        }
        self.fold(MemoryStore::MAX_IDLE_TOPICS);
        removed
    }

    /// Forgets the keys of before this time.
    fn forget(&mut self, time: u64) {
        self.done.retain(|_, (_, at)| *at >= time);
    }

    /// Forgets all but the newest of the topics without a record.
    fn fold(&mut self, keep: usize) {
        let idle = self.topics.iter().filter(|(_, log)| log.sequences.is_empty());
        let mut floors: Vec<u64> = idle.map(|(_, log)| log.marks.floor).collect();
        floors.sort_unstable_by(|a, b| b.cmp(a));
        let Some(&last) = floors.get(keep) else {
            return;
        };
        let folded = &mut self.folded;
        self.topics.retain(|_, log| {
            let keep = !log.sequences.is_empty() || log.marks.floor > last;
            if !keep {
                folded.floor = folded.floor.max(log.marks.floor);
                folded.cleared = folded.cleared.max(log.marks.cleared);
            }
            keep
        });
    }
}

/// What a page has yet room for.
struct Full {
    records: usize,
    bytes: usize,
}

impl Full {
    fn at(limit: usize) -> Self {
        Self { records: limit, bytes: Page::FULL_BYTES }
    }

    fn is_reached(&self) -> bool {
        self.records == 0 || self.bytes == 0
    }

    fn take<'a>(&mut self, mut entries: impl Iterator<Item = &'a Entry>) -> Vec<Entry> {
        let mut taken = Vec::new();
        while !self.is_reached()
            && let Some(entry) = entries.next()
        {
            self.records -= 1;
            self.bytes = self.bytes.saturating_sub(entry.size());
            taken.push(entry.clone());
        }
        taken
    }
}

#[cfg(test)]
mod tests {
    use sse_core::Event;

    use super::*;

    #[tokio::test]
    async fn a_key_is_forgotten_after_its_time() {
        let store = MemoryStore::new();
        let append = || {
            let batch = vec![NewEntry::new(Topic::new("t").unwrap(), Event::new("a"))];
            store.write(|log| log.append_once(&Key::new("k").unwrap(), batch)).unwrap()[0]
        };
        let first = append();
        let forget_at = |time| store.log().forget(Key::kept_from(time));
        forget_at(SystemTime::now() + Key::KEPT - std::time::Duration::from_secs(60));
        assert_eq!(append(), first);
        forget_at(SystemTime::now() + Key::KEPT + std::time::Duration::from_secs(60));
        assert!(append() > first);
    }
}
