#![no_main]

#[path = "../../sse-core/tests/lives/life.rs"]
mod life;

libfuzzer_sys::fuzz_target!(|input: &[u8]| life::live(input));
