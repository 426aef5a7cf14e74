//! The runs that are being made in this process.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sse_hub::Hub;
use sse_store::Topic;
use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::pace::Pace;
use crate::problem::NoStream;
use crate::run::Run;

/// The runs that are being made in this process, one for each session at the most.
#[derive(Debug, Clone)]
pub struct Runs(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    hub: Hub,
    max: usize,
    count: u32,
    pace: Pace,
    shutdown: CancellationToken,
    /// Where they are made. A server's worker may have a runtime of its own, which ends before them.
    runtime: Handle,
    tasks: TaskTracker,
    live: Mutex<HashMap<Topic, Arc<Run>>>,
}

impl Runs {
    /// None yet. They will be made on the current runtime, so many at a time at the most, each with so
    /// many messages at this pace, until the shutdown is cancelled. Each comes to its end by itself,
    /// with a client or without.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime.
    pub fn new(hub: Hub, max: usize, count: u32, pace: Pace, shutdown: CancellationToken) -> Self {
        let (runtime, tasks, live) = (Handle::current(), TaskTracker::new(), Mutex::default());
        Self(Arc::new(Shared { hub, max, count, pace, shutdown, runtime, tasks, live }))
    }

    /// How many there are, now.
    pub fn count(&self) -> usize {
        self.0.live().len()
    }

    /// Whether there is room for a run of this topic: for one that takes another's place, always.
    fn has_room(&self, topic: &Topic) -> bool {
        let live = self.0.live();
        live.len() < self.0.max || live.contains_key(topic)
    }

    /// The one of this topic, if it is made here.
    pub(crate) fn get(&self, topic: &Topic) -> Option<Arc<Run>> {
        self.0.live().get(topic).cloned()
    }

    /// Begins a run of this topic, and makes it: deletes what is stored of it. Both are done or neither, whatever becomes of
    /// the request that this was for.
    pub(crate) async fn begin(&self, topic: &Topic) -> Result<Arc<Run>, NoStream> {
        if !self.has_room(topic) {
            return Err(NoStream::not_now());
        }
        let (runs, topic) = (self.clone(), topic.clone());
        let begin = async move {
            let cleared = runs.0.hub.clear(topic.clone()).await?;
            tracing::info!(%topic, deleted = cleared.removed, "old events deleted");
            let run = Arc::new(Run::begun(topic, cleared.position));
            runs.make(run.clone());
            Ok(run)
        };
        // It fails where the runtime is about to end.
        let begun = self.0.tasks.spawn_on(begin, &self.0.runtime).await;
        begun.unwrap_or_else(|_| Err(NoStream::not_now()))
    }

    /// Makes a run that has just begun. The session's one before is over, unless that is the newer one.
    fn make(&self, run: Arc<Run>) {
        {
            let mut live = self.0.live();
            if live.get(run.topic()).is_some_and(|other| other.fence() > run.fence()) {
                return run.supersede();
            }
            if let Some(old) = live.insert(run.topic().clone(), run.clone()) {
                old.supersede();
            }
        }
        let shared = self.0.clone();
        let task = async move {
            tokio::select! {
                () = run.produce(&shared.hub, shared.count, &shared.pace) => {}
                // A write that is dropped has happened as a whole or not at all.
                () = shared.shutdown.cancelled() => {}
            }
            let mut live = shared.live();
            if live.get(run.topic()).is_some_and(|it| Arc::ptr_eq(it, &run)) {
                live.remove(run.topic());
            }
        };
        self.0.tasks.spawn_on(task, &self.0.runtime);
    }

    /// Waits until all have ended, after the shutdown.
    pub(crate) async fn ended(&self) {
        self.0.tasks.close();
        self.0.tasks.wait().await;
    }
}

impl Shared {
    /// The map is whole whatever panicked: each change is one call.
    fn live(&self) -> MutexGuard<'_, HashMap<Topic, Arc<Run>>> {
        self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
