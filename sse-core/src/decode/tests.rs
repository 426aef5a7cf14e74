//! The work is linear: no byte is looked at more than a few times, whatever the stream and its cut.

use super::Decoder;

/// How often each byte was looked at: when it came, when a line end was searched, when it moved.
fn looks(stream: &[u8], size: usize, take: usize) -> f64 {
    let mut decoder = Decoder::builder().comments(true).blocks(true).build();
    for chunk in stream.chunks(size) {
        decoder.feed(chunk);
        for _ in 0..take {
            if matches!(decoder.next(), Ok(None)) {
                break;
            }
        }
    }
    while !matches!(decoder.next(), Ok(None)) {}
    decoder.input.bytes_looked_at as f64 / stream.len() as f64
}

#[test]
fn no_byte_is_looked_at_more_than_a_few_times() {
    const LEN: usize = 20_000;
    let of = |piece: &str| piece.repeat(LEN / piece.len()).into_bytes();
    for (name, stream) in [
        ("an endless line", of("x")),
        ("an endless line of data", [b"data: ".to_vec(), of("x")].concat()),
        ("an endless comment", of(":")),
        ("only comments", of(": c\n")),
        ("tiny events", of("data: x\n\n")),
        ("one event of many lines", of("data: x\n")),
        ("blank lines", of("\n")),
        ("blank lines of CR", of("\r")),
        ("blank lines of CRLF", of("\r\n")),
        ("ids", of("id: 1\n")),
        ("no UTF-8", vec![0xFF; LEN]),
        ("split characters", of("data: \u{1F389}\n\n")),
        ("tokens", of(&format!("data: {}\n\n", "x".repeat(200)))),
    ] {
        for size in [1, 2, 3, 100, 1400, 16384, LEN] {
            for take in [0, 1, usize::MAX] {
                let looks = looks(&stream, size, take);
                assert!(looks <= 5.0, "{name}, {size} a chunk, {take} taken each: {looks}");
            }
        }
    }
}
