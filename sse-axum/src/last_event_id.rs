use std::fmt;

use axum::extract::FromRequestParts;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::request::Parts;
use sse_core::{EventId, LastEventIdError};

/// The id of the last event that the client saw, from the `Last-Event-ID` header or else the
/// `lastEventId` query parameter; `None` on a first visit.
///
/// An id that no server can have sent is refused with 400: see
/// [`sse_core::LastEventId::from_request`].
///
/// ```
/// use sse_axum::LastEventId;
///
/// async fn handler(LastEventId(id): LastEventId) -> String {
///     id.map_or("from now".into(), |id| format!("after {id}"))
/// }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastEventId(pub Option<EventId>);

impl<S: Sync> FromRequestParts<S> for LastEventId {
    type Rejection = LastEventIdRejection;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, LastEventIdRejection> {
        sse_core::LastEventId::from_request(&parts.headers, parts.uri.query())
            .map(|id| Self(id.map(sse_core::LastEventId::into_id)))
            .map_err(LastEventIdRejection)
    }
}

/// Why a request's last event id was refused; as a response, 400 with the reason as text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastEventIdRejection(LastEventIdError);

impl fmt::Display for LastEventIdRejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for LastEventIdRejection {}

impl IntoResponse for LastEventIdRejection {
    fn into_response(self) -> Response {
        (StatusCode::BAD_REQUEST, self.to_string()).into_response()
    }
}
