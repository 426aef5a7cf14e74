//! What went wrong with a request, as JSON: `{"error":{"code","message"}}`.

use std::fmt;
use std::ops::RangeInclusive;
use std::time::Duration;

use actix_web::{HttpResponse, ResponseError};
use axum::Json;
use axum::http::StatusCode;
use axum::http::header::ALLOW;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use sse_core::Refusal;
use sse_hub::HubError;

/// When a client asks again that was refused a stream.
const ASK_AGAIN: RangeInclusive<Duration> = Duration::from_secs(5)..=Duration::from_secs(15);

/// What went wrong with a request.
#[derive(Debug)]
pub struct Problem {
    status: StatusCode,
    code: &'static str,
    message: String,
}

impl Problem {
    /// The client's fault: 400.
    pub(crate) fn bad_request(code: &'static str, message: impl Into<String>) -> Self {
        Self { status: StatusCode::BAD_REQUEST, code, message: message.into() }
    }

    /// The client names an event that no server can have sent: 400.
    pub(crate) fn last_event_id(error: &impl fmt::Display) -> Self {
        Self::bad_request("invalid_last_event_id", error.to_string())
    }

    fn json(&self) -> Value {
        json!({ "error": { "code": self.code, "message": self.message } })
    }

    /// What a path takes that does not take everything.
    fn allow(&self) -> Option<&'static str> {
        (self.status == StatusCode::METHOD_NOT_ALLOWED).then_some("GET")
    }

    /// The store does not answer: 503. The client is told no more than that.
    pub(crate) fn store(error: &impl fmt::Display) -> Self {
        tracing::error!(%error, "the store failed");
        Self {
            status: StatusCode::SERVICE_UNAVAILABLE,
            code: "store_unavailable",
            message: "the events cannot be stored or read at the moment".into(),
        }
    }
}

/// Why there is no stream.
#[derive(Debug)]
pub(crate) enum NoStream {
    /// The request is wrong.
    Problem(Problem),
    /// There is none now, or there is nothing left to say: told in the way that the client understands.
    Refused(Refusal),
}

impl NoStream {
    /// There is no room for a run, or the process is about to end.
    pub(crate) fn not_now() -> Self {
        Self::Refused(Refusal::unavailable(ASK_AGAIN).in_stream())
    }
}

impl From<Problem> for NoStream {
    fn from(problem: Problem) -> Self {
        Self::Problem(problem)
    }
}

impl From<HubError> for NoStream {
    fn from(error: HubError) -> Self {
        if let Some(error) = error.store() {
            tracing::error!(%error, "the store failed");
        }
        match error.refusal() {
            Some(refusal) => Self::Refused(refusal),
            None => Self::Problem(Problem::bad_request("no_stream", error.to_string())),
        }
    }
}

/// The answer to a path that is not there: 404.
pub(crate) async fn not_found() -> Problem {
    Problem {
        status: StatusCode::NOT_FOUND,
        code: "not_found",
        message: "there is nothing at this path".into(),
    }
}

/// The answer to a method that a path does not take: 405.
pub(crate) async fn method_not_allowed() -> Problem {
    Problem {
        status: StatusCode::METHOD_NOT_ALLOWED,
        code: "method_not_allowed",
        message: "this path takes GET only".into(),
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let allow = self.allow().map(|allow| [(ALLOW, allow)]);
        (self.status, allow, Json(self.json())).into_response()
    }
}

impl ResponseError for Problem {
    fn status_code(&self) -> actix_web::http::StatusCode {
        // Each status of this file is one of Actix too.
        self.status.as_u16().try_into().unwrap_or_default()
    }

    fn error_response(&self) -> HttpResponse {
        let mut response = HttpResponse::build(self.status_code());
        if let Some(allow) = self.allow() {
            response.insert_header((ALLOW.as_str(), allow));
        }
        response.json(self.json())
    }
}
