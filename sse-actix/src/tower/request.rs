//! The request on its way to the service.

use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use actix_web::HttpRequest;
use actix_web::dev::Payload;
use actix_web::error::PayloadError;
use bytes::Bytes;
use futures_core::Stream;
use http::header::{CONTENT_LENGTH, TRANSFER_ENCODING};
use http_body::{Body, Frame, SizeHint};
use tokio::sync::mpsc;

use super::BoxError;
use crate::convert;

/// The request as the service takes it.
pub(super) fn convert(
    from: &HttpRequest,
    body: RequestBody,
) -> Result<http::Request<RequestBody>, http::Error> {
    let mut request = http::Request::new(body);
    *request.method_mut() = convert::method(from.method())?;
    *request.uri_mut() = from.uri().to_string().parse()?;
    *request.version_mut() = convert::version(from.version());
    *request.headers_mut() = convert::headers(from.headers())?;
    Ok(request)
}

/// The body, and what moves the payload, which is not `Send`, into it. A payload that has ended
/// already makes a body that says so.
pub(super) async fn body(request: &HttpRequest, mut payload: Payload) -> (RequestBody, Pump) {
    let first = poll_fn(|cx| Poll::Ready(Pin::new(&mut payload).poll_next(cx))).await;
    if let Poll::Ready(None) = first {
        return (RequestBody { chunks: None, left: Some(0) }, Pump(None));
    }
    let (sender, chunks) = mpsc::channel(1);
    let pump = Box::pin(pump(payload, first, sender));
    (RequestBody { chunks: Some(chunks), left: length(request) }, Pump(Some(pump)))
}

/// The body's length, where the request says it.
fn length(request: &HttpRequest) -> Option<u64> {
    let headers = request.headers();
    let length = headers.get(CONTENT_LENGTH.as_str())?.to_str().ok()?.parse().ok()?;
    (!headers.contains_key(TRANSFER_ENCODING.as_str())).then_some(length)
}

/// A part of the body; `None` is its proper end.
type Chunk = Result<Option<Bytes>, PayloadError>;

async fn pump(
    mut payload: Payload,
    mut first: Poll<Option<Result<Bytes, PayloadError>>>,
    to: mpsc::Sender<Chunk>,
) {
    // Fails when the service has dropped the body.
    while let Ok(permit) = to.reserve().await {
        let next = match std::mem::replace(&mut first, Poll::Pending) {
            Poll::Ready(first) => first,
            Poll::Pending => poll_fn(|cx| Pin::new(&mut payload).poll_next(cx)).await,
        };
        let is_last = !matches!(next, Some(Ok(_)));
        permit.send(next.transpose());
        if is_last {
            return;
        }
    }
}

/// Moves a payload, as far as the service reads it, whenever it is polled.
pub(super) struct Pump(Option<Pin<Box<dyn Future<Output = ()>>>>);

impl Pump {
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) {
        if self.0.as_mut().is_some_and(|pump| pump.as_mut().poll(cx).is_ready()) {
            self.0 = None;
        }
    }
}

/// The body of a request that Actix has taken, as a tower service reads it.
///
/// It is read from the connection as the service reads it. Where the client goes, or its request is
/// dropped before the body has ended, the body ends in an error.
pub struct RequestBody {
    /// `None` after the end.
    chunks: Option<mpsc::Receiver<Chunk>>,
    /// The bytes that are to come, where that is known.
    left: Option<u64>,
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let Some(chunks) = &mut self.chunks else { return Poll::Ready(None) };
        let result = match ready!(chunks.poll_recv(cx)) {
            Some(Ok(Some(chunk))) => {
                let length = chunk.len() as u64;
                self.left = self.left.map(|left| left.saturating_sub(length));
                return Poll::Ready(Some(Ok(Frame::data(chunk))));
            }
            Some(Ok(None)) => {
                self.left = Some(0);
                None
            }
            Some(Err(error)) => Some(Err(error.into())),
            None => Some(Err("the request was dropped before its body had ended".into())),
        };
        self.chunks = None;
        Poll::Ready(result)
    }

    fn is_end_stream(&self) -> bool {
        self.chunks.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        self.left.map(SizeHint::with_exact).unwrap_or_default()
    }
}

impl fmt::Debug for RequestBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequestBody").field("left", &self.left).finish_non_exhaustive()
    }
}
