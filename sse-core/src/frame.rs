//! An encoded event.

use std::borrow::Cow;

use bytes::Bytes;

use crate::Event;

const TYPE: &str = "event: ";
const ID: &str = "id: ";
const DATA: &str = "data: ";

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
    // Numbers from which the places of the parts follow, in a form that is quick to copy: a frame is
    // copied once for each receiver.
    /// The length of the comments, which come first.
    comments: usize,
    /// Where the type ends; 0 where there is none.
    type_end: usize,
    /// Where the id ends; 0 where there is none.
    id_end: usize,
    /// The length of the data's lines with their names, which come last; 0 where there are none.
    data: usize,
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
        let comments = event.comments().map(|text| text.len() + 3).sum();
        let mut at = comments;
        let mut end = |name: &str, text: Option<&str>| {
            text.map_or(0, |text| {
                let end = at + name.len() + text.len();
                at = end + 1;
                end
            })
        };
        let type_end = end(TYPE, event.event_type().map(|text| text.as_str()));
        let id_end = end(ID, event.id().map(|text| text.as_str()));
        Self { bytes: bytes.into(), comments, type_end, id_end, data: data.unwrap_or(0) }
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
        self.text(self.comments + TYPE.len(), self.type_end)
    }

    /// The id, if the event has one.
    pub fn id(&self) -> Option<&str> {
        let before = if self.type_end == 0 { self.comments } else { self.type_end + 1 };
        self.text(before + ID.len(), self.id_end)
    }

    /// The data, if the event has any. Borrowed while it is one line.
    pub fn data(&self) -> Option<Cow<'_, str>> {
        if self.data == 0 {
            return None;
        }
        let end = self.bytes.len() - 1;
        let lines = self.text(end - self.data + DATA.len(), end - 1)?;
        Some(match memchr::memchr(b'\n', lines.as_bytes()) {
            None => Cow::Borrowed(lines),
            Some(_) => Cow::Owned(lines.replace("\ndata: ", "\n")),
        })
    }

    /// The text that ends there, if there is an end.
    fn text(&self, start: usize, end: usize) -> Option<&str> {
        // Only `encode_into` writes the bytes, from whole strings, so this is always text.
        (end > 0).then(|| std::str::from_utf8(self.bytes.get(start..end)?).ok()).flatten()
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
