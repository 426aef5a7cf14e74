//! What others are told of connections.

use std::sync::Arc;

use tokio::sync::broadcast;

use crate::live::Live;
use crate::resume::Begin;
use crate::{EndReason, Notice, metrics};

/// More notices than these are not held, whatever is asked for: their room is taken at once.
const MAX_NOTICES: usize = 1 << 20;

/// Room for so many.
pub(crate) fn channel(notices: usize) -> broadcast::Sender<Notice> {
    broadcast::channel(notices.clamp(1, MAX_NOTICES)).0
}

/// What others are to be told of a connection, once no lock is held: listeners, spans and metrics run code of their own.
#[derive(Debug)]
pub(crate) struct Due {
    pub(crate) what: What,
    pub(crate) notice: Option<Notice>,
}

#[derive(Debug)]
pub(crate) enum What {
    Opened(Arc<Live>, Begin),
    Changed,
    Ended(Arc<Live>, EndReason),
}

impl Due {
    pub(crate) fn tell(self, notices: &broadcast::Sender<Notice>) {
        match &self.what {
            What::Opened(live, begin) => {
                metrics::opened();
                live.trace.begin(live, *begin);
            }
            What::Changed => {}
            What::Ended(live, reason) => {
                metrics::ended(*reason);
                live.trace.end(*reason);
            }
        }
        if let Some(notice) = self.notice {
            // The last who listened may just have gone.
            let _ = notices.send(notice);
        }
    }
}

/// Notices of who comes and goes, from [`Hub::notices`](crate::Hub::notices) on.
#[derive(Debug)]
pub struct Notices(broadcast::Receiver<Notice>);

impl Notices {
    pub(crate) fn of(sender: &broadcast::Sender<Notice>) -> Self {
        Self(sender.subscribe())
    }

    /// The next notice; `None` when the hub is gone. Cancel safe: dropping the future loses none.
    pub async fn next(&mut self) -> Option<Notice> {
        match self.0.recv().await {
            Ok(notice) => Some(notice),
            Err(broadcast::error::RecvError::Lagged(count)) => Some(Notice::Missed(count)),
            Err(broadcast::error::RecvError::Closed) => None,
        }
    }
}
