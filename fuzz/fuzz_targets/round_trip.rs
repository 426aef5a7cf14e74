#![no_main]

#[allow(dead_code)]
#[path = "../../sse-core/tests/codec/blocks.rs"]
mod blocks;
#[allow(dead_code)]
#[path = "../../sse-core/tests/codec/fuzzed.rs"]
mod fuzzed;
#[allow(dead_code)]
#[path = "../../sse-core/tests/codec/oracle.rs"]
mod oracle;
#[allow(dead_code)]
#[path = "../../sse-core/tests/codec/outcome.rs"]
mod outcome;

libfuzzer_sys::fuzz_target!(|input: &[u8]| fuzzed::round_trip(input));
