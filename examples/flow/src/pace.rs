//! When the next event of a run may be sent.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;

/// When the next event of a run may be sent.
#[derive(Debug, Clone)]
pub enum Pace {
    /// The messages this far apart, and everything else at once.
    Every(Duration),
    /// One event, of whatever kind, for each [`Steps::release`].
    Stepped(Steps),
}

/// Lets a stepped run go on.
#[derive(Debug, Clone)]
pub struct Steps(Arc<Semaphore>);

impl Pace {
    /// A run that stops before each event, and what lets it go on.
    pub fn stepped() -> (Self, Steps) {
        let steps = Steps(Arc::new(Semaphore::new(0)));
        (Self::Stepped(steps.clone()), steps)
    }

    /// Waits until the next event may be sent.
    pub(crate) async fn wait(&self, after_interval: bool) {
        match self {
            Self::Every(interval) if after_interval => tokio::time::sleep(*interval).await,
            Self::Every(_) => {}
            // The semaphore is never closed; if it were, there would be nothing to wait for.
            Self::Stepped(Steps(steps)) => {
                if let Ok(permit) = steps.acquire().await {
                    permit.forget();
                }
            }
        }
    }
}

impl Steps {
    /// Lets one more event go.
    pub fn release(&self) {
        self.0.add_permits(1);
    }
}
