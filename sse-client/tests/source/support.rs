//! What all of these tests use.

use std::time::Duration;

use futures_util::StreamExt;
use sse_client::reqwest;
use sse_client::{Backoff, Error, EventSource, EventSourceBuilder, Item, Opened};
use testkit::{BOUND, Scripted};
use tokio::time::timeout;

pub(crate) const MILLI: Duration = Duration::from_millis(1);

/// Waits a few milliseconds between attempts, whatever a server asks for.
pub(crate) fn quick() -> Backoff {
    Backoff::new().bounds(MILLI, 10 * MILLI)
}

pub(crate) fn builder(server: &Scripted) -> EventSourceBuilder {
    EventSource::builder(server.url("/events")).backoff(quick())
}

pub(crate) fn source(server: &Scripted) -> EventSource {
    builder(server).build().unwrap()
}

/// A client of one's own; reqwest panics without a provider where it could speak TLS.
pub(crate) fn client() -> reqwest::ClientBuilder {
    #[cfg(feature = "tls")]
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder()
}

/// An item, as a test compares it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Seen {
    Open,
    /// Type, data, last event ID.
    Message(String, String, String),
    Comment(String),
    /// The cause.
    Lost(String),
    Err(String),
    End,
}

pub(crate) fn message(data: &str) -> Seen {
    Seen::Message("message".into(), data.into(), String::new())
}

pub(crate) fn with_id(data: &str, id: &str) -> Seen {
    Seen::Message("message".into(), data.into(), id.into())
}

pub(crate) fn lost(cause: &str) -> Seen {
    Seen::Lost(cause.into())
}

pub(crate) async fn next(source: &mut EventSource) -> Option<Result<Item, Error>> {
    timeout(BOUND, source.next()).await.expect("an item")
}

pub(crate) async fn seen(source: &mut EventSource) -> Seen {
    match next(source).await {
        Some(Ok(Item::Open(_))) => Seen::Open,
        Some(Ok(Item::Message(message))) => Seen::Message(
            message.event_type.to_string(),
            message.data,
            message.last_event_id.to_string(),
        ),
        Some(Ok(Item::Comment(comment))) => Seen::Comment(comment),
        Some(Ok(Item::Reconnecting { cause, .. })) => Seen::Lost(cause.to_string()),
        Some(Ok(other)) => panic!("{other:?}"),
        Some(Err(error)) => Seen::Err(error.to_string()),
        None => Seen::End,
    }
}

/// Everything up to the end, or to the error.
pub(crate) async fn all(source: &mut EventSource) -> Vec<Seen> {
    let mut items = vec![];
    loop {
        items.push(seen(source).await);
        if let Some(Seen::Err(_) | Seen::End) = items.last() {
            assert!(next(source).await.is_none(), "an error and an end are final");
            return items;
        }
    }
}

/// The error that this source comes to.
pub(crate) async fn error(source: &mut EventSource) -> Error {
    loop {
        match next(source).await.expect("an error") {
            Ok(_) => {}
            Err(error) => {
                assert!(next(source).await.is_none(), "an error is final");
                return error;
            }
        }
    }
}

/// The next loss: how long to wait, and why.
pub(crate) async fn loss(source: &mut EventSource) -> (Duration, Error) {
    loop {
        if let Item::Reconnecting { after, cause } = next(source).await.expect("a loss").unwrap() {
            return (after, cause);
        }
    }
}

pub(crate) async fn opened(source: &mut EventSource) -> Opened {
    loop {
        if let Item::Open(opened) = next(source).await.expect("a stream").unwrap() {
            return opened;
        }
    }
}
