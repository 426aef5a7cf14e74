//! What a client is told when there is no answer of the upstream to pass on.

use crate::{ProxyBody, meter};
use bytes::Bytes;
use http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderValue, Method, Response, StatusCode};

/// An answer of the proxy's own. It says what happened, never where: the upstream's address and its
/// errors go to the log.
#[derive(Debug, Clone)]
pub(crate) enum Refusal {
    MethodNotAllowed(Vec<Method>),
    LoopDetected,
    RequestTimeout,
    RequestBroken,
    UpstreamUnreachable,
    UpstreamLost,
    UpstreamTimeout,
    NotEventStream,
    UnexpectedStatus,
    UnknownCoding,
    ShuttingDown,
}

impl Refusal {
    /// The status, the code and the message: all of them fixed text without a quote.
    fn text(&self) -> (StatusCode, &'static str, &'static str) {
        match self {
            Self::MethodNotAllowed(_) => (
                StatusCode::METHOD_NOT_ALLOWED,
                "method_not_allowed",
                "this route does not take the method",
            ),
            Self::LoopDetected => (
                StatusCode::LOOP_DETECTED,
                "loop_detected",
                "the request has come through this proxy before",
            ),
            Self::RequestTimeout => (
                StatusCode::REQUEST_TIMEOUT,
                "request_timeout",
                "the body of the request did not arrive in time",
            ),
            Self::RequestBroken => (
                StatusCode::BAD_REQUEST,
                "request_broken",
                "the body of the request did not arrive whole",
            ),
            Self::UpstreamUnreachable => {
                (StatusCode::BAD_GATEWAY, "upstream_unreachable", "the upstream cannot be reached")
            }
            Self::UpstreamLost => (
                StatusCode::BAD_GATEWAY,
                "upstream_lost",
                "the upstream went away before it answered",
            ),
            Self::UpstreamTimeout => (
                StatusCode::GATEWAY_TIMEOUT,
                "upstream_timeout",
                "the upstream did not answer in time",
            ),
            Self::NotEventStream => (
                StatusCode::BAD_GATEWAY,
                "upstream_not_event_stream",
                "the upstream answered with something that is not an event stream",
            ),
            Self::UnexpectedStatus => (
                StatusCode::BAD_GATEWAY,
                "upstream_unexpected_status",
                "the upstream answered with a status that is not passed on",
            ),
            Self::UnknownCoding => (
                StatusCode::BAD_GATEWAY,
                "upstream_unknown_coding",
                "the upstream answered in a transfer coding that is not understood",
            ),
            Self::ShuttingDown => {
                (StatusCode::SERVICE_UNAVAILABLE, "shutting_down", "the proxy is shutting down")
            }
        }
    }

    /// The kind of the upstream's failure, if that is the reason: the same request may do better
    /// later.
    pub(crate) fn of_upstream(&self) -> Option<&'static str> {
        match self {
            Self::UpstreamUnreachable => Some("unreachable"),
            Self::UpstreamLost => Some("lost"),
            Self::UpstreamTimeout => Some("header timeout"),
            Self::NotEventStream => Some("no event stream"),
            Self::UnexpectedStatus => Some("unexpected status"),
            Self::UnknownCoding => Some("unknown coding"),
            _ => None,
        }
    }

    /// Counts the upstream's failure, if that is the reason.
    pub(crate) fn count(&self, path: &str) {
        if let Some(kind) = self.of_upstream() {
            meter::upstream_failed(path, kind);
        }
    }

    pub(crate) fn code(&self) -> &'static str {
        self.text().1
    }

    pub(crate) fn response(&self) -> Response<ProxyBody> {
        let (status, code, message) = self.text();
        let body = format!(r#"{{"error":{{"code":"{code}","message":"{message}"}}}}"#);
        let mut response = Response::new(ProxyBody::full(Bytes::from(body)));
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Self::MethodNotAllowed(methods) = self {
            let names: Vec<_> = methods.iter().map(Method::as_str).collect();
            if let Ok(value) = HeaderValue::try_from(names.join(", ")) {
                headers.insert(ALLOW, value);
            }
        }
        response
    }
}
