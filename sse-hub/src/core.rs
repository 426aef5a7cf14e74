//! What all handles of a hub, its tasks and its subscriptions share.

use std::collections::HashMap;
use std::sync::Arc;

use sse_store::{Entry, EventStore, PageStatus, Position, Query, Record, StoreError, Topic};
use tokio::runtime::Handle;
use tokio::sync::{Semaphore, SemaphorePermit, watch};

use crate::connections::Connections;
use crate::health::{Health, Pulse};
use crate::live::Live;
use crate::metrics::Given;
use crate::pages::Pages;
use crate::settings::{Settings, semaphore};
use crate::sync::timeout;
use crate::window::{TopicLog, Window, Writer};
use crate::{EndReason, HubBuilder, HubError};

#[derive(Debug)]
pub(crate) struct Core {
    pub(crate) store: Arc<dyn EventStore>,
    pub(crate) settings: Settings,
    pub(crate) window: Arc<Window>,
    pub(crate) pages: Arc<Pages>,
    pub(crate) connections: Connections,
    pub(crate) given: Given,
    /// Those who are subscribing ask the store in turn, and not behind those who catch up.
    opening: Semaphore,
    phase: watch::Sender<Phase>,
    pulse: Pulse,
}

#[derive(Debug, Clone)]
enum Phase {
    Starting,
    Following,
    Closed(StoreError),
}

impl Core {
    /// The core of a hub, and who writes its window.
    pub(crate) fn new(builder: HubBuilder, runtime: Handle) -> (Arc<Self>, Writer) {
        let HubBuilder { store, settings } = builder;
        let window = Arc::new(Window::new());
        let writer = Writer::new(window.clone(), settings.window);
        let pages = Arc::new(Pages::new(store.clone(), window.clone(), runtime, &settings));
        let connections =
            Connections::new(settings.connections, settings.per_user, settings.notices);
        let phase = watch::Sender::new(Phase::Starting);
        let opening = semaphore(settings.opening_reads);
        let given = Given::new();
        let pulse = Pulse::new();
        let core =
            Self { store, settings, window, pages, connections, given, opening, phase, pulse };
        (Arc::new(core), writer)
    }

    pub(crate) fn feed_has_begun(&self) {
        self.feed_goes_on();
        self.phase.send_replace(Phase::Following);
    }

    /// The feed was answered, and has written what it was given.
    pub(crate) fn feed_goes_on(&self) {
        let is_at_head = self.window.view().has(self.window.now());
        self.pulse.goes_on(is_at_head);
    }

    /// The feed was not answered, and asks again.
    pub(crate) fn feed_fails(&self, error: &StoreError) {
        self.pulse.fails(error, false);
    }

    /// Takes note of a position that this process has been given by the store.
    pub(crate) fn learn(&self, position: Position) {
        self.window.learn(position);
        if !self.window.view().has(position) {
            self.pulse.has_more();
        }
    }

    pub(crate) fn health(&self) -> Health {
        let view = self.window.view();
        let head = self.window.now();
        let is_begun = view.epoch != 0 && view.epoch == head.epoch();
        let position = if is_begun { Position::new(view.epoch, view.end) } else { Position::START };
        self.pulse.health(position, head)
    }

    /// Waits until the feed has begun.
    pub(crate) async fn is_ready(&self) -> Result<(), HubError> {
        let mut phase = self.phase.subscribe();
        // The sender is ours.
        let _ = phase.wait_for(|phase| !matches!(phase, Phase::Starting)).await;
        self.closed().map_or(Ok(()), |error| Err(HubError::closed(error)))
    }

    /// What a client waits for that is subscribing; where the store does not answer in time, it is refused.
    pub(crate) async fn in_time<T>(
        &self,
        opening: impl Future<Output = Result<T, HubError>>,
    ) -> Result<T, HubError> {
        let late = |_| match &*self.phase.borrow() {
            Phase::Starting => Err(HubError::starting()),
            _ => Err(StoreError::unavailable("the store did not answer in time").into()),
        };
        timeout(self.settings.start_timeout, opening).await.unwrap_or_else(late)
    }

    /// Waits for its turn to ask the store. The semaphore is never closed.
    async fn turn(&self) -> Option<SemaphorePermit<'_>> {
        self.opening.acquire().await.ok()
    }

    /// The store is closed, or cannot be followed any more: this is the end of every subscription.
    pub(crate) fn close(&self, error: &StoreError) {
        tracing::info!(%error, "the hub is closed");
        self.pulse.fails(error, true);
        self.phase.send_replace(Phase::Closed(error.clone()));
        self.pages.close(error);
        for live in self.connections.all() {
            self.end(&live, EndReason::Closed);
        }
    }

    /// Whether the store is closed.
    pub(crate) fn closed(&self) -> Option<StoreError> {
        match &*self.phase.borrow() {
            Phase::Closed(error) => Some(error.clone()),
            Phase::Starting | Phase::Following => None,
        }
    }

    /// Ends a subscription, once: it gives up its place here, and says its last words when it is polled.
    pub(crate) fn end(&self, live: &Arc<Live>, reason: EndReason) {
        if !live.end() {
            return;
        }
        self.connections.remove(live, reason);
        live.cursor().ending = Some(reason);
        live.leave_all(&self.window);
        live.wake(self.window.beat());
    }

    /// Finds out which of these topics are complete, where that is not known.
    pub(crate) async fn learn_completions(&self, logs: &[Arc<TopicLog>]) -> Result<(), StoreError> {
        if logs.iter().all(|log| log.is_known()) {
            return Ok(());
        }
        let _turn = self.turn().await;
        // Others may have asked meanwhile.
        let unknown: Vec<_> = logs.iter().filter(|log| !log.is_known()).cloned().collect();
        self.ask_completions(&unknown).await
    }

    /// Whether all these topics are complete, and one who is behind this position has all that they have. A process that
    /// lags behind its store says no: who is sent away because of it never comes back.
    pub(crate) async fn has_all(
        &self,
        logs: &[Arc<TopicLog>],
        after: Position,
        forgives: bool,
    ) -> Result<bool, StoreError> {
        if logs.is_empty() || !logs.iter().all(|log| log.is_completed()) {
            return Ok(false);
        }
        let topics = logs.iter().map(|log| log.topic().clone()).collect();
        let page = {
            let _turn = self.turn().await;
            self.store.read(after, &topics, logs.len() + 1).await?
        };
        let is_whole = match page.status {
            PageStatus::Exact => true,
            PageStatus::Gap { .. } => forgives,
            PageStatus::Reset => false,
        };
        let is_completion = |entry: &Entry| entry.record == Record::Completed;
        // The window is looked at last: it knows of all up to there.
        Ok(is_whole
            && page.entries.len() <= logs.len()
            && page.entries.iter().all(is_completion)
            && self.window.view().has(page.next)
            && logs.iter().all(|log| log.is_completed_at(page.next)))
    }

    /// Asks the store which of these topics are complete, once for all of them.
    pub(crate) async fn ask_completions(&self, logs: &[Arc<TopicLog>]) -> Result<(), StoreError> {
        if logs.is_empty() {
            return Ok(());
        }
        let now = self.window.now();
        let topics = logs.iter().map(|log| log.topic().clone()).collect();
        let newest = self.store.newest(&topics).await?;
        let newest: HashMap<_, _> = newest.iter().map(|newest| (&newest.topic, newest)).collect();
        for log in logs {
            match newest.get(log.topic()) {
                Some(newest) => log.observe(newest.position, newest.is_completion),
                // A completion that is known of may have been deleted since: it stands.
                None if log.is_known() => {}
                None => log.observe(now, false),
            }
        }
        Ok(())
    }

    /// The position before the newest so many events of these topics, if there are any.
    pub(crate) async fn before_last(
        &self,
        topics: &[Topic],
        count: usize,
    ) -> Result<Option<Position>, StoreError> {
        let _turn = self.turn().await;
        let topics: sse_store::TopicSet = topics.iter().cloned().collect();
        let mut query = Query::new(topics).events().newest_first();
        let (mut left, mut first) = (count, None);
        // A page is bounded in bytes too.
        while left > 0 {
            let page = self.store.list(&query.clone().limit(left)).await?;
            let Some(last) = page.last() else { break };
            (left, first) = (left.saturating_sub(page.len()), Some(last.position));
            query = query.after(last.position);
        }
        Ok(first.map(|first| Position::new(first.epoch(), first.sequence().saturating_sub(1))))
    }
}
