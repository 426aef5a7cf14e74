//! A name for one append, by which it is known again.

use std::collections::hash_map::RandomState;
use std::fmt;
use std::hash::BuildHasher;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crate::query::milliseconds;
use crate::{Position, StoreError};

/// A name for one append, by which its retry is known: see [`EventStore::append_once`](crate::EventStore::append_once).
///
/// 1 to [`MAX_LEN`](Self::MAX_LEN) bytes without a NUL; two keys are the same if their bytes are. The keys of a log are
/// one space, whatever their topics. Cloning shares the text.
///
/// ```
/// use sse_store::Key;
///
/// let key = Key::new("payment 4711 was settled")?;
/// assert!(Key::new("").unwrap_err().is_refused());
/// # assert_eq!(key.as_str(), "payment 4711 was settled");
/// # Ok::<(), sse_store::StoreError>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key(Arc<str>);

impl Key {
    /// The longest key, in bytes.
    pub const MAX_LEN: usize = 255;

    /// How long a key is remembered at least, by the clocks of those who append and who purge. What is older goes with
    /// the next [`purge`](crate::EventStore::purge) or [`trim`](crate::EventStore::trim), as
    /// [`Retention`](crate::Retention) does them.
    pub const KEPT: Duration = Duration::from_secs(24 * 3600);

    /// Wraps a name that says what is appended, such as the number of a request or of a row of the application's own:
    /// one that a restarted process makes up again for the same append.
    ///
    /// # Errors
    ///
    /// [`is_refused`](StoreError::is_refused) when it is empty, too long or holds a NUL.
    pub fn new(name: impl Into<Arc<str>>) -> Result<Self, StoreError> {
        let name = name.into();
        let what = match name.len() {
            0 => "is empty".to_owned(),
            1..=Self::MAX_LEN => match name.bytes().position(|byte| byte == 0) {
                None => return Ok(Self(name)),
                Some(at) => format!("has a NUL at byte {at}"),
            },
            len => format!("has {len} bytes, where {} are allowed", Self::MAX_LEN),
        };
        Err(StoreError::refused(format!("the key {what}")))
    }

    /// A key like no other, for an append that this process alone may try again.
    pub fn random() -> Self {
        let now = SystemTime::now();
        // `RandomState` has its keys from the operating system, and other ones each time.
        let random = || RandomState::new().hash_one(now);
        // The time first: what a database writes together it then has together.
        let time = milliseconds(now) & 0xffff_ffff_ffff;
        Self(format!("{time:012x}{:016x}{:016x}", random(), random()).into())
    }

    /// What is older than this goes, in milliseconds since 1970.
    pub(crate) fn kept_from(now: SystemTime) -> u64 {
        now.checked_sub(Self::KEPT).map_or(0, milliseconds)
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

/// What a log remembers of an append with a key.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Done {
    /// The sequence of its first record.
    pub(crate) first: u64,
    /// How many it had.
    pub(crate) records: usize,
}

impl Done {
    /// Checks that an append of so many records may be that one again.
    pub(crate) fn check(self, key: &Key, records: usize) -> Result<(), StoreError> {
        let had = self.records;
        if records == had {
            return Ok(());
        }
        Err(StoreError::refused(format!(
            "the key {key:?} is that of an append of {had} records, not of {records}"
        )))
    }

    /// Where its records are, or were, in the log that has this epoch now.
    pub(crate) fn positions(self, epoch: u64) -> Vec<Position> {
        let sequences = (self.first..).take(self.records);
        sequences.map(|sequence| Position::new(epoch, sequence)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_measured_in_bytes() {
        assert!(Key::new("ä".repeat(127) + "x").is_ok());
        let error = Key::new("ä".repeat(128)).unwrap_err();
        assert_eq!(error.to_string(), "the key has 256 bytes, where 255 are allowed");
        assert_eq!(Key::new("").unwrap_err().to_string(), "the key is empty");
        assert_eq!(Key::new("a\0").unwrap_err().to_string(), "the key has a NUL at byte 1");
    }

    #[test]
    fn a_random_key_is_like_no_other() {
        let keys: std::collections::BTreeSet<Key> = (0..1000).map(|_| Key::random()).collect();
        assert_eq!(keys.len(), 1000);
    }
}
