//! An encoded event.

use std::borrow::Cow;
use std::fmt;

use bytes::Bytes;
use memchr::memchr;

use crate::Event;
use crate::run::Run;

const DATA: &str = "data: ";

/// An encoded event: shared bytes, cheap to clone, so that one encoding serves every receiver.
///
/// It can be asked for its type, its id and its data. Several events that are encoded together are [`Frames`](crate::Frames).
///
/// ```
/// use sse_core::Event;
///
/// let frame = Event::new("hello").with_id(1).to_frame();
/// assert_eq!(frame.as_bytes(), b"id: 1\ndata: hello\n\n");
/// assert_eq!(frame.data().as_deref(), Some("hello"));
/// ```
// Of what it says of itself it knows nothing beforehand: a frame is copied once for each receiver, and asked by few.
#[derive(Clone)]
pub struct Frame(Run);

impl Frame {
    /// The frame of a block that was encoded by this crate.
    pub(crate) fn of(block: Run) -> Self {
        Self(block)
    }

    pub(crate) fn run(&self) -> &Run {
        &self.0
    }

    pub(crate) fn into_run(self) -> Run {
        self.0
    }

    /// The whole block, its blank line included.
    pub fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }

    /// The whole block as shared bytes.
    pub fn into_bytes(self) -> Bytes {
        self.0.into_bytes()
    }

    /// The type, if the event names one.
    pub fn event_type(&self) -> Option<&str> {
        self.line("event: ")
    }

    /// The id, if the event has one.
    pub fn id(&self) -> Option<&str> {
        self.line("id: ")
    }

    /// The data, if the event has any. Borrowed while it is one line.
    pub fn data(&self) -> Option<Cow<'_, str>> {
        let end = self.as_bytes().len().checked_sub(2)?;
        let lines = self.text(self.value(DATA)?, end)?;
        Some(match memchr(b'\n', lines.as_bytes()) {
            None => Cow::Borrowed(lines),
            Some(_) => Cow::Owned(lines.replace("\ndata: ", "\n")),
        })
    }

    /// What the line with this name says, if there is one before the data.
    fn line(&self, name: &str) -> Option<&str> {
        let start = self.value(name)?;
        let end = start + memchr(b'\n', self.as_bytes().get(start..)?)?;
        self.text(start, end)
    }

    /// Where the value of the first line with this name begins. The data are the last lines, so nothing in them is looked at.
    fn value(&self, name: &str) -> Option<usize> {
        let bytes = self.as_bytes();
        let mut at = 0;
        loop {
            let line = bytes.get(at..)?;
            if line.starts_with(name.as_bytes()) {
                return Some(at + name.len());
            }
            if line.starts_with(DATA.as_bytes()) {
                return None;
            }
            at += memchr(b'\n', line)? + 1;
        }
    }

    fn text(&self, start: usize, end: usize) -> Option<&str> {
        // Only `encode_into` writes the bytes, from whole strings, so this is always text.
        std::str::from_utf8(self.as_bytes().get(start..end)?).ok()
    }
}

impl PartialEq for Frame {
    fn eq(&self, other: &Self) -> bool {
        self.as_bytes() == other.as_bytes()
    }
}

impl Eq for Frame {}

impl fmt::Debug for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Frame").field(&String::from_utf8_lossy(self.as_bytes())).finish()
    }
}

impl From<&Event> for Frame {
    fn from(event: &Event) -> Self {
        let mut bytes = Vec::with_capacity(event.encoded_len());
        event.encode_into(&mut bytes);
        Self(Bytes::from(bytes).into())
    }
}

impl From<Event> for Frame {
    fn from(event: Event) -> Self {
        Self::from(&event)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{EventId, EventType};

    #[test]
    fn a_frame_knows_its_parts_whatever_stands_beside_them() {
        for data in [None, Some(""), Some("one"), Some("one\ntwo"), Some("\n\ndata: x\n")] {
            for others in 0..16 {
                let mut event = Event::default();
                if let Some(data) = data {
                    event = event.with_data(data);
                }
                if others & 1 != 0 {
                    event = event.with_type(EventType::from_static("tick"));
                }
                if others & 2 != 0 {
                    event = event.with_id(EventId::from_static("ä"));
                }
                if others & 4 != 0 {
                    event = event.with_retry(Duration::from_millis(10));
                }
                if others & 8 != 0 {
                    event = event.with_comment("a\nb");
                }
                let frame = event.to_frame();
                assert_eq!(frame.event_type(), event.event_type().map(EventType::as_str));
                assert_eq!(frame.id(), event.id().map(EventId::as_str));
                assert_eq!(frame.data().as_deref(), event.data());
            }
        }
    }
}
