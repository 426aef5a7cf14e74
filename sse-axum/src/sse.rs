use axum::body::Body;
use axum::response::{IntoResponse, Response};
use futures_core::Stream;
use sse_core::{Lifecycle, StreamItem};

/// A response that is an event stream.
///
/// The stream may give [`Event`](sse_core::Event)s, [`Frame`](sse_core::Frame)s, or a `Result` of
/// either; an error cuts the response short, so that the client comes back. The source is dropped
/// when the stream ends or the client goes, or at once where the request is a HEAD, which Axum's
/// `get` takes too.
///
/// ```
/// use axum::response::IntoResponse;
/// use futures_util::stream;
/// use sse_axum::{Event, Sse};
///
/// async fn hello() -> impl IntoResponse {
///     Sse::new(stream::iter([Event::new("hello")]))
/// }
/// ```
#[derive(Debug)]
#[must_use]
pub struct Sse<S> {
    source: S,
    lifecycle: Lifecycle,
}

impl<S> Sse<S>
where
    S: Stream + Send + 'static,
    S::Item: StreamItem,
{
    /// A response of the events of `source`, living as [`Lifecycle::new`] says.
    pub fn new(source: S) -> Self {
        Self { source, lifecycle: Lifecycle::new() }
    }

    /// The same, living as `lifecycle` says.
    pub fn lifecycle(mut self, lifecycle: Lifecycle) -> Self {
        self.lifecycle = lifecycle;
        self
    }
}

impl<S> IntoResponse for Sse<S>
where
    S: Stream + Send + 'static,
    S::Item: StreamItem,
{
    fn into_response(self) -> Response {
        let mut response = Response::new(Body::new(self.lifecycle.body(self.source)));
        sse_core::response_headers(response.headers_mut());
        response
    }
}
