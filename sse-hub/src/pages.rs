//! What subscriptions read of the store when they have fallen behind the window: each page once for all who ask for it,
//! few at a time, and kept for a while.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use sse_store::{
    EventStore, Page as StorePage, PageStatus, Position, Query, StoreError, Topic, TopicSet,
};
use tokio::runtime::Handle;
use tokio::sync::{Notify, Semaphore};
use tokio::time::{Instant, timeout};
use tracing::Instrument as _;

use crate::live::Live;
use crate::page::{self, Page, Question};
use crate::settings::{Settings, semaphore};
use crate::window::Window;
use crate::{ConnectionId, metrics};

/// For how long a page is kept that nobody may need any more.
const KEPT: Duration = Duration::from_secs(10);

/// How long a page that was read waits for one of those who asked for it.
const TAKEN_WITHIN: Duration = Duration::from_secs(1);

/// The pages of the store that are being read and were read.
#[derive(Debug)]
pub(crate) struct Pages {
    store: Arc<dyn EventStore>,
    window: Arc<Window>,
    runtime: Handle,
    reads: Semaphore,
    limit: usize,
    /// How long a read may take.
    timeout: Duration,
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
    /// The reads under way: after which position, and who waits for each.
    reading: HashMap<Position, HashMap<ConnectionId, Weak<Live>>>,
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
        settings: &Settings,
    ) -> Self {
        Self {
            store,
            window,
            runtime,
            reads: semaphore(settings.catch_up_reads),
            limit: settings.catch_up_memory,
            timeout: settings.catch_up_timeout,
            shelves: Mutex::default(),
        }
    }

    fn shelves(&self) -> MutexGuard<'_, Shelves> {
        self.shelves.lock().unwrap_or_else(PoisonError::into_inner)
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
        if let Some(kept) = shelf.find(after, self.window.view().epoch) {
            kept.is_awaited.store(false, Ordering::Relaxed);
            kept.taken.notify_one();
            return Answer::Page(kept.page.clone());
        }
        // One who is near does not wait for the pages of one who is far.
        let waiting = shelf.reading.entry(after).or_insert_with(|| {
            let span = tracing::debug_span!("sse_hub.catch_up", %after);
            self.runtime.spawn(self.clone().read(question.clone(), after).instrument(span));
            HashMap::new()
        });
        waiting.insert(live.id, Arc::downgrade(live));
        Answer::Wait
    }

    /// Reads one page, however often it has to be tried, while somebody waits for it.
    async fn read(self: Arc<Self>, question: Arc<Question>, after: Position) {
        let mut backoff = crate::feed::backoff();
        loop {
            // For one attempt alone, and never closed: a page that cannot be read is in nobody's way.
            let turn = self.reads.acquire().await;
            if self.is_abandoned(&question, after) || self.has_come(&question, after) {
                return;
            }
            match self.ask_in_time(&question, after).await {
                Ok(page) => {
                    let page = Arc::new(page);
                    return self.hand_out(&question, after, page).await;
                }
                Err(error) if error.is_closed() => return self.close(&error),
                Err(error) => {
                    drop(turn);
                    tracing::warn!(%error, "a page of the store could not be read");
                    crate::feed::wait(&mut backoff).await;
                }
            }
        }
    }

    /// Wakes those who wait for a page. Where there is no room it waits until one of them has taken it: were it pushed
    /// out before by the next, it would have to be read again.
    async fn hand_out(&self, question: &Arc<Question>, after: Position, page: Arc<Page>) {
        metrics::page_read();
        let (waiting, kept) = self.keep(question, after, &page);
        for live in &waiting {
            if kept.is_none() {
                live.cursor().accept_if_there(&page, &self.window);
            }
            live.wake(self.window.beat());
        }
        drop((waiting, page));
        if let Some(kept) = kept
            && kept.is_awaited()
            && self.shelves().bytes > self.limit
        {
            let _ = timeout(TAKEN_WITHIN, kept.taken.notified()).await;
        }
    }

    async fn ask_in_time(&self, question: &Question, after: Position) -> Result<Page, StoreError> {
        let late = |_| Err(StoreError::unavailable("the store did not give a page in time"));
        timeout(self.timeout, self.ask(question, after)).await.unwrap_or_else(late)
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
        let mut entries = Vec::new();
        for topic in &question.topics {
            let newest = Query::new(topic).events().newest_first().limit(1);
            entries.extend(self.store.list(&newest).await?.pop());
        }
        // After the events, so that what is deleted meanwhile is a gap and no hole.
        let page = self.store.read(after, &topics, 1).await?;
        if page.next.epoch() != head.epoch() {
            return Err(StoreError::unavailable("the log was exchanged while it was read"));
        }
        let mut status = page.status;
        let is_reset = matches!(status, PageStatus::Reset);
        entries.retain(|it| it.position <= head && (is_reset || it.position > after));
        if let PageStatus::Gap { topics: TopicSet::Only(missing) } = &mut status {
            entries.iter().for_each(|entry| _ = missing.remove(&entry.topic));
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
        let waiting = shelf.reading.get(&after).into_iter().flat_map(HashMap::values);
        let waiting: Vec<_> = waiting.filter_map(Weak::upgrade).collect();
        let is_abandoned = waiting.iter().all(|live| live.is_over());
        if is_abandoned {
            shelf.reading.remove(&after);
            shelves.tidy(question);
        }
        // Before those who wait: with the last hold on one goes what its user has given it, which may be anything.
        drop(shelves);
        is_abandoned
    }

    /// Whether a page that has come meanwhile goes past the position; then those who wait are woken to take it.
    fn has_come(&self, question: &Arc<Question>, after: Position) -> bool {
        let mut shelves = self.shelves();
        // Without room it may be gone again before it is taken.
        let has_room = shelves.bytes <= self.limit;
        let Some(shelf) = shelves.by_question.get_mut(question).filter(|_| has_room) else {
            return false;
        };
        if shelf.find(after, self.window.view().epoch).is_none() {
            return false;
        }
        let waiting = shelf.take_waiting(after);
        drop(shelves);
        for live in waiting {
            live.wake(self.window.beat());
        }
        true
    }

    /// Puts a page on its shelf, if it leads others on; and those who have waited for it.
    fn keep(
        &self,
        question: &Arc<Question>,
        after: Position,
        page: &Arc<Page>,
    ) -> (Vec<Arc<Live>>, Option<Arc<Kept>>) {
        let mut shelves = self.shelves();
        let shelf = shelves.by_question.entry(question.clone()).or_default();
        let waiting = shelf.take_waiting(after);
        let kept = page.leads_on(self.window.view().epoch).then(|| {
            let kept = Arc::new(Kept {
                page: page.clone(),
                cost: page.cost() + size_of_val(&question.topics[..]),
                since: Instant::now(),
                is_awaited: AtomicBool::new(!waiting.is_empty()),
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
            if goes {
                bytes += kept.cost;
                kept.taken.notify_one();
            }
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
        let reading = shelves.flat_map(|shelf| shelf.reading.into_values());
        for live in reading.flat_map(HashMap::into_values) {
            if let Some(live) = live.upgrade() {
                live.wake(self.window.beat());
            }
        }
    }
}

impl Kept {
    /// Whether somebody is about to take it.
    fn is_awaited(&self) -> bool {
        self.is_awaited.load(Ordering::Relaxed) && self.since.elapsed() < TAKEN_WITHIN
    }
}

impl Shelves {
    /// Lets go of the oldest page that nobody is about to take, if `goes` holds for it; whether there was one.
    fn let_go(&mut self, goes: impl Fn(&Kept) -> bool) -> bool {
        let is_free = |(_, kept): &(_, Arc<Kept>)| !kept.is_awaited();
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
    /// The newest page that leads on from a position, while the window is of this epoch.
    fn find(&self, after: Position, epoch: u64) -> Option<&Arc<Kept>> {
        let fits = |kept: &&Arc<Kept>| kept.page.covers(after) && kept.page.leads_on(epoch);
        self.kept.iter().rev().find(fits)
    }

    /// Those who wait for a read, which is over.
    fn take_waiting(&mut self, after: Position) -> Vec<Arc<Live>> {
        let waiting = self.reading.remove(&after).unwrap_or_default();
        waiting.into_values().filter_map(|live| live.upgrade()).collect()
    }

    fn is_empty(&self) -> bool {
        self.kept.is_empty() && self.reading.is_empty()
    }
}
