//! The documented wire: unnamed events whose data is a JSON object.

use std::time::SystemTime;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What the data of each event is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Message {
    /// What this is.
    #[serde(rename = "type")]
    pub kind: Kind,
    /// A sentence for people.
    pub message: String,
    /// When it was made: RFC 3339, in UTC, with milliseconds.
    pub timestamp: String,
    /// More about it, where there is more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<Value>,
}

/// The types of the flow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// The run has begun.
    Connecting,
    /// One of the messages between.
    Message,
    /// The run is over: the page closes its stream.
    Complete,
    /// A newer run of the same session has begun: this one is over.
    Superseded,
}

impl Kind {
    /// Its name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Connecting => "connecting",
            Self::Message => "message",
            Self::Complete => "complete",
            Self::Superseded => "superseded",
        }
    }
}

impl Message {
    /// A message made now.
    pub fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            timestamp: humantime::format_rfc3339_millis(SystemTime::now()).to_string(),
            data: None,
        }
    }

    /// The same message with more about it.
    #[must_use]
    pub fn with_data(mut self, data: Value) -> Self {
        self.data = Some(data);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wire_is_the_documented_one() {
        for kind in [Kind::Connecting, Kind::Message, Kind::Complete, Kind::Superseded] {
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.as_str());
        }
        let json = serde_json::to_value(Message::new(Kind::Message, "hi")).unwrap();
        assert_eq!((&json["type"], &json["message"]), (&"message".into(), &"hi".into()));
        assert!(json.get("data").is_none());
        let timestamp = json["timestamp"].as_str().unwrap();
        assert!(timestamp.len() == 24 && timestamp.ends_with('Z'), "{timestamp}");
    }
}
