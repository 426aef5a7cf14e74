//! The newest of the log in memory: one writes it, the feed, and every subscription reads it.

mod topic_log;
mod writer;

use std::collections::HashMap;
use std::sync::Arc;

use sse_store::{Position, Topic};

use crate::live::Live;
use crate::spare;
use crate::sync::{AtomicU32, AtomicU64, Mutex, Ordering, lock};

#[cfg(test)]
pub(crate) use topic_log::TOPIC_OVERHEAD;
pub(crate) use topic_log::{Found, TopicLog};
pub(crate) use writer::Writer;

/// The newest of the log: for each topic the frames after its `start`, all of them up to `end`.
///
/// A reader takes `end` first and looks at its topics then: what is up to there has been written before. Each topic
/// says for itself from where on it is whole; a reader behind that goes to the store, which alone knows whether
/// something is missing. So a topic in which nothing happens holds its readers, however much happens elsewhere.
#[derive(Debug)]
pub(crate) struct Window {
    /// Of which log this is; zero while it is not known.
    epoch: AtomicU64,
    end: AtomicU64,
    /// Counts up while the hub lives: the time, as far as it matters here.
    beat: AtomicU32,
    logs: Mutex<Logs>,
}

#[derive(Debug, Default)]
struct Logs {
    epoch: u64,
    /// A topic without a log here has no frame in the window, and may have had some up to this.
    start: u64,
    /// The newest sequence that this process knows of, also of what it has appended and not read yet.
    known: u64,
    /// Epochs that this log has had before, the newest last.
    retired: Vec<u64>,
    by_topic: HashMap<Topic, Arc<TopicLog>>,
}

/// How far the window goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct View {
    pub(crate) epoch: u64,
    pub(crate) end: u64,
}

impl View {
    /// Whether the window has come to a position.
    pub(crate) fn has(self, position: Position) -> bool {
        self.epoch == position.epoch() && position.sequence() <= self.end
    }
}

impl Window {
    pub(crate) fn new() -> Self {
        Self {
            epoch: AtomicU64::new(0),
            end: AtomicU64::new(0),
            beat: AtomicU32::new(1),
            logs: Mutex::default(),
        }
    }

    /// The epoch is taken first: with a new one comes the end that belongs to it. The reverse, an old epoch with a
    /// new end, does no harm, since a reader of an old epoch is told to begin anew.
    pub(crate) fn view(&self) -> View {
        let epoch = self.epoch.load(Ordering::Acquire);
        View { epoch, end: self.end.load(Ordering::Acquire) }
    }

    /// The newest position that this process knows of; the start before the window has begun.
    pub(crate) fn now(&self) -> Position {
        let logs = lock(&self.logs);
        Position::new(logs.epoch, logs.known)
    }

    /// Takes note of a position that this process has been given by the store.
    pub(crate) fn learn(&self, position: Position) {
        let mut logs = lock(&self.logs);
        if logs.epoch == position.epoch() {
            logs.known = logs.known.max(position.sequence());
        }
    }

    /// The epoch that the log has now, if it has had this one and has it no longer.
    pub(crate) fn successor(&self, epoch: u64) -> Option<u64> {
        let logs = lock(&self.logs);
        logs.retired.contains(&epoch).then_some(logs.epoch)
    }

    pub(crate) fn beat(&self) -> u32 {
        self.beat.load(Ordering::Relaxed)
    }

    pub(crate) fn next_beat(&self) -> u32 {
        self.beat.fetch_add(1, Ordering::Relaxed).wrapping_add(1)
    }

    /// Makes `live` one of those that are woken for the topic; the log, and its place there for [`leave`](Self::leave).
    pub(crate) fn join(&self, topic: &Topic, live: &Arc<Live>) -> (Arc<TopicLog>, usize) {
        let mut logs = lock(&self.logs);
        let log = logs.log_or_new(topic);
        let place = log.subscribe(live.clone());
        (log, place)
    }

    pub(crate) fn leave(&self, log: &Arc<TopicLog>, place: usize) {
        if log.unsubscribe(place) {
            lock(&self.logs).forget(log);
        }
    }

    /// How many are subscribed to the topic.
    pub(crate) fn count(&self, topic: &Topic) -> usize {
        let log = lock(&self.logs).by_topic.get(topic).cloned();
        log.map_or(0, |log| log.subscribers())
    }

    /// How many are subscribed to each topic that has any.
    pub(crate) fn counts(&self) -> Vec<(Topic, usize)> {
        let logs: Vec<_> = lock(&self.logs).by_topic.values().cloned().collect();
        let counts = logs.iter().map(|log| (log.topic().clone(), log.subscribers()));
        counts.filter(|(_, count)| *count > 0).collect()
    }
}

impl Logs {
    fn log_or_new(&mut self, topic: &Topic) -> Arc<TopicLog> {
        match self.by_topic.get(topic) {
            Some(log) => log.clone(),
            None => {
                let log = Arc::new(TopicLog::new(topic.clone(), self.epoch, self.start));
                self.by_topic.insert(topic.clone(), log.clone());
                log
            }
        }
    }

    /// Forgets a log that nobody needs: what is not here is as if it had just been made.
    fn forget(&mut self, log: &Arc<TopicLog>) {
        if log.is_idle() && self.by_topic.get(log.topic()).is_some_and(|it| Arc::ptr_eq(it, log)) {
            self.by_topic.remove(log.topic());
            spare::of_map(&mut self.by_topic);
        }
    }
}
