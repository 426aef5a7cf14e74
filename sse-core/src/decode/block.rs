//! The event that is being read.

use std::mem;
use std::ops::Range;

use super::input::{Input, RETAIN, release};
use super::line::Field;

/// From this size on the buffer is handed over, not copied.
const WORTH_TAKING: usize = 4096;

/// The lines since the last blank one: the standard's buffers.
///
/// Source: WHATWG HTML §9.2.6, "interpreting an event stream".
#[derive(Default)]
pub(super) struct Block {
    /// The only line of data so far, still in the input: most events are never copied.
    only_line: Option<Range<usize>>,
    /// The lines of data, where there are several or the input has moved on.
    lines: String,
    /// Whether the block has data: an event to dispatch.
    pub(super) has_data: bool,
    pub(super) event_type: String,
    id: String,
    /// Whether the block has an id.
    pub(super) has_id: bool,
    pub(super) retry: Option<u64>,
    /// Whether there was any line, be it a comment or an unknown field.
    pub(super) begun: bool,
    /// Whether the event has passed the limit and is being skipped.
    pub(super) too_large: bool,
}

impl Block {
    /// Forgets the block, and gives back what only a large one needs.
    pub(super) fn clear(&mut self) {
        self.only_line = None;
        self.has_data = false;
        for buffer in [&mut self.lines, &mut self.event_type] {
            if !buffer.is_empty() {
                buffer.clear();
                release(buffer);
            }
        }
        if self.has_id {
            self.has_id = false;
            self.id.clear();
            release(&mut self.id);
        }
        self.retry = None;
        self.begun = false;
        self.too_large = false;
    }

    /// Takes the only line of data of an event that ends with it.
    #[inline]
    pub(super) fn set_data(&mut self, range: Range<usize>) {
        self.has_data = true;
        self.only_line = Some(range);
    }

    /// Takes a line of data, of which `range` is the value.
    #[inline]
    pub(super) fn push_data(&mut self, range: Range<usize>, input: &Input) {
        if self.has_data {
            self.keep(input);
            self.lines.push('\n');
            self.lines.push_str(input.get(range));
        } else {
            self.set_data(range);
        }
    }

    /// Copies what is still in the input, which is about to move on.
    #[inline]
    pub(super) fn keep(&mut self, input: &Input) {
        if let Some(range) = self.only_line.take() {
            self.lines.push_str(input.get(range));
        }
    }

    /// Takes the beginning of a line of data; what follows is pushed behind [`Self::open_line`].
    pub(super) fn begin_line(&mut self, value: &str) {
        if self.has_data {
            self.lines.push('\n');
        }
        self.has_data = true;
        self.lines.push_str(value);
    }

    /// The data, at the end of the line that was begun.
    #[inline]
    pub(super) fn open_line(&mut self) -> &mut String {
        &mut self.lines
    }

    pub(super) fn set_event_type(&mut self, event_type: &str) {
        self.event_type.clear();
        self.event_type.push_str(event_type);
    }

    pub(super) fn set_id(&mut self, id: &str) {
        self.id.clear();
        self.id.push_str(id);
        self.has_id = true;
    }

    /// Makes the block's id, if it has one, the last event ID; says whether it did.
    #[inline]
    pub(super) fn commit_id(&mut self, last_event_id: &mut String) -> bool {
        if self.has_id {
            mem::swap(&mut self.id, last_event_id);
        }
        self.has_id
    }

    #[inline]
    pub(super) fn data<'a>(&'a self, input: &'a Input) -> &'a str {
        match &self.only_line {
            Some(range) => input.get(range.clone()),
            None => &self.lines,
        }
    }

    /// The data for good. A large buffer is given away, and one of its size made for the next: where
    /// there is one large event, there are more.
    #[inline]
    pub(super) fn take_data(&mut self, input: &Input) -> String {
        if self.only_line.is_none() && self.lines.len() >= WORTH_TAKING {
            let next = String::with_capacity(self.lines.len().min(RETAIN));
            return mem::replace(&mut self.lines, next);
        }
        self.data(input).to_owned()
    }

    /// What counts towards the limit beside the value of one more line of `field`: the event's data,
    /// type and id count together. A comment and a `retry` stand for themselves.
    #[inline]
    pub(super) fn size_beside(&self, field: Field) -> usize {
        match field {
            Field::Data => self.size() + usize::from(self.has_data),
            Field::Event => self.size() - self.event_type.len(),
            Field::Id => self.size() - self.id_len(),
            Field::Retry | Field::Comment | Field::Unknown => 0,
        }
    }

    /// What the event has of data, type and id.
    #[inline]
    pub(super) fn size(&self) -> usize {
        let data = match &self.only_line {
            Some(range) => range.len(),
            None => self.lines.len(),
        };
        data + self.event_type.len() + self.id_len()
    }

    fn id_len(&self) -> usize {
        if self.has_id { self.id.len() } else { 0 }
    }

    /// Drops what the limit does not allow. An id stays, so that the event is not asked for again.
    pub(super) fn skip(&mut self) {
        self.too_large = true;
        self.has_data = false;
        self.only_line = None;
        self.lines = String::new();
        self.event_type = String::new();
    }
}
