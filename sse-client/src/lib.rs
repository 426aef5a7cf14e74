//! `EventSource` for Rust: reads an event stream over [`reqwest`], and goes on where it broke off.
//!
//! ```no_run
//! use futures_util::StreamExt;
//! use sse_client::{EventSource, Item};
//!
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), sse_client::Error> {
//! let mut source = EventSource::new("http://127.0.0.1:3000/events")?;
//! while let Some(item) = source.next().await {
//!     match item? {
//!         Item::Message(message) => println!("{}: {}", message.event_type, message.data),
//!         Item::Reconnecting { after, cause } => eprintln!("back in {after:?}: {cause}"),
//!         _ => {}
//!     }
//! }
//! # Ok(()) }
//! ```
//!
//! To lose the connection is no error: it is asked for again, from the last event ID on, and an item
//! says so. An `Err` is final, and so is the end of the stream: no request follows, ever.
//!
//! | to | take |
//! |---|---|
//! | read a stream as a browser does | [`EventSource::new`] |
//! | choose method, headers, limits, times, the position to begin at | [`EventSource::builder`] |
//! | read the answer to a request of reqwest's, such as a POST with JSON | [`RequestBuilderExt::event_source`] |
//! | have nothing but the messages | [`EventSource::messages`] |
//! | have them as one enum for all types | [`EventSource::typed`] |
//! | stop at `[DONE]`, or at any other last event | [`EventSourceBuilder::complete_on`] |
//! | share one HTTP client between sources | [`HttpClient`] |
//! | read bytes that come from elsewhere | `sse_core::EventStream` |
//!
//! # A language model
//!
//! ```no_run
//! use futures_util::StreamExt;
//! use sse_client::{Completion, RequestBuilderExt};
//!
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let client = reqwest::Client::new();
//! # let prompt = serde_json::Value::Null;
//! let request = client.post("http://127.0.0.1:8080/v1/chat/completions").json(&prompt);
//! let source = request.event_source().complete_on(Completion::data("[DONE]")).build()?;
//! let mut messages = source.messages();
//! while let Some(message) = messages.next().await {
//!     let message = message?; // An answer that was cut off is an error here.
//!     if message.data != "[DONE]" {
//!         print!("{}", message.data);
//!     }
//! }
//! # Ok(()) }
//! ```
//!
//! Dropping the source closes the connection at once: that is how an answer is stopped.
//!
//! # What becomes of an answer
//!
//! | the server | the source |
//! |---|---|
//! | 200 with `text/event-stream` | [`Item::Open`], then its messages |
//! | ends the stream, or loses it | [`Item::Reconnecting`], and another request after the reconnection time |
//! | 204 | ends: `None` |
//! | the [completing](EventSourceBuilder::complete_on) event | ends after it: `None` |
//! | 429, 500, 502, 503, 504 ([`retry_on`](EventSourceBuilder::retry_on)) | [`Item::Reconnecting`], no sooner than `Retry-After`, as far as [`Backoff::bounds`] go |
//! | any other status, another content type | an error |
//! | 301, 302, 303, 307, 308 | followed, see below |
//! | does not listen, does not answer | [`Item::Reconnecting`] |
//!
//! How long it waits, and how often, is [`Backoff`]'s to say; all of it is decided by
//! [`sse_core::Reconnect`]. Without a budget it never gives up, as a browser does not.
//!
//! A request that is not safe to repeat (a body, or a method such as POST) is sent once, unless
//! [`resend`](EventSourceBuilder::resend) allows more: that it was lost is an error then, and that its
//! stream ended is the end. Only where no connection was made is it tried again, and not after a redirect (one
//! that a client of one's own has followed is not seen).
//!
//! # Redirects and credentials
//!
//! Redirects are followed as Fetch says, at most 20 in a row, and the next attempt begins at the
//! original URL. Within an origin every header goes along. To another origin go `Accept`,
//! `Cache-Control`, `Last-Event-ID`, `User-Agent` and what describes the body: neither `Authorization`
//! nor a cookie nor any other header that was set.
//!
//! With a [client](EventSourceBuilder::client) of one's own, and so with a request of reqwest's, that
//! client's policy comes first: reqwest follows up to ten redirects, and takes `Authorization` and
//! cookies away when the origin changes, but no headers of one's own invention. Where the policy is to
//! follow none (`reqwest::redirect::Policy::none()`, and [`HttpClient`]), this crate follows those within the origin, and
//! refuses the others: the client may add headers that this crate cannot see.
//!
//! # Limits
//!
//! | what | limit |
//! |---|---|
//! | an event | [`max_event_size`](EventSourceBuilder::max_event_size), 16 MiB |
//! | connecting | [`connect_timeout`](EventSourceBuilder::connect_timeout), 10 s |
//! | the head of a response | [`response_timeout`](EventSourceBuilder::response_timeout), none |
//! | silence | [`idle_timeout`](EventSourceBuilder::idle_timeout), none |
//! | the reconnection time | [`Backoff::bounds`], 100 ms to 60 s |
//! | attempts in a row | [`Backoff::budget`] and [`Backoff::give_up_after`], none |
//! | redirects in a row | 20 |
//!
//! A body that its connection alone ends (HTTP/1.0) cannot say that it is whole: only a
//! [completing](EventSourceBuilder::complete_on) event can. Over HTTP/2 one that is reset is cut off, whatever the code of the reset; see [`ResponseBody`] for where that
//! cannot be seen.
//!
//! A dead connection that nobody closed is found by TCP keep-alive and HTTP/2 pings within a minute. A
//! server that hangs is found by the two timeouts alone: where the server sends keep-alives, set
//! `idle_timeout` to twice their interval.
//!
//! Nothing is read ahead but what one chunk of the connection holds: who does not poll holds the
//! server back. Do not set a `timeout` on a client or a request of one's own: it counts the whole stream.
//!
//! # Logs and metrics
//!
//! `tracing` events, each at debug: a request, an open stream, why another attempt follows, and the end. No URL is logged.
//! With the feature `metrics`, by the facade of that name, of all sources of the process together:
//!
//! | name | kind | labels | what |
//! |---|---|---|---|
//! | `sse_client_streams` | gauge | – | streams that are open |
//! | `sse_client_streams_total` | counter | – | streams that were opened |
//! | `sse_client_bytes_total` | counter | – | bytes read of them |
//! | `sse_client_events_total` | counter | – | messages yielded |
//! | `sse_client_reconnects_total` | counter | `cause` | losses and failures that another attempt follows: `unreachable`, `failed`, `response timeout`, `status`, `cut`, `ended`, `idle timeout`, `restarted` |
//!
//! # Features
//!
//! | feature | gives | default |
//! |---|---|---|
//! | `serde` | [`EventSource::typed`], completion by a JSON field | yes |
//! | `metrics` | counters and a gauge, by the `metrics` facade | no |
//! | `tls` | `https`, by rustls with ring, and HTTP/2 where the server offers it | no |
//!
//! With `tls` a program that makes a `reqwest::Client` by reqwest's builder has to choose a provider for it, or
//! reqwest panics: `rustls::crypto::ring::default_provider().install_default()`, or reqwest's own
//! feature `rustls`. The client that this crate makes, also by [`HttpClient`], needs neither. Take `tls` as well where
//! anything else in the program turns on reqwest's `rustls-no-provider`: without it, and without a provider that was
//! installed, building an `EventSource` is an [error](Error::is_client). (reqwest panics, and its panic is caught: where
//! panics abort, so does this one.)
//!
//! Proxies are not taken from the environment, unless a client of one's own does that.

#![forbid(unsafe_code)]
#![warn(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

mod body;
mod builder;
mod client;
mod connect;
mod error;
mod item;
mod messages;
mod meter;
mod redirect;
mod source;
mod template;

pub use body::ResponseBody;
pub use builder::{EventSourceBuilder, RequestBuilderExt};
pub use client::HttpClient;
pub use error::Error;
pub use item::{Item, Opened};
pub use messages::Messages;
#[cfg(feature = "serde")]
pub use messages::Typed;
pub use reqwest;
pub use source::EventSource;
pub use sse_core::{
    Backoff, Cause, Completion, EventId, EventType, MessageEvent, Overflow, ReadyState,
};

/// Compiles the code of the guide's page.
#[cfg(doctest)]
#[doc = include_str!("../../docs/client.md")]
struct Guide;
