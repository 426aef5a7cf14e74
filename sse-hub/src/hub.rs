//! The hub.

use std::collections::BTreeSet;
use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use sse_core::Event;
use sse_store::{Cleared, EventStore, Key, NewEntry, Position, StoreError, Topic, TopicError};
use tokio::runtime::Handle;
use tokio::task::AbortHandle;
use tokio::time::{Instant, sleep};

use crate::core::Core;
use crate::cursor::{Cursor, Member};
use crate::joining::Joining;
use crate::{
    Connection, ConnectionId, EndReason, Health, HubBuilder, HubError, Notices, Subscribe, feed,
    metrics, sweep, told, trace,
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
    tasks: Vec<AbortHandle>,
}

impl Shared {
    pub(crate) fn new(core: Arc<Core>, tasks: Vec<AbortHandle>) -> Arc<Self> {
        Arc::new(Self { core, tasks })
    }
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
        let runtime = Handle::current();
        let (core, writer) = Core::new(builder, runtime.clone());
        let feed = runtime.spawn(feed::feed(core.clone(), writer));
        let sweep = runtime.spawn(sweep::sweep(core.clone())).abort_handle();
        let tasks = vec![feed.abort_handle(), sweep];
        let watched = core.clone();
        // It ends with the feed, however that ends.
        runtime.spawn(async move {
            if feed.await.is_err_and(|error| error.is_panic()) {
                // By a waker, or whoever listens to traces: nothing more would come, so nobody is to wait for it.
                watched.close(&StoreError::other("the feed of the hub has panicked"));
            }
        });
        Self::of(Shared::new(core, tasks))
    }

    pub(crate) fn of(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    /// The store beneath.
    pub fn store(&self) -> &Arc<dyn EventStore> {
        &self.shared.store
    }

    /// Publishes an event to a topic, in all processes, and returns its position once it is committed: that is its id from
    /// then on.
    ///
    /// Cancel safe as the store's `append` is: dropped, it has happened or not.
    ///
    /// # Errors
    ///
    /// [`is_invalid_topic`](HubError::is_invalid_topic) where the name is no topic, and
    /// [`is_own_type`](HubError::is_own_type) where clients would take the event for one of the hub's; else the store's own
    /// ([`HubError::store`]): nothing was published, unless it says that the outcome is unknown. An event that has an id
    /// already, or takes more than 4 MiB, [is refused](sse_store::StoreError::is_refused).
    pub async fn publish<T>(&self, topic: T, event: Event) -> Result<Position, HubError>
    where
        T: TryInto<Topic, Error: Into<TopicError>>,
    {
        let topic = topic.try_into().map_err(|error| HubError::topic(error.into()))?;
        let positions = self.append(vec![NewEntry::new(topic, event)]).await?;
        // A store gives a position for each entry.
        Ok(positions.first().copied().unwrap_or(Position::START))
    }

    /// Publishes a batch as a whole and in its order: events, completions, with fences or without. Cancel safe as
    /// [`publish`](Self::publish).
    ///
    /// # Errors
    ///
    /// [`is_own_type`](HubError::is_own_type), or the store's own ([`HubError::store`]).
    pub async fn append(&self, batch: Vec<NewEntry>) -> Result<Vec<Position>, HubError> {
        let events = events(&batch)?;
        let positions = self.shared.store.append(batch).await?;
        Ok(self.published(events, positions))
    }

    /// The same, once for each key: with a key that was used already it appends nothing, and returns the positions of that
    /// time. So a call whose outcome is unknown can be repeated. The metrics count what is repeated again.
    ///
    /// Cancel safe as the store's `append_once` is: dropped, it has happened or not, and can be repeated.
    ///
    /// # Errors
    ///
    /// [`is_own_type`](HubError::is_own_type), or the store's own ([`HubError::store`]): see
    /// [`append_once`](EventStore::append_once).
    pub async fn append_once(
        &self,
        key: &Key,
        batch: Vec<NewEntry>,
    ) -> Result<Vec<Position>, HubError> {
        let events = events(&batch)?;
        let positions = self.shared.store.append_once(key, batch).await?;
        Ok(self.published(events, positions))
    }

    fn published(&self, events: usize, positions: Vec<Position>) -> Vec<Position> {
        if let Some(last) = positions.last() {
            self.shared.learn(*last);
        }
        metrics::published(events);
        positions
    }

    /// Deletes what is stored of a topic, in all processes. Subscribers that have not had all of it are told a gap. Cancel
    /// safe as [`publish`](Self::publish).
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
        self.shared.learn(cleared.position);
        Ok(cleared)
    }

    /// Says that a topic has said all it will say, in all processes. A subscription ends when all its topics are complete
    /// and it has given what they have. An event that is published there later opens the topic again. Cancel safe as
    /// [`publish`](Self::publish).
    ///
    /// # Errors
    ///
    /// As [`publish`](Self::publish).
    pub async fn complete<T>(&self, topic: T) -> Result<Position, HubError>
    where
        T: TryInto<Topic, Error: Into<TopicError>>,
    {
        let topic = topic.try_into().map_err(|error| HubError::topic(error.into()))?;
        let position = self.shared.store.complete(&topic).await?;
        self.shared.learn(position);
        Ok(position)
    }

    /// Subscribes to some topics; await what it returns. Whoever calls this has decided that the client may have them,
    /// unless [`authorise`](Subscribe::authorise) is to.
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
    /// [`is_too_many_topics`](HubError::is_too_many_topics), [`is_invalid_topic`](HubError::is_invalid_topic), or the store's own.
    pub async fn add_topics<I>(
        &self,
        id: ConnectionId,
        user: Option<&str>,
        topics: I,
    ) -> Result<(), HubError>
    where
        I: IntoIterator<Item: TryInto<Topic, Error: Into<TopicError>>>,
    {
        let added = match crate::subscribe::topics(topics) {
            Ok(topics) => self.add(id, user, topics).await,
            Err(error) => Err(error),
        };
        added.inspect_err(trace::refused)
    }

    async fn add(
        &self,
        id: ConnectionId,
        user: Option<&str>,
        topics: BTreeSet<Topic>,
    ) -> Result<(), HubError> {
        let core = &self.shared.core;
        let allowed = core.settings.topics;
        if topics.len() > allowed {
            return Err(HubError::too_many_topics(topics.len(), allowed));
        }
        let live = core.connections.of_user(id, user)?;
        let has_room = |cursor: &Cursor| {
            let more = topics.iter().filter(|topic| !cursor.topics().any(|it| it == *topic));
            let count = cursor.topics().len() + more.count();
            if count > allowed { Err(HubError::too_many_topics(count, allowed)) } else { Ok(()) }
        };
        has_room(&live.cursor())?;
        for topic in &topics {
            let allowed = match &live.authorise {
                Some(authorise) => authorise(topic.clone()).await,
                None => false,
            };
            if !allowed {
                return Err(HubError::forbidden(topic));
            }
        }
        let mut joining = Joining::new(core, &live, &topics, || core.window.now());
        let logs: Vec<_> = joining.logs().cloned().collect();
        core.in_time(async { Ok(core.learn_completions(&logs).await?) }).await?;
        {
            let mut cursor = live.cursor();
            // Others may have been added meanwhile.
            has_room(&cursor)?;
            if !joining.add_to(&mut cursor) {
                return Err(HubError::unknown_connection(id));
            }
        }
        live.wake(core.window.beat());
        core.connections.changed(&live);
        Ok(())
    }

    /// Removes topics from a live connection of this process: nothing more of them is given. What it does not have is
    /// passed over.
    ///
    /// # Errors
    ///
    /// [`is_unknown_connection`](HubError::is_unknown_connection) where it is not in this process or not this user's,
    /// and [`is_invalid_topic`](HubError::is_invalid_topic).
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
        core.connections.changed(&live);
        Ok(())
    }

    /// Ends a connection of this process; whether it was there. It asks for no user, and a browser comes back at once: where
    /// the id is a client's word, look first whose [`connection`](Self::connection) it is.
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
            let due = over.mul_f64(number as f64 / count as f64);
            let left = due.saturating_sub(start.elapsed());
            if !left.is_zero() {
                sleep(left).await;
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

    /// Whether the hub follows its log, and how far it has come, as this process knows it: for a probe of readiness. It asks
    /// the store nothing and waits for nothing.
    pub fn health(&self) -> Health {
        self.shared.health()
    }

    /// Whether the hub is being drained: it refuses those who come.
    pub fn is_draining(&self) -> bool {
        self.shared.connections.is_draining()
    }
}

/// How many events there are, none of which clients may take for one of the hub's.
fn events(batch: &[NewEntry]) -> Result<usize, HubError> {
    let mut count = 0;
    for event in batch.iter().filter_map(NewEntry::event) {
        if let Some(event_type) = event.event_type().filter(|_| told::is_own(event)) {
            return Err(HubError::own_type(event_type));
        }
        count += 1;
    }
    Ok(count)
}
