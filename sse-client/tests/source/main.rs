//! An event source against servers that do what a script says.

mod attempts;
mod endings;
mod failures;
mod http2;
#[cfg(feature = "metrics")]
mod metrics;
mod redirects;
mod requests;
mod rules;
mod settings;
mod support;
mod vectors;
