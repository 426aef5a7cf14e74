//! The codec: against the standard's text, against vectors, and there and back.

mod blocks;
mod fuzzed;
mod limits;
mod oracle;
mod outcome;
mod properties;
mod regressions;
mod round_trip;
mod splits;
mod stream;
mod vectors;
