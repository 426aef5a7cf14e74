use std::convert::Infallible;
use std::error::Error as StdError;
use std::pin::Pin;
use std::task::{Context, Poll};

use actix_web::HttpResponse;
use actix_web::body::{BodySize, MessageBody};
use actix_web::http::{ConnectionType, Version};
use actix_web::web::Bytes;
use futures_core::Stream;
use pin_project_lite::pin_project;
use sse_core::{SseBody, StreamItem};

pin_project! {
    /// The body of an event stream. It never gives an empty chunk, which would be the last one.
    pub(crate) struct StreamBody<S> {
        #[pin]
        pub(crate) body: SseBody<S>,
    }
}

impl<S> MessageBody for StreamBody<S>
where
    S: Stream,
    S::Item: StreamItem,
{
    type Error = Box<dyn StdError>;

    fn size(&self) -> BodySize {
        BodySize::Stream
    }

    fn poll_next(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Self::Error>>> {
        self.project().body.poll_next(cx).map_err(|error| error as Box<dyn StdError>)
    }
}

/// Nothing, under the size that something would have: the answer to a HEAD.
pub(crate) struct NoBody(pub(crate) BodySize);

impl MessageBody for NoBody {
    type Error = Infallible;

    fn size(&self) -> BodySize {
        self.0
    }

    fn poll_next(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Infallible>>> {
        Poll::Ready(None)
    }
}

/// Has a body without a length end with its connection where the client knows no chunks, one of
/// HTTP/1.0 (RFC 9112 §6.1): Actix would send them to it too.
pub(crate) fn chunk_for<B: MessageBody>(response: &mut HttpResponse<B>, version: Version) {
    if version < Version::HTTP_11 && response.body().size() == BodySize::Stream {
        response.head_mut().no_chunking(true);
        response.head_mut().set_connection_type(ConnectionType::Close);
    }
}
