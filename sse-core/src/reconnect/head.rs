//! What the head of a response says to whoever asked for a stream.

use std::time::{Duration, SystemTime};

use http::header::{CONTENT_ENCODING, CONTENT_TYPE, DATE, RETRY_AFTER};
use http::{HeaderMap, HeaderName};

use crate::is_event_stream;

/// How long a response's `Retry-After` asks to wait, as seconds or as a date.
///
/// A date is held against the response's own `Date`, so that two clocks that differ do no harm, and
/// against `now` where there is none; one that has passed is no wait. A number beyond all bounds is the
/// greatest, and what cannot be read is no answer.
///
/// Source: RFC 9110 §10.2.3, "Retry-After", and §5.6.7, "Date/Time Formats".
///
/// ```
/// use std::time::{Duration, SystemTime};
/// use http::{HeaderMap, header::RETRY_AFTER};
///
/// let mut headers = HeaderMap::new();
/// headers.insert(RETRY_AFTER, "120".parse()?);
/// let wait = sse_core::retry_after(&headers, SystemTime::now());
/// assert_eq!(wait, Some(Duration::from_secs(120)));
/// # Ok::<(), http::header::InvalidHeaderValue>(())
/// ```
pub fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let text = text(headers, RETRY_AFTER)?;
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Some(Duration::from_secs(text.parse().unwrap_or(u64::MAX)));
    }
    let date = |text| httpdate::parse_http_date(text).ok();
    let now = self::text(headers, DATE).and_then(date).unwrap_or(now);
    Some(date(text)?.duration_since(now).unwrap_or_default())
}

fn text(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    headers.get(name)?.to_str().ok().map(str::trim)
}

/// Whether a response's body is an event stream by its `Content-Type`, and in no coding, since none was
/// asked for. The last of several types counts, as everywhere in Fetch ("extract a MIME type").
pub fn has_event_stream(headers: &HeaderMap) -> bool {
    let last = headers.get_all(CONTENT_TYPE).iter().next_back();
    let last = last.and_then(|value| value.to_str().ok()).and_then(|text| text.rsplit(',').next());
    let codings = headers.get_all(CONTENT_ENCODING).iter();
    let is_plain = |coding: &str| {
        let coding = coding.trim();
        coding.is_empty() || coding.eq_ignore_ascii_case("identity")
    };
    last.is_some_and(is_event_stream)
        && codings.into_iter().all(|it| it.to_str().is_ok_and(|it| it.split(',').all(is_plain)))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let pairs = pairs
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)));
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(name, value);
        }
        headers
    }

    #[test]
    fn a_wait_is_told_in_seconds_or_as_a_date() {
        let seconds = |value| retry_after(&headers(&[("retry-after", value)]), SystemTime::now());
        assert_eq!(seconds("7"), Some(Duration::from_secs(7)));
        assert_eq!(seconds(" 007 "), Some(Duration::from_secs(7)));
        assert_eq!(seconds("99999999999999999999999"), Some(Duration::from_secs(u64::MAX)));
        for odd in ["", "-1", "1.5", "+3", "soon"] {
            assert_eq!(seconds(odd), None, "{odd}");
        }
        assert_eq!(retry_after(&HeaderMap::new(), SystemTime::now()), None);

        const AT: &str = "Sun, 06 Nov 1994 08:49:37 GMT";
        let now = httpdate::parse_http_date(AT).unwrap() - Duration::from_secs(90);
        let at = headers(&[("retry-after", AT)]);
        assert_eq!(retry_after(&at, now), Some(Duration::from_secs(90)));
        assert_eq!(retry_after(&at, SystemTime::now()), Some(Duration::ZERO), "it has passed");
        let dated = headers(&[("retry-after", AT), ("date", "Sun, 06 Nov 1994 08:49:30 GMT")]);
        assert_eq!(retry_after(&dated, SystemTime::now()), Some(Duration::from_secs(7)));
    }

    #[test]
    fn an_event_stream_is_known_by_its_last_type_and_has_no_coding() {
        for (pairs, expected) in [
            (&[("content-type", "text/event-stream;charset=windows-1252")][..], true),
            (&[("content-type", "TEXT/Event-Stream ;"), ("content-encoding", "Identity")], true),
            (&[("content-type", "application/json, text/event-stream; a=b")], true),
            (&[("content-type", "text/html"), ("content-type", "text/event-stream")], true),
            (&[("content-type", "text/event-stream"), ("content-type", "text/html")], false),
            (&[("content-type", "text/event-stream"), ("content-encoding", "gzip")], false),
            (&[("content-type", "x bogus")], false),
            (&[("content-type", "text/x-bogus")], false),
            (&[], false),
        ] {
            assert_eq!(has_event_stream(&headers(pairs)), expected, "{pairs:?}");
        }
    }
}
