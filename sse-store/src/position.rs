//! A place in a log's one order.

use std::cmp::Ordering;
use std::collections::hash_map::RandomState;
use std::fmt;
use std::hash::BuildHasher;
use std::str::FromStr;
use std::time::SystemTime;

use sse_core::EventId;

use crate::{StoreError, Topic};

/// A place in a log's one order; on the wire, the event's `id`.
///
/// Its text is `epoch-sequence`: the epoch in hexadecimal, which the log got when it was made, and the number of the
/// record, from 1, in decimal. Positions of one epoch are ordered; those of two are not, since a position of another
/// log says nothing about this one. A position carries no authority: whoever holds one learns nothing by it but
/// where to go on.
///
/// ```
/// use sse_store::Position;
///
/// let position: Position = "5f3a-17".parse()?;
/// assert_eq!((position.epoch(), position.sequence()), (0x5f3a, 17));
/// assert!(position > Position::START);
/// assert_eq!(position.partial_cmp(&Position::new(0x77, 17)), None);
/// # Ok::<(), sse_store::PositionError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Position {
    epoch: u64,
    sequence: u64,
}

impl Position {
    /// Before everything, in any log: who starts here has seen nothing, asks for what there is, and so has lost nothing.
    pub const START: Self = Self::new(0, 0);

    /// The position of the `sequence`th record of the log that has this epoch. For those who implement a store.
    pub const fn new(epoch: u64, sequence: u64) -> Self {
        Self { epoch, sequence }
    }

    /// An epoch for a new log: random, never zero, below 2⁴⁸ so that ids stay short. For those who implement a store.
    pub fn random_epoch() -> u64 {
        // `RandomState` has its keys from the operating system; the time tells two calls apart.
        (RandomState::new().hash_one(SystemTime::now()) >> 16).max(1)
    }

    /// The epoch: which log this is a position of. Zero in [`START`](Self::START) alone.
    pub const fn epoch(self) -> u64 {
        self.epoch
    }

    /// The number of the record in its log, from 1; zero is before the first.
    pub const fn sequence(self) -> u64 {
        self.sequence
    }

    /// Whether a log with this head has come to the position: it is no position of another log, nor one to come.
    pub fn is_within(self, head: Self) -> bool {
        self <= head
    }

    /// Whether a reader at this position has something to read in a log with this head, be it a reset.
    pub fn is_passed_by(self, head: Self) -> bool {
        match self == Self::START {
            true => head.sequence > 0,
            false => self.epoch != head.epoch || self.sequence < head.sequence,
        }
    }

    /// Takes the position as a fence for a topic that was last cleared at `cleared` (sequence 0: never).
    ///
    /// # Errors
    ///
    /// [`is_fenced`](StoreError::is_fenced) when the clear is newer, or the fence is not of this log.
    pub fn check_fence(self, topic: &Topic, cleared: Self) -> Result<(), StoreError> {
        let is_of_this_log = self == Self::START || self.epoch == cleared.epoch;
        if is_of_this_log && self.sequence >= cleared.sequence {
            return Ok(());
        }
        Err(StoreError::fenced(topic, self))
    }
}

impl PartialOrd for Position {
    #[inline]
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        match (*self == Self::START, *other == Self::START) {
            (false, false) if self.epoch == other.epoch => Some(self.sequence.cmp(&other.sequence)),
            (false, false) => None,
            (mine, theirs) => Some(theirs.cmp(&mine)),
        }
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:x}-{}", self.epoch, self.sequence)
    }
}

impl FromStr for Position {
    type Err = PositionError;

    /// Takes what [`Display`](fmt::Display) writes and nothing else: no sign, no blank, no leading zero, no capital.
    fn from_str(text: &str) -> Result<Self, PositionError> {
        let parsed = text.split_once('-').and_then(|(epoch, sequence)| {
            Some(Self {
                epoch: u64::from_str_radix(epoch, 16).ok()?,
                sequence: sequence.parse().ok()?,
            })
        });
        parsed.filter(|position| position.to_string() == text).ok_or(PositionError(()))
    }
}

impl TryFrom<&EventId> for Position {
    type Error = PositionError;

    fn try_from(id: &EventId) -> Result<Self, PositionError> {
        id.as_str().parse()
    }
}

impl From<Position> for EventId {
    fn from(position: Position) -> Self {
        // Hexadecimal digits, a hyphen and decimal digits are always an id.
        Self::new(position.to_string()).unwrap_or(Self::EMPTY)
    }
}

/// A text that is no position: no store has given it out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PositionError(());

impl fmt::Display for PositionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a position of the form epoch-sequence")
    }
}

impl std::error::Error for PositionError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_is_its_text_and_nothing_else_is() {
        for (epoch, sequence) in [(0, 0), (1, 0), (0xabcdef, 10), (u64::MAX, u64::MAX)] {
            let position = Position::new(epoch, sequence);
            assert_eq!(position.to_string().parse(), Ok(position));
            assert_eq!(Position::try_from(&EventId::from(position)), Ok(position));
        }
        for text in [
            "",
            "-",
            "1",
            "1-",
            "-1",
            "1-1-1",
            "01-1",
            "1-01",
            "+1-1",
            "1-+1",
            " 1-1",
            "1-1 ",
            "A-1",
            "g-1",
            "1--1",
            "10000000000000000-1",
            "1-18446744073709551616",
            "1-٣",
            "0x1-1",
        ] {
            assert_eq!(text.parse::<Position>(), Err(PositionError(())), "{text:?}");
        }
    }

    #[test]
    fn positions_of_two_epochs_are_not_ordered() {
        let (a, b, other) = (Position::new(1, 1), Position::new(1, 2), Position::new(2, 1));
        assert!(a < b && Position::START < Position::new(1, 0) && a > Position::START);
        assert_eq!(a.partial_cmp(&other), None);
        assert_eq!(Position::START.partial_cmp(&Position::START), Some(Ordering::Equal));
    }

    #[test]
    fn an_epoch_is_never_zero_nor_long() {
        for _ in 0..1000 {
            let epoch = Position::random_epoch();
            assert!(epoch > 0 && epoch < 1 << 48);
        }
        assert_ne!(Position::random_epoch(), Position::random_epoch());
    }
}
