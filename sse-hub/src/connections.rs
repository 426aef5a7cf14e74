//! The live connections of this process.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use slab::Slab;
use tokio::sync::broadcast;

use crate::live::Live;
use crate::{ConnectionId, EndReason, HubError, Notice, metrics};

#[derive(Debug)]
pub(crate) struct Connections {
    inner: Mutex<Inner>,
    notices: broadcast::Sender<Notice>,
    max: usize,
    max_per_user: usize,
}

#[derive(Debug, Default)]
struct Inner {
    all: Slab<Arc<Live>>,
    by_id: HashMap<ConnectionId, usize>,
    /// Of each user the connections, the oldest first.
    by_user: HashMap<Arc<str>, VecDeque<Arc<Live>>>,
    is_draining: bool,
}

impl Connections {
    pub(crate) fn new(max: usize, max_per_user: usize, notices: usize) -> Self {
        let (notices, _) = broadcast::channel(notices.max(1));
        Self { inner: Mutex::default(), notices, max, max_per_user: max_per_user.max(1) }
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a connection in, and gives back the one that has to give way for it.
    pub(crate) fn open(&self, live: &Arc<Live>) -> Result<Option<Arc<Live>>, HubError> {
        let mut inner = self.inner();
        if inner.is_draining {
            metrics::refused("draining");
            return Err(HubError::draining());
        }
        let replaced = live.user.as_ref().and_then(|user| inner.by_user.get(user));
        let replaced = replaced.filter(|theirs| theirs.len() >= self.max_per_user);
        let replaced = replaced.and_then(|theirs| theirs.front().cloned());
        if replaced.is_none() && inner.all.len() >= self.max {
            metrics::refused("full");
            return Err(HubError::full(self.max));
        }
        if let Some(replaced) = &replaced {
            inner.remove(replaced);
        }
        let place = inner.all.insert(live.clone());
        inner.by_id.insert(live.id, place);
        if let Some(user) = &live.user {
            inner.by_user.entry(user.clone()).or_default().push_back(live.clone());
        }
        metrics::connections(inner.all.len());
        Ok(replaced)
    }

    pub(crate) fn remove(&self, live: &Arc<Live>) {
        let mut inner = self.inner();
        inner.remove(live);
        metrics::connections(inner.all.len());
    }

    pub(crate) fn get(&self, id: &ConnectionId) -> Option<Arc<Live>> {
        let inner = self.inner();
        inner.by_id.get(id).and_then(|place| inner.all.get(*place)).cloned()
    }

    /// The connection of this name, if it is this user's.
    pub(crate) fn of_user(
        &self,
        id: ConnectionId,
        user: Option<&str>,
    ) -> Result<Arc<Live>, HubError> {
        let live = self.get(&id).filter(|live| live.user.as_deref() == user);
        live.ok_or_else(|| HubError::unknown_connection(id))
    }

    pub(crate) fn all(&self) -> Vec<Arc<Live>> {
        self.inner().all.iter().map(|(_, live)| live.clone()).collect()
    }

    /// One of so many parts of all connections, each of which belongs to one.
    pub(crate) fn part(&self, part: usize, of: usize) -> Vec<Arc<Live>> {
        let inner = self.inner();
        let places = (part..inner.all.capacity()).step_by(of);
        places.filter_map(|place| inner.all.get(place)).cloned().collect()
    }

    pub(crate) fn count(&self) -> usize {
        self.inner().all.len()
    }

    /// From now on nobody is taken in.
    pub(crate) fn drain(&self) {
        self.inner().is_draining = true;
    }

    pub(crate) fn is_draining(&self) -> bool {
        self.inner().is_draining
    }

    pub(crate) fn notices(&self) -> Notices {
        Notices(self.notices.subscribe())
    }

    /// Tells those who listen; what is told is made only if there are any.
    pub(crate) fn tell(&self, notice: impl FnOnce() -> Notice) {
        if self.notices.receiver_count() > 0 {
            // The last of them may just have gone.
            let _ = self.notices.send(notice());
        }
    }

    pub(crate) fn tell_end(&self, live: &Live, reason: EndReason) {
        metrics::ended(reason);
        tracing::debug!(connection = ?live.id, user = live.user.as_deref(), %reason, "subscription ended");
        self.tell(|| Notice::Closed(live.connection(), reason));
    }
}

impl Inner {
    fn remove(&mut self, live: &Arc<Live>) {
        let Some(place) = self.by_id.remove(&live.id) else { return };
        self.all.try_remove(place);
        if let Some(user) = &live.user
            && let Some(theirs) = self.by_user.get_mut(user)
        {
            theirs.retain(|it| !Arc::ptr_eq(it, live));
            if theirs.is_empty() {
                self.by_user.remove(user);
            }
        }
        // A burst of connections leaves no memory behind.
        if self.all.is_empty() {
            *self = Self { is_draining: self.is_draining, ..Self::default() };
        }
    }
}

/// Notices of who comes and goes, from [`Hub::notices`](crate::Hub::notices) on.
#[derive(Debug)]
pub struct Notices(broadcast::Receiver<Notice>);

impl Notices {
    /// The next notice; `None` when the hub is gone. Cancel safe: dropping the future loses none.
    pub async fn next(&mut self) -> Option<Notice> {
        match self.0.recv().await {
            Ok(notice) => Some(notice),
            Err(broadcast::error::RecvError::Lagged(count)) => Some(Notice::Missed(count)),
            Err(broadcast::error::RecvError::Closed) => None,
        }
    }
}
