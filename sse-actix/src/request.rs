use std::fmt;
use std::future::{Ready, ready};

use actix_web::body::BoxBody;
use actix_web::dev::Payload;
use actix_web::error::HttpError;
use actix_web::http::StatusCode;
use actix_web::{FromRequest, HttpRequest, HttpResponse, Responder, ResponseError};
use http::header::ACCEPT;
use sse_core::Refusal;

use crate::convert;

/// A request that a stream may answer. As an extractor, it rejects one whose `Accept` rules an event
/// stream out with 406; in the handler, it refuses in the way that the client understands.
///
/// A handler that does without it answers every GET with a stream, whatever `Accept` says, as RFC 9110
/// §12.5.1 lets it.
///
/// ```
/// use std::time::Duration;
/// use futures_util::stream::{self, Stream};
/// use sse_actix::{Event, Refusal, Refused, Sse, StreamRequest};
///
/// const WAIT: std::ops::RangeInclusive<Duration> = Duration::from_secs(5)..=Duration::from_secs(15);
///
/// async fn events(
///     request: StreamRequest,
/// ) -> Result<Sse<impl Stream<Item = Event> + 'static>, Refused> {
///     let is_full = true;
///     if is_full {
///         return Err(request.refuse(Refusal::unavailable(WAIT).in_stream()));
///     }
///     Ok(Sse::new(stream::iter([Event::new("hello")])))
/// }
/// # let _ = actix_web::web::get().to(events);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StreamRequest(sse_core::StreamRequest);

impl StreamRequest {
    /// The refusal as this request's answer: see [`sse_core::StreamRequest::refuse`].
    pub fn refuse(&self, refusal: Refusal) -> Refused {
        Refused(self.0.refuse(&refusal))
    }
}

impl FromRequest for StreamRequest {
    type Error = Refused;
    type Future = Ready<Result<Self, Refused>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let headers = convert::only_header(request.headers(), &ACCEPT);
        // A method that `http` 1 does not know is no GET, which is all that matters.
        let method = convert::method(request.method()).unwrap_or(http::Method::OPTIONS);
        let request = sse_core::StreamRequest::new(&method, &headers);
        ready(request.map(Self).map_err(Refused))
    }
}

/// The answer of a refusal to one request: an error that is its response, or a response as it is.
#[derive(Debug, Clone)]
pub struct Refused(sse_core::Refused);

impl Refused {
    fn converted(&self) -> Result<HttpResponse, HttpError> {
        let from = self.0.response();
        let body = BoxBody::new(from.body().clone());
        let mut response = HttpResponse::with_body(convert::status(from.status())?, body);
        for (name, value) in from.headers() {
            convert::append(response.headers_mut(), name, value)?;
        }
        Ok(response)
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for Refused {}

impl ResponseError for Refused {
    fn status_code(&self) -> StatusCode {
        convert::status(self.0.response().status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    fn error_response(&self) -> HttpResponse {
        self.converted().unwrap_or_else(HttpResponse::from_error)
    }
}

impl Responder for Refused {
    type Body = BoxBody;

    fn respond_to(self, _: &HttpRequest) -> HttpResponse {
        self.error_response()
    }
}
