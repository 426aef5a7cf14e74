//! One run of a session: the events that are stored and sent.

use std::sync::Arc;

use futures_util::{Stream, StreamExt as _, stream};
use serde_json::json;
use sse_axum::{Completion, Event};
use sse_store::{EventStore, NewEntry, Position, StoreError, Topic};

use crate::message::{Kind, Message};
use crate::pace::Pace;

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// A run, from the clear of its session's old events on.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) store: Arc<dyn EventStore>,
    pub(crate) topic: Topic,
    /// The position of that clear. A later run clears again, and so fences this one out.
    pub(crate) fence: Position,
    pub(crate) count: u32,
    pub(crate) pace: Pace,
}

impl Run {
    /// What ends a run's stream.
    pub(crate) fn completion() -> Completion {
        Completion::json_field("type", Kind::Complete.as_str())
            .or(Completion::json_field("type", Kind::Superseded.as_str()))
    }

    /// The events, each stored before it is given.
    ///
    /// A failure of the store ends it with an error: the client sees a broken stream and comes back.
    pub(crate) fn events(self) -> impl Stream<Item = Result<Event, BoxError>> + Send {
        let last = self.count.saturating_add(1);
        let run = Arc::new(self);
        stream::iter(0..=last).then(move |step| {
            let run = run.clone();
            async move {
                run.pace.wait((1..last).contains(&step)).await;
                let event = Event::json(&run.message(step))?;
                match run.append(event.clone()).await {
                    Ok(position) => Ok(event.with_id(position)),
                    Err(error) if error.is_fenced() => {
                        let message = "A newer run of this session has begun.";
                        Ok(Event::json(&Message::new(Kind::Superseded, message))?)
                    }
                    Err(error) => {
                        tracing::error!(topic = %run.topic, %error, "an event could not be stored");
                        Err(error.into())
                    }
                }
            }
        })
    }

    fn message(&self, step: u32) -> Message {
        let count = self.count;
        match step {
            0 => Message::new(Kind::Connecting, "Connected to the backend."),
            number if number <= count => {
                Message::new(Kind::Message, format!("Message {number} of {count}"))
                    .with_data(json!({ "number": number, "of": count }))
            }
            _ => Message::new(Kind::Complete, "All messages were sent."),
        }
    }

    async fn append(&self, event: Event) -> Result<Position, StoreError> {
        let entry = NewEntry::new(self.topic.clone(), event).fenced_by(self.fence);
        let positions = self.store.append(vec![entry]).await?;
        positions.first().copied().ok_or_else(|| StoreError::other("no position for an event"))
    }
}
