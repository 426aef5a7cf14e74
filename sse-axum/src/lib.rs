//! Server-Sent Events for [Axum](axum): [`Sse`] makes a response of any stream of events,
//! [`LastEventId`] says where a returning client left off, and [`StreamRequest`] refuses one so that it
//! understands.
//!
//! What a stream does once it is open is [`Lifecycle`]'s: see [`sse_core`], whose items this crate
//! gives again under their own names. `sse-actix` has the same surface, and passes the same tests.
//!
//! ```no_run
//! use std::time::Duration;
//!
//! use axum::{Router, response::IntoResponse, routing::get};
//! use futures_util::{StreamExt, stream};
//! use sse_axum::{Completion, Event, EventType, Lifecycle, Sse};
//!
//! const DONE: EventType = EventType::from_static("done");
//!
//! async fn countdown() -> impl IntoResponse {
//!     let events = stream::iter((0..=10u64).rev()).then(|left| async move {
//!         tokio::time::sleep(Duration::from_secs(1)).await;
//!         let event = Event::new(left.to_string()).with_id(10 - left);
//!         if left == 0 { event.with_type(DONE) } else { event }
//!     });
//!     Sse::new(events).lifecycle(Lifecycle::new().complete_on(Completion::event_type(DONE)))
//! }
//!
//! #[tokio::main]
//! async fn main() -> std::io::Result<()> {
//!     let app = Router::new().route("/countdown", get(countdown));
//!     let listener = tokio::net::TcpListener::bind("127.0.0.1:3000").await?;
//!     axum::serve(listener, app).await
//! }
//! ```
//!
//! # Serving
//!
//! - A graceful shutdown waits for every open response
//!   ([hyper#2787](https://github.com/hyperium/hyper/issues/2787)). Give the same signal to
//!   [`Lifecycle::shutdown`], or the server waits for streams that never end.
//! - A client that does not read cannot be ended in good form, and hyper has no time limit for writing
//!   ([hyper#3852](https://github.com/hyperium/hyper/issues/3852)): put a deadline on the shutdown, as
//!   `examples/flow` does.
//! - `axum::serve` does not set `TCP_NODELAY`; `axum::serve::ListenerExt::tap_io` can. Without it an
//!   event may wait for the acknowledgement of the one before.
//!
//! The guide's `docs/serving.md` has them in place.

#![forbid(unsafe_code)]
#![warn(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

mod last_event_id;
mod request;
mod sse;

pub use last_event_id::{LastEventId, LastEventIdRejection};
pub use request::{Refused, StreamRequest};
pub use sse::Sse;
#[cfg(feature = "serde")]
pub use sse_core::TypedError;
pub use sse_core::{
    CloseReason, Completion, Event, EventId, EventType, FieldError, FieldErrorKind, Frame,
    KeepAlive, Lifecycle, MaxLifetime, Refusal, StreamItem, StreamStats,
};

/// Compiles the code of the workspace's README.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
