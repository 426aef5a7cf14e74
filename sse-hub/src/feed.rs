//! The task that follows the store and writes the window.

use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_core::Stream as _;
use sse_core::Backoff;
use sse_store::{PageStatus, Position, StoreError, TopicSet, follow};
use tokio::time::sleep;

use crate::core::Core;
use crate::metrics;
use crate::window::Writer;

/// How long to wait after a failure of the store: from a tenth of a second up to five.
pub(crate) fn backoff() -> Backoff {
    let (least, most) = (Duration::from_millis(100), Duration::from_secs(5));
    Backoff::new().reconnection_time(least).bounds(least, most)
}

pub(crate) async fn wait(backoff: &mut Backoff) {
    // Without a budget there is always a next time.
    let time = backoff.next_wait(Instant::now(), fastrand::f64());
    sleep(time.unwrap_or(Duration::from_secs(5))).await;
}

/// Follows the store until it is closed. Every other failure is tried again: the feed goes on where it was.
pub(crate) async fn feed(core: Arc<Core>, mut writer: Writer) {
    loop {
        let head = match head(&core).await {
            Ok(head) => head,
            Err(error) => return core.close(&error),
        };
        tracing::debug!(%head, "the feed begins");
        writer.restart(head);
        core.feed_has_begun();
        if let Err(error) = follow_from(&core, &mut writer, head).await {
            return core.close(&error);
        }
        tracing::warn!("the log is another one now: all who are connected begin anew");
    }
}

async fn head(core: &Core) -> Result<Position, StoreError> {
    let mut backoff = backoff();
    loop {
        match core.store.head().await {
            Err(error) if !error.is_closed() => failed(&error, &mut backoff).await,
            head => return head,
        }
    }
}

/// Returns when the log is another one, or the store is closed.
async fn follow_from(core: &Core, writer: &mut Writer, head: Position) -> Result<(), StoreError> {
    let mut pages = follow(core.store.clone(), head, TopicSet::All);
    let mut backoff_now = backoff();
    loop {
        let page = std::future::poll_fn(|cx| Pin::new(&mut pages).poll_next(cx)).await;
        match page {
            // Each who is connected asks for itself what the new log has; the window begins at its end.
            Some(Ok(page)) if page.status == PageStatus::Reset => return Ok(()),
            Some(Ok(page)) => {
                let written = writer.write(page);
                if !written.cleared.is_empty() {
                    core.pages.forget(&written.cleared);
                }
                metrics::fed(written.newest_time, writer.bytes());
                backoff_now = backoff();
            }
            Some(Err(error)) if error.is_closed() => return Err(error),
            Some(Err(error)) => failed(&error, &mut backoff_now).await,
            None => return Err(StoreError::closed()),
        }
    }
}

async fn failed(error: &StoreError, backoff: &mut Backoff) {
    metrics::feed_failed();
    tracing::warn!(%error, "the log cannot be followed; those who are connected wait");
    wait(backoff).await;
}
