//! What an event source yields.

use std::fmt;
use std::time::Duration;

use http::{HeaderMap, Version};
use reqwest::Url;
use sse_core::MessageEvent;

use crate::Error;

/// What happens to an [`EventSource`](crate::EventSource).
#[derive(Debug)]
#[non_exhaustive]
pub enum Item {
    /// A stream is open; what it has to say follows. Each connection has its own.
    Open(Opened),
    /// An event was dispatched.
    Message(MessageEvent),
    /// A comment, without its colon and one space after it. Only where
    /// [`comments`](crate::EventSourceBuilder::comments) asks for them.
    Comment(String),
    /// The stream, or the request for it, was lost. Another request is sent `after` this long, from the
    /// last event ID on, if the source is polled.
    Reconnecting {
        /// How long from now.
        after: Duration,
        /// Why.
        cause: Error,
    },
}

/// The head of a response whose stream is open.
pub struct Opened {
    pub(crate) url: Url,
    pub(crate) version: Version,
    pub(crate) headers: HeaderMap,
}

impl Opened {
    /// Where the stream comes from, after all redirects.
    pub fn url(&self) -> &str {
        self.url.as_str()
    }

    /// The version of HTTP that it comes by.
    pub fn version(&self) -> Version {
        self.version
    }

    /// The response's headers.
    pub fn headers(&self) -> &HeaderMap {
        &self.headers
    }
}

impl fmt::Debug for Opened {
    /// Without the URL and the headers, which may hold secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Opened").field("version", &self.version).finish_non_exhaustive()
    }
}
