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
//! # Modes
//!
//! **Pass**, by default: a stream passes as it is, each chunk at once. Only between two events does the
//! proxy ever say something of its own: a comment when the stream is silent, a `retry:` when it has to
//! end (and what [`KeepAlive`] and [`MaxLifetime`] were given). When the upstream is lost the client's
//! response is aborted, without a last chunk (HTTP/1.1) or by a reset (HTTP/2), so that a loss never
//! looks like an end.
//!
//! **Resume**, by [`Forward::resume`]: events are decoded, and may be looked at, changed or dropped on
//! their way. When the upstream is lost, the proxy asks it for what follows the last id, while the
//! client stays connected and notices nothing. No event is split, merged or lost, and none is doubled
//! unless the upstream ignores `Last-Event-ID`. Where there is nothing to go on from, a `stream-error`
//! event says so, and the stream ends.
//!
//! In both, the client's leaving drops the upstream's connection at once, also before it has answered.
//!
//! ```
//! use sse_proxy::Resume;
//! # fn main() -> Result<(), sse_proxy::Error> {
//! # let upstream = sse_proxy::Upstream::builder("http://127.0.0.1:3100").build()?;
//!
//! let news = Resume::new().on_event(|mut message| {
//!     message.data = message.data.replace("10.0.0.7", "[inside]");
//!     (message.event_type != "internal").then_some(message)
//! });
//! let news = upstream.stream("/news").resume(news);
//! # let _ = news;
//! # Ok(())
//! # }
//! ```
//!
//! A language model's API takes a POST, and needs a key that the browser must not see. It says `[DONE]`
//! when it has said all: a stream that ends before is told from one that is complete. A POST is never
//! sent again.
//!
//! ```
//! use http::{Method, header};
//! use sse_proxy::{Completion, Resume};
//! # fn main() -> Result<(), sse_proxy::Error> {
//! # let upstream = sse_proxy::Upstream::builder("http://127.0.0.1:3100").build()?;
//! let chat = upstream
//!     .stream("/v1/chat/completions")
//!     .methods([Method::POST])
//!     .pass_request_header(header::AUTHORIZATION) // set by a layer of the front
//!     .resume(Resume::new().complete_on(Completion::data("[DONE]")));
//! # let _ = chat;
//! # Ok(())
//! # }
//! ```
//!
//! # Headers
//!
//! What is not listed does not pass. [`Forward::pass_request_header`] and
//! [`Forward::pass_response_header`] add to the lists; nothing adds `Cookie`, `Authorization` or
//! `Set-Cookie` but them. A `Cookie` that came in pieces, as HTTP/2 may have it, goes on as one.
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
//! | any, in a transfer coding other than `chunked` | 502 `upstream_unknown_coding` |
//! | cannot be reached, or hangs up before it answers | 502 `upstream_unreachable`, `upstream_lost` |
//! | does not answer in time | 504 `upstream_timeout` |
//!
//! The proxy itself says 405 `method_not_allowed` ([`Forward::methods`]: GET and HEAD), 508
//! `loop_detected`, 408 `request_timeout` and 400 `request_broken` for a request body that does not
//! come whole (one that the upstream does not take is 504), and 503 `shutting_down`. Each comes with `{"error":{"code":"…","message":"…"}}`, which
//! says what happened but not where: that is in the log. A GET that names `text/event-stream` in its
//! `Accept`, as an `EventSource` does, is told of the shutdown in a stream: 200, a `retry:`, and the end.
//! With [`UpstreamBuilder::in_stream_refusals`] it is told so of the upstream's failures too, which
//! would otherwise keep an `EventSource` away for good.
//!
//! # The end of a stream that resumes
//!
//! | the upstream | can go on | else the client gets |
//! |---|---|---|
//! | is cut off, or ends in an event | yes | `stream-error` with `upstream_lost` |
//! | is silent for too long | yes | `stream-error` with `upstream_timeout` |
//! | ends before its completing event | yes | `stream-error` with `upstream_incomplete` |
//! | ends, where no completing event was named | yes | the end |
//! | sends its completing event | – | the event; the end, after a while for a GET |
//! | sends an event that is too large | – | `stream-error` with `event_too_large` |
//! | cannot be reached again, or not in time | tried again | `upstream_unreachable`, `upstream_lost`, `upstream_timeout` |
//! | answers 429, 500, 502, 503 or 504 | tried again | `upstream_unexpected_status` |
//! | answers 204 | – | the end; the client's next request is told 204 too |
//! | answers anything else | – | `upstream_unexpected_status`, `upstream_not_event_stream` |
//!
//! It can go on with a safe method, no body in the request, and an id: one that the stream, or the
//! client in its request, has said last. Events without an id that come after it are the upstream's to
//! repeat or not. Attempts follow [`Resume::backoff`]; keep-alives go on meanwhile.
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
//! | [`Resume::linger`], from the completing event | 5 s | the end |
//! | [`max_lifetime`](UpstreamBuilder::max_lifetime) | off | end between events, with a `retry:` |
//! | [`shutdown`](UpstreamBuilder::shutdown) | none | end between events, with a `retry:` |
//! | [`drain_timeout`](UpstreamBuilder::drain_timeout), for the event on its way at such an end | 2 s | abort |
//!
//! Where a stream resumes, what would be an abort is a loss: the upstream is asked again, and its first event
//! is waited for again if there was none.
//!
//! A server polls a body only while its client reads: the timers of a stream whose client has
//! stopped reading wait too, and the server's own grace deadline ends it at a shutdown.
//!
//! # Limits
//!
//! - What a stream holds: the chunk that is on its way, of up to some 400 KiB as the HTTP client reads
//!   it (HTTP/2: a window of 64 KiB), and some hundred bytes of its own, whatever the event's size. Where
//!   it resumes, the event that is on its way too ([`Resume::max_event_size`]).
//!   A client that does not read stops its upstream, and no other.
//! - A body that is ended by its connection alone (HTTP/1.0) cannot say that it is whole: when it
//!   ends in an event it counts as lost, between two events as ended.
//! - For the same reason a client that speaks HTTP/1.0 takes a loss for an end. nginx does so towards
//!   a front unless it is given `proxy_http_version 1.1`.
//! - `axum::serve` does not set TCP_NODELAY: set it on the front's listener (`ListenerExt::tap_io`).
//! - A response that is reset over HTTP/2 is lost, whatever the code of the reset; see [`sse_client::ResponseBody`] for
//!   where that cannot be seen.
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
//! | `sse_proxy_resumes_total` | counter | `path`, `result` | losses of a stream that resumes, by what became of it: `resumed`, `impossible` for want of an id or since the request must not be sent again, `given up`, `refused`, `complete` by a 204, `abandoned` by the client or a shutdown |
//! | `sse_proxy_refusals_total` | counter | `path`, `code` | answers of the proxy's own, by code, also those given in the stream; in place of the upstream's 429, 502, 503 and 504 that is `upstream_unavailable` |
//! | `sse_proxy_upstream_failures_total` | counter | `path`, `kind` | `unreachable`, `lost`, `header timeout`, `first event timeout`, `idle timeout`, `no event stream`, `unexpected status`, `unknown coding`; each attempt |
//!
//! # Features
//!
//! | feature | what |
//! |---|---|
//! | `metrics` | counters and gauges, by the `metrics` facade |
//! | `tls` | upstreams by `https`: rustls with ring, the platform's certificates, HTTP/2 where the upstream has it |
//!
//! The HTTP client is [`sse_client::HttpClient`]'s: where another crate of the program turns on reqwest's
//! `rustls-no-provider`, take `tls` too, or [`UpstreamBuilder::build`] is an error for want of a provider.

#![forbid(unsafe_code)]
#![warn(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

mod alarm;
mod batch;
mod body;
mod builder;
mod close;
mod error;
mod exchange;
mod first_event;
mod forward;
mod forwarded;
mod headers;
mod late_mark;
mod link;
mod loss;
mod meter;
mod pace;
mod pass;
mod refusal;
mod request_body;
mod resume;
mod resumed;
mod source;
mod upstream;

pub use body::ProxyBody;
pub use builder::UpstreamBuilder;
pub use close::{ForwardCloseReason, ForwardStats};
pub use error::Error;
pub use forward::Forward;
pub use forwarded::{Forwarded, Peer};
pub use resume::Resume;
pub use sse_core::{Backoff, Completion, KeepAlive, MaxLifetime, MessageEvent};
pub use upstream::Upstream;

/// The guide's code, so that it is compiled.
#[cfg(doctest)]
#[doc = include_str!("../../docs/proxy.md")]
struct Guide;
