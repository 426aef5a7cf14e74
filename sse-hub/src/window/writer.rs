//! The one who writes the window.

use std::collections::VecDeque;
use std::sync::Arc;

use sse_store::{Entry, Page, PageStatus, Position, Record, TopicSet};

use super::{TopicLog, Window};
use crate::slot::Slots;
use crate::spare;
use crate::sync::{Ordering, lock};

/// How many epochs of the past are remembered.
const RETIRED: usize = 8;

/// Writes the window: there is one for each.
#[derive(Debug)]
pub(crate) struct Writer {
    window: Arc<Window>,
    /// What is in the window, oldest first: each record's sequence and its topic. A record that was cleared
    /// leaves its place here.
    queue: VecDeque<(u64, Arc<TopicLog>)>,
    bytes: usize,
    limit: usize,
}

/// What the writer has come by in a page, beside events.
#[derive(Debug, Default)]
pub(crate) struct Written {
    /// When the newest event was appended, in milliseconds since 1970.
    pub(crate) newest_time: Option<u64>,
    /// Those of which something was gone before it could be read: a completion, or what took it back.
    pub(crate) unknown: Vec<Arc<TopicLog>>,
}

impl Writer {
    /// Holds about so many bytes at the most, but for the page that is being written.
    pub(crate) fn new(window: Arc<Window>, limit: usize) -> Self {
        Self { window, queue: VecDeque::new(), bytes: 0, limit }
    }

    /// The memory that is in use, in bytes.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Begins anew behind a position, be it of another log. All who were behind go to the store. Of the topics that it
    /// gives back it is not known whether they are complete.
    pub(crate) fn restart(&mut self, at: Position) -> Vec<Arc<TopicLog>> {
        let window = self.window.clone();
        window.epoch.store(0, Ordering::Release);
        self.queue.clear();
        self.bytes = 0;
        let mut logs = lock(&window.logs);
        let old = logs.epoch;
        if old != at.epoch() {
            if old != 0 {
                logs.retired.retain(|epoch| ![old, at.epoch()].contains(epoch));
                logs.retired.push(old);
                let many = logs.retired.len().saturating_sub(RETIRED);
                logs.retired.drain(..many);
            }
            logs.known = 0;
        }
        logs.epoch = at.epoch();
        logs.start = at.sequence();
        logs.known = logs.known.max(at.sequence());
        let all: Vec<_> = logs.by_topic.values().cloned().collect();
        for log in &all {
            log.restart(at);
        }
        logs.by_topic.retain(|_, log| !log.is_idle());
        window.end.store(at.sequence(), Ordering::Release);
        window.epoch.store(at.epoch(), Ordering::Release);
        // Who joins from here on sees where the window is; the others are woken.
        drop(logs);
        for log in &all {
            log.wake(window.beat());
        }
        all
    }

    /// Takes the next page of the log, of all topics, and wakes those it concerns. It must not be a reset.
    pub(crate) fn write(&mut self, mut page: Page) -> Written {
        let mut written = Written::default();
        let next = page.next;
        if let PageStatus::Gap { topics: TopicSet::All } = page.status {
            // Whatever is missing: the store tells each what it has missed.
            written.unknown = self.restart(next);
            return written;
        }
        let newest = page.entries.iter().rfind(|entry| matches!(entry.record, Record::Event(_)));
        written.newest_time = newest.map(|entry| entry.time);
        let (mut queued, mut touched) = (Vec::new(), Vec::new());
        // What is of one topic is read together. Nobody reads it before the end is moved.
        page.entries.sort_by(|one, other| one.topic.cmp(&other.topic));
        let mut entries = page.entries.into_iter().peekable();
        while let Some(first) = entries.next() {
            let topic = first.topic.clone();
            let mut slots = Slots::default();
            let sequence = first.position.sequence();
            match first.record {
                Record::Event(_) => {
                    slots.push(first);
                    let is_next = |entry: &Entry| {
                        entry.topic == topic && matches!(entry.record, Record::Event(_))
                    };
                    while let Some(entry) = entries.next_if(is_next) {
                        slots.push(entry);
                    }
                    let slots = slots.take();
                    let mut logs = lock(&self.window.logs);
                    let log = logs.log_or_new(&topic);
                    queued.extend(slots.iter().map(|slot| (slot.sequence, log.clone())));
                    self.bytes += log.push(slots);
                    touched.push(log);
                }
                // Who has no log here has nothing to be cleared, and nobody waits for its completion.
                Record::Completed => touched.extend(self.log(&topic).inspect(|log| {
                    log.complete(sequence);
                })),
                Record::Cleared => {
                    if let Some(log) = self.log(&topic) {
                        self.bytes = self.bytes.saturating_sub(log.clear(sequence));
                        touched.push(log);
                    }
                }
            }
        }
        queued.sort_unstable_by_key(|(sequence, _)| *sequence);
        self.queue.extend(queued);
        if let PageStatus::Gap { topics: TopicSet::Only(topics) } = page.status {
            for topic in &topics {
                let mut logs = lock(&self.window.logs);
                let log = logs.log_or_new(topic);
                self.bytes += log.miss(next.sequence());
                drop(logs);
                self.queue.push_back((next.sequence(), log.clone()));
                written.unknown.push(log.clone());
                touched.push(log);
            }
        }
        self.window.end.store(next.sequence(), Ordering::Release);
        self.window.learn(next);
        self.evict();
        touched.sort_unstable_by_key(Arc::as_ptr);
        touched.dedup_by_key(|log| Arc::as_ptr(log));
        for log in touched {
            log.wake(self.window.beat());
        }
        written
    }

    fn log(&self, topic: &sse_store::Topic) -> Option<Arc<TopicLog>> {
        lock(&self.window.logs).by_topic.get(topic).cloned()
    }

    fn evict(&mut self) {
        while self.bytes > self.limit {
            let Some((sequence, log)) = self.queue.pop_front() else { break };
            let mut logs = lock(&self.window.logs);
            // Before the log may be forgotten: who makes it anew finds that something is gone.
            logs.start = logs.start.max(sequence);
            self.bytes = self.bytes.saturating_sub(log.evict(sequence));
            logs.forget(&log);
        }
        spare::of_queue(&mut self.queue);
    }
}
