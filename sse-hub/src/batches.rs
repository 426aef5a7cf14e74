//! A subscription as a stream of several frames at a time.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_core::Stream;
use futures_core::stream::FusedStream;
use sse_core::Frame;

use crate::{HubError, Subscription};

/// How many frames are given at once at the most.
const FRAMES: usize = 64;
/// From how many bytes on no more are added.
const BYTES: usize = 16 * 1024;
/// For how many frames there is room at first, where there are several.
const ROOM: usize = 16;

/// The events of a [`Subscription`], several at a time: see [`Subscription::in_batches`].
///
/// An item has what is ready, in its order: at least one frame, at most 64, and none is added to 16 KiB. Nothing is held
/// back from one poll to the next.
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
    type Item = Result<Vec<Frame>, HubError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let first = match ready!(Pin::new(&mut self.subscription).poll_next(cx)) {
            Some(Ok(first)) => first,
            Some(Err(error)) => return Poll::Ready(Some(Err(error))),
            None => return Poll::Ready(None),
        };
        let mut bytes = first.as_bytes().len();
        let mut frames = vec![first];
        if bytes < BYTES {
            self.subscription.go_on(|frame| {
                if frames.len() == 1 {
                    frames.reserve_exact(ROOM - 1);
                }
                bytes += frame.as_bytes().len();
                frames.push(frame);
                frames.len() < FRAMES && bytes < BYTES
            });
        }
        Poll::Ready(Some(Ok(frames)))
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
