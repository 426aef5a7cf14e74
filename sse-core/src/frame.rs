//! An encoded event.

use std::borrow::Cow;
use std::ops::Range;

use bytes::Bytes;

use crate::Event;

/// An encoded event: shared bytes, cheap to clone, so that one encoding serves every receiver.
///
/// It knows its type, its id and where its data is.
///
/// ```
/// use sse_core::Event;
///
/// let frame = Event::new("hello").with_id(1).to_frame();
/// assert_eq!(frame.as_bytes(), b"id: 1\ndata: hello\n\n");
/// assert_eq!(frame.data().as_deref(), Some("hello"));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    bytes: Bytes,
    event_type: Option<Range<usize>>,
    id: Option<Range<usize>>,
    /// The data's lines with their names, the last line end included.
    data: Option<Range<usize>>,
}

impl Frame {
    pub(crate) fn new(event: &Event) -> Self {
        let mut bytes = Vec::with_capacity(event.encoded_len());
        event.encode_into(&mut bytes);
        let data = event.encoded_data_len();
        Self::of(event, bytes, data)
    }

    /// The frame of an event that was encoded with one line of data of its own.
    #[cfg(feature = "serde")]
    pub(crate) fn of_one_line(head: &Event, bytes: Vec<u8>) -> Self {
        let data = bytes.len() - 1 - head.encoded_head_len();
        Self::of(head, bytes, Some(data))
    }

    /// The parts of an encoded event, whose lines of data have this many bytes in all.
    fn of(event: &Event, bytes: Vec<u8>, data: Option<usize>) -> Self {
        let mut at = event.comments().map(|text| text.len() + 3).sum::<usize>();
        let mut value = |name: usize, text: Option<&str>| {
            let range = text.map(|text| at + name + 2..at + name + 2 + text.len());
            at = range.as_ref().map_or(at, |range| range.end + 1);
            range
        };
        let event_type = value(5, event.event_type().map(|text| text.as_str()));
        let id = value(2, event.id().map(|text| text.as_str()));
        let end = bytes.len() - 1;
        let data = data.map(|len| end - len..end);
        Self { bytes: bytes.into(), event_type, id, data }
    }

    /// The whole block, its blank line included.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The whole block as shared bytes.
    pub fn into_bytes(self) -> Bytes {
        self.bytes
    }

    /// The type, if the event names one.
    pub fn event_type(&self) -> Option<&str> {
        self.text(self.event_type.clone())
    }

    /// The id, if the event has one.
    pub fn id(&self) -> Option<&str> {
        self.text(self.id.clone())
    }

    /// The data, if the event has any. Borrowed while it is one line.
    pub fn data(&self) -> Option<Cow<'_, str>> {
        let lines = self.text(self.data.clone())?;
        let lines = &lines[6..lines.len() - 1];
        Some(match memchr::memchr(b'\n', lines.as_bytes()) {
            None => Cow::Borrowed(lines),
            Some(_) => Cow::Owned(lines.replace("\ndata: ", "\n")),
        })
    }

    fn text(&self, range: Option<Range<usize>>) -> Option<&str> {
        // Only `encode_into` writes the bytes, from whole strings, so this is always text.
        std::str::from_utf8(self.bytes.get(range?)?).ok()
    }
}

impl From<&Event> for Frame {
    fn from(event: &Event) -> Self {
        Self::new(event)
    }
}

impl From<Event> for Frame {
    fn from(event: Event) -> Self {
        Self::new(&event)
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
