//! The one place that sets response headers.

use http::header::CONTENT_LENGTH;
use http::{HeaderMap, HeaderName, HeaderValue};

/// The MIME type of an event stream.
///
/// Source: WHATWG HTML §9.2.5, "parsing an event stream".
pub const MIME: &str = "text/event-stream";

/// The headers of every event stream, for frameworks that have header types of their own.
///
/// A stream is neither cached nor altered on its way (RFC 9111 §5.2.2.4 and §5.2.2.6), and nginx passes each
/// chunk on at once. `Content-Encoding: identity` says nothing to a client, and is what keeps the
/// compression of a framework, which holds small chunks back, away from the response.
pub const HEADERS: [(&str, &str); 4] = [
    ("content-type", MIME),
    ("cache-control", "no-cache, no-transform"),
    ("content-encoding", "identity"),
    ("x-accel-buffering", "no"),
];

/// Whether a `Content-Type` is that of an event stream, whatever its case and its parameters.
///
/// Source: WHATWG HTML §9.2.2, "processing model"; WHATWG MIME Sniffing §4.4, "parsing a MIME type".
///
/// ```
/// assert!(sse_core::is_event_stream("Text/Event-Stream ; charset=utf-8"));
/// assert!(!sse_core::is_event_stream("text/event-streams"));
/// ```
pub fn is_event_stream(content_type: &str) -> bool {
    let essence = content_type.split(';').next().unwrap_or_default();
    essence.trim_matches([' ', '\t']).eq_ignore_ascii_case(MIME)
}

/// Sets the headers of an event stream, [`HEADERS`], in place of what was there, and takes away `Content-Length`.
pub fn response_headers(headers: &mut HeaderMap) {
    for (name, value) in HEADERS {
        headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    headers.remove(CONTENT_LENGTH);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_stream_is_known_by_the_whole_of_its_type() {
        for (content_type, expected) in [
            ("text/event-stream", true),
            ("text/event-stream;", true),
            ("\tTEXT/Event-Stream ; charset=utf-8", true),
            ("text/event-stream;charset=windows-1252", true),
            ("", false),
            ("text/event-stream2", false),
            ("text/ event-stream", false),
            ("text/html; text/event-stream", false),
            ("text/event-stream\u{a0}", false),
        ] {
            assert_eq!(is_event_stream(content_type), expected, "{content_type:?}");
        }
    }
}
