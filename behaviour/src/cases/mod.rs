//! The cases, each for any framework and version of HTTP.
#![allow(missing_docs)]

pub mod cors;
pub mod end;
pub mod flow;
pub mod gone;
pub mod headers;
pub mod resume;
pub mod stop;
