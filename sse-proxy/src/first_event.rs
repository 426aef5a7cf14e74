//! The wait for a stream's first event.

use std::time::Duration;

use sse_core::{Decoder, Overflow};
use tokio::time::Instant;

/// An event that is larger than this has begun, which will do.
const LARGE: usize = 64 * 1024;

/// Waits for the first event of a stream that passes as it is. Comments, and blocks that dispatch
/// nothing, are none. It is gone when the event has come.
#[derive(Debug)]
pub(crate) struct FirstEvent {
    deadline: Instant,
    decoder: Decoder,
}

impl FirstEvent {
    pub(crate) fn new(now: Instant, timeout: Duration) -> Option<Box<Self>> {
        let decoder = Decoder::builder().max_event_size(LARGE).overflow(Overflow::Error).build();
        Some(Box::new(Self { deadline: now.checked_add(timeout)?, decoder }))
    }

    pub(crate) fn deadline(&self) -> Instant {
        self.deadline
    }

    /// Whether it has come with this chunk.
    pub(crate) fn comes_with(&mut self, chunk: &[u8]) -> bool {
        self.decoder.feed(chunk);
        !matches!(self.decoder.next_message(), Ok(None))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_a_client_dispatches_is_an_event() {
        for (text, expected) in [
            ("retry: 5\n\n: still here\n\nid: 1\n\nevent: x\n\n", false),
            ("data: half\n", false),
            ("data\n\n", true),
            (": c\ndata: x\r\r", true),
        ] {
            let mut first = FirstEvent::new(Instant::now(), Duration::ZERO).unwrap();
            let seen = text.bytes().any(|byte| first.comes_with(&[byte]));
            assert_eq!(seen, expected, "{text:?}");
        }
    }

    #[test]
    fn a_large_event_need_not_be_whole_and_is_not_kept() {
        let mut first = FirstEvent::new(Instant::now(), Duration::ZERO).unwrap();
        let chunk = [b"data: ", &[b'x'; 1000][..]].concat();
        assert!(!first.comes_with(&chunk));
        assert!((0..100).any(|_| first.comes_with(&chunk)));
    }
}
