//! What the hub and a subscription share.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Waker;
use std::time::SystemTime;

use sse_store::{Position, Topic};

use crate::cursor::{Cursor, Step};
use crate::sync::{AtomicBool, AtomicU32, Mutex, MutexGuard, Ordering, lock};
use crate::trace::Trace;
use crate::window::Window;
use crate::{Connection, ConnectionId};

/// The caller's function that says whether a connection may have a topic.
pub(crate) type Authorise =
    Arc<dyn Fn(Topic) -> Pin<Box<dyn Future<Output = bool> + Send>> + Send + Sync>;

/// A live subscription: its cursor, and how it is woken.
pub(crate) struct Live {
    pub(crate) id: ConnectionId,
    pub(crate) user: Option<Arc<str>>,
    pub(crate) opened: SystemTime,
    pub(crate) authorise: Option<Authorise>,
    pub(crate) trace: Trace,
    cursor: Mutex<Cursor>,
    waker: Mutex<Option<Waker>>,
    /// Since which beat something may wait for it, or zero.
    waiting: AtomicU32,
    /// Whether it has given something since it was looked at last.
    active: AtomicBool,
    over: AtomicBool,
    /// Whether it is to tell its position when it has nothing else to tell.
    repeats: AtomicBool,
}

impl Live {
    pub(crate) fn new(
        id: ConnectionId,
        user: Option<Arc<str>>,
        authorise: Option<Authorise>,
        cursor: Cursor,
    ) -> Self {
        Self {
            id,
            user,
            opened: SystemTime::now(),
            authorise,
            trace: Trace::default(),
            cursor: Mutex::new(cursor),
            waker: Mutex::new(None),
            waiting: AtomicU32::new(0),
            active: AtomicBool::new(true),
            over: AtomicBool::new(false),
            repeats: AtomicBool::new(false),
        }
    }

    pub(crate) fn cursor(&self) -> MutexGuard<'_, Cursor> {
        lock(&self.cursor)
    }

    /// Waits to be woken from here on; whoever then finds nothing may sleep.
    fn sleep(&self, waker: &Waker) {
        self.waiting.store(0, Ordering::Relaxed);
        let mut slot = lock(&self.waker);
        if !slot.as_ref().is_some_and(|old| old.will_wake(waker)) {
            *slot = Some(waker.clone());
        }
    }

    /// Whether it sleeps since it was polled last: nobody has called it, so nothing has come for it.
    pub(crate) fn is_asleep(&self, waker: &Waker) -> bool {
        self.waiting.load(Ordering::Relaxed) == 0
            && lock(&self.waker).as_ref().is_some_and(|it| it.will_wake(waker))
    }

    /// Goes on to the next event. Where there is none yet it will be woken: it looks once more after it has said so, since
    /// what came in between wakes nobody.
    pub(crate) fn walk(
        &self,
        cursor: &mut Cursor,
        window: &Window,
        waker: &Waker,
        sleeps: &mut bool,
    ) -> Step {
        match cursor.walk(window) {
            Step::UpToDate | Step::Behind if !std::mem::replace(sleeps, true) => {
                self.sleep(waker);
                cursor.walk(window)
            }
            step => step,
        }
    }

    /// There is something for it: the waker, if it sleeps. To be woken by the caller when it holds no lock.
    pub(crate) fn call(&self, beat: u32) -> Option<Waker> {
        if self.waiting.load(Ordering::Relaxed) == 0 {
            self.waiting.store(beat, Ordering::Relaxed);
        }
        lock(&self.waker).take()
    }

    pub(crate) fn wake(&self, beat: u32) {
        if let Some(waker) = self.call(beat) {
            waker.wake();
        }
    }

    /// Takes note that it has given something, and may have more.
    pub(crate) fn gave(&self, beat: u32) {
        self.waiting.store(beat, Ordering::Relaxed);
        self.active.store(true, Ordering::Relaxed);
    }

    /// For how many beats something may have been waiting for it.
    pub(crate) fn waits_for(&self, beat: u32) -> u32 {
        match self.waiting.load(Ordering::Relaxed) {
            0 => 0,
            since => beat.wrapping_sub(since),
        }
    }

    /// Whether it has given something since it was asked this last.
    pub(crate) fn was_active(&self) -> bool {
        self.active.swap(false, Ordering::Relaxed)
    }

    /// Makes it tell its position, if it has moved on.
    pub(crate) fn repeat(&self) {
        self.repeats.store(true, Ordering::Relaxed);
        let waker = lock(&self.waker).take();
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    pub(crate) fn takes_repeat(&self) -> bool {
        self.repeats.load(Ordering::Relaxed) && self.repeats.swap(false, Ordering::Relaxed)
    }

    /// Gives up its topics, so that nobody wakes it for them any more.
    pub(crate) fn leave_all(&self, window: &Window) {
        let members = self.cursor().take_members();
        for member in members {
            window.leave(&member.log, member.place);
        }
    }

    /// Whether it has ended: nobody waits for anything on its behalf.
    pub(crate) fn is_over(&self) -> bool {
        self.over.load(Ordering::Acquire)
    }

    /// Ends it, and says whether it had not ended before.
    pub(crate) fn end(&self) -> bool {
        !self.over.swap(true, Ordering::AcqRel)
    }

    pub(crate) fn connection(&self) -> Connection {
        let cursor = self.cursor();
        self.connection_with(cursor.topics().cloned().collect(), cursor.position())
    }

    pub(crate) fn connection_with(&self, topics: Vec<Topic>, position: Position) -> Connection {
        let (id, user, opened) = (self.id, self.user.clone(), self.opened);
        Connection { id, user, topics, opened, position }
    }
}

impl fmt::Debug for Live {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Its cursor has its topics, and these have it.
        f.debug_struct("Live")
            .field("id", &self.id)
            .field("user", &self.user)
            .finish_non_exhaustive()
    }
}
