//! What the suite asks for, and the event source that it makes.

use std::collections::HashMap;
use std::time::Duration;

use http::Method;
use serde::Deserialize;
use sse_client::{Backoff, Error, EventId, EventSource};

/// The body of "create stream".
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Params {
    stream_url: String,
    pub(crate) callback_url: String,
    initial_delay_ms: Option<u64>,
    read_timeout_ms: Option<u64>,
    #[serde(default)]
    last_event_id: String,
    #[serde(default)]
    headers: HashMap<String, String>,
    #[serde(default)]
    method: String,
    body: Option<String>,
}

/// The body of "send command".
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(tag = "command", rename_all = "lowercase")]
pub(crate) enum Command {
    /// Let the connection go, and ask again.
    Restart,
    /// Be ready for events of a type: every type is an item here.
    Listen,
}

impl Params {
    /// The source, or what is wrong with the parameters.
    pub(crate) fn source(&self) -> Result<EventSource, String> {
        let mut builder = EventSource::builder(&self.stream_url).comments(true);
        for (name, value) in &self.headers {
            builder = builder.header(name.as_str(), value.as_str());
        }
        if !self.method.is_empty() {
            let method = Method::from_bytes(self.method.as_bytes());
            builder = builder.method(method.map_err(|error| error.to_string())?);
        }
        if let Some(body) = &self.body {
            // The suite wants it again with each request.
            builder = builder.body(body.clone()).resend(true);
        }
        if !self.last_event_id.is_empty() {
            let id = EventId::new(&*self.last_event_id).map_err(|error| error.to_string())?;
            builder = builder.last_event_id(id);
        }
        if let Some(delay) = self.initial_delay_ms {
            let most = Duration::from_secs(60);
            let delay = Duration::from_millis(delay);
            let backoff = Backoff::new().reconnection_time(delay).bounds(Duration::ZERO, most);
            builder = builder.backoff(backoff);
        }
        if let Some(timeout) = self.read_timeout_ms.map(Duration::from_millis) {
            builder = builder.response_timeout(timeout).idle_timeout(timeout);
        }
        builder.build().map_err(|error: Error| error.to_string())
    }
}
