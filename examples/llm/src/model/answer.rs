//! One answer, as events.

use std::fmt;
use std::time::{SystemTime, UNIX_EPOCH};

use futures_util::{Stream, stream};
use serde_json::{Value, json};
use sse_axum::{Completion, Event};

use super::ask::{Ask, Voice};
use super::tally::{Counting, State, Tally};
use crate::pace::Pace;

/// The data of the last event of an answer that is complete.
const DONE: &str = "[DONE]";

/// What ends the stream of an answer.
pub(crate) fn completion() -> Completion {
    Completion::data(DONE)
}

/// One answer.
#[derive(Debug)]
pub(crate) struct Answer {
    counting: Counting,
    model: &'static str,
    created: u64,
    tokens: std::vec::IntoIter<String>,
    /// How many tokens to make until it breaks off.
    breaks_after: Option<usize>,
    finish_reason: &'static str,
    /// What comes after the tokens.
    rest: Rest,
}

#[derive(Debug)]
enum Rest {
    FinishReason,
    Done,
    Nothing,
}

/// The model broke off.
#[derive(Debug)]
pub(crate) struct BrokeOff;

impl fmt::Display for BrokeOff {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the model broke off")
    }
}

impl std::error::Error for BrokeOff {}

impl Answer {
    /// The answer to this, counted from here on.
    pub(crate) fn new(ask: &Ask, tally: &Tally) -> Self {
        let length = ask.tokens.len();
        let created = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self {
            counting: tally.begin(length),
            model: ask.voice.name(),
            created: created.as_secs(),
            tokens: ask.tokens.clone().into_iter(),
            breaks_after: (ask.voice == Voice::Broken).then_some(length / 3),
            finish_reason: if ask.is_limited { "length" } else { "stop" },
            rest: Rest::FinishReason,
        }
    }

    /// Its events, made at this pace. Dropped before the last one, the answer was stopped.
    pub(crate) fn events(self, pace: Pace) -> impl Stream<Item = Result<Event, BrokeOff>> + Send {
        stream::unfold((self, pace), async |(mut answer, pace)| {
            let event = answer.next(&pace).await?;
            Some((event, (answer, pace)))
        })
    }

    async fn next(&mut self, pace: &Pace) -> Option<Result<Event, BrokeOff>> {
        if !self.tokens.as_slice().is_empty() {
            pace.token().await;
            if self.breaks_after == Some(0) {
                self.counting.end(State::Broken);
                self.tokens = vec![].into_iter();
                self.rest = Rest::Nothing;
                return Some(Err(BrokeOff));
            }
            self.breaks_after = self.breaks_after.map(|left| left - 1);
        }
        if let Some(token) = self.tokens.next() {
            self.counting.made();
            return Some(Ok(self.chunk(json!({ "content": token }), None)));
        }
        match self.rest {
            Rest::FinishReason => {
                self.rest = Rest::Done;
                Some(Ok(self.chunk(json!({}), Some(self.finish_reason))))
            }
            Rest::Done => {
                self.rest = Rest::Nothing;
                self.counting.end(State::Complete);
                Some(Ok(Event::new(DONE)))
            }
            Rest::Nothing => None,
        }
    }

    /// One event of the answer.
    fn chunk(&self, delta: Value, finish_reason: Option<&str>) -> Event {
        let chunk = json!({
            "id": self.counting.id(),
            "object": "chat.completion.chunk",
            "created": self.created,
            "model": self.model,
            "choices": [{ "index": 0, "delta": delta, "finish_reason": finish_reason }],
        });
        Event::new(chunk.to_string())
    }
}
