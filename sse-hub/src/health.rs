//! Whether a hub follows its log, for those who ask how it is.

use std::time::Duration;

use sse_store::{Position, StoreError};
use tokio::time::Instant;

use crate::sync::{Mutex, lock};

/// How a hub follows its log, as it was when it was asked for: see [`Hub::health`](crate::Hub::health).
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Health {
    /// What the hub's feed does.
    pub feed: Feed,
    /// For how long it has done that.
    pub since: Duration,
    /// Up to where this process has the log; [`Position::START`] before it has begun.
    pub position: Position,
    /// The newest position that this process knows of: what others have published since it does not know yet.
    pub head: Position,
    /// For how long the feed has not moved on although there is more; zero where it is at the head. A store that does not
    /// answer at all is noticed by this alone.
    pub stalled: Duration,
}

impl Health {
    /// Whether the log is being followed: the store was reached, and what it was asked last has not failed.
    pub fn is_following(&self) -> bool {
        matches!(self.feed, Feed::Following)
    }
}

/// What the feed of a hub does.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Feed {
    /// It has not reached the store yet.
    Starting,
    /// It follows the log.
    Following,
    /// The store has failed, and is asked again after up to five seconds. Those who are connected wait.
    Failing(StoreError),
    /// The store was closed, or the feed has panicked: this is final.
    Closed(StoreError),
}

/// What is known of the feed.
#[derive(Debug)]
pub(crate) struct Pulse(Mutex<Beat>);

#[derive(Debug)]
struct Beat {
    feed: Feed,
    since: Instant,
    /// Since when it has not moved on although there is more.
    stalled: Option<Instant>,
}

impl Pulse {
    pub(crate) fn new() -> Self {
        Self(Mutex::new(Beat { feed: Feed::Starting, since: Instant::now(), stalled: None }))
    }

    /// The feed goes on, and is at the head or not.
    pub(crate) fn goes_on(&self, is_at_head: bool) {
        let mut beat = lock(&self.0);
        if !matches!(beat.feed, Feed::Following) {
            (beat.feed, beat.since) = (Feed::Following, Instant::now());
        }
        beat.stalled = (!is_at_head).then(Instant::now);
    }

    /// The feed has failed: for now, or for good.
    pub(crate) fn fails(&self, error: &StoreError, is_final: bool) {
        let mut beat = lock(&self.0);
        let feed = if is_final { Feed::Closed } else { Feed::Failing };
        let feed = feed(error.clone());
        if std::mem::discriminant(&beat.feed) != std::mem::discriminant(&feed) {
            beat.since = Instant::now();
        }
        beat.feed = feed;
    }

    /// There is more than the feed has come to.
    pub(crate) fn has_more(&self) {
        let mut beat = lock(&self.0);
        if beat.stalled.is_none() {
            beat.stalled = Some(Instant::now());
        }
    }

    pub(crate) fn health(&self, position: Position, head: Position) -> Health {
        let beat = lock(&self.0);
        // The feed may have got there just now.
        let stalled = beat.stalled.filter(|_| position != head);
        Health {
            feed: beat.feed.clone(),
            since: beat.since.elapsed(),
            position,
            head,
            stalled: stalled.map(|since| since.elapsed()).unwrap_or_default(),
        }
    }
}
