//! Events whose data is JSON, and enums whose variants are event types.

use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::typed::{self, TypedError};
use crate::{Event, Frame, MessageEvent, MessageRef};

impl Event {
    /// An event whose data is `value` as JSON.
    ///
    /// # Errors
    ///
    /// What `serde_json` says of a value that has no JSON form, such as a map with keys that are not
    /// strings.
    pub fn json<T: Serialize + ?Sized>(value: &T) -> Result<Self, serde_json::Error> {
        serde_json::to_string(value).map(Self::new)
    }

    /// An event of an enum's value: the variant is the type, what it holds is the data as JSON. The
    /// data of a variant that holds nothing is empty.
    ///
    /// The other way round is [`MessageEvent::typed`]. The enum is an ordinary one of serde's, without
    /// a tag; `rename` and `rename_all` name the types.
    ///
    /// ```
    /// use serde::{Deserialize, Serialize};
    /// use sse_core::Event;
    ///
    /// #[derive(Serialize, Deserialize)]
    /// #[serde(rename_all = "kebab-case")]
    /// enum Progress {
    ///     StepDone { step: u32, of: u32 },
    ///     Log(String),
    ///     Finished,
    /// }
    ///
    /// let event = Event::typed(&Progress::StepDone { step: 1, of: 3 })?;
    /// assert_eq!(event.to_frame().as_bytes(), b"event: step-done\ndata: {\"step\":1,\"of\":3}\n\n");
    /// # Ok::<(), sse_core::TypedError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`TypedError`] when the value is not an enum's, a variant's name is no event type, or what it
    /// holds has no JSON form.
    pub fn typed<T: Serialize + ?Sized>(value: &T) -> Result<Self, TypedError> {
        typed::to_event(value)
    }

    /// Appends this event to `buf` with `value` as JSON for its data, in place of the data it has.
    /// The JSON is written once, straight into the buffer.
    ///
    /// A line end within the JSON, which only a raw value can bring, is written as a space: in JSON
    /// the two mean the same, and the data stays one line.
    ///
    /// ```
    /// use sse_core::Event;
    ///
    /// let mut buf = Vec::new();
    /// Event::default().with_id(7).encode_json_into(&[1, 2], &mut buf)?;
    /// assert_eq!(buf, b"id: 7\ndata: [1,2]\n\n");
    /// # Ok::<(), serde_json::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`json`](Self::json); `buf` is then as it was.
    pub fn encode_json_into<T: Serialize + ?Sized>(
        &self,
        value: &T,
        buf: &mut Vec<u8>,
    ) -> Result<(), serde_json::Error> {
        let start = buf.len();
        self.encode_head(buf);
        buf.extend_from_slice(b"data: ");
        let json = buf.len();
        if let Err(error) = serde_json::to_writer(&mut *buf, value) {
            buf.truncate(start);
            return Err(error);
        }
        if memchr::memchr2(b'\n', b'\r', &buf[json..]).is_some() {
            for byte in &mut buf[json..] {
                if matches!(byte, b'\n' | b'\r') {
                    *byte = b' ';
                }
            }
        }
        buf.extend_from_slice(b"\n\n");
        Ok(())
    }

    /// This event, encoded once with `value` as JSON for its data, in place of the data it has.
    ///
    /// # Errors
    ///
    /// As [`json`](Self::json).
    pub fn to_json_frame<T: Serialize + ?Sized>(
        &self,
        value: &T,
    ) -> Result<Frame, serde_json::Error> {
        let mut bytes = Vec::with_capacity(256);
        self.encode_json_into(value, &mut bytes)?;
        Ok(Frame::of(Bytes::from(bytes).into()))
    }
}

impl MessageEvent {
    /// The data, read as JSON.
    ///
    /// # Errors
    ///
    /// What `serde_json` says of the data.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, serde_json::Error> {
        serde_json::from_str(&self.data)
    }

    /// The value of an enum whose variant is the type and whose content is the data: one `match` for
    /// a whole stream.
    ///
    /// ```
    /// use serde::Deserialize;
    /// use sse_core::Decoder;
    ///
    /// #[derive(Debug, PartialEq, Deserialize)]
    /// #[serde(rename_all = "kebab-case")]
    /// enum Progress {
    ///     StepDone { step: u32, of: u32 },
    ///     Finished,
    /// }
    ///
    /// let mut decoder = Decoder::new();
    /// decoder.feed("event: step-done\ndata: {\"step\":1,\"of\":3}\n\n");
    /// let message = decoder.next_message()?.expect("it is complete");
    /// assert_eq!(message.typed::<Progress>()?, Progress::StepDone { step: 1, of: 3 });
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`TypedError`] when the enum has no such variant
    /// ([`is_unknown_type`](TypedError::is_unknown_type)), or the data does not fit it.
    pub fn typed<T: DeserializeOwned>(&self) -> Result<T, TypedError> {
        typed::from_message(self.event_type.as_str(), &self.data)
    }
}

impl<'a> MessageRef<'a> {
    /// The data, read as JSON; texts in it may be borrowed.
    ///
    /// # Errors
    ///
    /// What `serde_json` says of the data.
    pub fn json<T: serde::Deserialize<'a>>(&self) -> Result<T, serde_json::Error> {
        serde_json::from_str(self.data)
    }

    /// The same as [`MessageEvent::typed`]; texts in it may be borrowed.
    ///
    /// # Errors
    ///
    /// As there.
    pub fn typed<T: serde::Deserialize<'a>>(&self) -> Result<T, TypedError> {
        typed::from_message(self.event_type, self.data)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::EventType;

    #[test]
    fn json_is_one_line_whatever_the_value_brings() {
        /// A value that writes its text as it is, as a raw value does.
        struct Raw(&'static str);
        impl Serialize for Raw {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                let raw: Box<serde_json::value::RawValue> =
                    serde_json::from_str(self.0).map_err(serde::ser::Error::custom)?;
                raw.serialize(serializer)
            }
        }
        let raw = Raw("{\n \"a\":\r\n[1,\r2]}");
        let frame = Event::default().to_json_frame(&raw).unwrap();
        assert_eq!(frame.as_bytes(), b"data: {  \"a\":  [1, 2]}\n\n");
        assert_eq!(Event::json(&raw).unwrap().data(), Some("{\n \"a\":\n[1,\n2]}"));
        let frame = Event::default().to_json_frame("a\r\nb").unwrap();
        assert_eq!(frame.data().as_deref(), Some(r#""a\r\nb""#));
    }

    #[test]
    fn the_frame_of_json_is_that_of_the_same_event() {
        let value = json!({"a": [1, "ä"], "b": null});
        let head = Event::new("replaced\nall of it")
            .with_type(EventType::from_static("t"))
            .with_id(3)
            .with_comment("c");
        let frame = head.to_json_frame(&value).unwrap();
        assert_eq!(frame, head.with_data(value.to_string()).to_frame());
    }

    #[test]
    fn a_value_without_json_leaves_the_buffer_as_it_was() {
        let wrong = std::collections::HashMap::from([((1, 2), 3)]);
        let mut buf = b"before".to_vec();
        assert!(Event::default().encode_json_into(&wrong, &mut buf).is_err());
        assert_eq!(buf, b"before");
    }
}
