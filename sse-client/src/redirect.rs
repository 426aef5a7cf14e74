//! Where a redirect leads, and what may go along.

use http::header::{
    ACCEPT, ACCEPT_LANGUAGE, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_LANGUAGE, CONTENT_LOCATION,
    CONTENT_TYPE, LOCATION, USER_AGENT,
};
use http::{HeaderMap, HeaderName, Method, StatusCode};
use reqwest::Url;
use sse_core::LastEventId;

/// How many redirects are followed in a row.
///
/// Source: WHATWG Fetch §4.4, "HTTP-redirect fetch", "redirect count is 20".
pub(crate) const MAX: usize = 20;

/// What describes a body, and goes with it.
const OF_A_BODY: [HeaderName; 4] =
    [CONTENT_ENCODING, CONTENT_LANGUAGE, CONTENT_LOCATION, CONTENT_TYPE];

/// What says nothing of who asks.
const OF_NOBODY: [HeaderName; 5] =
    [ACCEPT, ACCEPT_LANGUAGE, CACHE_CONTROL, LastEventId::HEADER, USER_AGENT];

/// What a response is to a client that follows redirects.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// None, or one that does not say where to: the answer.
    Answer,
    /// It leads here.
    Follow(Url),
    /// It leads nowhere that a stream can come from.
    Refused(&'static str),
}

/// Reads a response from `url`.
///
/// Source: WHATWG Fetch §2.2.6, "redirect status", "location URL"; §4.4, "HTTP-redirect fetch".
pub(crate) fn next(url: &Url, status: StatusCode, headers: &HeaderMap) -> Next {
    if !matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308) {
        return Next::Answer;
    }
    let Some(location) = headers.get(LOCATION) else {
        return Next::Answer;
    };
    // By the letter an empty one leads to the same place, again and again.
    let location = std::str::from_utf8(location.as_bytes()).ok().filter(|it| !it.is_empty());
    let Some(mut next) = location.and_then(|location| url.join(location).ok()) else {
        return Next::Refused("the location of a redirect is no URL");
    };
    if !matches!(next.scheme(), "http" | "https") {
        return Next::Refused("a redirect leads away from HTTP");
    }
    // Credentials that a server puts there are its own idea, and no header could carry both.
    if next.set_username("").is_err() || next.set_password(None).is_err() {
        return Next::Refused("the location of a redirect has no host");
    }
    Next::Follow(next)
}

/// Whether the body goes along; else the next request is a GET.
///
/// Source: WHATWG Fetch §4.4, "HTTP-redirect fetch", step 12.
pub(crate) fn keeps_body(status: StatusCode, method: &Method) -> bool {
    match status.as_u16() {
        301 | 302 => *method != Method::POST,
        303 => matches!(*method, Method::GET | Method::HEAD),
        _ => true,
    }
}

/// Takes away what describes a body that does not go along.
pub(crate) fn without_body(headers: &mut HeaderMap) {
    for name in OF_A_BODY {
        headers.remove(name);
    }
}

/// Takes away what another origin must not see: everything that may say who asks.
///
/// Fetch takes only `Authorization` away, since there the other origin has to consent to the rest.
pub(crate) fn without_credentials(headers: &mut HeaderMap) {
    let mut kept = HeaderMap::new();
    for name in OF_NOBODY.iter().chain(&OF_A_BODY) {
        for value in headers.get_all(name) {
            kept.append(name, value.clone());
        }
    }
    *headers = kept;
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn to(status: u16, location: &'static str) -> Next {
        let url = Url::parse("http://a.example:81/x/y?z").unwrap();
        let headers = HeaderMap::from_iter([(LOCATION, HeaderValue::from_static(location))]);
        next(&url, StatusCode::from_u16(status).unwrap(), &headers)
    }

    #[test]
    fn the_five_statuses_with_a_location_are_redirects() {
        for status in [301, 302, 303, 307, 308] {
            for (location, expected) in [
                ("/there", "http://a.example:81/there"),
                ("there?q", "http://a.example:81/x/there?q"),
                ("//b.example/", "http://b.example/"),
                ("https://b.example/c", "https://b.example/c"),
                ("http://me:secret@b.example/c", "http://b.example/c"),
            ] {
                assert_eq!(to(status, location), Next::Follow(Url::parse(expected).unwrap()));
            }
            for location in ["", "http://[", "ftp://b.example/", "about:blank", "javascript:0"] {
                assert!(matches!(to(status, location), Next::Refused(_)), "{location}");
            }
        }
        for status in [200, 204, 300, 304, 305, 306, 404] {
            assert_eq!(to(status, "/there"), Next::Answer);
        }
        let url = Url::parse("http://a.example").unwrap();
        assert_eq!(next(&url, StatusCode::FOUND, &HeaderMap::new()), Next::Answer);
    }

    #[test]
    fn a_body_goes_along_as_fetch_says() {
        for (status, method, expected) in [
            (301, Method::POST, false),
            (302, Method::POST, false),
            (302, Method::PUT, true),
            (303, Method::PUT, false),
            (303, Method::POST, false),
            (303, Method::GET, true),
            (303, Method::HEAD, true),
            (307, Method::POST, true),
            (308, Method::POST, true),
        ] {
            let status = StatusCode::from_u16(status).unwrap();
            assert_eq!(keeps_body(status, &method), expected, "{status} {method}");
        }
    }

    #[test]
    fn nothing_that_may_say_who_asks_goes_to_another_origin() {
        let all = [
            ("accept", true),
            ("cache-control", true),
            ("last-event-id", true),
            ("user-agent", true),
            ("content-type", true),
            ("authorization", false),
            ("cookie", false),
            ("proxy-authorization", false),
            ("x-api-key", false),
            ("origin", false),
            ("referer", false),
        ];
        let mut headers: HeaderMap = all
            .iter()
            .map(|(name, _)| (HeaderName::from_static(name), HeaderValue::from_static("x")))
            .collect();
        without_credentials(&mut headers);
        for (name, is_kept) in all {
            assert_eq!(headers.contains_key(name), is_kept, "{name}");
        }
        without_body(&mut headers);
        assert!(!headers.contains_key("content-type"));
    }
}
