//! What a client is told that gets no stream.

use std::time::Duration;

use bytes::Bytes;
use http::header::{CACHE_CONTROL, RETRY_AFTER};
use http::{HeaderValue, Response, StatusCode};

use crate::{Event, response_headers, spread};

/// A stream that is not to be had now, and when to ask again.
///
/// Any status but 200 ends a browser's `EventSource` for good, and it ignores `Retry-After`. So a
/// refusal can be given *in the stream*: to a GET that accepts `text/event-stream` the answer is 200, a
/// `retry` and the end, and the browser comes back by itself. All others get the status and
/// `Retry-After`.
///
/// The wait is different by chance for each client, so that those that were refused together do not
/// return together.
///
/// Source: WHATWG HTML §9.2.2, "processing model"; RFC 9110 §10.2.3, "Retry-After".
///
/// The request decides which of the two it is: see [`StreamRequest::refuse`](crate::StreamRequest::refuse).
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub struct Refusal {
    status: StatusCode,
    wait: std::ops::RangeInclusive<Duration>,
    in_stream: bool,
}

impl Refusal {
    /// The service is full or stops: 503.
    pub fn unavailable(wait: std::ops::RangeInclusive<Duration>) -> Self {
        Self { status: StatusCode::SERVICE_UNAVAILABLE, wait, in_stream: false }
    }

    /// This client has asked too often or has too many streams: 429.
    pub fn too_many_requests(wait: std::ops::RangeInclusive<Duration>) -> Self {
        Self { status: StatusCode::TOO_MANY_REQUESTS, wait, in_stream: false }
    }

    /// The stream is complete and the client had it all: 204, which tells every client, a browser
    /// too, to stay away.
    pub fn complete() -> Self {
        let wait = Duration::ZERO..=Duration::ZERO;
        Self { status: StatusCode::NO_CONTENT, wait, in_stream: false }
    }

    /// The same, given in the stream where the client would not understand it otherwise. A stream
    /// that is [`complete`](Self::complete) stays 204, which every client understands.
    pub fn in_stream(mut self) -> Self {
        self.in_stream = true;
        self
    }

    /// The answer to a client that reads streams, or to one that does not.
    pub(crate) fn response(&self, reads_streams: bool) -> Response<Bytes> {
        let mut response = Response::new(Bytes::new());
        let is_complete = self.status == StatusCode::NO_CONTENT;
        let wait = spread(self.wait.clone(), fastrand::f64());
        if self.in_stream && reads_streams && !is_complete {
            response_headers(response.headers_mut());
            *response.body_mut() = Event::default().with_retry(wait).to_frame().into_bytes();
            return response;
        }
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if !is_complete {
            let seconds = wait.as_secs().saturating_add(u64::from(wait.subsec_nanos() > 0));
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use http::header::ACCEPT;
    use http::{HeaderMap, Method};

    use super::*;
    use crate::{MIME, StreamRequest};

    const SECOND: Duration = Duration::from_secs(1);

    fn request(method: Method, accept: &str) -> StreamRequest {
        let headers = HeaderMap::from_iter([(ACCEPT, HeaderValue::from_str(accept).unwrap())]);
        StreamRequest::new(&method, &headers).unwrap()
    }

    #[test]
    fn a_browser_is_refused_in_the_stream_and_all_others_by_the_status() {
        let refusal = Refusal::too_many_requests(5 * SECOND..=9 * SECOND).in_stream();
        for accept in ["text/event-stream", "text/html, Text/Event-Stream; q=0.5"] {
            let response = request(Method::GET, accept).refuse(&refusal).into_response();
            assert_eq!(response.status(), 200);
            assert_eq!(response.headers()["content-type"], MIME);
            assert!(!response.headers().contains_key(RETRY_AFTER));
            let body = std::str::from_utf8(response.body()).unwrap();
            let retry = body.strip_prefix("retry: ").unwrap().strip_suffix("\n\n").unwrap();
            assert!((5000..=9000).contains(&retry.parse().unwrap()), "{retry}");
        }
        for (method, accept) in [
            (Method::GET, "*/*"),
            (Method::GET, "text/*"),
            (Method::POST, "text/event-stream"),
            (Method::HEAD, "text/event-stream"),
        ] {
            let response = request(method.clone(), accept).refuse(&refusal).into_response();
            assert_eq!(response.status(), 429, "{method} {accept}");
            let after = response.headers()[RETRY_AFTER].to_str().unwrap().parse().unwrap();
            assert!((5..=9).contains(&after), "{after}");
            assert!(response.body().is_empty());
        }
    }

    #[test]
    fn a_refusal_is_a_status_unless_asked_to_be_in_the_stream() {
        let refusal = Refusal::unavailable(SECOND..=SECOND);
        let response = request(Method::GET, MIME).refuse(&refusal).into_response();
        assert_eq!(
            (response.status(), &response.headers()[RETRY_AFTER]),
            (503.try_into().unwrap(), &HeaderValue::from(1))
        );
    }

    #[test]
    fn complete_is_204_for_everyone() {
        for refusal in [Refusal::complete(), Refusal::complete().in_stream()] {
            let response = request(Method::GET, MIME).refuse(&refusal).into_response();
            assert_eq!(response.status(), 204);
            assert!(response.body().is_empty());
            assert!(!response.headers().contains_key("content-type"));
        }
    }

    #[test]
    fn an_endless_wait_does_not_panic() {
        for wait in [
            Duration::ZERO..=Duration::MAX,
            Duration::MAX..=Duration::ZERO,
            Duration::MAX..=Duration::MAX,
        ] {
            let refusal = Refusal::unavailable(wait).in_stream();
            refusal.response(true);
            refusal.response(false);
        }
    }
}
