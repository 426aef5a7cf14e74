//! The body of a response.

use std::any::TypeId;
use std::error::Error as StdError;
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::Version;
use http_body::{Body, Frame, SizeHint};
use reqwest::{ClientBuilder, Response};

use crate::error::BoxError;

/// The body of a response of reqwest's, which ends only if it is whole.
///
/// A server that gives up an answer over HTTP/2 resets its stream, and some do so with the code
/// `NO_ERROR`, such as Envoy, which reqwest takes for the end: half an answer would pass for all of it. Here
/// it is an error. Not so where the program turns on a feature of reqwest's that decompresses (`gzip`,
/// `brotli`, `deflate`, `zstd`), since reqwest then hides what it knows of the end.
///
/// Source: RFC 9113 §5.1 and §8.1: END_STREAM alone ends a response.
#[derive(Debug)]
pub struct ResponseBody {
    body: reqwest::Body,
    /// Whether the body says of itself that it has ended.
    says_its_end: bool,
}

impl ResponseBody {
    /// Takes a response apart. `is_request_sent`: whether all of the request's body has gone up. Where it has
    /// not, `NO_ERROR` after the whole response is how a server says that it wants no more of it.
    pub fn of(response: Response, is_request_sent: bool) -> http::Response<Self> {
        let is_http2 = response.version() == Version::HTTP_2;
        let says_its_end = is_http2 && is_request_sent && !is_decompressing();
        http::Response::<reqwest::Body>::from(response).map(|body| Self { body, says_its_end })
    }
}

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
        let is_end = frame.is_none() && !self.body.is_end_stream();
        if is_end && self.size_hint().exact() != Some(0) && std::mem::take(&mut self.says_its_end) {
            return Poll::Ready(Some(Err(Reset.into())));
        }
        Poll::Ready(frame.map(|result| result.map_err(|error| error.without_url().into())))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// The stream was reset before its end.
#[derive(Debug)]
struct Reset;

impl fmt::Display for Reset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the stream was reset before its end")
    }
}

impl StdError for Reset {}

/// Whether reqwest was built to decompress: its own methods, where they are there, stand before those of
/// this trait.
#[allow(dead_code)] // They are never called, and which are is for reqwest to say.
trait Absent: Sized {
    fn gzip(self, _: bool) {}
    fn brotli(self, _: bool) {}
    fn deflate(self, _: bool) {}
    fn zstd(self, _: bool) {}
}

impl Absent for ClientBuilder {}

fn is_decompressing() -> bool {
    fn is_there<T: 'static>(_: impl Fn(ClientBuilder) -> T) -> bool {
        TypeId::of::<T>() == TypeId::of::<ClientBuilder>()
    }
    is_there(|it| it.gzip(false))
        || is_there(|it| it.brotli(false))
        || is_there(|it| it.deflate(false))
        || is_there(|it| it.zstd(false))
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;

    use super::*;

    /// A body that is over, and what it says of itself.
    #[derive(Clone, Copy)]
    struct Over {
        is_end: bool,
        left: Option<u64>,
    }

    impl Body for Over {
        type Data = Bytes;
        type Error = BoxError;

        fn poll_frame(
            self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
            Poll::Ready(None)
        }

        fn is_end_stream(&self) -> bool {
            self.is_end
        }

        fn size_hint(&self) -> SizeHint {
            self.left.map_or_else(SizeHint::new, SizeHint::with_exact)
        }
    }

    async fn is_whole(version: Version, is_request_sent: bool, over: Over) -> bool {
        let response = http::Response::builder().version(version);
        let response = response.body(reqwest::Body::wrap(over)).unwrap();
        let mut body = ResponseBody::of(response.into(), is_request_sent).into_body();
        let first = body.frame().await;
        assert!(body.frame().await.is_none(), "it is over");
        first.is_none()
    }

    #[tokio::test]
    async fn a_body_is_whole_that_says_so_or_cannot_say() {
        let http2 = Version::HTTP_2;
        let cut = Over { is_end: false, left: None };
        assert!(!is_whole(http2, true, cut).await);
        assert!(!is_whole(http2, true, Over { left: Some(1), ..cut }).await);
        assert!(is_whole(http2, true, Over { is_end: true, ..cut }).await);
        assert!(is_whole(http2, true, Over { left: Some(0), ..cut }).await, "by its length");
        assert!(is_whole(http2, false, cut).await, "the rest of the request is not wanted");
        assert!(is_whole(Version::HTTP_11, true, cut).await, "hyper knows");
    }
}
