//! The flow on Actix: the same tests.

#[path = "flow.rs"]
mod flow;
