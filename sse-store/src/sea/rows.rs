//! Records as rows and back.

use std::ops::Range;

use sea_orm::sea_query::{InsertStatement, Query, SimpleExpr};
use sea_orm::{DbErr, QueryResult};
use sse_core::{Event, EventType};

use super::schema::{entry, key};
use crate::{Entry, Key, NewEntry, Position, Record, Topic};

const EVENT: i16 = 0;
const CLEARED: i16 = 1;
const COMPLETED: i16 = 2;

/// The kind that the rows of events have.
pub(super) const EVENT_KIND: i16 = EVENT;

/// Whether the kind in this column is that of a completion.
pub(super) fn is_completion(row: &QueryResult, at: usize) -> Result<bool, DbErr> {
    Ok(row.try_get_by_index::<i16>(at)? == COMPLETED)
}

/// A row to be, but for its sequence: what the columns after that hold.
#[derive(Debug, Clone, Copy)]
pub(super) struct NewRow<'a> {
    pub(super) topic: &'a Topic,
    pub(super) kind: i16,
    /// What the record counts for in a page.
    pub(super) size: i32,
    /// The sequence of its fence, which is one of this log.
    pub(super) fence: Option<i64>,
    event: Option<&'a Event>,
}

impl<'a> NewRow<'a> {
    /// The row of a clear.
    pub(super) fn cleared(topic: &'a Topic) -> Self {
        Self { topic, kind: CLEARED, size: signed(topic.as_str().len()), fence: None, event: None }
    }

    /// What it takes in a statement, but for what every row takes.
    pub(super) fn bytes(&self) -> usize {
        usize::try_from(self.size).unwrap_or(0)
    }

    pub(super) fn event_type(&self) -> Option<&'a [u8]> {
        self.event.and_then(Event::event_type).map(|name| name.as_str().as_bytes())
    }

    pub(super) fn data(&self) -> Option<&'a [u8]> {
        self.event.and_then(Event::data).map(str::as_bytes)
    }

    /// A `retry` is any u64 of milliseconds; as a signed number of the same bits it fits.
    pub(super) fn retry(&self) -> Option<i64> {
        let retry = self.event.and_then(Event::retry)?;
        Some(u64::try_from(retry.as_millis()).unwrap_or(u64::MAX).cast_signed())
    }

    pub(super) fn comments(&self) -> Option<Vec<u8>> {
        let event = self.event.filter(|event| event.comments().len() > 0)?;
        Some(event.comments().collect::<Vec<_>>().join("\n").into_bytes())
    }
}

impl<'a> From<&'a NewEntry> for NewRow<'a> {
    fn from(entry: &'a NewEntry) -> Self {
        let event = entry.event();
        let kind = if event.is_some() { EVENT } else { COMPLETED };
        let fence = entry.fence().map(|fence| fence.sequence().cast_signed());
        Self { topic: entry.topic(), kind, size: signed(entry.size()), fence, event }
    }
}

/// An event is far shorter than what overflows.
fn signed(size: usize) -> i32 {
    i32::try_from(size).unwrap_or(i32::MAX)
}

/// One statement that inserts all these rows, from the sequence `first` on.
pub(super) fn insert(rows: &[NewRow<'_>], first: i64, time: i64) -> InsertStatement {
    let mut insert = Query::insert();
    insert.into_table(entry::TABLE).columns(entry::COLUMNS);
    for (sequence, row) in (first..).zip(rows) {
        let values: [SimpleExpr; entry::COLUMNS.len()] = [
            sequence.into(),
            row.topic.as_str().into(),
            time.into(),
            row.kind.into(),
            row.size.into(),
            row.event_type().map(<[u8]>::to_vec).into(),
            row.data().map(<[u8]>::to_vec).into(),
            row.retry().into(),
            row.comments().into(),
        ];
        insert.values_panic(values);
    }
    insert
}

/// One statement that inserts these keys of appends, each with which rows are its own, the first of all at `first`.
pub(super) fn insert_keys(keys: &[(&Key, Range<usize>)], first: i64, time: i64) -> InsertStatement {
    let mut insert = Query::insert();
    insert.into_table(key::TABLE).columns(key::COLUMNS);
    for (name, rows) in keys {
        let values: [SimpleExpr; key::COLUMNS.len()] = [
            name.as_str().into(),
            (first + rows.start as i64).into(),
            (rows.len() as i64).into(),
            time.into(),
        ];
        insert.values_panic(values);
    }
    insert
}

/// The record of a row whose columns begin at `first`.
pub(super) fn decode(row: &QueryResult, first: usize, epoch: u64) -> Result<Entry, DbErr> {
    let sequence: i64 = row.try_get_by_index(first)?;
    let damaged = |what: &str| DbErr::Type(format!("record {sequence} of sse_entry has {what}"));
    let topic: String = row.try_get_by_index(first + 1)?;
    let topic = Topic::new(topic).map_err(|error| damaged(&error.to_string()))?;
    let time: i64 = row.try_get_by_index(first + 2)?;
    let record = match row.try_get_by_index::<i16>(first + 3)? {
        EVENT => Record::Event(event(row, first + 5, &damaged)?),
        CLEARED => Record::Cleared,
        COMPLETED => Record::Completed,
        other => return Err(damaged(&format!("the unknown kind {other}"))),
    };
    let position = Position::new(epoch, sequence.cast_unsigned());
    Ok(Entry::new(position, topic, time.max(0).cast_unsigned(), record))
}

/// What the record of such a row counts for in a page.
pub(super) fn size(row: &QueryResult, first: usize) -> Result<usize, DbErr> {
    let size: i32 = row.try_get_by_index(first + 4)?;
    Ok(usize::try_from(size).unwrap_or(0))
}

fn event(row: &QueryResult, first: usize, damaged: &dyn Fn(&str) -> DbErr) -> Result<Event, DbErr> {
    let text = |at: usize, what: &str| -> Result<Option<String>, DbErr> {
        let bytes: Option<Vec<u8>> = row.try_get_by_index(first + at)?;
        let text = bytes.map(String::from_utf8).transpose();
        text.map_err(|_| damaged(&format!("a {what} that is not UTF-8")))
    };
    let mut event = match text(1, "data")? {
        Some(data) => Event::new(data),
        None => Event::default(),
    };
    if let Some(name) = text(0, "type")? {
        let name = EventType::new(name).map_err(|error| damaged(&error.to_string()))?;
        event = event.with_type(name);
    }
    if let Some(retry) = row.try_get_by_index::<Option<i64>>(first + 2)? {
        event = event.with_retry(std::time::Duration::from_millis(retry.cast_unsigned()));
    }
    if let Some(comments) = text(3, "comment")? {
        event = event.with_comment(comments);
    }
    Ok(event)
}
