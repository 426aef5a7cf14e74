//! The body that the client gets.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use sse_client::ResponseBody;
use sse_core::Lifecycle;
use tokio::time::{Sleep, sleep};
use tracing::Span;

use crate::Error;
use crate::link::Again;
use crate::pass::Pass;
use crate::resumed::Resumed;
use crate::source::Source;

/// The body of a forwarded response.
///
/// When the upstream is lost it yields an error and never an end, a moment after the last bytes, so that
/// the server writes these and closes the client's connection without a last chunk, or resets its HTTP/2 stream. Dropping it drops the
/// upstream's response at once.
pub struct ProxyBody {
    inner: Inner,
    span: Span,
    /// Whether the server may still hold bytes that it has not written, at first the head.
    unwritten: bool,
    /// An error that waits for them, and for how long.
    failure: Option<(Pin<Box<Sleep>>, Error)>,
}

enum Inner {
    Full(Bytes),
    Plain(Box<Source<ResponseBody>>),
    Stream(Box<Pass<ResponseBody>>),
    Resumed(Box<Resumed<Again>>),
}

impl ProxyBody {
    fn new(inner: Inner) -> Self {
        Self { inner, span: Span::current(), unwritten: true, failure: None }
    }

    pub(crate) fn full(bytes: Bytes) -> Self {
        Self::new(Inner::Full(bytes))
    }

    pub(crate) fn plain(source: Source<ResponseBody>) -> Self {
        Self::new(Inner::Plain(Box::new(source)))
    }

    pub(crate) fn stream(pass: Pass<ResponseBody>) -> Self {
        Self::new(Inner::Stream(Box::new(pass)))
    }

    pub(crate) fn resumed(resumed: Resumed<Again>) -> Self {
        Self::new(Inner::Resumed(Box::new(resumed)))
    }
}

impl Body for ProxyBody {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let this = self.get_mut();
        let _entered = this.span.enter();
        let polled = match &mut this.inner {
            _ if this.failure.is_some() => Poll::Pending,
            Inner::Full(bytes) if bytes.is_empty() => Poll::Ready(None),
            Inner::Full(bytes) => Poll::Ready(Some(Ok(std::mem::take(bytes)))),
            Inner::Plain(source) => source.poll_bytes(cx),
            Inner::Stream(pass) => pass.poll_bytes(cx),
            Inner::Resumed(resumed) => resumed.poll_bytes(cx),
        };
        let is_unwritten = std::mem::replace(&mut this.unwritten, polled.is_ready());
        match polled {
            Poll::Ready(Some(Err(error))) if is_unwritten => {
                this.failure = Some((Box::pin(sleep(Lifecycle::FLUSH)), error));
            }
            Poll::Pending => {}
            Poll::Ready(item) => return Poll::Ready(item.map(|result| result.map(Frame::data))),
        }
        let Some((moment, _)) = &mut this.failure else {
            return Poll::Pending;
        };
        ready!(moment.as_mut().poll(cx));
        Poll::Ready(this.failure.take().map(|(_, error)| Err(error)))
    }

    fn is_end_stream(&self) -> bool {
        self.failure.is_none()
            && match &self.inner {
                Inner::Full(bytes) => bytes.is_empty(),
                Inner::Plain(source) => source.is_end_stream(),
                Inner::Stream(pass) => pass.is_end_stream(),
                Inner::Resumed(resumed) => resumed.is_end_stream(),
            }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.inner {
            Inner::Full(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Inner::Plain(source) => source.size_hint(),
            // What the proxy may add has no length that is known before.
            Inner::Stream(_) | Inner::Resumed(_) => SizeHint::default(),
        }
    }
}

impl fmt::Debug for ProxyBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.inner {
            Inner::Full(_) => "ProxyBody::Full",
            Inner::Plain(_) => "ProxyBody::Plain",
            Inner::Stream(_) => "ProxyBody::Stream",
            Inner::Resumed(_) => "ProxyBody::Resumed",
        })
    }
}

#[cfg(test)]
mod tests;
