//! What is measured, and against what. The programs in `bin` measure it.
//!
//! - `cargo run --release -p benches --features peers --bin decode` prints the table of decoding.
//! - `cargo run --release -p benches --features peers --bin encode` prints the table of encoding.

pub mod decoders;
pub mod encoders;
pub mod streams;

pub use decoders::Kind;
