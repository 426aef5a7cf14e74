//! What is told: an enum whose variant is the event's type and whose content is its data, as JSON.

use std::time::SystemTime;

use serde::{Deserialize, Serialize};
use sse_axum::Event;
use sse_store::{NewEntry, Topic};

use crate::app::BoxError;
use crate::audience::Audience;

/// An event of this application, beside those that the hub itself tells (`position`, `gap`, `reset`, `replaced`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Message {
    /// Somebody has something to say.
    Notification(Notification),
    /// A task has come so far.
    Progress(Progress),
    /// A task is done. Nothing more is told of it.
    Finished(Task),
    /// A task ended before it was done. Nothing more is told of it.
    Stopped(Task),
    /// The login that let this stream in is over: log in again, and go on from the last event.
    Expired,
}

/// Something that somebody, or the service itself, has to say.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Notification {
    /// The user; the service itself where there is none.
    pub(crate) from: Option<String>,
    /// Whom it is for.
    pub(crate) to: Audience,
    pub(crate) text: String,
    /// When it was sent: RFC 3339, in UTC, with milliseconds.
    pub(crate) time: String,
}

/// A task, and its owner's name for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Task {
    /// Its topic.
    pub(crate) task: Audience,
    pub(crate) title: String,
}

/// How far a task has come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Progress {
    #[serde(flatten)]
    pub(crate) task: Task,
    /// Of 100.
    pub(crate) percent: u8,
}

impl Message {
    /// The message as the log takes it, for those who are to hear it.
    pub(crate) fn to(&self, audience: &Audience) -> Result<NewEntry, BoxError> {
        Ok(NewEntry::new(Topic::new(audience.to_string())?, Event::typed(self)?))
    }
}

impl Notification {
    /// What is said now.
    pub(crate) fn new(from: Option<&str>, to: &Audience, text: String) -> Self {
        let time = humantime::format_rfc3339_millis(SystemTime::now()).to_string();
        Self { from: from.map(str::to_owned), to: to.clone(), text, time }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wire_is_the_documented_one() {
        let task =
            Task { task: "task/ada/0123456789abcdef".parse().unwrap(), title: "Report".into() };
        let notification =
            Notification::new(Some("ada"), &"channel/news".parse().unwrap(), "hi".into());
        let time = notification.time.clone();
        assert!(time.len() == 24 && time.ends_with('Z'), "{time}");
        for (message, event_type, data) in [
            (
                Message::Notification(notification),
                "notification",
                format!(r#"{{"from":"ada","to":"channel/news","text":"hi","time":"{time}"}}"#),
            ),
            (
                Message::Progress(Progress { task: task.clone(), percent: 5 }),
                "progress",
                r#"{"task":"task/ada/0123456789abcdef","title":"Report","percent":5}"#.into(),
            ),
            (
                Message::Finished(task.clone()),
                "finished",
                r#"{"task":"task/ada/0123456789abcdef","title":"Report"}"#.into(),
            ),
            (
                Message::Stopped(task),
                "stopped",
                r#"{"task":"task/ada/0123456789abcdef","title":"Report"}"#.into(),
            ),
            (Message::Expired, "expired", String::new()),
        ] {
            let event = Event::typed(&message).unwrap();
            assert_eq!(event.event_type().unwrap().as_str(), event_type);
            assert_eq!(event.data(), Some(&*data));
        }
    }
}
