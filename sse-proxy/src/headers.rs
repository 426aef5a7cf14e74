//! Which headers pass, in both directions.

use http::header::{
    ACCEPT, ACCEPT_ENCODING, ACCEPT_LANGUAGE, ALLOW, CACHE_CONTROL, CONNECTION,
    CONTENT_DISPOSITION, CONTENT_ENCODING, CONTENT_LANGUAGE, CONTENT_LENGTH, CONTENT_TYPE, COOKIE,
    ETAG, EXPECT, EXPIRES, HOST, IF_MODIFIED_SINCE, IF_NONE_MATCH, LAST_MODIFIED,
    PROXY_AUTHENTICATE, PROXY_AUTHORIZATION, RETRY_AFTER, TE, TRAILER, TRANSFER_ENCODING, UPGRADE,
    VARY, VIA, WWW_AUTHENTICATE,
};
use http::{HeaderMap, HeaderName, HeaderValue};
use sse_core::LastEventId;

/// Request headers that pass on every route.
static REQUEST: [HeaderName; 5] = [
    ACCEPT_LANGUAGE,
    CONTENT_ENCODING,
    CONTENT_TYPE,
    HeaderName::from_static("traceparent"),
    HeaderName::from_static("tracestate"),
];

/// Request headers that pass on a plain route too. A stream asks for what a stream is.
static PLAIN_REQUEST: [HeaderName; 4] = [ACCEPT, ACCEPT_ENCODING, IF_MODIFIED_SINCE, IF_NONE_MATCH];

/// Response headers that pass.
static RESPONSE: [HeaderName; 12] = [
    ALLOW,
    CACHE_CONTROL,
    CONTENT_DISPOSITION,
    CONTENT_ENCODING,
    CONTENT_LANGUAGE,
    CONTENT_TYPE,
    ETAG,
    EXPIRES,
    LAST_MODIFIED,
    RETRY_AFTER,
    VARY,
    WWW_AUTHENTICATE,
];

/// Headers that concern one connection (RFC 9110 §7.6.1) or that each side's HTTP writes itself:
/// they never pass, whatever a route was told.
static NEVER: [HeaderName; 12] = [
    CONNECTION,
    CONTENT_LENGTH,
    EXPECT,
    HOST,
    HeaderName::from_static("keep-alive"),
    PROXY_AUTHENTICATE,
    PROXY_AUTHORIZATION,
    HeaderName::from_static("proxy-connection"),
    TE,
    TRAILER,
    TRANSFER_ENCODING,
    UPGRADE,
];

/// What a route passes beyond the lists above.
#[derive(Debug, Clone, Default)]
pub(crate) struct Extra {
    pub(crate) request: Vec<HeaderName>,
    pub(crate) response: Vec<HeaderName>,
}

/// The headers for the upstream's event stream.
pub(crate) fn stream_request(from: &HeaderMap, query: Option<&str>, extra: &Extra) -> HeaderMap {
    let mut to = HeaderMap::new();
    pass(from, &mut to, REQUEST.iter().chain(&extra.request));
    to.insert(ACCEPT, HeaderValue::from_static(sse_core::MIME));
    to.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    if let Some(id) = last_event_id(from, query) {
        to.insert(LastEventId::HEADER, id);
    }
    to
}

/// The headers for a plain route of the upstream.
pub(crate) fn plain_request(from: &HeaderMap, extra: &Extra) -> HeaderMap {
    let mut to = HeaderMap::new();
    let names = REQUEST.iter().chain(&PLAIN_REQUEST).chain(&extra.request);
    pass(from, &mut to, names);
    to
}

/// The headers of an upstream's answer that the client may see.
pub(crate) fn response(from: &HeaderMap, extra: &Extra) -> HeaderMap {
    let mut to = HeaderMap::new();
    pass(from, &mut to, RESPONSE.iter().chain(&extra.response));
    to
}

fn pass<'a>(from: &HeaderMap, to: &mut HeaderMap, names: impl Iterator<Item = &'a HeaderName>) {
    for name in names {
        if NEVER.contains(name) || to.contains_key(name) || is_named_by_connection(from, name) {
            continue;
        }
        if *name == COOKIE {
            to.extend(cookie(from).map(|value| (COOKIE, value)));
            continue;
        }
        for value in from.get_all(name) {
            to.append(name.clone(), value.clone());
        }
    }
}

/// A cookie in one piece: over HTTP/2 it may come in several, and HTTP/1.1 has no more than one.
///
/// Source: RFC 9113 §8.2.3.
fn cookie(from: &HeaderMap) -> Option<HeaderValue> {
    let pieces: Vec<_> = from.get_all(COOKIE).iter().map(HeaderValue::as_bytes).collect();
    let cookie = (!pieces.is_empty()).then(|| pieces.join(&b"; "[..]))?;
    HeaderValue::from_bytes(&cookie).ok()
}

/// The items of a header that is a list, of whatever bytes they are.
fn list<'a>(headers: &'a HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'a [u8]> {
    let values = headers.get_all(name).into_iter();
    values.flat_map(|value| value.as_bytes().split(|byte| *byte == b',').map(<[u8]>::trim_ascii))
}

/// RFC 9110 §7.6.1: what `Connection` names is for this connection only.
fn is_named_by_connection(headers: &HeaderMap, name: &HeaderName) -> bool {
    list(headers, &CONNECTION).any(|item| item.eq_ignore_ascii_case(name.as_str().as_bytes()))
}

/// The header's, else the query's, which a page that cannot set headers uses.
fn last_event_id(headers: &HeaderMap, query: Option<&str>) -> Option<HeaderValue> {
    if is_named_by_connection(headers, &LastEventId::HEADER) {
        return None;
    }
    match LastEventId::from_request(headers, query) {
        Ok(id) => HeaderValue::from_bytes(id?.as_str().as_bytes()).ok(),
        // What we would not take is the upstream's to judge, as it came: in the header or the query.
        Err(_) => headers.get(LastEventId::HEADER).filter(|value| !value.is_empty()).cloned(),
    }
}

/// Whether the request has come through here before. Source: RFC 9110 §7.6.3.
pub(crate) fn has_passed(headers: &HeaderMap, via: &str) -> bool {
    list(headers, &VIA).any(|item| received_by(item) == Some(via.as_bytes()))
}

/// The second word of an item of `Via`.
fn received_by(item: &[u8]) -> Option<&[u8]> {
    item.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty()).nth(1)
}

/// Notes that the request comes through here. Source: RFC 9110 §7.6.3.
pub(crate) fn add_via(from: &HeaderMap, to: &mut HeaderMap, version: http::Version, via: &str) {
    to.remove(VIA);
    for value in from.get_all(VIA) {
        to.append(VIA, value.clone());
    }
    let version = match version {
        http::Version::HTTP_09 => "0.9",
        http::Version::HTTP_10 => "1.0",
        http::Version::HTTP_2 => "2",
        http::Version::HTTP_3 => "3",
        _ => "1.1",
    };
    if let Ok(value) = HeaderValue::try_from(format!("{version} {via}")) {
        to.append(VIA, value);
    }
}

/// Whether a body is in chunks or in no transfer coding: others that the HTTP client has not undone
/// would pass for the body itself. Source: RFC 9112 §6.1.
pub(crate) fn is_coding_known(headers: &HeaderMap) -> bool {
    let mut codings = list(headers, &TRANSFER_ENCODING);
    let first = codings.next();
    first.is_none_or(|it| it.eq_ignore_ascii_case(b"chunked")) && codings.next().is_none()
}

/// Whether the end of the connection is what ends the body (RFC 9112 §6.3): such a body cannot say
/// that it is whole.
pub(crate) fn is_close_delimited(version: http::Version, headers: &HeaderMap) -> bool {
    version < http::Version::HTTP_2
        && !headers.contains_key(CONTENT_LENGTH)
        && !headers.contains_key(TRANSFER_ENCODING)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(*name, HeaderValue::from_static(value));
        }
        headers
    }

    fn names(headers: &HeaderMap) -> Vec<&str> {
        let mut names: Vec<_> = headers.keys().map(HeaderName::as_str).collect();
        names.sort_unstable();
        names
    }

    #[test]
    fn no_header_of_a_connection_passes_even_when_told() {
        let from = headers(&NEVER.each_ref().map(|name| {
            let name: &'static str = Box::leak(name.as_str().to_owned().into());
            (name, "x")
        }));
        assert_eq!(from.len(), NEVER.len());
        let extra = Extra { request: NEVER.to_vec(), response: NEVER.to_vec() };
        let request = stream_request(&from, None, &extra);
        assert_eq!(names(&request), ["accept", "accept-encoding"]);
        assert!(plain_request(&from, &extra).is_empty());
        assert!(response(&from, &extra).is_empty());
    }

    #[test]
    fn what_connection_names_stays_in_both_directions() {
        let from = headers(&[
            ("connection", "close, Traceparent"),
            ("connection", "VARY,last-event-id"),
            ("traceparent", "1"),
            ("tracestate", "2"),
            ("vary", "x"),
            ("etag", "y"),
            ("last-event-id", "3"),
        ]);
        let request = stream_request(&from, None, &Extra::default());
        assert_eq!(names(&request), ["accept", "accept-encoding", "tracestate"]);
        assert_eq!(names(&response(&from, &Extra::default())), ["etag"]);
    }

    #[test]
    fn a_list_is_read_also_where_a_byte_of_it_is_not_ascii() {
        let with = |name: HeaderName, value: &'static [u8]| {
            let mut headers = headers(&[("traceparent", "1")]);
            headers.append(name, HeaderValue::from_bytes(value).unwrap());
            headers
        };
        let from = with(CONNECTION, b"\xff, traceparent");
        assert!(plain_request(&from, &Extra::default()).is_empty());
        assert!(has_passed(&with(VIA, b"1.1 edge (\xe4), 1.1 front"), "front"));
        assert!(!is_coding_known(&with(TRANSFER_ENCODING, b"\xff")));
        assert!(!is_coding_known(&with(TRANSFER_ENCODING, b"gzip\xff, chunked")));
    }

    #[test]
    fn a_cookie_that_came_in_pieces_goes_on_as_one() {
        let from = headers(&[("cookie", "a=b"), ("cookie", "c=d; e=f")]);
        let extra = Extra { request: vec![COOKIE], response: vec![] };
        let to = plain_request(&from, &extra);
        assert_eq!(to.get_all(COOKIE).into_iter().collect::<Vec<_>>(), ["a=b; c=d; e=f"]);
        assert!(plain_request(&HeaderMap::new(), &extra).is_empty());
    }

    #[test]
    fn a_header_told_twice_is_passed_once_with_each_of_its_values() {
        let from = headers(&[("x-tag", "a"), ("x-tag", "b"), ("content-type", "c")]);
        let tag = HeaderName::from_static("x-tag");
        let extra =
            Extra { request: vec![tag.clone(), tag.clone(), CONTENT_TYPE], response: vec![] };
        let to = plain_request(&from, &extra);
        assert_eq!(to.get_all(tag).into_iter().collect::<Vec<_>>(), ["a", "b"]);
        assert_eq!(to.get_all(CONTENT_TYPE).into_iter().count(), 1);
    }

    #[test]
    fn the_last_event_id_is_the_headers_before_the_querys() {
        let id = |pairs: &[_], query| {
            let to = stream_request(&headers(pairs), query, &Extra::default());
            to.get(LastEventId::HEADER).map(|value| value.to_str().unwrap().to_owned())
        };
        let header = ("last-event-id", "1");
        assert_eq!(id(&[header], Some("lastEventId=2")).as_deref(), Some("1"));
        assert_eq!(id(&[header, ("last-event-id", "9")], None).as_deref(), Some("1"));
        assert_eq!(id(&[], Some("a&lastEventId=2%2F")).as_deref(), Some("2/"));
        assert_eq!(id(&[("last-event-id", "")], Some("lastEventId=2")).as_deref(), Some("2"));
        assert_eq!(id(&[], Some("lastEventId=%0Ax")), None);
        assert_eq!(id(&[("last-event-id", "")], Some("lastEventId=%0Ax")), None);
        let long: &'static str = "x".repeat(sse_core::EventId::MAX_LEN + 1).leak();
        assert_eq!(id(&[("last-event-id", long)], None).as_deref(), Some(long));
        assert_eq!(id(&[], None), None);
    }

    #[test]
    fn via_tells_who_was_there_and_grows() {
        let from = headers(&[("via", "1.0 edge, 2 inner (a comment)"), ("via", "1.1 front")]);
        for name in ["edge", "inner", "front"] {
            assert!(has_passed(&from, name), "{name}");
        }
        for name in ["1.1", "fron", "a", "Edge"] {
            assert!(!has_passed(&from, name), "{name}");
        }
        let mut to = HeaderMap::new();
        add_via(&from, &mut to, http::Version::HTTP_2, "me");
        let values: Vec<_> = to.get_all(VIA).into_iter().collect();
        assert_eq!(values, ["1.0 edge, 2 inner (a comment)", "1.1 front", "2 me"]);
    }
}
