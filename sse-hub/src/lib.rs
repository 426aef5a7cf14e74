//! Publish to topics, subscribe to any set of them, resume anywhere: fan-out over one ordered log.
//!
//! A subscription is a cursor along the log, not a queue: a set of topics and a position. One feed for each hub follows
//! the store and holds the newest events in memory, each encoded once; who has fallen behind that reads in pages of the
//! store. So a client that is slow, or does not read at all, costs no memory of the hub's and delays nobody, and what is
//! replayed and what is live come by the same walk.
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use std::sync::Arc;
//!
//! use futures_util::StreamExt as _;
//! use sse_core::Event;
//! use sse_hub::Hub;
//! use sse_store::MemoryStore;
//!
//! let hub = Hub::new(Arc::new(MemoryStore::new()));
//! let position = hub.publish("orders/42", Event::new("paid")).await?;
//! hub.publish("orders/42", Event::new("sent")).await?;
//!
//! // In a handler `resume_from` takes the request's `LastEventId`, and the subscription goes into an `Sse`.
//! let mut subscription = hub.subscribe(["orders/42", "user/7"]).resume_from(position).await?;
//! let opening = subscription.next().await.expect("where it stands")?;
//! assert_eq!(opening.event_type(), Some("position"));
//! let event = subscription.next().await.expect("what was missed")?;
//! assert_eq!(event.data().as_deref(), Some("sent"));
//! # Ok(())
//! # }
//! ```
//!
//! # What a client is told
//!
//! Beside the events of its topics, whose ids are their positions, a stream has the events of [`told`]: first `position`,
//! with the id of the connection, so that a client that is cut off before its first event can resume too; later
//! `position` again where others' events have moved it on; `gap` where something is missing, and `reset` where its
//! position is of another log. A subscription ends when all its topics are complete. A client that comes back to topics
//! that are complete, and has had all of them, is answered 204 by [`HubError::refusal`], and stays away.
//!
//! The guide, `docs/hub.md`, has handlers, limits, stopping, several instances and sizing.
//!
//! # Which policy for which need
//!
//! | need | [`Overload`] |
//! |---|---|
//! | whole: messages, an answer's tokens | `KeepAll`, the default |
//! | the newest of each: prices, the progress of a job | `LatestByTopic` |
//! | fresh, and loaded anew after a gap | `SkipWhenBehind` |
//!
//! # Who may hear what
//!
//! A position carries no authority: whoever shows one is given what their topics have, and no more. It does tell how many
//! records the log has, of all topics together. Who may have a topic is asked of
//! [`Subscribe::authorise`], at the beginning and for each topic that is [added](Hub::add_topics) to a live connection.
//!
//! # Logs
//!
//! `tracing`: a subscription's life is the span `subscription` with connection, user, topics and begin, and, when it has
//! ended, reason and events (debug), a child of the span in which it was asked for. What is refused is told too (debug).
//! The store's failures are warnings, and so is a change of log. No data of an event is ever logged, and of a
//! connection's id the beginning alone.
//!
//! # Metrics
//!
//! With the feature `metrics`, by the facade of that name. Install the recorder before the hub is built.
//!
//! | name | kind | labels | what |
//! |---|---|---|---|
//! | `sse_hub_connections` | gauge | – | connections that are open |
//! | `sse_hub_connections_total` | counter | – | connections that were opened |
//! | `sse_hub_ends_total` | counter | `reason` | connections that ended, by [`EndReason::as_str`] |
//! | `sse_hub_refusals_total` | counter | `reason` | subscriptions and additions of topics that were refused: `invalid topic`, `too many topics`, `forbidden`, `full`, `complete`, `draining`, `unknown connection`, `no randomness`, `starting`, `store closed`, `store failed` |
//! | `sse_hub_resumes_total` | counter | `result` | subscriptions that began at a client's position: `exact`, `gap`, `reset` |
//! | `sse_hub_gaps_total` | counter | – | gaps told, at a resume or later |
//! | `sse_hub_resets_total` | counter | – | resets told, at a resume or later |
//! | `sse_hub_published_events_total` | counter | – | events published by this process's hubs |
//! | `sse_hub_events_total` | counter | – | events given to connections |
//! | `sse_hub_bytes_total` | counter | – | bytes of these events, as they are sent |
//! | `sse_hub_publish_to_write_seconds` | histogram | – | from an event's append, by the clock of the process that appended it, until it was given; of events that were appended since the connection was opened |
//! | `sse_hub_feed_lag_seconds` | histogram | – | from the append of the newest event of a page until the feed had it |
//! | `sse_hub_feed_failures_total` | counter | – | times that the log could not be followed |
//! | `sse_hub_pages_read_total` | counter | – | pages read of the store for those behind the window |
//! | `sse_hub_window_bytes` | gauge | – | memory of the windows, by the measure of [`HubBuilder::window`] |
//!
//! # Features
//!
//! `metrics`: counters, gauges and histograms, by the `metrics` facade.

#![forbid(unsafe_code)]
#![warn(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

mod batches;
mod connection;
mod connections;
mod core;
mod cursor;
mod error;
mod feed;
mod health;
mod hub;
mod joining;
mod live;
mod metrics;
mod notices;
mod overload;
mod page;
mod pages;
mod reading;
mod resume;
mod settings;
mod shelves;
mod slot;
mod spare;
mod subscribe;
mod subscription;
mod sweep;
mod sync;
mod tell;
pub mod to;
pub mod told;
mod trace;
mod window;

#[cfg(test)]
mod checked;

pub use batches::Batches;
pub use connection::{Connection, ConnectionId, ConnectionIdError, EndReason, Notice};
pub use error::HubError;
pub use health::{Feed, Health};
pub use hub::Hub;
pub use notices::Notices;
pub use overload::Overload;
pub use resume::ResumeFrom;
pub use settings::HubBuilder;
pub use subscribe::Subscribe;
pub use subscription::Subscription;

/// The guide's code, so that it is compiled.
#[cfg(doctest)]
#[doc = include_str!("../../docs/hub.md")]
struct Guide;
