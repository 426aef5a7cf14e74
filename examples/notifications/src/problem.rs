//! What went wrong with a request, as JSON: `{"error":{"code","message"}}`.

use std::fmt;

use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::extract::{FromRequest, Request};
use axum::http::header::{RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderName, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::de::DeserializeOwned;
use serde_json::json;
use sse_hub::HubError;

use crate::audience::{AudienceError, Forbidden};
use crate::random;
use crate::ticket::TicketError;
use crate::token::TokenError;

/// What went wrong with a request.
#[derive(Debug)]
pub(crate) struct Problem {
    status: StatusCode,
    code: &'static str,
    message: String,
    header: Option<(HeaderName, &'static str)>,
}

impl Problem {
    pub(crate) fn new(status: StatusCode, code: &'static str, message: impl fmt::Display) -> Self {
        Self { status, code, message: message.to_string(), header: None }
    }

    /// The client's fault: 400.
    pub(crate) fn bad_request(code: &'static str, message: impl fmt::Display) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code, message)
    }

    /// Not now: 503. The client is told no more than that; the log has the reason.
    pub(crate) fn unavailable(reason: &impl fmt::Display) -> Self {
        tracing::error!(%reason, "a request failed");
        let message = "this cannot be done at the moment";
        let problem = Self::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", message);
        problem.with((RETRY_AFTER, "5"))
    }

    /// Nobody is logged in: 401, which has to say by what scheme one is (RFC 9110 §15.5.2).
    fn unauthorized(
        code: &'static str,
        message: impl fmt::Display,
        challenge: &'static str,
    ) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, code, message).with((WWW_AUTHENTICATE, challenge))
    }

    fn with(mut self, header: (HeaderName, &'static str)) -> Self {
        self.header = Some(header);
        self
    }

    /// The name or the password is wrong; which, is not said.
    pub(crate) fn wrong_credentials() -> Self {
        let message = "there is no such user, or the password is another";
        Self::unauthorized("wrong_credentials", message, "Bearer")
    }

    /// There is a token where everyone who keeps logs can read it.
    pub(crate) fn token_in_url() -> Self {
        let message = "a token in a URL is written to logs, and this one should now be taken for known: \
             send it as Authorization: Bearer";
        Self::bad_request("token_in_url", message)
    }
}

/// The answer to a path that is not there: 404.
pub(crate) async fn not_found() -> Problem {
    Problem::new(StatusCode::NOT_FOUND, "not_found", "there is nothing at this path")
}

/// The answer to a method that a path does not take: 405; the router adds which it takes.
pub(crate) async fn method_not_allowed() -> Problem {
    let message = "this path does not take this method";
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", message)
}

impl From<TokenError> for Problem {
    fn from(error: TokenError) -> Self {
        const INVALID: &str = r#"Bearer error="invalid_token""#;
        match error {
            TokenError::Missing => Self::unauthorized("token_missing", error, "Bearer"),
            TokenError::NotBearer => Self::unauthorized("token_missing", error, "Bearer"),
            TokenError::Expired => Self::unauthorized("token_expired", error, INVALID),
            TokenError::Invalid(_) | TokenError::NoSuchUser => {
                Self::unauthorized("token_invalid", error, INVALID)
            }
        }
    }
}

impl From<TicketError> for Problem {
    fn from(error: TicketError) -> Self {
        match error {
            TicketError::Missing => Self::unauthorized("ticket_missing", error, "Bearer"),
            TicketError::Malformed => Self::bad_request("ticket_malformed", error),
            TicketError::Refused => Self::unauthorized("ticket_refused", error, "Bearer"),
            TicketError::Random(error) => Self::unavailable(&error),
            TicketError::Database(error) => Self::unavailable(&error),
        }
    }
}

impl From<AudienceError> for Problem {
    fn from(error: AudienceError) -> Self {
        match error {
            AudienceError::Malformed => Self::bad_request("invalid_topic", error),
            AudienceError::NoSuchUser => Self::new(StatusCode::NOT_FOUND, "no_such_user", error),
            AudienceError::NoSuchChannel => {
                Self::new(StatusCode::NOT_FOUND, "no_such_channel", error)
            }
        }
    }
}

impl From<Forbidden> for Problem {
    fn from(error: Forbidden) -> Self {
        let code = match error {
            Forbidden::NotYours => "not_yours",
            Forbidden::MembersOnly => "members_only",
            Forbidden::ServerOnly => "server_only",
        };
        Self::new(StatusCode::FORBIDDEN, code, error)
    }
}

impl From<HubError> for Problem {
    fn from(error: HubError) -> Self {
        if error.is_unknown_connection() {
            // The same for a connection that is not there, is another user's, or is at another instance.
            let message = "no connection of yours has this id at this instance";
            Self::new(StatusCode::NOT_FOUND, "no_such_connection", message)
        } else if error.is_forbidden() {
            Self::new(StatusCode::FORBIDDEN, "forbidden", error)
        } else if error.is_invalid_topic() {
            Self::bad_request("invalid_topic", error)
        } else if error.is_too_many_topics() {
            Self::bad_request("too_many_topics", error)
        } else {
            Self::unavailable(&error)
        }
    }
}

impl From<random::Error> for Problem {
    fn from(error: random::Error) -> Self {
        Self::unavailable(&error)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let header = self.header.map(|header| [header]);
        let error = json!({ "error": { "code": self.code, "message": self.message } });
        (self.status, header, Json(error)).into_response()
    }
}

/// The JSON that a request brings.
#[derive(Debug)]
pub(crate) struct Body<T>(pub(crate) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let refused = |rejection: JsonRejection| {
            Problem::new(rejection.status(), "invalid_body", rejection.body_text())
        };
        Json::from_request(request, state).await.map(|Json(body)| Self(body)).map_err(refused)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sse_hub::Hub;
    use sse_store::MemoryStore;
    use std::sync::Arc;

    #[tokio::test]
    async fn what_the_hub_refuses_is_the_clients_fault_only_where_it_is() {
        let hub = Hub::builder(Arc::new(MemoryStore::new())).max_topics_per_connection(1).build();
        let forbidden = hub.subscribe(["user/ada"]).authorise(async |_| false).await.unwrap_err();
        let invalid = hub.subscribe([""]).await.unwrap_err();
        let many = hub.subscribe(["a", "b"]).await.unwrap_err();
        let unknown = hub.remove_topics("0".repeat(32).parse().unwrap(), None, ["a"]).unwrap_err();
        hub.drain(std::time::Duration::ZERO).await;
        let draining = hub.subscribe(["a"]).await.unwrap_err();
        for (error, status, code) in [
            (forbidden, 403, "forbidden"),
            (invalid, 400, "invalid_topic"),
            (many, 400, "too_many_topics"),
            (unknown, 404, "no_such_connection"),
            (draining, 503, "unavailable"),
        ] {
            let problem = Problem::from(error);
            assert_eq!((problem.status.as_u16(), problem.code), (status, code), "{problem:?}");
        }
    }
}
