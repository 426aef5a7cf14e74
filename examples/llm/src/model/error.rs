//! Errors in the form of the API: `{"error":{"message","type","param","code"}}`.

use std::borrow::Cow;

use axum::Json;
use axum::extract::rejection::BytesRejection;
use axum::http::StatusCode;
use axum::http::header::RETRY_AFTER;
use axum::response::{IntoResponse, Response};
use serde_json::json;

/// An error of the API.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct ApiError {
    status: StatusCode,
    kind: &'static str,
    param: Option<&'static str>,
    code: Option<&'static str>,
    message: Cow<'static, str>,
    /// Seconds after which to ask again.
    retry_after: Option<u32>,
}

impl ApiError {
    fn new(status: StatusCode, kind: &'static str, message: &'static str) -> Self {
        let message = Cow::Borrowed(message);
        Self { status, kind, param: None, code: None, message, retry_after: None }
    }

    /// No key, or another one.
    pub(crate) fn wrong_key() -> Self {
        let error = Self::invalid(None, "the API key is not right");
        Self { status: StatusCode::UNAUTHORIZED, code: Some("invalid_api_key"), ..error }
    }

    /// The model has no time.
    pub(crate) fn busy() -> Self {
        let message = "the model has no time at the moment";
        let error = Self::new(StatusCode::TOO_MANY_REQUESTS, "requests", message);
        Self { code: Some("rate_limit_exceeded"), retry_after: Some(7), ..error }
    }

    /// The request's fault; in this field, if it is known.
    pub(crate) fn invalid(
        param: Option<&'static str>,
        message: impl Into<Cow<'static, str>>,
    ) -> Self {
        let message = message.into();
        Self { param, message, ..Self::new(StatusCode::BAD_REQUEST, "invalid_request_error", "") }
    }

    /// No model has this name.
    pub(crate) fn unknown_model(name: &str) -> Self {
        let name: String = name.chars().take(40).collect();
        Self {
            status: StatusCode::NOT_FOUND,
            code: Some("model_not_found"),
            ..Self::invalid(Some("model"), format!("there is no model {name:?}"))
        }
    }

    /// The body did not come whole, or has too much in it.
    pub(crate) fn unreadable(rejection: &BytesRejection) -> Self {
        Self { status: rejection.status(), ..Self::invalid(None, rejection.body_text()) }
    }
}

/// The answer to a path that is not there.
pub(crate) async fn not_found() -> ApiError {
    ApiError::new(StatusCode::NOT_FOUND, "invalid_request_error", "there is nothing at this path")
}

/// The answer to a method that a path does not take.
pub(crate) async fn method_not_allowed() -> ApiError {
    ApiError::new(
        StatusCode::METHOD_NOT_ALLOWED,
        "invalid_request_error",
        "this path does not take the method",
    )
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let error = json!({ "error": {
            "message": self.message,
            "type": self.kind,
            "param": self.param,
            "code": self.code,
        } });
        let retry_after = self.retry_after.map(|seconds| [(RETRY_AFTER, seconds.to_string())]);
        (self.status, retry_after, Json(error)).into_response()
    }
}
