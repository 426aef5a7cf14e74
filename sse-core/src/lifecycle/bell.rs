//! What seldom happens is polled only when it has.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Wake, Waker};

/// A waker for the futures that are seldom ready, such as a timer or the shutdown of a server, which
/// would otherwise be asked again with each event, under locks that all streams share. It remembers
/// that it was used, and wakes the stream's task.
pub(super) struct Bell {
    ringer: Arc<Ringer>,
    /// Whom the ringer wakes.
    task: Option<Waker>,
}

struct Ringer {
    rung: AtomicBool,
    task: Mutex<Option<Waker>>,
}

impl Bell {
    /// It has rung: nothing was polled yet.
    pub(super) fn new() -> Self {
        let ringer = Ringer { rung: AtomicBool::new(true), task: Mutex::new(None) };
        Self { ringer: Arc::new(ringer), task: None }
    }

    /// The waker to poll with, if it was used since the last time. From now on it wakes the task that
    /// asks.
    pub(super) fn rung(&mut self, cx: &Context<'_>) -> Option<Waker> {
        if !self.task.as_ref().is_some_and(|task| task.will_wake(cx.waker())) {
            self.task = Some(cx.waker().clone());
            *self.ringer.task() = self.task.clone();
        }
        // Looked at first, since most often there is nothing to change.
        let rung = self.ringer.rung.load(Ordering::Acquire)
            && self.ringer.rung.swap(false, Ordering::AcqRel);
        rung.then(|| self.ringer.clone().into())
    }

    /// Has what was set anew polled.
    pub(super) fn ring(&self) {
        self.ringer.rung.store(true, Ordering::Release);
    }
}

impl Ringer {
    fn task(&self) -> std::sync::MutexGuard<'_, Option<Waker>> {
        self.task.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Wake for Ringer {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.rung.store(true, Ordering::Release);
        // Not under the lock: waking may run anything.
        let task = self.task().clone();
        if let Some(task) = task {
            task.wake();
        }
    }
}
