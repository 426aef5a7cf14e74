//! What all handles of a hub, its tasks and its subscriptions share.

use std::sync::Arc;
use std::time::Duration;

use sse_store::{EventStore, Position, Query, Record, StoreError, Topic};
use tokio::sync::watch;
use tokio::time::timeout;

use crate::connections::Connections;
use crate::live::Live;
use crate::pages::Pages;
use crate::settings::Settings;
use crate::window::{TopicLog, Window};
use crate::{EndReason, HubError, metrics};

#[derive(Debug)]
pub(crate) struct Core {
    pub(crate) store: Arc<dyn EventStore>,
    pub(crate) settings: Settings,
    pub(crate) window: Arc<Window>,
    pub(crate) pages: Arc<Pages>,
    pub(crate) connections: Connections,
    phase: watch::Sender<Phase>,
}

#[derive(Debug, Clone)]
enum Phase {
    Starting,
    Following,
    Closed(StoreError),
}

impl Core {
    pub(crate) fn new(
        store: Arc<dyn EventStore>,
        settings: Settings,
        window: Arc<Window>,
        pages: Arc<Pages>,
    ) -> Self {
        let connections =
            Connections::new(settings.connections, settings.per_user, settings.notices);
        let phase = watch::Sender::new(Phase::Starting);
        Self { store, settings, window, pages, connections, phase }
    }

    pub(crate) fn feed_has_begun(&self) {
        self.phase.send_replace(Phase::Following);
    }

    /// Waits until the feed has begun, for a while.
    pub(crate) async fn is_ready(&self) -> Result<(), HubError> {
        let mut phase = self.phase.subscribe();
        let begun = phase.wait_for(|phase| !matches!(phase, Phase::Starting));
        match timeout(self.settings.patience, begun).await {
            Ok(Ok(phase)) => match &*phase {
                Phase::Closed(error) => Err(HubError::closed(error.clone())),
                Phase::Starting | Phase::Following => Ok(()),
            },
            // The sender is ours, so this is the time that has passed.
            Ok(Err(_)) | Err(_) => {
                metrics::refused("starting");
                Err(HubError::starting())
            }
        }
    }

    /// The store is closed: this is the end of every subscription.
    pub(crate) fn close(&self, error: &StoreError) {
        tracing::info!("the store is closed, and the hub with it");
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
        self.connections.remove(live);
        self.connections.tell_end(live, reason);
        live.cursor().ending = Some(reason);
        live.leave_all(&self.window);
        live.wake(self.window.beat());
    }

    /// Finds out whether a topic is complete, unless that is known.
    pub(crate) async fn learn_completion(&self, log: &TopicLog) -> Result<(), StoreError> {
        if log.is_known() {
            return Ok(());
        }
        let _turn = self.pages.turn().await;
        match log.is_known() {
            true => Ok(()),
            false => self.ask_completion(log).await,
        }
    }

    /// Whether all these topics are complete as the store says, since a process may lag: who is sent away because of it
    /// never comes back.
    pub(crate) async fn are_complete(&self, logs: &[Arc<TopicLog>]) -> Result<bool, StoreError> {
        for log in logs {
            let _turn = self.pages.turn().await;
            self.ask_completion(log).await?;
            if !log.is_completed() {
                return Ok(false);
            }
        }
        Ok(true)
    }

    async fn ask_completion(&self, log: &TopicLog) -> Result<(), StoreError> {
        let Some(now) = self.window.now() else { return Ok(()) };
        let newest = Query::new(log.topic()).newest_first().limit(1);
        match self.store.list(&newest).await?.pop() {
            Some(entry) => log.observe(entry.position, entry.record == Record::Completed),
            // A completion that is known of may have been deleted since: it stands.
            None if log.is_known() => {}
            None => log.observe(now, false),
        }
        Ok(())
    }

    /// The position before the newest so many events of these topics.
    pub(crate) async fn before_last(
        &self,
        topics: &[Topic],
        count: usize,
    ) -> Result<Position, StoreError> {
        let _turn = self.pages.turn().await;
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
        Ok(first.map_or(Position::START, |first| {
            Position::new(first.epoch(), first.sequence().saturating_sub(1))
        }))
    }
}

/// How long a hub waits for its store when it starts, before it refuses who comes.
pub(crate) const PATIENCE: Duration = Duration::from_secs(5);
