//! One block of an event stream, and how it is written.

use std::time::Duration;

use bytes::BufMut;
use memchr::{memchr, memchr_iter, memchr2_iter};

use crate::{EventId, EventType, Frame};

/// One block on the wire: type, data, id, retry and comments.
///
/// An event is valid by construction: building it cannot fail and writing it cannot inject a field.
/// Source: WHATWG HTML §9.2.5, "parsing an event stream".
///
/// ```
/// use sse_core::{Event, EventType};
///
/// const PROGRESS: EventType = EventType::from_static("progress");
/// let event = Event::new("half\nway").with_type(PROGRESS).with_id(17);
/// assert_eq!(
///     event.to_frame().as_bytes(),
///     b"event: progress\nid: 17\ndata: half\ndata: way\n\n"
/// );
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[must_use]
pub struct Event {
    comments: Vec<String>,
    event_type: Option<EventType>,
    id: Option<EventId>,
    retry: Option<u64>,
    data: Option<Data>,
}

/// Data with LF as its only line end, and how many of them: sizing a frame needs no second look.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Data {
    text: String,
    line_feeds: usize,
}

impl Data {
    fn new(text: String) -> Self {
        if memchr(b'\r', text.as_bytes()).is_some() {
            let text = lines(&text).collect::<Vec<_>>().join("\n");
            return Self { line_feeds: memchr_iter(b'\n', text.as_bytes()).count(), text };
        }
        Self { line_feeds: memchr_iter(b'\n', text.as_bytes()).count(), text }
    }

    /// Appends the lines of data and the blank line after them.
    fn encode_into(&self, buf: &mut impl BufMut) {
        encode_data(&self.text, self.line_feeds > 0, buf);
    }
}

/// Appends the lines of data, which LF separates, and the blank line after them.
fn encode_data(text: &str, has_line_feeds: bool, buf: &mut impl BufMut) {
    let text = text.as_bytes();
    buf.put_slice(b"data: ");
    let mut from = 0;
    if has_line_feeds {
        for at in memchr_iter(b'\n', text) {
            buf.put_slice(&text[from..=at]);
            buf.put_slice(b"data: ");
            from = at + 1;
        }
    }
    buf.put_slice(&text[from..]);
    buf.put_slice(b"\n\n");
}

/// The lines of a text, ended by CRLF, CR or LF; a text without any is one line.
fn lines(text: &str) -> impl Iterator<Item = &str> {
    let bytes = text.as_bytes();
    let mut ends = memchr2_iter(b'\r', b'\n', bytes).peekable();
    let mut start = Some(0);
    std::iter::from_fn(move || {
        let from = start?;
        let Some(end) = ends.next() else {
            start = None;
            return Some(&text[from..]);
        };
        let mut next = end + 1;
        if bytes[end] == b'\r' && ends.next_if(|at| *at == next && bytes[*at] == b'\n').is_some() {
            next += 1;
        }
        start = Some(next);
        Some(&text[from..end])
    })
}

impl Event {
    /// An event with data. Any text is legal: each CRLF, CR and LF arrives as one LF, and an empty
    /// text is dispatched as empty data.
    pub fn new(data: impl Into<String>) -> Self {
        Self { data: Some(Data::new(data.into())), ..Self::default() }
    }

    /// The same event with this type.
    pub fn with_type(mut self, event_type: EventType) -> Self {
        self.event_type = Some(event_type);
        self
    }

    /// The same event with this id.
    pub fn with_id(mut self, id: impl Into<EventId>) -> Self {
        self.id = Some(id.into());
        self
    }

    /// The same event with this reconnection time, in whole milliseconds.
    pub fn with_retry(mut self, retry: Duration) -> Self {
        self.retry = Some(u64::try_from(retry.as_millis()).unwrap_or(u64::MAX));
        self
    }

    /// The same event with this data in place of what it had.
    pub fn with_data(mut self, data: impl Into<String>) -> Self {
        self.data = Some(Data::new(data.into()));
        self
    }

    /// The same event with one more comment; a text of several lines is several comments.
    pub fn with_comment(mut self, comment: impl AsRef<str>) -> Self {
        self.comments.extend(lines(comment.as_ref()).map(str::to_owned));
        self
    }

    /// The type, if the event names one; a client takes an event without for a `message`.
    pub fn event_type(&self) -> Option<&EventType> {
        self.event_type.as_ref()
    }

    /// The data, if the event has any, its lines separated by LF.
    pub fn data(&self) -> Option<&str> {
        self.data.as_ref().map(|data| data.text.as_str())
    }

    /// The id, if the event has one.
    pub fn id(&self) -> Option<&EventId> {
        self.id.as_ref()
    }

    /// The reconnection time, if the event sets it.
    pub fn retry(&self) -> Option<Duration> {
        self.retry.map(Duration::from_millis)
    }

    /// The comments, a line each, in order.
    pub fn comments(&self) -> impl ExactSizeIterator<Item = &str> {
        self.comments.iter().map(String::as_str)
    }

    /// How many bytes [`encode_into`](Self::encode_into) writes, exactly.
    pub fn encoded_len(&self) -> usize {
        self.encoded_head_len() + self.encoded_data_len().unwrap_or(0) + 1
    }

    /// The length of all lines but those of the data.
    pub(crate) fn encoded_head_len(&self) -> usize {
        let line = |name: usize, value: usize| name + 2 + value + 1;
        let comments: usize = self.comments.iter().map(|text| line(0, text.len())).sum();
        let event_type = self.event_type.as_ref().map_or(0, |text| line(5, text.as_str().len()));
        let id = self.id.as_ref().map_or(0, |text| line(2, text.as_str().len()));
        let retry = self.retry.map_or(0, |retry| line(5, Decimal::new(retry).as_bytes().len()));
        comments + event_type + id + retry
    }

    /// The length of the lines of the data, if there is any: each has its name and its end.
    pub(crate) fn encoded_data_len(&self) -> Option<usize> {
        let data = self.data.as_ref()?;
        Some(data.text.len() + (data.line_feeds + 1) * b"data: ".len() + b"\n".len())
    }

    /// Appends the block to `buf`, its blank line included. Allocates nothing of its own.
    pub fn encode_into(&self, buf: &mut impl BufMut) {
        self.encode_head(buf);
        if let Some(data) = &self.data {
            data.encode_into(buf);
        } else {
            buf.put_u8(b'\n');
        }
    }

    /// All lines but those of the data.
    pub(crate) fn encode_head(&self, buf: &mut impl BufMut) {
        for comment in &self.comments {
            encode_comment(buf, comment);
        }
        let event_type = self.event_type.as_ref().map(EventType::as_str);
        encode_fields(buf, event_type, self.id.as_ref().map(EventId::as_str), self.retry);
    }

    /// The event, encoded once, to be sent to many.
    pub fn to_frame(&self) -> Frame {
        Frame::from(self)
    }
}

/// Appends a block as a decoder has it, of parts without a CR, and of which only the data has an LF.
pub(crate) fn encode_decoded(
    buf: &mut impl BufMut,
    event_type: Option<&str>,
    id: Option<&str>,
    retry: Option<u64>,
    data: Option<&str>,
) {
    encode_fields(buf, event_type, id, retry);
    match data {
        Some(data) => encode_data(data, memchr(b'\n', data.as_bytes()).is_some(), buf),
        None => buf.put_u8(b'\n'),
    }
}

/// Appends a comment as a decoder has it: one line.
pub(crate) fn encode_comment(buf: &mut impl BufMut, text: &str) {
    line(buf, b": ", text.as_bytes());
}

fn encode_fields(
    buf: &mut impl BufMut,
    event_type: Option<&str>,
    id: Option<&str>,
    retry: Option<u64>,
) {
    if let Some(event_type) = event_type {
        line(buf, b"event: ", event_type.as_bytes());
    }
    if let Some(id) = id {
        line(buf, b"id: ", id.as_bytes());
    }
    if let Some(retry) = retry {
        line(buf, b"retry: ", Decimal::new(retry).as_bytes());
    }
}

fn line(buf: &mut impl BufMut, name: &[u8], value: &[u8]) {
    buf.put_slice(name);
    buf.put_slice(value);
    buf.put_u8(b'\n');
}

/// A number's decimal digits, on the stack.
struct Decimal {
    digits: [u8; 20],
    from: usize,
}

impl Decimal {
    fn new(mut number: u64) -> Self {
        let mut decimal = Self { digits: [b'0'; 20], from: 20 };
        loop {
            decimal.from -= 1;
            decimal.digits[decimal.from] = b'0' + (number % 10) as u8;
            number /= 10;
            if number == 0 {
                return decimal;
            }
        }
    }

    fn as_bytes(&self) -> &[u8] {
        &self.digits[self.from..]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wire(event: &Event) -> String {
        let bytes = event.to_frame().into_bytes();
        assert_eq!(bytes.len(), event.encoded_len());
        String::from_utf8(bytes.to_vec()).unwrap()
    }

    #[test]
    fn every_field_is_a_line() {
        let event = Event::new("d")
            .with_type(EventType::from_static("t"))
            .with_id(EventId::from_static("i"))
            .with_retry(Duration::from_millis(u64::MAX))
            .with_comment("c");
        assert_eq!(wire(&event), ": c\nevent: t\nid: i\nretry: 18446744073709551615\ndata: d\n\n");
    }

    #[test]
    fn each_line_end_in_data_is_one_lf() {
        for (data, expected) in [
            ("a\r\nb", "a\nb"),
            ("a\rb\nc", "a\nb\nc"),
            ("\r\r\n\n", "\n\n\n"),
            ("a\r", "a\n"),
            ("\n", "\n"),
        ] {
            let event = Event::new(data);
            assert_eq!(event.data(), Some(expected), "{data:?}");
            let lines: String =
                expected.split('\n').map(|line| format!("data: {line}\n")).collect();
            assert_eq!(wire(&event), lines + "\n", "{data:?}");
        }
    }

    #[test]
    fn empty_data_is_data() {
        assert_eq!(wire(&Event::new("")), "data: \n\n");
        assert_eq!(wire(&Event::default()), "\n");
    }

    #[test]
    fn a_comment_cannot_leave_its_line() {
        let event = Event::default().with_comment("one\rdata: two\r\n");
        assert_eq!(event.comments().collect::<Vec<_>>(), ["one", "data: two", ""]);
        assert_eq!(wire(&event), ": one\n: data: two\n: \n\n");
    }
}
