//! What subscriptions read of the store when they have fallen behind the window: each page once for all who ask for it,
//! few at a time, and kept for a while.

use std::sync::Arc;
use std::time::Duration;

use sse_store::{
    EventStore, Page as StorePage, PageStatus, Position, Query, StoreError, Topic, TopicSet,
};
use tokio::runtime::Handle;
use tokio::sync::Semaphore;
use tracing::Instrument as _;

use crate::live::Live;
use crate::metrics;
use crate::page::{self, Fresh, Page, Question};
use crate::settings::{Settings, semaphore};
use crate::shelves::{Found, Put, Shelves, TAKEN_WITHIN};
use crate::sync::{Mutex, MutexGuard, lock, spawn, timeout};
use crate::window::Window;

/// The pages of the store that are being read and were read.
#[derive(Debug)]
pub(crate) struct Pages {
    store: Arc<dyn EventStore>,
    window: Arc<Window>,
    runtime: Handle,
    reads: Semaphore,
    /// How long a read may take.
    timeout: Duration,
    shelves: Mutex<Shelves>,
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
            timeout: settings.catch_up_timeout,
            shelves: Mutex::new(Shelves::new(settings.catch_up_memory)),
        }
    }

    fn shelves(&self) -> MutexGuard<'_, Shelves> {
        lock(&self.shelves)
    }

    fn epoch(&self) -> u64 {
        self.window.view().epoch
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
        match shelves.find(question, after, self.epoch(), live) {
            Found::Page(page) => return Answer::Page(page),
            Found::Wait => {}
            Found::Read => {
                drop(shelves);
                let span = tracing::debug_span!("sse_hub.catch_up", %after);
                let read = self.clone().read(question.clone(), after);
                spawn(&self.runtime, read.instrument(span));
            }
        }
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
                Ok(page) => return self.hand_out(&question, after, page).await,
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
    async fn hand_out(&self, question: &Arc<Question>, after: Position, page: Fresh) {
        metrics::page_read();
        let epoch = self.epoch();
        let Put { page, waiting, kept } = self.shelves().put(question, after, page, epoch);
        for live in &waiting {
            if kept.is_none() {
                live.cursor().accept_if_there(&page, &self.window);
            }
            live.wake(self.window.beat());
        }
        drop((waiting, page));
        if let Some(kept) = kept
            && kept.is_awaited()
            && self.shelves().is_overfull()
        {
            let _ = timeout(TAKEN_WITHIN, kept.taken.notified()).await;
        }
    }

    async fn ask_in_time(&self, question: &Question, after: Position) -> Result<Fresh, StoreError> {
        let late = |_| Err(StoreError::unavailable("the store did not give a page in time"));
        timeout(self.timeout, self.ask(question, after)).await.unwrap_or_else(late)
    }

    async fn ask(&self, question: &Question, after: Position) -> Result<Fresh, StoreError> {
        let topics: TopicSet = question.topics.iter().cloned().collect();
        let epoch = self.epoch();
        if !question.newest_only {
            let page = self.store.read(after, &topics, page::LIMIT).await?;
            return Ok(Fresh::new(after, page, epoch));
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
        Ok(Fresh::new(after, StorePage::new(entries, head, status), epoch))
    }

    fn is_abandoned(&self, question: &Question, after: Position) -> bool {
        // The guard goes before those who wait.
        let (is_abandoned, _waiting) = self.shelves().is_abandoned(question, after);
        is_abandoned
    }

    /// Whether a page that has come meanwhile goes past the position; then those who wait are woken to take it.
    fn has_come(&self, question: &Question, after: Position) -> bool {
        let epoch = self.epoch();
        let waiting = self.shelves().has_come(question, after, epoch);
        for live in waiting.iter().flatten() {
            live.wake(self.window.beat());
        }
        waiting.is_some()
    }

    /// Lets go of what has been kept for long.
    pub(crate) fn expire(&self) {
        self.shelves().expire();
    }

    /// From here on nobody is given what was cleared there, once the window has come to it.
    pub(crate) fn forget(&self, topic: &Topic, at: Position) {
        self.shelves().forget(topic, at);
    }

    /// Answers all who wait and all who come with this error.
    pub(crate) fn close(&self, error: &StoreError) {
        let waiting = self.shelves().close(error);
        for live in waiting {
            live.wake(self.window.beat());
        }
    }
}
