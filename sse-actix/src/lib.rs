//! Server-Sent Events for [Actix](actix_web): [`Sse`] makes a response of any stream of events,
//! [`LastEventId`] says where a returning client left off, [`StreamRequest`] refuses one so that it
//! understands, and [`tower`] mounts a tower service such as `sse-proxy`'s.
//!
//! What a stream does once it is open is [`Lifecycle`]'s: see [`sse_core`], whose items this crate
//! gives again under their own names. `sse-axum` has the same surface, and passes the same tests.
//!
//! ```no_run
//! use std::time::Duration;
//!
//! use actix_web::{App, HttpServer, Responder, web};
//! use futures_util::{StreamExt, stream};
//! use sse_actix::{Completion, Event, EventType, Lifecycle, Sse};
//!
//! const DONE: EventType = EventType::from_static("done");
//!
//! async fn countdown() -> impl Responder {
//!     let events = stream::iter((0..=10u64).rev()).then(|left| async move {
//!         tokio::time::sleep(Duration::from_secs(1)).await;
//!         let event = Event::new(left.to_string()).with_id(10 - left);
//!         if left == 0 { event.with_type(DONE) } else { event }
//!     });
//!     Sse::new(events).lifecycle(Lifecycle::new().complete_on(Completion::event_type(DONE)))
//! }
//!
//! #[actix_web::main]
//! async fn main() -> std::io::Result<()> {
//!     HttpServer::new(|| App::new().route("/countdown", web::get().to(countdown)))
//!         .h1_allow_half_closed(false)
//!         .tcp_nodelay(true)
//!         .bind("127.0.0.1:3000")?
//!         .run()
//!         .await
//! }
//! ```
//!
//! # The server's options
//!
//! | option | why |
//! |---|---|
//! | `h1_allow_half_closed(false)` | A stream whose client has gone is dropped at once. Without it Actix takes the end of the client's side for a half-closed connection, and finds out at the next keep-alive ([#1313](https://github.com/actix/actix-web/issues/1313), [#3777](https://github.com/actix/actix-web/pull/3777)). |
//! | `tcp_nodelay(true)` | An event does not wait for the acknowledgement of the one before. |
//! | `shutdown_timeout(seconds)` | The grace at a stop, 30 s by default: end the streams by [`Lifecycle::shutdown`], and Actix waits only for clients that do not read. |
//!
//! The guide's `docs/serving.md` has them in place.
//!
//! # HEAD
//!
//! A route of `web::get()` takes no HEAD, as Axum's does: `App::route` answers one with 404, and a
//! resource with 405. Where clients ask for the headers alone, as the module `sse-js` does before it
//! comes back, give it the handler too; its stream is dropped unread.
//!
//! ```
//! use actix_web::{App, Responder, web};
//! use futures_util::stream;
//! use sse_actix::{Event, Sse};
//!
//! async fn events() -> impl Responder {
//!     Sse::new(stream::iter([Event::new("hello")]))
//! }
//!
//! let events = web::resource("/events")
//!     .route(web::get().to(events))
//!     .route(web::head().to(events));
//! let app = App::new().service(events);
//! # let _ = app;
//! ```
//!
//! # What Actix leaves
//!
//! - Over HTTP/2 the reset of a stream, or the loss of its connection, is seen when the next byte is
//!   to be sent: at the latest after one keep-alive interval.
//! - At a stop, Actix does not tell clients of HTTP/2 to go (no GOAWAY), and waits for their
//!   connections up to the `shutdown_timeout`
//!   ([#3169](https://github.com/actix/actix-web/issues/3169)).
//! - A client that does not read is cut by the `shutdown_timeout` alone.
//! - `bind_auto_h2c`, for HTTP/2 without TLS, waits for a connection's first byte without a limit.
//!
//! Checked with actix-web 4.18.1 and actix-http 3.20.0.

#![forbid(unsafe_code)]
#![warn(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

mod body;
mod convert;
mod last_event_id;
mod request;
mod sse;
mod tower;

pub use last_event_id::{LastEventId, LastEventIdRejection};
pub use request::{Refused, StreamRequest};
pub use sse::Sse;
#[cfg(feature = "serde")]
pub use sse_core::TypedError;
pub use sse_core::{
    CloseReason, Completion, Event, EventId, EventType, FieldError, FieldErrorKind, Frame,
    KeepAlive, Lifecycle, MaxLifetime, Refusal, StreamItem, StreamStats,
};
pub use tower::{RequestBody, tower, tower_with};
