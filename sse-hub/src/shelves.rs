//! Where pages of the store are kept for those who ask the same, and who waits for those that are being read.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, Weak};
use std::time::Duration;

use slab::Slab;
use sse_store::{Position, StoreError, Topic};
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::live::Live;
use crate::page::{Fresh, Page, Question};
use crate::sync::{AtomicBool, Ordering};
use crate::{ConnectionId, spare};

/// For how long a page is kept that nobody may need any more.
const KEPT: Duration = Duration::from_secs(10);

/// How long a page that was read waits for one of those who asked for it.
pub(crate) const TAKEN_WITHIN: Duration = Duration::from_secs(1);

/// What a question costs for each of its topics: its place in two lists of them.
const TOPIC_COST: usize = size_of::<Topic>() + 128;

#[derive(Debug)]
pub(crate) struct Shelves {
    /// How many bytes of pages are kept.
    limit: usize,
    all: Slab<Shelf>,
    by_question: HashMap<Arc<Question>, usize>,
    /// The shelves of the questions about each topic, so that a clear concerns no others.
    by_topic: HashMap<Topic, HashSet<usize>>,
    /// What is kept, by its number: the oldest first.
    kept: BTreeMap<u64, Arc<Kept>>,
    next_number: u64,
    bytes: usize,
    /// Why nothing can be read any more.
    pub(crate) closed: Option<StoreError>,
}

/// What there is of one question.
#[derive(Debug)]
struct Shelf {
    question: Arc<Question>,
    kept: Vec<Arc<Kept>>,
    /// The reads under way, by the position after which they are.
    reads: HashMap<Position, Read>,
}

/// A read under way.
#[derive(Debug, Default)]
struct Read {
    waiting: HashMap<ConnectionId, Weak<Live>>,
    /// What has been cleared meanwhile, and where: what it comes back with may have been read before.
    cleared: HashMap<Topic, Position>,
}

/// A page that is kept.
#[derive(Debug)]
pub(crate) struct Kept {
    pub(crate) page: Arc<Page>,
    pub(crate) taken: Notify,
    number: u64,
    shelf: usize,
    cost: usize,
    since: Instant,
    /// Whether somebody asked for it who has not come yet.
    is_awaited: AtomicBool,
}

/// What one who asks for a page is answered.
#[derive(Debug)]
pub(crate) enum Found {
    Page(Arc<Page>),
    /// It is being read.
    Wait,
    /// It is to be read now.
    Read,
}

/// What became of a page that was read.
pub(crate) struct Put {
    pub(crate) page: Arc<Page>,
    /// Those who have waited for it.
    pub(crate) waiting: Vec<Arc<Live>>,
    /// It is kept, if it leads others on.
    pub(crate) kept: Option<Arc<Kept>>,
}

impl Shelves {
    pub(crate) fn new(limit: usize) -> Self {
        Self {
            limit,
            all: Slab::new(),
            by_question: HashMap::new(),
            by_topic: HashMap::new(),
            kept: BTreeMap::new(),
            next_number: 0,
            bytes: 0,
            closed: None,
        }
    }

    /// Whether there is more than there is room for, since it is awaited.
    pub(crate) fn is_overfull(&self) -> bool {
        self.bytes > self.limit
    }

    /// The newest page that leads on from a position, while the window is of this epoch; else `live` waits for one.
    pub(crate) fn find(
        &mut self,
        question: &Arc<Question>,
        after: Position,
        epoch: u64,
        live: &Arc<Live>,
    ) -> Found {
        let shelf = self.shelf(question);
        if let Some(kept) = shelf.find(after, epoch) {
            kept.is_awaited.store(false, Ordering::Relaxed);
            kept.taken.notify_one();
            return Found::Page(kept.page.clone());
        }
        // One who is near does not wait for the pages of one who is far.
        let is_new = !shelf.reads.contains_key(&after);
        let read = shelf.reads.entry(after).or_default();
        read.waiting.insert(live.id, Arc::downgrade(live));
        if is_new { Found::Read } else { Found::Wait }
    }

    /// Puts a page on its shelf, and makes room for it.
    pub(crate) fn put(
        &mut self,
        question: &Arc<Question>,
        after: Position,
        page: Fresh,
        epoch: u64,
    ) -> Put {
        let place = self.place(question);
        let read = self.all[place].take_read(after);
        let (waiting, page) = (read.waiting(), Arc::new(page.without(&read.cleared)));
        let kept = page.leads_on(epoch).then(|| {
            self.next_number += 1;
            let kept = Arc::new(Kept {
                page: page.clone(),
                taken: Notify::new(),
                number: self.next_number,
                shelf: place,
                cost: page.cost() + question.topics.len() * TOPIC_COST,
                since: Instant::now(),
                is_awaited: AtomicBool::new(!waiting.is_empty()),
            });
            self.all[place].kept.push(kept.clone());
            self.kept.insert(kept.number, kept.clone());
            self.bytes += kept.cost;
            kept
        });
        while self.is_overfull() && self.let_go(|_| true) {}
        self.tidy(place);
        Put { page, waiting, kept }
    }

    /// Whether nobody waits for a read any more; then the next who asks begins anew. With those who do wait: the last
    /// hold on one of them is not to be given up under the lock, since with it goes what its user has given it.
    pub(crate) fn is_abandoned(
        &mut self,
        question: &Question,
        after: Position,
    ) -> (bool, Vec<Arc<Live>>) {
        let Some(&place) = self.by_question.get(question) else { return (true, Vec::new()) };
        let shelf = &mut self.all[place];
        let waiting = shelf.reads.get(&after).map(Read::waiting).unwrap_or_default();
        let is_abandoned = waiting.iter().all(|live| live.is_over());
        if is_abandoned {
            shelf.take_read(after);
            self.tidy(place);
        }
        (is_abandoned, waiting)
    }

    /// Those who wait for a read, if a page has come meanwhile that goes past the position.
    pub(crate) fn has_come(
        &mut self,
        question: &Question,
        after: Position,
        epoch: u64,
    ) -> Option<Vec<Arc<Live>>> {
        // Without room it may be gone again before it is taken.
        let place = *self.by_question.get(question).filter(|_| !self.is_overfull())?;
        let shelf = &mut self.all[place];
        shelf.find(after, epoch)?;
        Some(shelf.take_read(after).waiting())
    }

    /// Lets go of what has been kept for long.
    pub(crate) fn expire(&mut self) {
        let now = Instant::now();
        while self.let_go(|kept| now.duration_since(kept.since) >= KEPT) {}
    }

    /// Lets go of the pages that may have events of a topic that was cleared at a position, and sees to it that none that
    /// is being read has them. How many questions that concerned.
    pub(crate) fn forget(&mut self, topic: &Topic, at: Position) -> usize {
        let places: Vec<usize> = self.by_topic.get(topic).into_iter().flatten().copied().collect();
        for &place in &places {
            let shelf = &mut self.all[place];
            for read in shelf.reads.values_mut() {
                read.cleared.insert(topic.clone(), at);
            }
            for kept in std::mem::take(&mut shelf.kept) {
                self.kept.remove(&kept.number);
                self.bytes -= kept.cost;
                kept.taken.notify_one();
            }
            self.tidy(place);
        }
        places.len()
    }

    /// Everything goes, and nothing comes any more. Those who wait.
    pub(crate) fn close(&mut self, error: &StoreError) -> Vec<Arc<Live>> {
        let all = std::mem::replace(self, Self::new(self.limit));
        self.closed = Some(error.clone());
        let reads = all.all.iter().flat_map(|(_, shelf)| shelf.reads.values());
        reads.flat_map(Read::waiting).collect()
    }

    #[cfg(test)]
    pub(crate) fn is_empty(&self) -> bool {
        self.all.is_empty()
            && self.by_question.is_empty()
            && self.by_topic.is_empty()
            && self.kept.is_empty()
            && self.bytes == 0
    }

    fn shelf(&mut self, question: &Arc<Question>) -> &mut Shelf {
        let place = self.place(question);
        &mut self.all[place]
    }

    fn place(&mut self, question: &Arc<Question>) -> usize {
        if let Some(place) = self.by_question.get(question) {
            return *place;
        }
        let shelf = Shelf { question: question.clone(), kept: Vec::new(), reads: HashMap::new() };
        let place = self.all.insert(shelf);
        self.by_question.insert(question.clone(), place);
        for topic in &question.topics {
            self.by_topic.entry(topic.clone()).or_default().insert(place);
        }
        place
    }

    /// Lets go of the oldest page that nobody is about to take, if `goes` holds for it; whether there was one.
    fn let_go(&mut self, goes: impl Fn(&Kept) -> bool) -> bool {
        let oldest = self.kept.values().find(|kept| !kept.is_awaited());
        let Some(kept) = oldest.filter(|kept| goes(kept)).cloned() else { return false };
        self.kept.remove(&kept.number);
        self.bytes -= kept.cost;
        self.all[kept.shelf].kept.retain(|it| !Arc::ptr_eq(it, &kept));
        self.tidy(kept.shelf);
        true
    }

    /// Takes a shelf down that has nothing on it.
    fn tidy(&mut self, place: usize) {
        if !self.all.get(place).is_some_and(Shelf::is_empty) {
            return;
        }
        let question = self.all.remove(place).question;
        self.by_question.remove(&question);
        for topic in &question.topics {
            if let Some(places) = self.by_topic.get_mut(topic) {
                places.remove(&place);
                if places.is_empty() {
                    self.by_topic.remove(topic);
                }
            }
        }
        spare::of_slab(&mut self.all);
        spare::of_map(&mut self.by_question);
        spare::of_map(&mut self.by_topic);
    }
}

impl Shelf {
    fn find(&self, after: Position, epoch: u64) -> Option<&Arc<Kept>> {
        let fits = |kept: &&Arc<Kept>| kept.page.covers(after) && kept.page.leads_on(epoch);
        self.kept.iter().rev().find(fits)
    }

    /// A read that is over.
    fn take_read(&mut self, after: Position) -> Read {
        let read = self.reads.remove(&after).unwrap_or_default();
        spare::of_map(&mut self.reads);
        read
    }

    fn is_empty(&self) -> bool {
        self.kept.is_empty() && self.reads.is_empty()
    }
}

impl Read {
    fn waiting(&self) -> Vec<Arc<Live>> {
        self.waiting.values().filter_map(Weak::upgrade).collect()
    }
}

impl Kept {
    /// Whether somebody is about to take it.
    pub(crate) fn is_awaited(&self) -> bool {
        self.is_awaited.load(Ordering::Relaxed) && self.since.elapsed() < TAKEN_WITHIN
    }
}
