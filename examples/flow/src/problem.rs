//! What went wrong with a request, as JSON: `{"error":{"code","message"}}`.

use std::fmt;

use axum::Json;
use axum::http::StatusCode;
use axum::http::header::ALLOW;
use axum::response::{IntoResponse, Response};
use serde_json::json;

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

/// The answer to a path that is not there: 404.
pub(crate) async fn not_found() -> Problem {
    Problem {
        status: StatusCode::NOT_FOUND,
        code: "not_found",
        message: "there is nothing at this path".into(),
    }
}

/// The answer to a method that a path does not take: 405.
pub(crate) async fn method_not_allowed() -> impl IntoResponse {
    let problem = Problem {
        status: StatusCode::METHOD_NOT_ALLOWED,
        code: "method_not_allowed",
        message: "this path takes GET only".into(),
    };
    ([(ALLOW, "GET")], problem)
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let Self { status, code, message } = self;
        (status, Json(json!({ "error": { "code": code, "message": message } }))).into_response()
    }
}
