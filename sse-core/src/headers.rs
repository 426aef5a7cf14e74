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

/// Sets the headers of an event stream, [`HEADERS`], in place of what was there, and takes away `Content-Length`.
pub fn response_headers(headers: &mut HeaderMap) {
    for (name, value) in HEADERS {
        headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    headers.remove(CONTENT_LENGTH);
}
