//! Where requests go, and how long they may take.

use std::fmt;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use reqwest::Url;

use crate::close::OnClose;
use crate::forwarded::Telling;
use crate::pace::{Limits, Shutdown};
use crate::{Forward, UpstreamBuilder};

/// A server that requests are forwarded to, and the connections to it. Cheap to clone.
///
/// ```
/// use std::time::Duration;
/// use sse_proxy::Upstream;
///
/// # fn main() -> Result<(), sse_proxy::Error> {
/// let upstream = Upstream::builder("http://127.0.0.1:3100")
///     .connect_timeout(Duration::from_secs(2))
///     .build()?;
/// let stream = upstream.stream("/sse");
/// let plain = upstream.plain("/events");
/// # let _ = (stream, plain);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Upstream {
    shared: Arc<Parts>,
}

pub(crate) struct Parts {
    pub(crate) client: reqwest::Client,
    pub(crate) base: Url,
    pub(crate) via: String,
    pub(crate) header_timeout: Duration,
    pub(crate) cold_start: Option<Duration>,
    pub(crate) telling: Telling,
    pub(crate) in_stream_refusals: Option<RangeInclusive<Duration>>,
    pub(crate) limits: Limits,
    pub(crate) shutdown: Option<Shutdown>,
    pub(crate) on_close: Option<OnClose>,
}

impl Upstream {
    /// Begins to describe an upstream by its base URL: `http` (or `https`, with the feature `tls`),
    /// host, port and a path that all routes begin with. It is checked by
    /// [`build`](UpstreamBuilder::build).
    pub fn builder(base: impl Into<String>) -> UpstreamBuilder {
        UpstreamBuilder::new(base.into())
    }

    /// Forwards event streams from this path of the upstream, and nothing else that says 200.
    ///
    /// What a path cannot hold is percent-encoded, a question mark too, and so are the dots of a segment
    /// such as `..`: no path leads out of the base's. Of a request only the query is passed on, never its
    /// path.
    pub fn stream(&self, path: &str) -> Forward {
        Forward::stream(self.clone(), path)
    }

    /// Forwards plain requests, such as the JSON routes that stand beside a stream, to this path of
    /// the upstream.
    pub fn plain(&self, path: &str) -> Forward {
        Forward::plain(self.clone(), path)
    }

    /// Where this path is.
    pub(crate) fn url(&self, path: &str) -> Url {
        let mut url = self.shared.base.clone();
        let base = url.path().trim_end_matches('/').to_owned();
        let path: Vec<_> = path.trim_start_matches('/').split('/').map(segment).collect();
        url.set_path(&format!("{base}/{}", path.join("/")));
        url
    }

    pub(crate) fn new(parts: Parts) -> Self {
        Self { shared: Arc::new(parts) }
    }

    pub(crate) fn parts(&self) -> &Parts {
        &self.shared
    }
}

impl fmt::Debug for Upstream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Upstream")
            .field("base", &self.shared.base.as_str())
            .field("via", &self.shared.via)
            .finish_non_exhaustive()
    }
}

/// A segment that stays one: to a URL a backslash is a slash, a tab or a line end is nothing, and dots,
/// encoded or not, lead elsewhere.
///
/// Source: WHATWG URL §4.4, "URL parsing", and §4.1, "double-dot URL path segment".
fn segment(text: &str) -> String {
    let mut text = text.replace('\\', "%5C");
    for (blank, encoded) in [("\t", "%09"), ("\n", "%0A"), ("\r", "%0D")] {
        text = text.replace(blank, encoded);
    }
    match text.to_ascii_lowercase().replace("%2e", ".").as_str() {
        "." | ".." => text.replace('%', "%25").replace('.', "%252E"),
        _ => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_path_leads_out_of_the_bases() {
        let upstream = Upstream::builder("http://host/api/").build().unwrap();
        for (path, expected) in [
            ("/a/b", "/api/a/b"),
            ("a%20b ?#", "/api/a%20b%20%3F%23"),
            ("", "/api/"),
            ("/..", "/api/%252E%252E"),
            ("/runs/../../x", "/api/runs/%252E%252E/%252E%252E/x"),
            ("/./x", "/api/%252E/x"),
            ("/%2e%2E/x/.%2e", "/api/%252e%252E/x/%252E%252e"),
            ("\\..\\x", "/api/%5C..%5Cx"),
            ("/.\t./x", "/api/.%09./x"),
            ("/.\r\n/x", "/api/.%0D%0A/x"),
            ("/...", "/api/..."),
        ] {
            assert_eq!(upstream.url(path).path(), expected, "{path}");
        }
    }
}
