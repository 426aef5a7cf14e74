//! What subscriptions read of the store when they have fallen behind the window: each page once for all who ask for it,
//! few at a time, and kept for a while.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use sse_store::{
    Entry, EventStore, Page as StorePage, PageStatus, Position, Query, StoreError, Topic, TopicSet,
};
use tokio::runtime::Handle;
use tokio::sync::{Notify, Semaphore, SemaphorePermit};
use tokio::time::{Instant, timeout};
use tracing::Instrument as _;

use crate::cursor::Question;
use crate::live::Live;
use crate::page::{self, Page};
use crate::window::Window;
use crate::{ConnectionId, metrics};

/// For how long a page is kept that nobody may need any more.
const KEPT: Duration = Duration::from_secs(10);

/// How long a page that was read waits for one of those who asked for it, before the next is read.
const TAKEN_WITHIN: Duration = Duration::from_secs(1);

/// The pages of the store that are being read and were read.
#[derive(Debug)]
pub(crate) struct Pages {
    store: Arc<dyn EventStore>,
    window: Arc<Window>,
    runtime: Handle,
    reads: Semaphore,
    limit: usize,
    shelves: Mutex<Shelves>,
}

#[derive(Debug, Default)]
struct Shelves {
    by_question: HashMap<Arc<Question>, Shelf>,
    /// What is kept, the oldest first.
    kept: VecDeque<(Arc<Question>, Arc<Kept>)>,
    bytes: usize,
    /// Why nothing can be read any more.
    closed: Option<StoreError>,
}

#[derive(Debug, Default)]
struct Shelf {
    kept: Vec<Arc<Kept>>,
    reading: Vec<Reading>,
}

#[derive(Debug)]
struct Kept {
    page: Arc<Page>,
    cost: usize,
    since: Instant,
    /// Whether somebody asked for it who has not come yet.
    is_awaited: AtomicBool,
    taken: Notify,
}

/// A read under way, and who waits for it.
#[derive(Debug)]
struct Reading {
    after: Position,
    waiting: HashMap<ConnectionId, Weak<Live>>,
}

#[derive(Debug)]
pub(crate) enum Answer {
    Page(Arc<Page>),
    /// It is being read; the one who asked will be woken.
    Wait,
    Closed(StoreError),
}

impl Pages {
    pub(crate) fn new(
        store: Arc<dyn EventStore>,
        window: Arc<Window>,
        runtime: Handle,
        reads: usize,
        limit: usize,
    ) -> Self {
        let reads = Semaphore::new(reads.clamp(1, Semaphore::MAX_PERMITS));
        Self { store, window, runtime, reads, limit, shelves: Mutex::default() }
    }

    fn shelves(&self) -> MutexGuard<'_, Shelves> {
        self.shelves.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for its turn to read of the store. The semaphore is never closed.
    pub(crate) async fn turn(&self) -> Option<SemaphorePermit<'_>> {
        self.reads.acquire().await.ok()
    }

    /// The page that goes on from a position, if it is there; else `live` is woken when it is.
    pub(crate) fn get(
        self: &Arc<Self>,
        question: &Arc<Question>,
        after: Position,
        live: &Arc<Live>,
    ) -> Answer {
        let mut shelves = self.shelves();
        if let Some(error) = &shelves.closed {
            return Answer::Closed(error.clone());
        }
        let shelf = shelves.by_question.entry(question.clone()).or_default();
        // What begins at the start may be of a log that is no longer there.
        let is_of_old =
            |page: &Page| after == Position::START && self.window.is_retired(page.next.epoch());
        let fits = |kept: &&Arc<Kept>| kept.page.covers(after) && !is_of_old(&kept.page);
        if let Some(kept) = shelf.kept.iter().rev().find(fits) {
            kept.is_awaited.store(false, Ordering::Relaxed);
            kept.taken.notify_one();
            return Answer::Page(kept.page.clone());
        }
        // What begins a little before may well go past us; where it does not, we ask again.
        let leads_here = |reading: &Reading| {
            reading.after == after || reading.after != Position::START && reading.after < after
        };
        let at = shelf.reading.iter().position(leads_here).unwrap_or_else(|| {
            let span = tracing::debug_span!("sse_hub.catch_up", %after);
            self.runtime.spawn(self.clone().read(question.clone(), after).instrument(span));
            shelf.reading.push(Reading { after, waiting: HashMap::new() });
            shelf.reading.len() - 1
        });
        shelf.reading[at].waiting.insert(live.id, Arc::downgrade(live));
        Answer::Wait
    }

    /// Reads one page, however often it has to be tried, while somebody waits for it.
    async fn read(self: Arc<Self>, question: Arc<Question>, after: Position) {
        let _turn = self.turn().await;
        let mut backoff = crate::feed::backoff();
        let page = loop {
            if self.is_abandoned(&question, after) {
                return;
            }
            match self.ask(&question, after).await {
                Ok(page) => break Arc::new(page),
                Err(error) if error.is_closed() => return self.close(&error),
                Err(error) => {
                    tracing::warn!(%error, "a page of the store could not be read");
                    crate::feed::wait(&mut backoff).await;
                }
            }
        };
        metrics::page_read();
        let (waiting, kept) = self.keep(&question, after, &page);
        for live in &waiting {
            if kept.is_none() {
                live.cursor().accept_if_there(&page, &self.window);
            }
            live.wake(self.window.beat());
        }
        drop((waiting, page));
        if let Some(kept) = kept {
            // Were it pushed out by the next ones before it is taken, it would have to be read again.
            let _ = timeout(TAKEN_WITHIN, kept.taken.notified()).await;
            kept.is_awaited.store(false, Ordering::Relaxed);
        }
    }

    async fn ask(&self, question: &Question, after: Position) -> Result<Page, StoreError> {
        let topics: TopicSet = question.topics.iter().cloned().collect();
        let epoch = self.window.view().epoch;
        if !question.newest_only {
            let page = self.store.read(after, &topics, page::LIMIT).await?;
            return Ok(Page::new(after, page, epoch));
        }
        // What is newer than the head that was taken first comes by later.
        let head = self.store.head().await?;
        let mut status = self.store.read(after, &topics, 1).await?.status;
        let is_reset = matches!(status, PageStatus::Reset);
        let is_new = |entry: &Entry| entry.position <= head && (is_reset || entry.position > after);
        let mut entries = Vec::new();
        for topic in &question.topics {
            let newest = Query::new(topic).newest_first().limit(1);
            let record = self.store.list(&newest).await?.pop();
            let is_event = record.as_ref().is_some_and(|record| record.event().is_some());
            let event = match is_event || record.is_none() {
                true => None,
                false => self.store.list(&newest.events()).await?.pop(),
            };
            let found: Vec<_> = event.into_iter().chain(record).filter(is_new).collect();
            if let PageStatus::Gap { topics: TopicSet::Only(missing) } = &mut status
                && found.iter().any(|entry| entry.event().is_some())
            {
                missing.remove(topic);
            }
            entries.extend(found);
        }
        if matches!(&status, PageStatus::Gap { topics: TopicSet::Only(none) } if none.is_empty()) {
            status = PageStatus::Exact;
        }
        entries.sort_unstable_by_key(|entry| entry.position.sequence());
        Ok(Page::new(after, StorePage::new(entries, head, status), epoch))
    }

    /// Whether nobody waits for it any more; then the next who asks begins anew.
    fn is_abandoned(&self, question: &Arc<Question>, after: Position) -> bool {
        let mut shelves = self.shelves();
        let Some(shelf) = shelves.by_question.get_mut(question) else { return true };
        let waits = |live: &Weak<Live>| live.upgrade().is_some_and(|live| !live.is_over());
        let is_waited_for = |reading: &Reading| reading.waiting.values().any(waits);
        shelf.reading.retain(|reading| reading.after != after || is_waited_for(reading));
        let is_abandoned = shelf.reading.iter().all(|reading| reading.after != after);
        shelves.tidy(question);
        is_abandoned
    }

    /// Puts a page on its shelf, unless it leads nowhere; and those who have waited for it.
    fn keep(
        &self,
        question: &Arc<Question>,
        after: Position,
        page: &Arc<Page>,
    ) -> (Vec<Arc<Live>>, Option<Arc<Kept>>) {
        let mut shelves = self.shelves();
        let shelf = shelves.by_question.entry(question.clone()).or_default();
        let done = shelf.reading.extract_if(.., |reading| reading.after == after);
        let waiting = done.flat_map(|reading| reading.waiting.into_values());
        let waiting = waiting.filter_map(|live| live.upgrade()).collect();
        let kept = page.leads_on().then(|| {
            let kept = Arc::new(Kept {
                page: page.clone(),
                cost: page.cost(),
                since: Instant::now(),
                is_awaited: AtomicBool::new(true),
                taken: Notify::new(),
            });
            shelf.kept.push(kept.clone());
            kept
        });
        if let Some(kept) = &kept {
            shelves.bytes += kept.cost;
            shelves.kept.push_back((question.clone(), kept.clone()));
            while shelves.bytes > self.limit && shelves.let_go(|_| true) {}
        }
        shelves.tidy(question);
        (waiting, kept)
    }

    /// Lets go of what has been kept for long.
    pub(crate) fn expire(&self) {
        let now = Instant::now();
        let mut shelves = self.shelves();
        while shelves.let_go(|kept| now.duration_since(kept.since) >= KEPT) {}
    }

    /// Lets go of what has events of these topics: they were cleared.
    pub(crate) fn forget(&self, topics: &[Topic]) {
        let mut shelves = self.shelves();
        let has = |question: &Question| {
            topics.iter().any(|topic| question.topics.binary_search(topic).is_ok())
        };
        for (question, shelf) in &mut shelves.by_question {
            if has(question) {
                shelf.kept.clear();
            }
        }
        let mut bytes = 0;
        shelves.kept.retain(|(question, kept)| {
            let goes = has(question);
            bytes += if goes { kept.cost } else { 0 };
            !goes
        });
        shelves.bytes -= bytes;
        shelves.by_question.retain(|_, shelf| !shelf.is_empty());
    }

    /// Answers all who wait and all who come with this error.
    pub(crate) fn close(&self, error: &StoreError) {
        let mut shelves = self.shelves();
        let all = std::mem::take(&mut *shelves);
        shelves.closed = Some(error.clone());
        drop(shelves);
        let shelves = all.by_question.into_values();
        let reading = shelves.flat_map(|shelf| shelf.reading);
        for live in reading.flat_map(|reading| reading.waiting.into_values()) {
            if let Some(live) = live.upgrade() {
                live.wake(self.window.beat());
            }
        }
    }
}

impl Shelves {
    /// Lets go of the oldest page that nobody is about to take, if `goes` holds for it; whether there was one.
    fn let_go(&mut self, goes: impl Fn(&Kept) -> bool) -> bool {
        let is_free = |(_, kept): &(_, Arc<Kept>)| !kept.is_awaited.load(Ordering::Relaxed);
        let at = self.kept.iter().position(is_free);
        let Some(at) = at.filter(|at| goes(&self.kept[*at].1)) else { return false };
        let Some((question, kept)) = self.kept.remove(at) else { return false };
        self.bytes -= kept.cost;
        if let Some(shelf) = self.by_question.get_mut(&question) {
            shelf.kept.retain(|it| !Arc::ptr_eq(it, &kept));
        }
        self.tidy(&question);
        true
    }

    fn tidy(&mut self, question: &Arc<Question>) {
        if self.by_question.get(question).is_some_and(Shelf::is_empty) {
            self.by_question.remove(question);
        }
    }
}

impl Shelf {
    fn is_empty(&self) -> bool {
        self.kept.is_empty() && self.reading.is_empty()
    }
}
