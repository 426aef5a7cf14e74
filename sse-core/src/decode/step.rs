//! The way line by line.

use std::mem;
use std::ops::{Range, RangeInclusive};

use memchr::memchr;

use super::line::{Field, field_of};
use super::{DecodeError, Decoder, Overflow};

/// The beginning of a line is looked at when it is this part of what an event may be, and within
/// these bounds: a shorter one costs little to keep. The lower bound is beyond any field's name, so
/// that one look is enough.
const WORTH_A_LOOK: (usize, RangeInclusive<usize>) = (16, 8..=1024);

/// What the input holds next; where it is, the decoder knows.
pub(super) enum Step {
    Message,
    Comment(Range<usize>),
    Block,
}

/// What becomes of the rest of a line whose beginning has left the input.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Tail {
    /// There is no such line.
    #[default]
    None,
    /// It is dropped.
    Skip,
    /// It is data of the line that began at this place in the stream.
    Data(u64),
}

impl Decoder {
    /// The fast path: an event of one line of data, which needs no block.
    #[inline]
    pub(super) fn take_plain_event(&mut self) -> Option<Range<usize>> {
        if self.handed_out {
            self.begin_block();
        }
        if !self.between {
            return None;
        }
        self.input.take_data_and_end(self.options.max_event_size)
    }

    /// Goes on to the next thing that is to be told, if that is no plain event.
    pub(super) fn step(&mut self) -> Result<Option<Step>, DecodeError> {
        if self.handed_out {
            self.begin_block();
        }
        loop {
            if self.input.has_line_end() && self.take_fast() {
                return Ok(self.end_block());
            }
            let Some(line) = self.input.take_line() else {
                return self.wait().map(|()| None);
            };
            match mem::take(&mut self.tail) {
                Tail::Skip => {}
                Tail::Data(start) => self.end_data(line, start)?,
                Tail::None if line.is_empty() => {
                    if let Some(step) = self.end_block() {
                        return Ok(Some(step));
                    }
                }
                Tail::None => {
                    if let Some(step) = self.line(line)? {
                        return Ok(Some(step));
                    }
                }
            }
        }
    }

    /// The fast path for lines of data, and between events for comments; says whether a blank line
    /// ended the event.
    #[inline]
    fn take_fast(&mut self) -> bool {
        if self.between && !self.options.comments && !self.options.blocks {
            self.input.skip_comments();
        }
        if self.tail != Tail::None || self.block.too_large {
            return false;
        }
        loop {
            let beside = self.block.size_beside(Field::Data);
            let room = self.options.max_event_size.checked_sub(beside);
            let Some(value) = room.and_then(|room| self.input.take_data(room)) else {
                return false;
            };
            self.between = false;
            self.block.begun = true;
            self.block.push_data(value, &self.input);
            if self.input.take_blank() {
                return true;
            }
        }
    }

    fn begin_block(&mut self) {
        self.handed_out = false;
        self.between = true;
        self.block.clear();
    }

    /// Takes a whole line that is not blank.
    #[inline]
    fn line(&mut self, line: Range<usize>) -> Result<Option<Step>, DecodeError> {
        self.between = false;
        self.block.begun = true;
        let (field, value) = field_of(self.input.get(line.clone()).as_bytes());
        let value = line.start + value..line.end;
        if !self.wants(field) {
            return Ok(None);
        }
        if !self.has_room(field, value.len()) {
            return self.overflow(field, self.input.position(line.start)).map(|()| None);
        }
        match field {
            Field::Data => self.block.push_data(value, &self.input),
            Field::Event => self.block.set_event_type(self.input.get(value)),
            Field::Id => {
                let id = self.input.get(value);
                if memchr(0, id.as_bytes()).is_none() {
                    self.block.set_id(id);
                }
            }
            Field::Retry => {
                if let Some(retry) = milliseconds(self.input.get(value)) {
                    self.retry = Some(retry);
                    self.block.retry = Some(retry);
                }
            }
            Field::Comment => return Ok(Some(Step::Comment(value))),
            Field::Unknown => {}
        }
        Ok(None)
    }

    /// Takes a blank line.
    #[inline]
    fn end_block(&mut self) -> Option<Step> {
        if self.block.commit_id(&mut self.last_event_id) {
            self.shared.last_event_id = None;
        }
        self.between = false;
        self.handed_out = true;
        if self.block.has_data {
            return Some(Step::Message);
        }
        if self.options.blocks && self.block.begun {
            return Some(Step::Block);
        }
        self.begin_block();
        None
    }

    /// Looks at what there is of a line that has not ended. What means nothing or is too large is
    /// not kept; long data goes where it is wanted in the end.
    fn wait(&mut self) -> Result<(), DecodeError> {
        self.block.keep(&self.input);
        let partial = self.input.partial_line();
        let mut result = Ok(());
        match self.tail {
            Tail::None if partial.len() < self.worth_a_look() => {}
            Tail::None => result = self.look_at_partial_line(),
            Tail::Skip => {}
            Tail::Data(start) => {
                self.block.open_line().push_str(partial);
                if self.block.size() > self.options.max_event_size {
                    self.tail = Tail::Skip;
                    result = self.overflow(Field::Data, start);
                }
            }
        }
        if self.tail != Tail::None {
            self.input.drop_partial_line();
        }
        self.input.settle();
        result
    }

    #[inline]
    fn worth_a_look(&self) -> usize {
        let (part, bounds) = WORTH_A_LOOK;
        (self.options.max_event_size / part).clamp(*bounds.start(), *bounds.end())
    }

    fn look_at_partial_line(&mut self) -> Result<(), DecodeError> {
        self.between = false;
        self.block.begun = true;
        let line = self.input.partial_line();
        let start = self.input.position(self.input.start);
        let (field, value) = field_of(line.as_bytes());
        if !self.wants(field) {
            self.tail = Tail::Skip;
        } else if !self.has_room(field, line.len() - value) {
            self.tail = Tail::Skip;
            return self.overflow(field, start);
        } else if field == Field::Data {
            self.block.begin_line(&line[value..]);
            self.tail = Tail::Data(start);
        }
        Ok(())
    }

    /// Takes the rest of a line of data that was begun.
    fn end_data(&mut self, rest: Range<usize>, start: u64) -> Result<(), DecodeError> {
        self.block.open_line().push_str(self.input.get(rest));
        if self.block.size() > self.options.max_event_size {
            return self.overflow(Field::Data, start);
        }
        Ok(())
    }

    /// Whether a line of this kind is of any use.
    #[inline]
    fn wants(&self, field: Field) -> bool {
        match field {
            Field::Data | Field::Event => !self.block.too_large,
            Field::Id | Field::Retry => true,
            Field::Comment => self.options.comments,
            Field::Unknown => false,
        }
    }

    #[inline]
    fn has_room(&self, field: Field, len: usize) -> bool {
        self.block.size_beside(field) + len <= self.options.max_event_size
    }

    /// Skips what the line at `position` belongs to.
    #[cold]
    fn overflow(&mut self, field: Field, position: u64) -> Result<(), DecodeError> {
        match field {
            Field::Data | Field::Event | Field::Id if self.block.too_large => return Ok(()),
            Field::Data | Field::Event | Field::Id => self.block.skip(),
            Field::Retry | Field::Comment | Field::Unknown => {}
        }
        self.skipped += 1;
        match self.options.overflow {
            Overflow::Skip => Ok(()),
            Overflow::Error => Err(DecodeError { limit: self.options.max_event_size, position }),
        }
    }
}

/// The value of a `retry` field: digits alone, and as many as one likes.
fn milliseconds(text: &str) -> Option<u64> {
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    // Digits alone can only be refused for being too many.
    Some(text.parse().unwrap_or(u64::MAX))
}
