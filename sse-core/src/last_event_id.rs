//! Where a client left off.

use std::fmt;

use http::{HeaderMap, HeaderName};

use crate::EventId;

/// The id of the last event that a client saw, as its request says.
///
/// Source: WHATWG HTML §9.2.4, "the `Last-Event-ID` header".
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastEventId(EventId);

impl LastEventId {
    /// The header's name.
    pub const HEADER: HeaderName = HeaderName::from_static("last-event-id");

    /// The name of the query parameter that stands in for the header: a page that makes a new
    /// `EventSource` can set no header.
    pub const PARAMETER: &'static str = "lastEventId";

    /// Reads the id from a request's headers, else from its query. An empty id is no id: the query is
    /// looked at when the header is empty.
    ///
    /// # Errors
    ///
    /// [`LastEventIdError`] when the id is longer than [`EventId::MAX_LEN`], is not UTF-8, or
    /// holds a byte that no id can hold: such an id was never sent by a server.
    pub fn from_request(
        headers: &HeaderMap,
        query: Option<&str>,
    ) -> Result<Option<Self>, LastEventIdError> {
        if let Some(value) = headers.get(Self::HEADER).filter(|value| !value.is_empty()) {
            return Self::parse(value.as_bytes());
        }
        for pair in query.unwrap_or_default().split('&') {
            if let Some((Self::PARAMETER, value)) = pair.split_once('=') {
                return Self::parse(&percent_decoded(value));
            }
        }
        Ok(None)
    }

    fn parse(bytes: &[u8]) -> Result<Option<Self>, LastEventIdError> {
        if bytes.is_empty() {
            return Ok(None);
        }
        let text = std::str::from_utf8(bytes)
            .map_err(|error| LastEventIdError::NotUtf8 { position: error.valid_up_to() })?;
        EventId::new(text).map(|id| Some(Self(id))).map_err(LastEventIdError::Refused)
    }

    /// The id.
    pub fn id(&self) -> &EventId {
        &self.0
    }

    /// The id.
    pub fn into_id(self) -> EventId {
        self.0
    }

    /// The text of the id.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

/// The bytes of a query value (WHATWG URL §5.1, "application/x-www-form-urlencoded parsing"); a
/// percent sign without two digits stands for itself.
fn percent_decoded(value: &str) -> Vec<u8> {
    let hex = |byte: Option<&u8>| byte.and_then(|byte| char::from(*byte).to_digit(16));
    let bytes = value.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        match (byte, hex(bytes.get(at + 1)), hex(bytes.get(at + 2))) {
            (b'%', Some(high), Some(low)) => {
                decoded.push((high * 16 + low) as u8);
                at += 3;
                continue;
            }
            (b'+', ..) => decoded.push(b' '),
            _ => decoded.push(byte),
        }
        at += 1;
    }
    decoded
}

/// A `Last-Event-ID` that no server has sent.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum LastEventIdError {
    /// It is not UTF-8.
    NotUtf8 {
        /// Where the first wrong byte is.
        position: usize,
    },
    /// It holds a byte that no id can hold, or is longer than any.
    Refused(crate::FieldError),
}

impl fmt::Display for LastEventIdError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Last-Event-ID: ")?;
        match self {
            Self::NotUtf8 { position } => write!(f, "not UTF-8 at byte {position}"),
            Self::Refused(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for LastEventIdError {}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn from(
        header: Option<&'static [u8]>,
        query: Option<&str>,
    ) -> Result<Option<String>, LastEventIdError> {
        let mut headers = HeaderMap::new();
        if let Some(header) = header {
            headers.insert(LastEventId::HEADER, HeaderValue::from_bytes(header).unwrap());
        }
        let id = LastEventId::from_request(&headers, query)?;
        Ok(id.map(|id| id.as_str().to_owned()))
    }

    #[test]
    fn the_header_comes_before_the_query() {
        assert_eq!(from(Some(b"1"), Some("lastEventId=2")), Ok(Some("1".into())));
        assert_eq!(from(None, Some("a=b&lastEventId=2")), Ok(Some("2".into())));
        assert_eq!(from(None, Some("xlastEventId=2&lastEventId")), Ok(None));
        assert_eq!(from(None, None), Ok(None));
    }

    #[test]
    fn an_empty_header_does_not_hide_the_query() {
        assert_eq!(from(Some(b""), Some("lastEventId=2")), Ok(Some("2".into())));
        assert_eq!(from(Some(b""), Some("lastEventId=")), Ok(None));
        assert_eq!(from(Some(b""), None), Ok(None));
    }

    #[test]
    fn an_id_is_utf8_in_header_and_query() {
        assert_eq!(from(Some("…".as_bytes()), None), Ok(Some("…".into())));
        assert_eq!(from(None, Some("lastEventId=%E2%80%a6+%2B%")), Ok(Some("… +%".into())));
        assert_eq!(from(Some(b"a\xFF"), None), Err(LastEventIdError::NotUtf8 { position: 1 }));
    }

    #[test]
    fn what_no_server_sent_is_refused_and_named() {
        let error = from(None, Some("lastEventId=a%00")).unwrap_err();
        assert_eq!(error.to_string(), "Last-Event-ID: the value of `id` has a NUL at byte 1");
        assert!(from(None, Some("lastEventId=a%0Adata:x")).is_err());
        let long = format!("lastEventId={}", "x".repeat(1025));
        assert!(from(None, Some(&long)).unwrap_err().to_string().contains("more than 1024 bytes"));
    }
}
