//! Why an event was not decoded.

use std::fmt;

/// An event, or a comment, larger than the decoder was told to hold.
///
/// The decoder has skipped it and can go on with the next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DecodeError {
    pub(super) limit: usize,
    pub(super) position: u64,
}

impl DecodeError {
    /// Whether it was too large, which is so far the only reason.
    pub fn is_too_large(&self) -> bool {
        true
    }

    /// The limit that it passed, in bytes.
    pub fn limit(&self) -> usize {
        self.limit
    }

    /// Where the line begins that was too much, in bytes of decoded text since the stream began.
    pub fn position(&self) -> u64 {
        self.position
    }
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { limit, position } = self;
        write!(f, "an event passes the limit of {limit} bytes with the line at byte {position}")
    }
}

impl std::error::Error for DecodeError {}
