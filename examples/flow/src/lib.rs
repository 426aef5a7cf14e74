//! The documented flow: a page opens an event stream through a front, a backend stores and sends
//! the events of a session, and the page lists what was stored.

#![forbid(unsafe_code)]

mod actix;
pub mod app;
pub mod backend;
pub mod config;
pub mod front;
pub mod message;
pub mod pace;
mod run;
pub mod runs;
pub mod serve;
pub mod session;

mod problem;
