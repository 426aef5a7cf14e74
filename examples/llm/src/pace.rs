//! When the model's tokens are made.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::time::sleep;

/// When the model's tokens are made.
#[derive(Debug, Clone)]
pub enum Pace {
    /// The answer begins after a while, and then each token takes a while.
    Timed {
        /// Until the answer begins.
        think: Duration,
        /// Until a token is made.
        token: Duration,
    },
    /// The answer's beginning and each token wait for a step of their own.
    Stepped(Steps),
}

/// Lets a stepped model go on.
#[derive(Debug, Clone)]
pub struct Steps(Arc<Semaphore>);

impl Pace {
    /// A model that stops before each step, and what lets it go on.
    pub fn stepped() -> (Self, Steps) {
        let steps = Steps(Arc::new(Semaphore::new(0)));
        (Self::Stepped(steps.clone()), steps)
    }

    /// Waits until the answer may begin.
    pub(crate) async fn think(&self) {
        match self {
            Self::Timed { think, .. } => sleep(*think).await,
            Self::Stepped(steps) => steps.next().await,
        }
    }

    /// Waits until the next token is made.
    pub(crate) async fn token(&self) {
        match self {
            Self::Timed { token, .. } => sleep(*token).await,
            Self::Stepped(steps) => steps.next().await,
        }
    }
}

impl Steps {
    /// Lets the model go on by this many steps.
    pub fn release(&self, steps: usize) {
        self.0.add_permits(steps);
    }

    async fn next(&self) {
        // The semaphore is never closed; if it were, there would be nothing to wait for.
        if let Ok(permit) = self.0.acquire().await {
            permit.forget();
        }
    }
}
