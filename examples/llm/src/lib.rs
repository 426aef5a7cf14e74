//! A language model's stream through the proxy: a page asks a front, the front adds its API key and
//! forwards the request to a model, and the answer streams back. When the page hangs up, the model
//! stops at once: a token that nobody reads is not made.

#![forbid(unsafe_code)]

pub mod app;
pub mod config;
pub mod front;
pub mod model;
pub mod pace;

mod problem;
mod serve;

/// Compiles the code of the guide's page.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/llm.md")]
struct Guide;
