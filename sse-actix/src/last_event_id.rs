use std::fmt;
use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::http::StatusCode;
use actix_web::{FromRequest, HttpRequest, ResponseError};
use sse_core::{EventId, LastEventIdError};

use crate::convert::only_header;

/// The id of the last event that the client saw, from the `Last-Event-ID` header or else the
/// `lastEventId` query parameter; `None` on a first visit.
///
/// An id that no server can have sent is refused with 400: see
/// [`sse_core::LastEventId::from_request`].
///
/// ```
/// use sse_actix::LastEventId;
///
/// async fn handler(LastEventId(id): LastEventId) -> String {
///     id.map_or("from now".into(), |id| format!("after {id}"))
/// }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastEventId(pub Option<EventId>);

impl FromRequest for LastEventId {
    type Error = LastEventIdRejection;
    type Future = Ready<Result<Self, LastEventIdRejection>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let headers = only_header(request.headers(), &sse_core::LastEventId::HEADER);
        let id = sse_core::LastEventId::from_request(&headers, request.uri().query());
        ready(
            id.map(|id| Self(id.map(sse_core::LastEventId::into_id))).map_err(LastEventIdRejection),
        )
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

impl ResponseError for LastEventIdRejection {
    fn status_code(&self) -> StatusCode {
        StatusCode::BAD_REQUEST
    }
}
