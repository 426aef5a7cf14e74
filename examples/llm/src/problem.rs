//! What the front itself has to say against a request, as JSON: `{"error":{"code","message"}}`.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::json;

/// What the front itself has to say against a request.
#[derive(Debug)]
pub(crate) struct Problem {
    status: StatusCode,
    code: &'static str,
    message: &'static str,
}

impl Problem {
    /// Not JSON: 415. A page of another origin can send a form or plain text without asking for
    /// leave; it must not spend our tokens.
    pub(crate) const NOT_JSON: Self = Self {
        status: StatusCode::UNSUPPORTED_MEDIA_TYPE,
        code: "not_json",
        message: "this path takes application/json only",
    };

    /// The model's 401, told as a 502: the key is the front's, so there is nothing that the page
    /// could do, and what a model says of a key may hold a part of it.
    pub(crate) const KEY_REFUSED: Self = Self {
        status: StatusCode::BAD_GATEWAY,
        code: "key_refused",
        message: "the model does not accept the key of this service",
    };
}

/// The answer to a path that is not there: 404.
pub(crate) async fn not_found() -> Problem {
    Problem {
        status: StatusCode::NOT_FOUND,
        code: "not_found",
        message: "there is nothing at this path",
    }
}

/// The answer to a method that a path does not take: 405. Which it takes is in `Allow`.
pub(crate) async fn method_not_allowed() -> Problem {
    Problem {
        status: StatusCode::METHOD_NOT_ALLOWED,
        code: "method_not_allowed",
        message: "this path does not take the method",
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let error = json!({ "error": { "code": self.code, "message": self.message } });
        (self.status, Json(error)).into_response()
    }
}
