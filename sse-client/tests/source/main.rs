//! An event source against servers that do what a script says.

mod endings;
mod failures;
mod http2;
mod redirects;
mod requests;
mod rules;
mod settings;
mod support;
mod vectors;
