//! Appends that share a transaction.

use std::collections::BTreeMap;
use std::ops::Range;

use super::rows::NewRow;
use crate::key::Done;
use crate::{Key, NewEntry, Position, StoreError, Topic};

/// Rows in one insert: with 9 values each, below the 32,766 that SQLite takes.
pub(super) const ROWS_PER_INSERT: usize = 1000;

/// Bytes in one insert, unless one record has more: MariaDB takes 16 MiB by default.
const BYTES_PER_INSERT: usize = 4 << 20;

/// What is to be appended as a whole.
#[derive(Debug, Clone, Copy)]
pub(super) struct Batch<'a> {
    pub(super) entries: &'a [NewEntry],
    pub(super) key: Option<&'a Key>,
}

/// What an append came to.
pub(super) type Appended = Result<Vec<Position>, StoreError>;

/// What a group of appends came to.
pub(super) struct Written {
    /// An answer for each batch.
    pub(super) answers: Vec<Appended>,
    /// How many rows were written.
    pub(super) rows: usize,
    pub(super) head: Position,
}

/// What is left to write of some batches.
pub(super) struct Group<'a> {
    /// The rows of the admitted, in order.
    pub(super) rows: Vec<NewRow<'a>>,
    /// The keys of the admitted, and which rows are theirs.
    pub(super) keys: Vec<(&'a Key, Range<usize>)>,
    /// What becomes of each batch.
    batches: Vec<Result<Place, StoreError>>,
}

/// Where the records of a batch are.
enum Place {
    /// Among the rows of the group.
    Here(Range<usize>),
    /// In the log.
    There(Done),
}

impl<'a> Group<'a> {
    /// Takes each batch as a whole or not at all. `cleared` knows the last clear of each fenced topic, `done` what was
    /// appended with a key.
    pub(super) fn admit(
        batches: &[Batch<'a>],
        cleared: impl Fn(&Topic) -> Position,
        done: impl Fn(&Key) -> Option<Done>,
    ) -> Self {
        let passes = |entry: &NewEntry| match entry.fence() {
            Some(fence) => fence.check_fence(entry.topic(), cleared(entry.topic())),
            None => Ok(()),
        };
        let mut rows = Vec::new();
        let mut keys: BTreeMap<&Key, Range<usize>> = BTreeMap::new();
        let admit = |batch: &Batch<'a>| {
            let records = batch.entries.len();
            if let Some(key) = batch.key {
                if let Some(done) = done(key) {
                    return done.check(key, records).map(|()| Place::There(done));
                }
                if let Some(first) = keys.get(key) {
                    let here = Done { first: 0, records: first.len() };
                    return here.check(key, records).map(|()| Place::Here(first.clone()));
                }
            }
            batch.entries.iter().try_for_each(passes)?;
            let place = rows.len()..rows.len() + records;
            rows.extend(batch.entries.iter().map(NewRow::from));
            if let Some(key) = batch.key {
                keys.insert(key, place.clone());
            }
            Ok(Place::Here(place))
        };
        let batches = batches.iter().map(admit).collect();
        Self { rows, keys: keys.into_iter().collect(), batches }
    }

    /// Takes them all as if no key had been used and nothing cleared, for a statement that fails where that is not so.
    /// None where it cannot be so.
    pub(super) fn admit_all(batches: &[Batch<'a>], known: Position) -> Option<Self> {
        let never = Position::new(known.epoch(), 0);
        let group = Self::admit(batches, |_| never, |_| None);
        let is_whole = group.batches.iter().all(Result::is_ok);
        is_whole.then_some(group)
    }

    /// The fenced topics, each with the oldest of its fences.
    #[cfg(any(feature = "mysql", feature = "postgres"))]
    pub(super) fn fences(&self) -> BTreeMap<&'a str, i64> {
        let mut fences = BTreeMap::new();
        for row in &self.rows {
            if let Some(fence) = row.fence {
                let oldest = fences.entry(row.topic.as_str()).or_insert(fence);
                *oldest = fence.min(*oldest);
            }
        }
        fences
    }

    /// Which rows to write in one statement.
    pub(super) fn inserts(&self) -> Vec<Range<usize>> {
        let mut inserts: Vec<Range<usize>> = Vec::new();
        let mut bytes = 0;
        for (at, row) in self.rows.iter().enumerate() {
            bytes += row.bytes();
            match inserts.last_mut() {
                Some(last) if last.len() < ROWS_PER_INSERT && bytes <= BYTES_PER_INSERT => {
                    last.end = at + 1;
                }
                _ => {
                    bytes = row.bytes();
                    inserts.push(at..at + 1);
                }
            }
        }
        inserts
    }

    /// What came of each batch and of all, when the head was this before them.
    pub(super) fn written(self, base: Position) -> Written {
        let epoch = base.epoch();
        let position = |at: usize| Position::new(epoch, base.sequence() + 1 + at as u64);
        let answers = self.batches.into_iter().map(|place| {
            Ok(match place? {
                Place::Here(rows) => rows.map(position).collect(),
                Place::There(done) => done.positions(epoch),
            })
        });
        let rows = self.rows.len();
        let head = Position::new(epoch, base.sequence() + rows as u64);
        Written { answers: answers.collect(), rows, head }
    }
}

#[cfg(test)]
mod tests {
    use sse_core::Event;

    use super::*;

    fn entries(count: usize, bytes: usize) -> Vec<NewEntry> {
        let topic = Topic::new("t").unwrap();
        let entry = || NewEntry::new(topic.clone(), Event::new("x".repeat(bytes)));
        (0..count).map(|_| entry()).collect()
    }

    #[test]
    fn an_insert_is_bounded_in_rows_and_bytes() {
        for (count, bytes, lengths) in [
            (0, 0, vec![]),
            (2500, 0, vec![1000, 1000, 500]),
            (10, 1 << 20, vec![3, 3, 3, 1]),
            (3, 4 << 20, vec![1, 1, 1]),
        ] {
            let entries = entries(count, bytes);
            let batch = Batch { entries: &entries, key: None };
            let group = Group::admit_all(&[batch], Position::START).unwrap();
            let inserts = group.inserts();
            assert_eq!(inserts.iter().map(Range::len).collect::<Vec<_>>(), lengths);
            assert!(inserts.into_iter().flatten().eq(0..count));
        }
    }
}
