//! Forwards event streams, and the plain routes beside them: a tower service.
//!
//! The browser talks to the front alone, and the front forwards to the service behind it:
//!
//! ```no_run
//! use axum::Router;
//! use sse_proxy::Upstream;
//!
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! let upstream = Upstream::builder("http://127.0.0.1:3100").build()?;
//! let router = Router::new()
//!     .route_service("/api/sse", upstream.stream("/sse"))
//!     .route_service("/api/events", upstream.plain("/events"));
//!
//! let listener = tokio::net::TcpListener::bind("127.0.0.1:3000").await?;
//! axum::serve(listener, router).await?;
//! # Ok(())
//! # }
//! ```
//!
//! A stream passes as it is, each chunk at once. Only between two events does the proxy ever say
//! something of its own: a comment when the stream is silent, a `retry:` when it has to end (and what
//! [`KeepAlive`] and [`MaxLifetime`] were given). When the
//! upstream is lost the client's response is aborted, without a last chunk (HTTP/1.1) or by a reset
//! (HTTP/2), so that a loss never looks like an end. When the client leaves, the upstream's
//! connection is dropped at once, also before it has answered.
//!
//! A language model's API takes a POST, and needs a key that the browser must not see:
//!
//! ```
//! use http::{Method, header};
//! # fn main() -> Result<(), sse_proxy::Error> {
//! # let upstream = sse_proxy::Upstream::builder("http://127.0.0.1:3100").build()?;
//! let chat = upstream
//!     .stream("/v1/chat/completions")
//!     .methods([Method::POST])
//!     .pass_request_header(header::AUTHORIZATION); // set by a layer of the front
//! # let _ = chat;
//! # Ok(())
//! # }
//! ```
//!
//! # Headers
//!
//! What is not listed does not pass. [`Forward::pass_request_header`] and
//! [`Forward::pass_response_header`] add to the lists; nothing adds `Cookie`, `Authorization` or
//! `Set-Cookie` but them.
//!
//! | to the upstream | on a stream | on a plain route |
//! |---|---|---|
//! | `Accept-Language`, `Content-Encoding`, `Content-Type`, `Traceparent`, `Tracestate` | pass | pass |
//! | `Accept` | `text/event-stream` | passes |
//! | `Accept-Encoding` | `identity` | passes |
//! | `Last-Event-ID` | passes; else the query's `lastEventId` | – |
//! | `If-None-Match`, `If-Modified-Since` | – | pass |
//! | `Host` | the upstream's | the upstream's |
//! | `Via` | grows by this proxy's name | the same |
//! | `X-Forwarded-For`, `-Host`, `-Proto` | as [`x_forwarded`](UpstreamBuilder::x_forwarded) says | the same |
//! | `Forwarded` | as [`forwarded`](UpstreamBuilder::forwarded) says | the same |
//!
//! | to the client | on a stream | else |
//! |---|---|---|
//! | `Content-Type` | `text/event-stream` | passes |
//! | `Cache-Control` | `no-cache, no-transform` | passes |
//! | `X-Accel-Buffering` | `no` | – |
//! | `Content-Length` | never | as the body's |
//! | `Allow`, `Content-Disposition`, `Content-Encoding`, `Content-Language`, `ETag`, `Expires`, `Last-Modified`, `Retry-After`, `Vary`, `WWW-Authenticate` | pass | pass |
//!
//! Never, even when told: the headers of one connection (RFC 9110 §7.6.1: `Connection` and what it
//! names, `Keep-Alive`, `Proxy-*`, `TE`, `Trailer`, `Transfer-Encoding`, `Upgrade`), and `Expect`.
//! Trailers are dropped. Both sides' messages are framed anew, so that no length or coding that could
//! be read in two ways passes through.
//!
//! # Statuses
//!
//! | the upstream | the client gets |
//! |---|---|
//! | 200, on a stream route, with `text/event-stream` and no coding | the stream |
//! | 4xx, 5xx; 204 on a stream route; any 2xx and 304 on a plain one | the same, body and `Retry-After` too |
//! | anything else, also a redirect, which is never followed | 502 `upstream_not_event_stream` or `upstream_unexpected_status` |
//! | cannot be reached, or hangs up before it answers | 502 `upstream_unreachable`, `upstream_lost` |
//! | does not answer in time | 504 `upstream_timeout` |
//!
//! The proxy itself says 405 `method_not_allowed` ([`Forward::methods`]: GET and HEAD), 508
//! `loop_detected`, 408 `request_timeout` and 400 `request_broken` for a request body that does not
//! come whole, and 503 `shutting_down`. Each comes with `{"error":{"code":"…","message":"…"}}`, which
//! says what happened but not where: that is in the log. A GET that names `text/event-stream` in its
//! `Accept`, as an `EventSource` does, is told of the shutdown in a stream: 200, a `retry:`, and the end.
//! With [`UpstreamBuilder::in_stream_refusals`] it is told so of the upstream's failures too, which
//! would otherwise keep an `EventSource` away for good.
//!
//! # Timers
//!
//! | timer | default | then |
//! |---|---|---|
//! | [`connect_timeout`](UpstreamBuilder::connect_timeout) | 5 s | 502 |
//! | [`header_timeout`](UpstreamBuilder::header_timeout), from the request's last byte | 30 s | 504 |
//! | [`cold_start`](UpstreamBuilder::cold_start) | off | while it lasts, a safe request is sent again |
//! | [`keep_alive`](UpstreamBuilder::keep_alive), from the last byte sent | 20 s | a comment, or what it was told, between events |
//! | [`first_event_timeout`](UpstreamBuilder::first_event_timeout), from the upstream's headers | off | abort |
//! | [`idle_timeout`](UpstreamBuilder::idle_timeout), from the upstream's last byte | 300 s | abort |
//! | [`max_lifetime`](UpstreamBuilder::max_lifetime) | off | end between events, with a `retry:` |
//! | [`shutdown`](UpstreamBuilder::shutdown) | none | end between events, with a `retry:` |
//! | [`drain_timeout`](UpstreamBuilder::drain_timeout), for the event on its way at such an end | 2 s | abort |
//!
//! A server polls a body only while its client reads: the timers of a stream whose client has
//! stopped reading wait too, and the server's own grace deadline ends it at a shutdown.
//!
//! # Limits
//!
//! - What a stream holds: the chunk that is on its way, of up to some 400 KiB as the HTTP client reads
//!   it (HTTP/2: a window of 64 KiB), and some hundred bytes of its own, whatever the event's size.
//!   A client that does not read stops its upstream, and no other.
//! - A body that is ended by its connection alone (HTTP/1.0) cannot say that it is whole: when it
//!   ends in an event it counts as lost, between two events as ended.
//! - For the same reason a client that speaks HTTP/1.0 takes a loss for an end. nginx does so towards
//!   a front unless it is given `proxy_http_version 1.1`.
//! - `axum::serve` does not set TCP_NODELAY: set it on the front's listener (`ListenerExt::tap_io`).
//! - Over HTTP/2 all streams share one connection to the upstream, and what goes beyond its
//!   limit of concurrent streams waits, up to the header timeout.
//! - `max_lifetime` and `shutdown` leave the browser with the `retry:` they said; an upstream that
//!   opens its streams with the ordinary one puts that right.
//!
//! # Logs
//!
//! `tracing` events: `stream closed` with reason, bytes, events and seconds (info), what went wrong
//! with the upstream (warn), `stream opened` and each refusal (debug). All of them, to the end of the
//! stream, in the span `forward` with method and path (info). Queries are never logged.
//! [`UpstreamBuilder::on_close`] tells a program.
//!
//! # Metrics
//!
//! With the feature `metrics`, by the facade of that name; the label `path` is the configured one, of the
//! upstream.
//!
//! | name | kind | labels | what |
//! |---|---|---|---|
//! | `sse_proxy_streams` | gauge | `path` | streams that are open |
//! | `sse_proxy_streams_total` | counter | `path` | streams that were opened |
//! | `sse_proxy_closes_total` | counter | `path`, `reason` | streams that ended, by [`ForwardCloseReason::as_str`] |
//! | `sse_proxy_bytes_total` | counter | `path` | bytes of streams handed to clients' connections |
//! | `sse_proxy_events_total` | counter | `path` | events handed on, where a stream does not pass as it is |
//! | `sse_proxy_refusals_total` | counter | `path`, `code` | answers of the proxy's own, by code, also those given in the stream |
//! | `sse_proxy_upstream_failures_total` | counter | `path`, `kind` | `unreachable`, `lost`, `header timeout`, `first event timeout`, `idle timeout`, `no event stream`, `unexpected status`; each attempt |
//!
//! # Features
//!
//! | feature | what |
//! |---|---|
//! | `metrics` | counters and gauges, by the `metrics` facade |
//! | `tls` | upstreams by `https`: rustls with ring, the platform's certificates, HTTP/2 where the upstream has it |
//!
//! An application that turns `rustls-no-provider` on for `reqwest` itself, in the version that is used
//! here, turns it on for this crate too (features are united). Without `tls`, reqwest then looks for a
//! provider of its own accord, and [`UpstreamBuilder::build`] **panics** where none was installed: turn
//! `tls` on, or call `install_default` of a `rustls` provider first.

#![forbid(unsafe_code)]
#![warn(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

mod alarm;
mod body;
mod builder;
mod client;
mod close;
mod error;
mod exchange;
mod first_event;
mod forward;
mod forwarded;
mod headers;
mod late_mark;
mod meter;
mod pass;
mod refusal;
mod request_body;
mod source;
mod upstream;

pub use body::ProxyBody;
pub use builder::UpstreamBuilder;
pub use close::{ForwardCloseReason, ForwardStats};
pub use error::Error;
pub use forward::Forward;
pub use forwarded::{Forwarded, Peer};
pub use sse_core::{KeepAlive, MaxLifetime};
pub use upstream::Upstream;
