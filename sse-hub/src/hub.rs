//! The hub.

use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use sse_core::Event;
use sse_store::{Cleared, EventStore, NewEntry, Position, Topic, TopicError};
use tokio::runtime::Handle;
use tokio::task::AbortHandle;
use tokio::time::{Instant, sleep, sleep_until};

use crate::connections::Notices;
use crate::core::Core;
use crate::cursor::Member;
use crate::pages::Pages;
use crate::window::{Window, Writer};
use crate::{
    Connection, ConnectionId, EndReason, HubBuilder, HubError, Notice, Subscribe, feed, metrics,
    sweep,
};

/// Fans the events of one log out to very many subscribers.
///
/// Cloning it gives another handle. It follows the store while a handle or a subscription is left.
#[derive(Debug, Clone)]
pub struct Hub {
    shared: Arc<Shared>,
}

/// A hub's core and its tasks, which end with the last who holds it.
#[derive(Debug)]
pub(crate) struct Shared {
    core: Arc<Core>,
    tasks: [AbortHandle; 2],
}

impl Deref for Shared {
    type Target = Core;

    fn deref(&self) -> &Core {
        &self.core
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

impl Hub {
    /// A hub over a store, with the default limits: see [`HubBuilder`].
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime, as `tokio::spawn` does.
    pub fn new(store: Arc<dyn EventStore>) -> Self {
        Self::builder(store).build()
    }

    /// Builds a hub with limits of its own.
    pub fn builder(store: Arc<dyn EventStore>) -> HubBuilder {
        HubBuilder::new(store)
    }

    pub(crate) fn start(builder: HubBuilder) -> Self {
        let HubBuilder { store, settings } = builder;
        let runtime = Handle::current();
        let window = Arc::new(Window::new());
        let writer = Writer::new(window.clone(), settings.window);
        let pages = Arc::new(Pages::new(
            store.clone(),
            window.clone(),
            runtime.clone(),
            settings.catch_up_reads,
            settings.catch_up_memory,
        ));
        let core = Arc::new(Core::new(store, settings, window, pages));
        let feed = runtime.spawn(feed::feed(core.clone(), writer)).abort_handle();
        let sweep = runtime.spawn(sweep::sweep(core.clone())).abort_handle();
        Self { shared: Arc::new(Shared { core, tasks: [feed, sweep] }) }
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    /// The store beneath.
    pub fn store(&self) -> &Arc<dyn EventStore> {
        &self.shared.store
    }

    /// Publishes an event to a topic, in all processes, and returns its position once it is committed.
    ///
    /// Cancel safe as the store's `append` is: dropped, it has happened or not.
    ///
    /// # Errors
    ///
    /// [`is_topic`](HubError::is_topic) where the name is no topic; else the store's own
    /// ([`HubError::store`]): nothing was published, unless it says that the outcome is unknown.
    pub async fn publish<T>(&self, topic: T, event: Event) -> Result<Position, HubError>
    where
        T: TryInto<Topic, Error: Into<TopicError>>,
    {
        let topic = topic.try_into().map_err(|error| HubError::topic(error.into()))?;
        let positions = self.append(vec![NewEntry::new(topic, event)]).await?;
        // A store gives a position for each entry.
        Ok(positions.first().copied().unwrap_or(Position::START))
    }

    /// Publishes a batch as a whole and in its order: events, completions, with fences or without.
    ///
    /// # Errors
    ///
    /// The store's own ([`HubError::store`]).
    pub async fn append(&self, batch: Vec<NewEntry>) -> Result<Vec<Position>, HubError> {
        let events = batch.iter().filter(|entry| entry.event().is_some()).count();
        let positions = self.shared.store.append(batch).await?;
        if let Some(last) = positions.last() {
            self.shared.window.learn(*last);
        }
        metrics::published(events);
        Ok(positions)
    }

    /// Deletes what is stored of a topic. Subscribers that have not had all of it are told a gap.
    ///
    /// # Errors
    ///
    /// As [`publish`](Self::publish).
    pub async fn clear<T>(&self, topic: T) -> Result<Cleared, HubError>
    where
        T: TryInto<Topic, Error: Into<TopicError>>,
    {
        let topic = topic.try_into().map_err(|error| HubError::topic(error.into()))?;
        let cleared = self.shared.store.clear(&topic).await?;
        self.shared.window.learn_clear(&topic, cleared.position);
        Ok(cleared)
    }

    /// Says that a topic has said all it will say. A subscription ends when all its topics are complete.
    ///
    /// # Errors
    ///
    /// As [`publish`](Self::publish).
    pub async fn complete<T>(&self, topic: T) -> Result<Position, HubError>
    where
        T: TryInto<Topic, Error: Into<TopicError>>,
    {
        let topic = topic.try_into().map_err(|error| HubError::topic(error.into()))?;
        Ok(self.shared.store.complete(&topic).await?)
    }

    /// Subscribes to some topics; await what it returns.
    pub fn subscribe<I>(&self, topics: I) -> Subscribe
    where
        I: IntoIterator<Item: TryInto<Topic, Error: Into<TopicError>>>,
    {
        Subscribe::new(self.clone(), topics)
    }

    /// How many connections this process has.
    pub fn connection_count(&self) -> usize {
        self.shared.connections.count()
    }

    /// The connections of this process.
    pub fn connections(&self) -> Vec<Connection> {
        self.shared.connections.all().iter().map(|live| live.connection()).collect()
    }

    /// One connection of this process, if it is there.
    pub fn connection(&self, id: ConnectionId) -> Option<Connection> {
        self.shared.connections.get(&id).map(|live| live.connection())
    }

    /// How many connections of this process are subscribed to a topic.
    pub fn subscriber_count(&self, topic: &Topic) -> usize {
        self.shared.window.count(topic)
    }

    /// How many connections of this process are subscribed to each topic, where there are any; in no order.
    pub fn subscriber_counts(&self) -> Vec<(Topic, usize)> {
        self.shared.window.counts()
    }

    /// Notices of who comes and goes, from now on.
    pub fn notices(&self) -> Notices {
        self.shared.connections.notices()
    }

    /// Adds topics to a live connection of this process, from now on. Its authorisation is asked for each.
    ///
    /// Either all are added or none. Cancel safe: dropped, none or all of them are.
    ///
    /// # Errors
    ///
    /// [`is_unknown_connection`](HubError::is_unknown_connection) where it is not in this process or not this
    /// user's, [`is_forbidden`](HubError::is_forbidden) where its authorisation says no, or it has none,
    /// [`is_too_many_topics`](HubError::is_too_many_topics), [`is_topic`](HubError::is_topic), or the store's own.
    pub async fn add_topics<I>(
        &self,
        id: ConnectionId,
        user: Option<&str>,
        topics: I,
    ) -> Result<(), HubError>
    where
        I: IntoIterator<Item: TryInto<Topic, Error: Into<TopicError>>>,
    {
        let topics = crate::subscribe::topics(topics)?;
        let core = &self.shared.core;
        let live = core.connections.of_user(id, user)?;
        for topic in &topics {
            let allowed = match &live.authorise {
                Some(authorise) => authorise(topic.clone()).await,
                None => false,
            };
            if !allowed {
                metrics::refused("forbidden");
                return Err(HubError::forbidden(topic));
            }
        }
        let mut joining = Joining { core, members: Vec::new() };
        for topic in &topics {
            let (log, place) = core.window.join(topic, &live);
            let since = core.window.now().unwrap_or(Position::START);
            joining.members.push(Member { log: log.clone(), place, since });
            core.learn_completion(&log).await?;
        }
        {
            let mut cursor = live.cursor();
            let more = topics.iter().filter(|topic| !cursor.topics().any(|it| it == *topic));
            let count = cursor.topics().len() + more.count();
            let allowed = core.settings.topics;
            if cursor.ending.is_some() {
                return Err(HubError::unknown_connection(id));
            }
            if count > allowed {
                return Err(HubError::too_many_topics(count, allowed));
            }
            let members = std::mem::take(&mut joining.members);
            joining.members = members.into_iter().filter_map(|member| cursor.add(member)).collect();
        }
        live.wake(core.window.beat());
        core.connections.tell(|| Notice::Changed(live.connection()));
        Ok(())
    }

    /// Removes topics from a live connection of this process: nothing more of them is given. What it does not have is
    /// passed over.
    ///
    /// # Errors
    ///
    /// [`is_unknown_connection`](HubError::is_unknown_connection) where it is not in this process or not this user's,
    /// and [`is_topic`](HubError::is_topic).
    pub fn remove_topics<I>(
        &self,
        id: ConnectionId,
        user: Option<&str>,
        topics: I,
    ) -> Result<(), HubError>
    where
        I: IntoIterator<Item: TryInto<Topic, Error: Into<TopicError>>>,
    {
        let topics = crate::subscribe::topics(topics)?;
        let core = &self.shared.core;
        let live = core.connections.of_user(id, user)?;
        let members: Vec<Member> = {
            let mut cursor = live.cursor();
            topics.iter().filter_map(|topic| cursor.remove(topic)).collect()
        };
        for member in members {
            core.window.leave(&member.log, member.place);
        }
        // What is left may be complete.
        live.wake(core.window.beat());
        core.connections.tell(|| Notice::Changed(live.connection()));
        Ok(())
    }

    /// Ends a connection of this process; whether it was there.
    pub fn disconnect(&self, id: ConnectionId) -> bool {
        let live = self.shared.connections.get(&id);
        live.inspect(|live| self.shared.end(live, EndReason::Disconnected)).is_some()
    }

    /// Ends all connections, evenly spread over a time and in no order, and refuses those who come. Each is told to come
    /// back after a time of its own, and goes on where it was, in another process.
    ///
    /// Returns when none is left. Dropped, it ends no more connections, and goes on refusing. A
    /// `Lifecycle::shutdown` may come at any time: it ends what is left at once.
    pub async fn drain(&self, over: Duration) {
        let core = &self.shared.core;
        core.connections.drain();
        let mut all = core.connections.all();
        fastrand::shuffle(&mut all);
        let (start, count) = (Instant::now(), all.len().max(1));
        for (number, live) in all.iter().enumerate() {
            let due = start + over.mul_f64(number as f64 / count as f64);
            if due > Instant::now() {
                sleep_until(due).await;
            }
            core.end(live, EndReason::Drained);
        }
        // One whose opening was under way when the draining began.
        while core.connections.count() > 0 {
            for live in core.connections.all() {
                core.end(&live, EndReason::Drained);
            }
            sleep(Duration::from_millis(10)).await;
        }
    }

    /// Whether the hub is being drained: it refuses those who come.
    pub fn is_draining(&self) -> bool {
        self.shared.connections.is_draining()
    }
}

/// Topics that are about to be added: those that are not give their places back.
struct Joining<'a> {
    core: &'a Core,
    members: Vec<Member>,
}

impl Drop for Joining<'_> {
    fn drop(&mut self) {
        for member in self.members.drain(..) {
            self.core.window.leave(&member.log, member.place);
        }
    }
}
