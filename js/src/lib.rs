#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]
#![warn(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

/// The module, to be served as `text/javascript`.
pub const MODULE: &str = include_str!("../sse.js");
