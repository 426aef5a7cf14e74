//! The program on Actix: the same tests.

#[path = "process.rs"]
mod process;
