use std::fmt;

use axum::body::Body;
use axum::extract::FromRequestParts;
use axum::response::{IntoResponse, Response};
use http::request::Parts;
use sse_core::Refusal;

/// A request that a stream may answer. As an extractor, it rejects one whose `Accept` rules an event
/// stream out with 406; in the handler, it refuses in the way that the client understands.
///
/// A handler that does without it answers every GET with a stream, whatever `Accept` says, as RFC 9110
/// §12.5.1 lets it.
///
/// ```
/// use std::time::Duration;
/// use futures_util::stream::{self, Stream};
/// use sse_axum::{Event, Refusal, Refused, Sse, StreamRequest};
///
/// const WAIT: std::ops::RangeInclusive<Duration> = Duration::from_secs(5)..=Duration::from_secs(15);
///
/// async fn events(
///     request: StreamRequest,
/// ) -> Result<Sse<impl Stream<Item = Event> + Send + 'static>, Refused> {
///     let is_full = true;
///     if is_full {
///         return Err(request.refuse(Refusal::unavailable(WAIT).in_stream()));
///     }
///     Ok(Sse::new(stream::iter([Event::new("hello")])))
/// }
/// # let _: axum::routing::MethodRouter = axum::routing::get(events);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StreamRequest(sse_core::StreamRequest);

impl StreamRequest {
    /// The refusal as this request's answer: see [`sse_core::StreamRequest::refuse`].
    pub fn refuse(&self, refusal: Refusal) -> Refused {
        Refused(self.0.refuse(&refusal))
    }
}

impl<S: Sync> FromRequestParts<S> for StreamRequest {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Refused> {
        let request = sse_core::StreamRequest::new(&parts.method, &parts.headers);
        request.map(Self).map_err(Refused)
    }
}

/// The answer of a refusal to one request.
#[derive(Debug, Clone)]
pub struct Refused(sse_core::Refused);

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for Refused {}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        self.0.into_response().map(Body::from)
    }
}
