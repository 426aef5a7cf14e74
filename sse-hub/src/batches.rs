//! A subscription as a stream of several frames at a time.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_core::Stream;
use futures_core::stream::FusedStream;
use sse_core::{Frame, Frames};

use crate::cursor::Cursor;
use crate::{HubError, Subscription};

/// From how many bytes on no more are copied: half of what is encoded together at the most, so that whoever comes in between
/// two such parts, and copies the end of one and the beginning of another, goes on to the end of that one without.
const COPIED: usize = 16 * 1024;

/// The events of a [`Subscription`], several at a time: see [`Subscription::in_batches`].
///
/// An item has what is ready, in its order, up to some tens of KiB: at least one frame. Nothing is held back from one poll to
/// the next.
#[must_use = "streams do nothing unless polled"]
pub struct Batches {
    subscription: Subscription,
}

impl Batches {
    pub(crate) fn new(subscription: Subscription) -> Self {
        Self { subscription }
    }

    /// The subscription itself, for its id and its position.
    pub fn subscription(&self) -> &Subscription {
        &self.subscription
    }
}

impl Stream for Batches {
    type Item = Result<Frames, HubError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let gather = |subscription: &Subscription, cursor: &mut Cursor, first: Frame| {
            subscription.gather(cursor, first, COPIED)
        };
        self.subscription.poll(cx, gather)
    }
}

impl FusedStream for Batches {
    fn is_terminated(&self) -> bool {
        self.subscription.is_terminated()
    }
}

impl fmt::Debug for Batches {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Batches").field(&self.subscription).finish()
    }
}
