//! The proxy between a scripted upstream and raw clients: every claim is read off the wire.

mod client;
mod cold;
mod failures;
mod forwarded;
mod headers;
mod http2;
mod leaving;
mod logs;
#[cfg(feature = "metrics")]
mod metrics;
mod plain;
mod refusals;
mod resume;
mod shutdown;
mod smuggling;
mod stream;
mod support;
mod timers;
