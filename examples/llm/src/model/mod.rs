//! A scripted model behind the usual API: `POST /v1/chat/completions`, whose answer is a stream of
//! tokens that ends in `[DONE]`. `GET /status` says how many were made, and what a stop saved.

mod answer;
mod ask;
mod error;
mod script;
mod tally;

use std::time::Duration;

use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::http::header::AUTHORIZATION;
use axum::http::{HeaderMap, HeaderValue};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use sse_axum::{Lifecycle, Sse};
use tokio_util::sync::CancellationToken;

use crate::pace::Pace;
use answer::Answer;
use ask::{Ask, Voice};
use error::ApiError;

pub use tally::{Count, State as AnswerState, Status, Tally, Totals};

/// The scripted model.
#[derive(Debug, Clone)]
pub struct Model {
    /// What a request has to show as `Authorization`, where it has to.
    pub key: Option<HeaderValue>,
    /// When tokens are made.
    pub pace: Pace,
    /// Counts them.
    pub tally: Tally,
    /// Ends the open answers, incomplete, when it is cancelled.
    pub shutdown: CancellationToken,
}

impl Model {
    /// Its routes: `/v1/chat/completions` and `/status`.
    pub fn router(self) -> Router {
        Router::new()
            .route("/v1/chat/completions", post(chat))
            .route("/status", get(status))
            .fallback(error::not_found)
            .method_not_allowed_fallback(error::method_not_allowed)
            .with_state(self)
    }

    fn check(&self, headers: &HeaderMap) -> Result<(), ApiError> {
        match &self.key {
            Some(key) if headers.get(AUTHORIZATION) != Some(key) => Err(ApiError::wrong_key()),
            _ => Ok(()),
        }
    }
}

async fn chat(
    State(model): State<Model>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, ApiError> {
    model.check(&headers)?;
    let ask = Ask::parse(&body.map_err(|rejection| ApiError::unreadable(&rejection))?)?;
    if ask.voice == Voice::Busy {
        return Err(ApiError::busy());
    }
    let answer = Answer::new(&ask, &model.tally);
    // A client that goes while the model thinks drops this future, and the answer with it.
    model.pace.think().await;
    Ok(stream(answer, model.pace, model.shutdown))
}

fn stream(answer: Answer, pace: Pace, shutdown: CancellationToken) -> Response {
    let lifecycle = Lifecycle::new()
        .complete_on(answer::completion())
        // An `EventSource` would come back if the stream ended before it hung up; who sent a POST
        // does not.
        .linger(Duration::ZERO)
        .shutdown(shutdown.cancelled_owned());
    Sse::new(answer.events(pace)).lifecycle(lifecycle).into_response()
}

async fn status(State(model): State<Model>) -> Json<Status> {
    Json(model.tally.status())
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    #[tokio::test]
    async fn done_is_the_end_and_nothing_waits_after_it() {
        let ask = br#"{"model":"scripted","stream":true,"max_tokens":2,
            "messages":[{"role":"user","content":"x"}]}"#;
        let (pace, steps) = Pace::stepped();
        steps.release(2);
        let tally = Tally::default();
        let answer = Answer::new(&Ask::parse(ask).unwrap(), &tally);
        let response = stream(answer, pace, CancellationToken::new());
        let body = axum::body::to_bytes(response.into_body(), usize::MAX).now_or_never();
        let body = body.expect("no step and no time is waited for").unwrap();
        assert!(body.ends_with(b"\n\ndata: [DONE]\n\n"), "{body:?}");
        let text = String::from_utf8_lossy(&body);
        assert_eq!(text.matches("\"content\"").count(), 2);
        assert_eq!(text.matches("\"finish_reason\":\"length\"").count(), 1);
        assert_eq!(tally.status().totals.complete, 1);
    }
}
