//! The task that follows the store and writes the window.

use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_core::Stream as _;
use sse_core::Backoff;
use sse_store::{PageStatus, Position, Record, StoreError, TopicSet, follow};

use crate::core::Core;
use crate::metrics::{self, WindowBytes};
use crate::slot::FRAME_OVERHEAD;
use crate::sync::sleep;
use crate::window::{TopicLog, Writer};

/// How many records of before its beginning the feed reads.
const BEFORE: usize = 10_000;

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
        let from = begin(&core, head);
        tracing::debug!(%head, %from, "the feed begins");
        let unknown = writer.restart(from);
        // Those who come before it is there begin at the head nevertheless.
        core.learn(head);
        core.feed_has_begun();
        if let Err(error) = learn(&core, unknown).await {
            return core.close(&error);
        }
        if let Err(error) = follow_from(&core, &mut writer, from, head).await {
            return core.close(&error);
        }
        tracing::warn!("the log is another one now: all who are connected begin anew");
    }
}

/// From where on the window is filled: those who come back after a restart find what they have missed. No more is read
/// than the window may hold.
fn begin(core: &Core, head: Position) -> Position {
    let many = (core.settings.window / FRAME_OVERHEAD).min(BEFORE);
    Position::new(head.epoch(), head.sequence().saturating_sub(many as u64))
}

async fn head(core: &Core) -> Result<Position, StoreError> {
    let mut backoff = backoff();
    loop {
        match core.store.head().await {
            Err(error) if !error.is_closed() => failed(core, &error, &mut backoff).await,
            head => return head,
        }
    }
}

/// Returns when the log is another one, or the store is closed.
async fn follow_from(
    core: &Core,
    writer: &mut Writer,
    from: Position,
    head: Position,
) -> Result<(), StoreError> {
    let mut pages = follow(core.store.clone(), from, TopicSet::All);
    let mut backoff_now = backoff();
    let mut held = WindowBytes::new();
    loop {
        let page = std::future::poll_fn(|cx| Pin::new(&mut pages).poll_next(cx)).await;
        match page {
            // Each who is connected asks for itself what the new log has; the window begins at its end.
            Some(Ok(page)) if page.status == PageStatus::Reset => return Ok(()),
            Some(Ok(page)) => {
                let is_new = page.next > head;
                // Before the window comes to it: who finds it there finds no page with what was cleared.
                for entry in page.entries.iter().filter(|it| it.record == Record::Cleared) {
                    core.pages.forget(&entry.topic, entry.position);
                }
                let written = writer.write(page);
                learn(core, written.unknown).await?;
                core.feed_goes_on();
                held.set(writer.bytes());
                if let Some(time) = written.newest_time.filter(|_| is_new) {
                    metrics::fed(time);
                }
                backoff_now = backoff();
            }
            Some(Err(error)) if error.is_closed() => return Err(error),
            Some(Err(error)) => failed(core, &error, &mut backoff_now).await,
            None => return Err(StoreError::closed()),
        }
    }
}

/// Finds out which of these topics are complete. Who waits for nothing else ends.
async fn learn(core: &Core, logs: Vec<Arc<TopicLog>>) -> Result<(), StoreError> {
    let mut backoff = backoff();
    let logs: Vec<_> = logs.into_iter().filter(|log| log.subscribers() > 0).collect();
    while let Err(error) = core.ask_completions(&logs).await {
        if error.is_closed() {
            return Err(error);
        }
        failed(core, &error, &mut backoff).await;
    }
    for log in logs.iter().filter(|log| log.is_completed()) {
        log.wake(core.window.beat());
    }
    Ok(())
}

async fn failed(core: &Core, error: &StoreError, backoff: &mut Backoff) {
    metrics::feed_failed();
    core.feed_fails(error);
    tracing::warn!(%error, "the log cannot be followed; those who are connected wait");
    wait(backoff).await;
}
