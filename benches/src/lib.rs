//! What is measured, and against what. The programs in `bin` measure it.
//!
//! - `cargo run --release -p benches --features peers --bin decode` prints the table of decoding.

pub mod decoders;
pub mod streams;
