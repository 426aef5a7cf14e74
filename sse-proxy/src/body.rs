//! The body that the client gets.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

use crate::Error;
use crate::pass::Pass;
use crate::source::Source;

/// The body of a forwarded response.
///
/// When the upstream is lost it yields an error and never an end, so that the server closes the
/// client's connection without a last chunk, or resets its HTTP/2 stream. Dropping it drops the
/// upstream's response at once.
pub struct ProxyBody(Inner);

enum Inner {
    Full(Bytes),
    Plain(Box<Source<reqwest::Body>>),
    Stream(Box<Pass<reqwest::Body>>),
}

impl ProxyBody {
    pub(crate) fn full(bytes: Bytes) -> Self {
        Self(Inner::Full(bytes))
    }

    pub(crate) fn plain(source: Source<reqwest::Body>) -> Self {
        Self(Inner::Plain(Box::new(source)))
    }

    pub(crate) fn stream(pass: Pass<reqwest::Body>) -> Self {
        Self(Inner::Stream(Box::new(pass)))
    }
}

impl Body for ProxyBody {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let polled = match &mut self.get_mut().0 {
            Inner::Full(bytes) if bytes.is_empty() => Poll::Ready(None),
            Inner::Full(bytes) => Poll::Ready(Some(Ok(std::mem::take(bytes)))),
            Inner::Plain(source) => source.poll_bytes(cx),
            Inner::Stream(pass) => pass.poll_bytes(cx),
        };
        polled.map(|item| item.map(|result| result.map(Frame::data)))
    }

    fn is_end_stream(&self) -> bool {
        match &self.0 {
            Inner::Full(bytes) => bytes.is_empty(),
            Inner::Plain(source) => source.is_end_stream(),
            Inner::Stream(pass) => pass.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            Inner::Full(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Inner::Plain(source) => source.size_hint(),
            // What the proxy may add has no length that is known before.
            Inner::Stream(_) => SizeHint::default(),
        }
    }
}

impl fmt::Debug for ProxyBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Inner::Full(_) => "ProxyBody::Full",
            Inner::Plain(_) => "ProxyBody::Plain",
            Inner::Stream(_) => "ProxyBody::Stream",
        })
    }
}
