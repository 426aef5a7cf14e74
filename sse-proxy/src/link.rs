//! The way to the upstream of a stream that resumes.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::SystemTime;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Response};
use http_body::Body;
use reqwest::{Request, Url};
use sse_client::ResponseBody;
use sse_core::{Boundary, LastEventId, ReadyState, Reconnect};
use tokio::time::Instant;

use crate::Upstream;
use crate::batch::Batch;
use crate::error::{BoxError, Chain};
use crate::headers::is_coding_known;
use crate::source::Source;

/// A response that is awaited.
pub(crate) type Connecting<B> = Pin<Box<dyn Future<Output = Result<Response<B>, Lost>> + Send>>;

/// Why there is no response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lost {
    /// There was no connection: the request was not sent.
    Unreachable,
    /// The request was lost, or its answer cannot be read.
    Failed,
}

/// Asks the upstream for the stream again.
pub(crate) trait Connect {
    type Body;

    /// The request, to go on after this id.
    fn connect(&self, last_event_id: Option<HeaderValue>) -> Connecting<Self::Body>;
}

/// The request that a client has sent, to be sent again.
pub(crate) struct Again {
    pub(crate) upstream: Upstream,
    pub(crate) method: Method,
    pub(crate) url: Url,
    pub(crate) headers: HeaderMap,
}

impl Connect for Again {
    type Body = ResponseBody;

    fn connect(&self, last_event_id: Option<HeaderValue>) -> Connecting<ResponseBody> {
        let mut url = self.url.clone();
        let mut headers = self.headers.clone();
        headers.remove(LastEventId::HEADER);
        if let Some(id) = last_event_id {
            // An upstream may look at either, and both have to say the same.
            if let Some(query) = url.query() {
                let query = with_last_event_id(query, id.as_bytes());
                url.set_query(Some(&query));
            }
            headers.insert(LastEventId::HEADER, id);
        }
        let mut request = Request::new(self.method.clone(), url);
        *request.headers_mut() = headers;
        let answer = self.upstream.parts().client.execute(request);
        Box::pin(async move {
            let answer = answer.await.map_err(|error| {
                let lost = if error.is_connect() { Lost::Unreachable } else { Lost::Failed };
                // The URL holds the client's query: not for a log.
                tracing::debug!(error = %Chain(&error.without_url()), "upstream failed");
                lost
            })?;
            if !is_coding_known(answer.headers()) {
                tracing::debug!("upstream sent an unknown transfer coding");
                return Err(Lost::Failed);
            }
            Ok(ResponseBody::of(answer, true))
        })
    }
}

/// The query with this id in place of the one that it has, if it has one.
fn with_last_event_id(query: &str, id: &[u8]) -> String {
    let pairs = query.split('&').map(|pair| match pair.split_once('=') {
        Some((LastEventId::PARAMETER, _)) => {
            let id = percent_encoded(id);
            format!("{}={id}", LastEventId::PARAMETER)
        }
        _ => pair.to_owned(),
    });
    pairs.collect::<Vec<_>>().join("&")
}

/// Source: WHATWG URL §5.2, "application/x-www-form-urlencoded serializing".
fn percent_encoded(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for &byte in bytes {
        if byte.is_ascii_alphanumeric() || b"*-._".contains(&byte) {
            text.push(byte.into());
        } else {
            text.push_str(&format!("%{byte:02X}"));
        }
    }
    text
}

/// What there is of a request and its response.
pub(crate) enum Link<B> {
    Down,
    Connecting(Connecting<B>),
    Up(Batch<B>, Boundary),
}

impl<B> Link<B>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: Into<BoxError>,
{
    pub(crate) fn up(body: B) -> Self {
        // The machine has the timer.
        Self::Up(Batch::new(Source::new(body, None)), Boundary::new())
    }

    /// Tells the machine what has come, if anything has.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>, machine: &mut Reconnect) -> Poll<()> {
        let now = || Instant::now().into_std();
        match self {
            Self::Down => return Poll::Pending,
            Self::Connecting(response) => {
                let response = ready!(response.as_mut().poll(cx));
                *self = Self::Down;
                match response {
                    Ok(response) => {
                        let (head, body) = response.into_parts();
                        machine.responded(head.status, &head.headers, now(), SystemTime::now());
                        if machine.ready_state() == ReadyState::Open {
                            *self = Self::up(body);
                        }
                    }
                    Err(Lost::Unreachable) => machine.unreachable(now()),
                    Err(Lost::Failed) => machine.failed(now()),
                }
            }
            Self::Up(body, boundary) => match ready!(body.poll_bytes(cx)) {
                Some(Ok(chunk)) => {
                    boundary.feed(&chunk);
                    machine.feed(chunk, now());
                }
                Some(Err(error)) => {
                    tracing::debug!(error = %Chain(&error), "upstream lost");
                    *self = Self::Down;
                    machine.failed(now());
                }
                None => {
                    // An event that is not whole was not the last.
                    let is_whole = boundary.is_between_events();
                    *self = Self::Down;
                    if is_whole { machine.ended(now()) } else { machine.failed(now()) }
                }
            },
        }
        Poll::Ready(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_id_in_a_query_is_the_one_that_the_header_has() {
        for (query, expected) in [
            ("lastEventId=1", "lastEventId=7%2F%C3%A9"),
            ("a=b&lastEventId=1&c&xlastEventId=2", "a=b&lastEventId=7%2F%C3%A9&c&xlastEventId=2"),
            ("a=b", "a=b"),
            ("", ""),
        ] {
            assert_eq!(with_last_event_id(query, "7/é".as_bytes()), expected);
        }
    }
}
