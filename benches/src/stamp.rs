//! Marks in the data of events, by which a client counts them and tells their age without a decoder.

/// How long a mark is.
pub const LEN: usize = 1 + DIGITS;
const DIGITS: usize = 20;
/// As an event with one space this is 100 bytes long.
const DATA: usize = 92;
const MARK: u8 = b'@';

/// The mark of a time, in nanoseconds.
pub fn of(nanoseconds: u64) -> String {
    format!("{}{nanoseconds:0DIGITS$}", char::from(MARK))
}

/// The data of an event of 100 bytes, with the mark of a time.
pub fn data(nanoseconds: u64) -> String {
    "x".repeat(DATA - LEN) + &of(nanoseconds)
}

/// Finds the marks in what one connection received, wherever it was cut.
#[derive(Debug, Default)]
pub struct Scanner {
    /// How many digits are still to come.
    missing: usize,
    time: u64,
}

impl Scanner {
    /// Calls `found` with the time of each mark that ends in these bytes.
    pub fn feed(&mut self, mut bytes: &[u8], mut found: impl FnMut(u64)) {
        loop {
            if self.missing == 0 {
                let Some(at) = memchr::memchr(MARK, bytes) else { return };
                *self = Self { missing: DIGITS, time: 0 };
                bytes = &bytes[at + 1..];
            }
            let (digits, rest) = bytes.split_at(self.missing.min(bytes.len()));
            for digit in digits {
                self.time = self.time.wrapping_mul(10).wrapping_add(u64::from(digit & 0xF));
            }
            self.missing -= digits.len();
            if self.missing > 0 {
                return;
            }
            found(self.time);
            bytes = rest;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_mark_is_found_however_the_bytes_are_cut() {
        let times = [0, 7, 1_700_000_000_000_000_000, u64::MAX];
        let mut stream = b"HTTP/1.1 200 OK\r\n\r\n3\r\n:\n\n\r\n".to_vec();
        for time in times {
            stream.extend_from_slice(format!("21\r\ndata: x{}\n\n\r\n", of(time)).as_bytes());
        }
        for len in 1..=stream.len() {
            let (mut scanner, mut found) = (Scanner::default(), Vec::new());
            for chunk in stream.chunks(len) {
                scanner.feed(chunk, |time| found.push(time));
            }
            assert_eq!(found, times, "in chunks of {len}");
        }
    }

    #[test]
    fn a_mark_is_as_long_as_it_says() {
        assert_eq!(of(0).len(), LEN);
        assert_eq!(of(u64::MAX).len(), LEN);
    }
}
