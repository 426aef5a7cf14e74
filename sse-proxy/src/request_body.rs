//! The client's body on its way up.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use sync_wrapper::SyncWrapper;
use tokio::time::Instant;

use crate::error::BoxError;

/// How far a request's body has come, as the one who waits for the answer sees it.
#[derive(Debug)]
pub(crate) struct Upload {
    began: Instant,
    /// Milliseconds after `began` at which the last bytes went up.
    last: AtomicU64,
    /// Whether the client was asked for more, and has none yet.
    awaited: AtomicBool,
    sent: AtomicBool,
    failed: AtomicBool,
}

impl Upload {
    fn new(sent: bool) -> Self {
        Self {
            began: Instant::now(),
            last: AtomicU64::new(0),
            awaited: AtomicBool::new(false),
            sent: AtomicBool::new(sent),
            failed: AtomicBool::new(false),
        }
    }

    /// When the last bytes went up.
    pub(crate) fn last(&self) -> Instant {
        self.began + Duration::from_millis(self.last.load(Ordering::Relaxed))
    }

    /// Whether it is the client that is waited for, and not an upstream that takes no more.
    pub(crate) fn is_awaited(&self) -> bool {
        self.awaited.load(Ordering::Relaxed)
    }

    /// Whether all of the body has gone up.
    pub(crate) fn is_sent(&self) -> bool {
        self.sent.load(Ordering::Relaxed)
    }

    /// Whether the client broke off in the middle of its body.
    pub(crate) fn is_failed(&self) -> bool {
        self.failed.load(Ordering::Relaxed)
    }

    fn touch(&self) {
        let now = u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.last.store(now, Ordering::Relaxed);
    }
}

/// A body in the shape that the HTTP client wants, its length kept so that it is framed as it came.
pub(crate) struct RequestBody<B> {
    body: SyncWrapper<Pin<Box<B>>>,
    hint: SizeHint,
    ended: bool,
    upload: Arc<Upload>,
}

impl<B: Body> RequestBody<B> {
    pub(crate) fn new(body: B) -> (Self, Arc<Upload>) {
        let (hint, ended) = (body.size_hint(), body.is_end_stream());
        let upload = Arc::new(Upload::new(ended));
        let this =
            Self { body: SyncWrapper::new(Box::pin(body)), hint, ended, upload: upload.clone() };
        (this, upload)
    }
}

impl<B> Body for RequestBody<B>
where
    B: Body<Data = Bytes>,
    B::Error: Into<BoxError>,
{
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = self.get_mut();
        let body = this.body.get_mut();
        let polled = body.as_mut().poll_frame(cx);
        this.upload.awaited.store(polled.is_pending(), Ordering::Relaxed);
        match &polled {
            Poll::Pending => return Poll::Pending,
            Poll::Ready(Some(Ok(_))) => {
                this.hint = body.size_hint();
                this.ended = body.is_end_stream();
            }
            Poll::Ready(Some(Err(_))) => this.upload.failed.store(true, Ordering::Relaxed),
            Poll::Ready(None) => this.ended = true,
        }
        this.upload.touch();
        if this.ended {
            this.upload.sent.store(true, Ordering::Relaxed);
        }
        polled.map_err(Into::into)
    }

    fn is_end_stream(&self) -> bool {
        self.ended
    }

    fn size_hint(&self) -> SizeHint {
        self.hint
    }
}
