//! One stream that the suite has started, and the callbacks that tell of it.

use futures_util::StreamExt;
use serde_json::{Value, json};
use sse_client::reqwest::{Client, header};
use sse_client::{Cause, EventSource, Item};
use tokio::sync::mpsc;

use crate::params::Command;

/// Reads `source` and tells the suite of it, until it is over or `commands` has no sender any more.
pub(crate) async fn run(
    mut source: EventSource,
    mut callback: Callback,
    mut commands: mpsc::UnboundedReceiver<Command>,
) {
    loop {
        tokio::select! {
            command = commands.recv() => match command {
                Some(Command::Restart) => source.restart(),
                Some(Command::Listen) => {}
                None => return,
            },
            item = source.next() => match item {
                Some(item) => {
                    let message = match item {
                        Ok(item) => message(item),
                        Err(error) => Some(failure(&error)),
                    };
                    if let Some(message) = message {
                        callback.send(&message).await;
                    }
                }
                // The suite still owns the stream, and will stop it.
                None => while commands.recv().await.is_some() {},
            },
        }
    }
}

fn message(item: Item) -> Option<Value> {
    match item {
        Item::Message(message) => Some(json!({
            "kind": "event",
            "event": {
                "type": message.event_type.as_str(),
                "data": message.data,
                "id": message.last_event_id.as_str(),
            },
        })),
        Item::Comment(comment) => Some(json!({ "kind": "comment", "comment": comment })),
        // The suite asked for it: nothing went wrong.
        Item::Reconnecting { cause, .. } if cause.cause() == Some(Cause::Restarted) => None,
        Item::Reconnecting { cause, .. } => Some(failure(&cause)),
        _ => None,
    }
}

fn failure(error: &sse_client::Error) -> Value {
    json!({ "kind": "error", "error": error.to_string() })
}

/// Posts to the suite, each message to the next number.
#[derive(Debug)]
pub(crate) struct Callback {
    client: Client,
    url: String,
    sent: u64,
}

impl Callback {
    pub(crate) fn new(client: Client, url: String) -> Self {
        Self { client, url, sent: 0 }
    }

    async fn send(&mut self, message: &Value) {
        self.sent += 1;
        let request = self.client.post(format!("{}/{}", self.url, self.sent));
        let request = request.header(header::CONTENT_TYPE, "application/json");
        // A suite that is no longer there wants to hear no more.
        let _ = request.body(message.to_string()).send().await;
    }
}
