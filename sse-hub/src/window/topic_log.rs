//! What the window has of one topic.

use std::collections::VecDeque;
use std::sync::Arc;

use slab::Slab;
use sse_store::{Position, Topic};

use crate::live::Live;
use crate::slot::{FRAME_OVERHEAD, Slot};
use crate::spare;
use crate::sync::{AtomicBool, AtomicU64, Mutex, Ordering, lock};

/// How many are woken at a time; those who come and go wait no longer than that.
const WAKES: usize = 64;

/// What a topic costs beside its name and its frames, about: its log, and its place in the map of them.
pub(crate) const TOPIC_OVERHEAD: usize = 384;

/// The frames of one topic that are in the window, and who is to be woken for the next.
#[derive(Debug)]
pub(crate) struct TopicLog {
    topic: Topic,
    /// The newest record of the topic, or the start where there is none: who is there has nothing to look for.
    last: AtomicU64,
    /// Whether the newest record that is known of is a completion.
    completed: AtomicBool,
    records: Mutex<Records>,
    subscribers: Mutex<Slab<Arc<Live>>>,
}

#[derive(Debug)]
struct Records {
    epoch: u64,
    /// All the topic's frames after this are here; what was before may be gone from the window, or never was in it.
    start: u64,
    frames: VecDeque<Slot>,
    /// How often the topic stands in the writer's queue.
    queued: usize,
    /// The newest record that is known of, and whether it is a completion; `None` while nothing is known.
    newest: Option<(u64, bool)>,
}

/// What a topic has for a reader.
#[derive(Debug)]
pub(crate) enum Found {
    Slot(Slot),
    Nothing,
    /// It cannot be told from here.
    Behind,
}

impl TopicLog {
    pub(super) fn new(topic: Topic, epoch: u64, start: u64) -> Self {
        Self {
            topic,
            last: AtomicU64::new(start),
            completed: AtomicBool::new(false),
            records: Mutex::new(Records {
                epoch,
                start,
                frames: VecDeque::new(),
                queued: 0,
                newest: None,
            }),
            subscribers: Mutex::default(),
        }
    }

    pub(crate) fn topic(&self) -> &Topic {
        &self.topic
    }

    /// Whether there may be something after this sequence.
    pub(crate) fn has_after(&self, after: u64) -> bool {
        self.last.load(Ordering::Acquire) > after
    }

    /// The first frame after a sequence and up to another.
    pub(crate) fn first(&self, epoch: u64, after: u64, limit: u64) -> Found {
        self.look(epoch, after, |frames| {
            let at = place_after(frames, after);
            let slot = frames.get(at).filter(|slot| (after + 1..=limit).contains(&slot.sequence));
            slot.cloned().map_or(Found::Nothing, Found::Slot)
        })
    }

    /// Gives the frames after a sequence and up to another, as long as `give` takes them.
    pub(crate) fn each(
        &self,
        epoch: u64,
        after: u64,
        limit: u64,
        mut give: impl FnMut(&Slot) -> bool,
    ) {
        let records = lock(&self.records);
        if records.is_whole(epoch, after) {
            let frames = records.frames.range(place_after(&records.frames, after)..);
            let _ = frames.take_while(|slot| slot.sequence <= limit).all(&mut give);
        }
    }

    /// The last frame after a sequence and up to another.
    pub(crate) fn newest(&self, epoch: u64, after: u64, limit: u64) -> Found {
        self.look(epoch, after, |frames| {
            let end = frames.partition_point(|slot| slot.sequence <= limit);
            let slot = end.checked_sub(1).and_then(|last| frames.get(last));
            let slot = slot.filter(|slot| slot.sequence > after);
            slot.cloned().map_or(Found::Nothing, Found::Slot)
        })
    }

    /// How many frames there are after a sequence and up to another; `None` where it cannot be told from here.
    pub(crate) fn waiting(&self, epoch: u64, after: u64, limit: u64) -> Option<usize> {
        if !self.has_after(after) {
            return Some(0);
        }
        let records = lock(&self.records);
        records.is_whole(epoch, after).then(|| {
            let from = place_after(&records.frames, after);
            let to = records.frames.partition_point(|slot| slot.sequence <= limit);
            to.saturating_sub(from)
        })
    }

    fn look(&self, epoch: u64, after: u64, found: impl FnOnce(&VecDeque<Slot>) -> Found) -> Found {
        // The start is never beyond the last, so nothing before it is missed either.
        if !self.has_after(after) {
            return Found::Nothing;
        }
        let records = lock(&self.records);
        match records.is_whole(epoch, after) {
            true => found(&records.frames),
            false => Found::Behind,
        }
    }

    /// Whether the topic is known to be complete, and a reader at `position` is past its completion.
    pub(crate) fn is_completed_at(&self, position: Position) -> bool {
        // Most topics are not complete, which costs no lock.
        self.completed.load(Ordering::Acquire) && {
            let records = lock(&self.records);
            records.epoch == position.epoch()
                && records.newest.is_some_and(|(sequence, is_completion)| {
                    is_completion && sequence <= position.sequence()
                })
        }
    }

    pub(crate) fn is_completed(&self) -> bool {
        self.completed.load(Ordering::Acquire)
    }

    /// Whether it is known if the topic is complete.
    pub(crate) fn is_known(&self) -> bool {
        lock(&self.records).newest.is_some()
    }

    /// Takes note of the topic's newest record, as somebody has read it. What is known to be newer stands.
    pub(crate) fn observe(&self, position: Position, is_completion: bool) {
        let mut records = lock(&self.records);
        if records.epoch == position.epoch() {
            self.observe_in(&mut records, position.sequence(), is_completion);
        }
    }

    fn observe_in(&self, records: &mut Records, sequence: u64, is_completion: bool) {
        if records.newest.is_none_or(|(newest, _)| newest <= sequence) {
            records.newest = Some((sequence, is_completion));
            self.completed.store(is_completion, Ordering::Release);
        }
    }

    /// Whether it is complete has to be found out.
    fn forget_newest(&self, records: &mut Records) {
        records.newest = None;
        self.completed.store(false, Ordering::Release);
    }

    /// Raises the newest record that there is to look for. Only while the records are locked.
    fn raise(&self, sequence: u64) {
        if self.last.load(Ordering::Relaxed) < sequence {
            self.last.store(sequence, Ordering::Release);
        }
    }

    /// What the topic itself costs while something of it is in the writer's queue.
    fn cost(&self) -> usize {
        TOPIC_OVERHEAD + self.topic.as_str().len()
    }

    /// Takes in the next frames, and says how much memory that is.
    pub(super) fn push(&self, slots: Vec<Slot>) -> usize {
        let Some(last) = slots.last().map(|slot| slot.sequence) else { return 0 };
        let mut records = lock(&self.records);
        let mut cost = self.queue(&mut records, slots.len());
        if records.frames.capacity() == 0 {
            // Most topics have one frame at a time, and the first push makes room for four.
            records.frames.reserve_exact(slots.len());
        }
        records.frames.extend(slots.into_iter().inspect(|slot| cost += slot.cost()));
        self.observe_in(&mut records, last, false);
        self.raise(last);
        cost
    }

    /// Counts places in the writer's queue, and says what the topic costs if they are its first.
    fn queue(&self, records: &mut Records, places: usize) -> usize {
        let is_new = records.queued == 0;
        records.queued += places;
        if is_new { self.cost() } else { 0 }
    }

    pub(super) fn complete(&self, sequence: u64) {
        let mut records = lock(&self.records);
        self.observe_in(&mut records, sequence, true);
        self.raise(sequence);
    }

    /// Takes out what a clear has deleted, and says how much memory that was.
    pub(super) fn clear(&self, sequence: u64) -> usize {
        let mut records = lock(&self.records);
        let gone = std::mem::take(&mut records.frames);
        if let Some(last) = gone.back() {
            records.start = records.start.max(last.sequence);
        }
        self.observe_in(&mut records, sequence, false);
        self.raise(sequence);
        gone.iter().map(|slot| slot.frees).sum()
    }

    /// Takes note that some records up to here were gone before they could be read, and says how much memory that is.
    pub(super) fn miss(&self, sequence: u64) -> usize {
        let mut records = lock(&self.records);
        records.start = records.start.max(sequence);
        self.forget_newest(&mut records);
        self.raise(sequence);
        FRAME_OVERHEAD + self.queue(&mut records, 1)
    }

    /// Takes one place out of the writer's queue with the frames up to there, and says how much memory that was.
    pub(super) fn evict(&self, sequence: u64) -> usize {
        let mut records = lock(&self.records);
        records.queued = records.queued.saturating_sub(1);
        let mut bytes = FRAME_OVERHEAD + if records.queued == 0 { self.cost() } else { 0 };
        while let Some(slot) = records.frames.pop_front_if(|slot| slot.sequence <= sequence) {
            records.start = records.start.max(slot.sequence);
            bytes += slot.frees;
        }
        spare::of_queue(&mut records.frames);
        bytes
    }

    /// Begins anew behind a position: nothing before it is here.
    pub(super) fn restart(&self, at: Position) {
        let mut records = lock(&self.records);
        self.forget_newest(&mut records);
        records.epoch = at.epoch();
        records.start = at.sequence();
        records.frames = VecDeque::new();
        records.queued = 0;
        self.last.store(at.sequence(), Ordering::Release);
    }

    pub(super) fn subscribe(&self, live: Arc<Live>) -> usize {
        let mut subscribers = lock(&self.subscribers);
        if subscribers.capacity() == 0 {
            // Many topics have one subscriber, and the first insert makes room for four.
            subscribers.reserve_exact(1);
        }
        subscribers.insert(live)
    }

    /// Whether that was the last.
    pub(super) fn unsubscribe(&self, place: usize) -> bool {
        let mut subscribers = lock(&self.subscribers);
        let gone = subscribers.try_remove(place);
        spare::of_slab(&mut subscribers);
        let is_empty = subscribers.is_empty();
        drop(subscribers);
        drop(gone);
        is_empty
    }

    pub(crate) fn subscribers(&self) -> usize {
        lock(&self.subscribers).len()
    }

    /// Whether nothing would be lost with it.
    pub(super) fn is_idle(&self) -> bool {
        self.subscribers() == 0 && lock(&self.records).queued == 0
    }

    /// Wakes all who are subscribed. None is woken, and so none can run, while the list is locked.
    pub(crate) fn wake(&self, beat: u32) {
        let mut from = 0;
        let mut wakers = Vec::new();
        loop {
            let subscribers = lock(&self.subscribers);
            let end = subscribers.capacity();
            while from < end && wakers.len() < WAKES {
                wakers.extend(subscribers.get(from).and_then(|live| live.call(beat)));
                from += 1;
            }
            drop(subscribers);
            for waker in wakers.drain(..) {
                waker.wake();
            }
            if from >= end {
                return;
            }
        }
    }
}

/// The place of the first frame after a sequence. It is sought from the newest on, in steps that grow: most readers are
/// near to that, and what is found beside it is still in the processor's cache.
fn place_after(frames: &VecDeque<Slot>, after: u64) -> usize {
    let is_before = |at: usize| frames.get(at).is_none_or(|slot| slot.sequence <= after);
    let last = frames.back().map_or(after, |slot| slot.sequence.max(after));
    // No more frames follow than there are sequences: as many, where other topics have none of them.
    let most = usize::try_from(last - after).unwrap_or(usize::MAX);
    let least = frames.len().saturating_sub(most);
    if !is_before(least) {
        return least;
    }
    let (mut end, mut step) = (frames.len(), 1);
    let mut start = loop {
        if end == 0 {
            return 0;
        }
        let at = end.saturating_sub(step);
        if is_before(at) {
            break at + 1;
        }
        (end, step) = (at, frames.len() - at);
    };
    while start < end {
        let middle = start.midpoint(end);
        match is_before(middle) {
            true => start = middle + 1,
            false => end = middle,
        }
    }
    start
}

impl Records {
    /// Whether a reader of this epoch finds here all there is after `after`.
    fn is_whole(&self, epoch: u64, after: u64) -> bool {
        self.epoch == epoch && self.start <= after
    }
}
