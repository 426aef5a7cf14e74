//! The live connections of this process.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use slab::Slab;
use tokio::sync::broadcast;

use crate::live::Live;
use crate::notices::{Due, What};
use crate::resume::Begin;
use crate::sync::{Mutex, MutexGuard, lock};
use crate::{ConnectionId, EndReason, HubError, Notice, Notices, notices, spare};

#[derive(Debug)]
pub(crate) struct Connections {
    inner: Mutex<Inner>,
    notices: broadcast::Sender<Notice>,
    max: usize,
    max_per_user: usize,
}

#[derive(Debug, Default)]
struct Inner {
    all: Slab<Seat>,
    by_id: HashMap<ConnectionId, usize>,
    /// Of each user the connections, the oldest first.
    by_user: HashMap<Arc<str>, VecDeque<Arc<Live>>>,
    is_draining: bool,
    /// What is to be told, in the order in which it came about.
    due: VecDeque<Due>,
    /// Whether somebody is telling it.
    is_telling: bool,
}

#[derive(Debug)]
struct Seat {
    live: Arc<Live>,
    /// Whether others were told of it. Who is refused while it is being opened comes and goes unnoticed.
    is_announced: bool,
}

impl Connections {
    pub(crate) fn new(max: usize, max_per_user: usize, notices: usize) -> Self {
        let notices = notices::channel(notices);
        Self { inner: Mutex::default(), notices, max, max_per_user: max_per_user.max(1) }
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        lock(&self.inner)
    }

    /// Takes a connection in that is being opened, and gives back the one that has to give way for it. That is one of the
    /// user's that is being opened itself; one that is open only where there is no room for both.
    pub(crate) fn open(&self, live: &Arc<Live>) -> Result<Option<Arc<Live>>, HubError> {
        let replaced = self.take_in(live);
        self.tell_due();
        replaced
    }

    fn take_in(&self, live: &Arc<Live>) -> Result<Option<Arc<Live>>, HubError> {
        let mut inner = self.inner();
        if inner.is_draining {
            return Err(HubError::draining());
        }
        let (user, others) = (live.user.as_ref(), self.max_per_user - 1);
        let mut replaced = inner.surplus(user, false, others);
        if replaced.is_none() && inner.all.len() >= self.max {
            replaced = inner.surplus(user, true, others);
            if replaced.is_none() {
                return Err(HubError::full(self.max));
            }
        }
        if let Some(replaced) = &replaced {
            self.take_out(&mut inner, replaced, EndReason::Replaced);
        }
        let place = inner.all.insert(Seat { live: live.clone(), is_announced: false });
        inner.by_id.insert(live.id, place);
        if let Some(user) = &live.user {
            inner.by_user.entry(user.clone()).or_default().push_back(live.clone());
        }
        Ok(replaced)
    }

    /// Tells that a connection is open, unless it has ended meanwhile, and gives back the one that has to give way for it:
    /// the user's oldest, be it itself.
    pub(crate) fn announce(&self, live: &Arc<Live>, begin: Begin) -> Option<Arc<Live>> {
        let replaced = self.take_as_open(live, begin);
        self.tell_due();
        replaced
    }

    fn take_as_open(&self, live: &Arc<Live>, begin: Begin) -> Option<Arc<Live>> {
        let mut inner = self.inner();
        let place = inner.by_id.get(&live.id).copied()?;
        inner.all.get_mut(place)?.is_announced = true;
        let notice = self.notice(|| Notice::Opened(live.connection()));
        inner.due.push_back(Due { what: What::Opened(live.clone(), begin), notice });
        let replaced = inner.surplus(live.user.as_ref(), true, self.max_per_user)?;
        self.take_out(&mut inner, &replaced, EndReason::Replaced);
        Some(replaced)
    }

    /// Takes a connection out, and tells that it has ended.
    pub(crate) fn remove(&self, live: &Arc<Live>, reason: EndReason) {
        self.take_out(&mut self.inner(), live, reason);
        self.tell_due();
    }

    /// Tells that a connection has other topics now, if others know of it.
    pub(crate) fn changed(&self, live: &Arc<Live>) {
        {
            let mut inner = self.inner();
            if !inner.seat(live).is_some_and(|seat| seat.is_announced) {
                return;
            }
            // Under the lock, so that of two changes the last that is told has both.
            let notice = self.notice(|| Notice::Changed(live.connection()));
            inner.due.extend(notice.map(|it| Due { what: What::Changed, notice: Some(it) }));
        }
        self.tell_due();
    }

    fn take_out(&self, inner: &mut Inner, live: &Arc<Live>, reason: EndReason) {
        if inner.remove(live).is_some_and(|seat| seat.is_announced) {
            let notice = self.notice(|| Notice::Ended(live.connection(), reason));
            inner.due.push_back(Due { what: What::Ended(live.clone(), reason), notice });
        }
    }

    /// Made only if somebody listens.
    fn notice(&self, notice: impl FnOnce() -> Notice) -> Option<Notice> {
        (self.notices.receiver_count() > 0).then(notice)
    }

    /// Tells what is due, unless somebody does already, who then goes on with this.
    fn tell_due(&self) {
        {
            let mut inner = self.inner();
            if inner.due.is_empty() || inner.is_telling {
                return;
            }
            inner.is_telling = true;
        }
        let mut telling = Telling { connections: self, is_over: false };
        while let Some(due) = telling.next() {
            due.tell(&self.notices);
        }
    }

    pub(crate) fn get(&self, id: &ConnectionId) -> Option<Arc<Live>> {
        let inner = self.inner();
        let seat = inner.by_id.get(id).and_then(|place| inner.all.get(*place));
        seat.map(|seat| seat.live.clone())
    }

    /// The connection of this id, if it is this user's.
    pub(crate) fn of_user(
        &self,
        id: ConnectionId,
        user: Option<&str>,
    ) -> Result<Arc<Live>, HubError> {
        let live = self.get(&id).filter(|live| live.user.as_deref() == user);
        live.ok_or_else(|| HubError::unknown_connection(id))
    }

    pub(crate) fn all(&self) -> Vec<Arc<Live>> {
        self.inner().all.iter().map(|(_, seat)| seat.live.clone()).collect()
    }

    /// One of so many parts of all connections, each of which belongs to one.
    pub(crate) fn part(&self, part: usize, of: usize) -> Vec<Arc<Live>> {
        let inner = self.inner();
        let places = (part..inner.all.capacity()).step_by(of);
        places.filter_map(|place| inner.all.get(place)).map(|seat| seat.live.clone()).collect()
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
        Notices::of(&self.notices)
    }
}

/// Somebody who tells what is due.
struct Telling<'a> {
    connections: &'a Connections,
    is_over: bool,
}

impl Telling<'_> {
    /// The next that is due. Without one it is over, by the same lock, so that nothing is left behind.
    fn next(&mut self) -> Option<Due> {
        let mut inner = self.connections.inner();
        let due = inner.due.pop_front();
        self.is_over = due.is_none();
        inner.is_telling = !self.is_over;
        due
    }
}

impl Drop for Telling<'_> {
    /// Where a listener's waker has panicked, the next one tells what is left.
    fn drop(&mut self) {
        if !self.is_over {
            self.connections.inner().is_telling = false;
        }
    }
}

impl Inner {
    fn seat(&self, live: &Live) -> Option<&Seat> {
        self.all.get(*self.by_id.get(&live.id)?)
    }

    /// The oldest of a user's connections that are announced, or of those that are not, where these are more than so many.
    fn surplus(
        &self,
        user: Option<&Arc<str>>,
        is_announced: bool,
        most: usize,
    ) -> Option<Arc<Live>> {
        let is_one = |live: &Arc<Live>| {
            self.seat(live).is_some_and(|seat| seat.is_announced == is_announced)
        };
        let mut these = self.by_user.get(user?)?.iter().filter(|live| is_one(live));
        let oldest = these.next()?;
        (1 + these.count() > most).then(|| oldest.clone())
    }

    fn remove(&mut self, live: &Arc<Live>) -> Option<Seat> {
        let place = self.by_id.remove(&live.id)?;
        let seat = self.all.try_remove(place);
        if let Some(user) = &live.user
            && let Some(theirs) = self.by_user.get_mut(user)
        {
            theirs.retain(|it| !Arc::ptr_eq(it, live));
            if theirs.is_empty() {
                self.by_user.remove(user);
            }
        }
        // A burst of connections leaves no memory behind.
        spare::of_slab(&mut self.all);
        spare::of_map(&mut self.by_id);
        spare::of_map(&mut self.by_user);
        seat
    }
}
