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
    /// What a path cannot hold is percent-encoded, a question mark too. Of a request only the query
    /// is passed on, never its path.
    pub fn stream(&self, path: &str) -> Forward {
        Forward::stream(self.clone(), path)
    }

    /// Forwards plain requests, such as the JSON routes that stand beside a stream, to this path of
    /// the upstream.
    pub fn plain(&self, path: &str) -> Forward {
        Forward::plain(self.clone(), path)
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
