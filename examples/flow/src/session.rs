//! Whose events these are.

use std::fmt;
use std::future::{Ready, ready};
use std::str::FromStr;

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest};
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use sse_store::Topic;

use crate::problem::Problem;

/// A session: what a page made up when it was loaded. 1 to 64 letters, digits, `-` and `_`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionId(String);

impl SessionId {
    /// The longest one, in bytes.
    pub const MAX_LEN: usize = 64;

    /// The topic of its events.
    pub(crate) fn topic(&self) -> Result<Topic, Problem> {
        Topic::new(format!("session/{}", self.0))
            .map_err(|error| Problem::bad_request("invalid_session_id", error.to_string()))
    }
}

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for SessionId {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.is_empty() {
            return Err("sessionId is empty".into());
        }
        if text.len() > Self::MAX_LEN {
            return Err(format!(
                "sessionId has {} bytes, where {} are allowed",
                text.len(),
                Self::MAX_LEN
            ));
        }
        let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
        match text.chars().position(|c| !allowed(c)) {
            None => Ok(Self(text.into())),
            Some(at) => Err(format!(
                "sessionId has a character at {at} that is not a letter, a digit, '-' or '_'"
            )),
        }
    }
}

/// The parameters of a query, each given once at most.
pub(crate) fn parameters<T: DeserializeOwned>(query: Option<&str>) -> Result<T, Problem> {
    serde_urlencoded::from_str(query.unwrap_or_default())
        .map_err(|error| Problem::bad_request("invalid_query", error.to_string()))
}

impl SessionId {
    fn from_query(query: Option<&str>) -> Result<Self, Problem> {
        #[derive(Deserialize)]
        struct Parameters {
            #[serde(rename = "sessionId")]
            session_id: Option<String>,
        }
        let Some(text) = parameters::<Parameters>(query)?.session_id else {
            return Err(Problem::bad_request("invalid_session_id", "sessionId is missing"));
        };
        text.parse().map_err(|reason| Problem::bad_request("invalid_session_id", reason))
    }
}

impl<S: Sync> FromRequestParts<S> for SessionId {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        Self::from_query(parts.uri.query())
    }
}

impl FromRequest for SessionId {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(Self::from_query(Some(request.query_string())))
    }
}
