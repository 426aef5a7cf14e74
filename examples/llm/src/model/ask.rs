//! What is asked: the body of a request, checked.

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::error::ApiError;
use super::script;

/// What is asked.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Ask {
    pub(crate) voice: Voice,
    /// The tokens of the answer.
    pub(crate) tokens: Vec<String>,
    /// Whether the answer is shorter than it would be, by the request's own limit.
    pub(crate) is_limited: bool,
}

/// The models that there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Voice {
    /// Answers to the end.
    Steady,
    /// Has no time: 429.
    Busy,
    /// Breaks off in mid-answer, as a model does whose machine goes.
    Broken,
}

impl Voice {
    const ALL: [(&str, Self); 3] = [
        ("scripted", Self::Steady),
        ("scripted-busy", Self::Busy),
        ("scripted-broken", Self::Broken),
    ];

    /// Its name in a request.
    pub(crate) fn name(self) -> &'static str {
        Self::ALL.iter().find(|(_, voice)| *voice == self).map_or("scripted", |(name, _)| name)
    }
}

#[derive(Deserialize)]
struct Turn {
    role: Role,
    content: String,
}

#[derive(Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
enum Role {
    Assistant,
    Developer,
    System,
    User,
}

impl Ask {
    /// What a body asks for. What it says beyond that, such as a temperature, is not for a script.
    pub(crate) fn parse(body: &[u8]) -> Result<Self, ApiError> {
        let body: Map<String, Value> = serde_json::from_slice(body).map_err(|error| {
            ApiError::invalid(None, format!("the body is no JSON object: {error}"))
        })?;
        let name: String = required(&body, "model")?;
        let found = Voice::ALL.iter().find(|(known, _)| *known == name);
        let (_, voice) = *found.ok_or_else(|| ApiError::unknown_model(&name))?;
        if optional(&body, "stream")? != Some(true) {
            return Err(ApiError::invalid(Some("stream"), "this model only streams: say true"));
        }
        let turns: Vec<Turn> = required(&body, "messages")?;
        let prompt = turns.iter().rfind(|turn| turn.role == Role::User);
        let prompt = prompt.map(|turn| turn.content.trim()).filter(|text| !text.is_empty());
        let Some(prompt) = prompt else {
            return Err(ApiError::invalid(Some("messages"), "there is no message of a user"));
        };
        let limit: Option<usize> = optional(&body, "max_tokens")?;
        if limit == Some(0) {
            return Err(ApiError::invalid(Some("max_tokens"), "an answer has at least one token"));
        }
        let mut tokens = script::tokens(prompt);
        let is_limited = limit.is_some_and(|limit| limit < tokens.len());
        tokens.truncate(limit.unwrap_or(usize::MAX));
        Ok(Self { voice, tokens, is_limited })
    }
}

fn required<T: DeserializeOwned>(
    body: &Map<String, Value>,
    name: &'static str,
) -> Result<T, ApiError> {
    optional(body, name)?.ok_or_else(|| ApiError::invalid(Some(name), "it is missing"))
}

/// A field that may be missing, or null, which means the same.
fn optional<T: DeserializeOwned>(
    body: &Map<String, Value>,
    name: &'static str,
) -> Result<Option<T>, ApiError> {
    let value = body.get(name).cloned().unwrap_or_default();
    serde_json::from_value(value).map_err(|error| ApiError::invalid(Some(name), error.to_string()))
}
