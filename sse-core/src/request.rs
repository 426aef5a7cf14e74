//! What a request for a stream can be answered with.

use std::fmt;

use bytes::Bytes;
use http::header::{ACCEPT, CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode};

use crate::{MIME, Refusal};

/// A request that an event stream may answer, and what its client understands instead.
///
/// The default is a request of which nothing is known: it is refused by a status.
///
/// ```
/// use std::time::Duration;
/// use http::{HeaderMap, Method, header::ACCEPT};
/// use sse_core::{Refusal, StreamRequest};
///
/// let refusal = Refusal::unavailable(Duration::from_secs(5)..=Duration::from_secs(15)).in_stream();
/// let mut headers = HeaderMap::new();
/// let curl = StreamRequest::new(&Method::GET, &headers).expect("no preference");
/// assert_eq!(curl.refuse(&refusal).response().status(), 503);
///
/// headers.insert(ACCEPT, "text/event-stream".parse()?);
/// let browser = StreamRequest::new(&Method::GET, &headers).expect("just what it asks for");
/// assert_eq!(browser.refuse(&refusal).response().status(), 200);
/// # Ok::<(), http::header::InvalidHeaderValue>(())
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct StreamRequest {
    reads_streams: bool,
}

impl StreamRequest {
    /// Reads a request's `Accept`: without one, and with `*/*` or `text/*`, a stream will do.
    ///
    /// # Errors
    ///
    /// The answer, 406 with the type that there is, where `Accept` rules an event stream out.
    ///
    /// Source: RFC 9110 §12.5.1, "Accept", and §15.5.7, "406 Not Acceptable".
    pub fn new(method: &Method, headers: &HeaderMap) -> Result<Self, Refused> {
        match accept(headers) {
            Accept::No => Err(not_acceptable()),
            accept => Ok(Self { reads_streams: method == Method::GET && accept == Accept::ByName }),
        }
    }

    /// The answer that refuses this request: [`in_stream`](Refusal::in_stream), where the refusal
    /// is to be and the client asks by GET and names `text/event-stream`, as an `EventSource` does.
    pub fn refuse(&self, refusal: &Refusal) -> Refused {
        Refused(Box::new(refusal.response(self.reads_streams)))
    }
}

/// The answer that one request was refused with; an error, so that a handler can return it.
#[derive(Debug, Clone)]
pub struct Refused(Box<Response<Bytes>>);

impl Refused {
    /// The answer.
    pub fn response(&self) -> &Response<Bytes> {
        &self.0
    }

    /// The answer.
    pub fn into_response(self) -> Response<Bytes> {
        *self.0
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the stream was refused with {}", self.0.status())
    }
}

impl std::error::Error for Refused {}

fn not_acceptable() -> Refused {
    let mut response = Response::new(Bytes::from_static(MIME.as_bytes()));
    *response.status_mut() = StatusCode::NOT_ACCEPTABLE;
    for (name, value) in [(CACHE_CONTROL, "no-store"), (CONTENT_TYPE, "text/plain")] {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    Refused(Box::new(response))
}

/// What a client says of event streams.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Accept {
    /// It names them.
    ByName,
    /// It takes anything, or all of `text`.
    Among,
    /// It takes other types only.
    No,
}

/// The most specific of the ranges that match decides; a weight of zero means "not acceptable"
/// (RFC 9110 §12.4.2). A header that cannot be read is none.
fn accept(headers: &HeaderMap) -> Accept {
    let mut decided: Option<(usize, bool)> = None;
    let mut is_said = false;
    for value in headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok()) {
        for range in value.split(',').map(str::trim).filter(|range| !range.is_empty()) {
            is_said = true;
            let mut parts = range.split(';').map(str::trim);
            let name = parts.next().unwrap_or_default();
            let Some(specificity) =
                ["*/*", "text/*", MIME].iter().position(|known| known.eq_ignore_ascii_case(name))
            else {
                continue;
            };
            let is_taken = !parts.any(is_zero_weight);
            if decided.is_none_or(|(before, _)| before <= specificity) {
                decided = Some((specificity, is_taken));
            }
        }
    }
    match decided {
        Some((2, true)) => Accept::ByName,
        Some((_, true)) => Accept::Among,
        None if !is_said => Accept::Among,
        _ => Accept::No,
    }
}

fn is_zero_weight(parameter: &str) -> bool {
    let (name, weight) = parameter.split_once('=').unwrap_or_default();
    name.trim().eq_ignore_ascii_case("q") && weight.trim().parse() == Ok(0.0f32)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accepting(values: &[&str]) -> Accept {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(ACCEPT, value.parse().unwrap());
        }
        accept(&headers)
    }

    #[test]
    fn a_client_takes_a_stream_unless_it_asks_for_other_types_only() {
        for (values, expected) in [
            (&[][..], Accept::Among),
            (&[""], Accept::Among),
            (&["*/*"], Accept::Among),
            (&["text/*;q=0.1, application/json"], Accept::Among),
            (&["text/html,application/xml;q=0.9,*/*;q=0.8"], Accept::Among),
            (&["text/event-stream"], Accept::ByName),
            (&["application/json", "Text/Event-Stream; q=0.5"], Accept::ByName),
            (&["application/json"], Accept::No),
            (&["text/html, text/plain"], Accept::No),
            (&["*/*;q=0"], Accept::No),
        ] {
            assert_eq!(accepting(values), expected, "{values:?}");
        }
    }

    #[test]
    fn the_most_specific_range_decides() {
        assert_eq!(accepting(&["text/event-stream;q=0, */*"]), Accept::No);
        assert_eq!(accepting(&["*/*, text/* ; Q = 0.000"]), Accept::No);
        assert_eq!(accepting(&["*/*;q=0, text/event-stream"]), Accept::ByName);
    }

    #[test]
    fn a_client_that_takes_no_stream_is_told_what_there_is() {
        let headers = HeaderMap::from_iter([(ACCEPT, "application/json".parse().unwrap())]);
        let refused = StreamRequest::new(&Method::GET, &headers).unwrap_err();
        let response = refused.into_response();
        assert_eq!(response.status(), 406);
        assert_eq!(response.body(), MIME);
    }
}
