//! What an upstream is built from.

use std::fmt;
use std::future::Future;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use reqwest::Url;
use sse_client::HttpClient;
use sse_core::{KeepAlive, MaxLifetime};

use crate::Error;
use crate::close::{ForwardCloseReason, ForwardStats, OnClose};
use crate::error::Kind;
use crate::forwarded::{Forwarded, Telling};
use crate::pace::{Limits, Shutdown};
use crate::upstream::{Parts, Upstream};

/// HTTP/2: what one stream may have on its way to a client that does not read.
const STREAM_WINDOW: u32 = 64 * 1024;

/// Describes an [`Upstream`]. The defaults are in the [table of timers](crate#timers).
#[must_use]
pub struct UpstreamBuilder {
    base: String,
    via: Option<String>,
    connect_timeout: Duration,
    header_timeout: Duration,
    cold_start: Option<Duration>,
    telling: Telling,
    in_stream_refusals: Option<RangeInclusive<Duration>>,
    limits: Limits,
    http2: bool,
    #[cfg(feature = "tls")]
    roots: Option<Vec<u8>>,
    shutdown: Option<Shutdown>,
    on_close: Option<OnClose>,
}

impl UpstreamBuilder {
    pub(crate) fn new(base: String) -> Self {
        Self {
            base,
            via: None,
            connect_timeout: Duration::from_secs(5),
            header_timeout: Duration::from_secs(30),
            cold_start: None,
            telling: Telling::default(),
            in_stream_refusals: None,
            limits: Limits {
                keep_alive: Some(KeepAlive::every(Duration::from_secs(20))),
                first_event_timeout: None,
                idle_timeout: Some(Duration::from_secs(300)),
                max_lifetime: None,
                drain_timeout: Duration::from_secs(2),
                shutdown_retry: Duration::from_secs(2)..=Duration::from_secs(10),
            },
            http2: false,
            #[cfg(feature = "tls")]
            roots: None,
            shutdown: None,
            on_close: None,
        }
    }

    /// How long a connection to the upstream may take to come about, TLS included: 5 s. After it, 502.
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout;
        self
    }

    /// How long the upstream may take to answer with headers: 30 s, from the last byte of the
    /// request. After it, 504.
    pub fn header_timeout(mut self, timeout: Duration) -> Self {
        self.header_timeout = timeout;
        self
    }

    /// How long the upstream may take, from its headers, to send its first event: for ever, since a
    /// stream may have nothing to say for hours. After it, the client's response is aborted. Comments
    /// are no events: a language model that shows only that it is alive is cut off too.
    pub fn first_event_timeout(mut self, timeout: impl Into<Option<Duration>>) -> Self {
        self.limits.first_event_timeout = timeout.into();
        self
    }

    /// How long the upstream may be silent within a body: 300 s. After it, the client's response is
    /// aborted. `None` for ever.
    pub fn idle_timeout(mut self, timeout: impl Into<Option<Duration>>) -> Self {
        self.limits.idle_timeout = timeout.into();
        self
    }

    /// How long a stream may live: for ever. After it, the stream ends between two events, with the
    /// last event, if there is one, and a `retry:` from [`shutdown_retry`](Self::shutdown_retry).
    pub fn max_lifetime(mut self, lifetime: impl Into<MaxLifetime>) -> Self {
        self.limits.max_lifetime = Some(lifetime.into());
        self
    }

    /// What a stream's client is sent after silence, between events only: an empty comment after 20 s,
    /// so that an upstream that does so itself every 15 s is left as it is. `None` for nothing.
    pub fn keep_alive(mut self, keep_alive: impl Into<Option<KeepAlive>>) -> Self {
        self.limits.keep_alive = keep_alive.into();
        self
    }

    /// For how long an upstream that is not there yet is asked again: not at all.
    ///
    /// Within this time, a request with a safe method and no body is sent again when the upstream
    /// cannot be reached, is lost or times out before its headers, or answers 502, 503 or 504; at
    /// first after 0.1 s to 0.2 s by chance, later after up to 5 s, as [`sse_core::Backoff`] has it. A
    /// `Retry-After` is waited for first; where that is too long, its answer is the
    /// client's. Nothing is sent again once the client has a byte.
    pub fn cold_start(mut self, time: impl Into<Option<Duration>>) -> Self {
        self.cold_start = time.into();
        self
    }

    /// Refuses in the stream, where the upstream is the reason: not at all.
    ///
    /// Any status but 200 ends a browser's `EventSource` for good. With this, a GET of a stream that
    /// names `text/event-stream` in its `Accept` is answered 200, a `retry:` between these times by
    /// chance, and the end, so that the browser comes back by itself: when the upstream cannot be
    /// reached, is lost or does not answer in time, answers with no event stream or a status that is
    /// not passed on, or with 429, 502, 503 or 504, whose `Retry-After` is kept to. Other
    /// clients get the status, with a `Retry-After` where it is the proxy's own.
    pub fn in_stream_refusals(
        mut self,
        spread: impl Into<Option<RangeInclusive<Duration>>>,
    ) -> Self {
        self.in_stream_refusals = spread.into();
        self
    }

    /// Tells the upstream who asked by `X-Forwarded-For`, `X-Forwarded-Host` and
    /// `X-Forwarded-Proto`: not at all. The address and the scheme are those of the
    /// [`Peer`](crate::Peer) that a layer of the front puts into the request's extensions.
    pub fn x_forwarded(mut self, rule: impl Into<Option<Forwarded>>) -> Self {
        self.telling.x_forwarded = rule.into();
        self
    }

    /// Tells the upstream who asked by `Forwarded`: not at all. The address and the scheme are those
    /// of the [`Peer`](crate::Peer) that a layer of the front puts into the request's extensions.
    ///
    /// Source: RFC 7239.
    pub fn forwarded(mut self, rule: impl Into<Option<Forwarded>>) -> Self {
        self.telling.forwarded = rule.into();
        self
    }

    /// Ends the open streams when `shutdown` is ready: between two events, with a `retry:` from
    /// [`shutdown_retry`](Self::shutdown_retry), so that a server can stop within its grace. A
    /// stream that still waits for its upstream's headers is ended too. Plain requests go on.
    ///
    /// Any future will do, such as `CancellationToken::cancelled_owned` of `tokio-util`.
    pub fn shutdown(mut self, shutdown: impl Future<Output = ()> + Send + 'static) -> Self {
        self.shutdown = Some(shutdown.boxed().shared());
        self
    }

    /// Between which times the clients of a front that shuts down are spread: 2 s to 10 s.
    pub fn shutdown_retry(mut self, spread: RangeInclusive<Duration>) -> Self {
        self.limits.shutdown_retry = spread;
        self
    }

    /// How long a stream that has to end waits for the event that is on its way: 2 s. After it, the
    /// client's response is aborted.
    pub fn drain_timeout(mut self, timeout: Duration) -> Self {
        self.limits.drain_timeout = timeout;
        self
    }

    /// The name that this proxy puts into `Via`, and by which it knows a request that comes round
    /// again: by default `sse-proxy-` and a random number. Fronts that stand in a row must not share
    /// one; replicas of one front may.
    pub fn via(mut self, name: impl Into<String>) -> Self {
        self.via = Some(name.into());
        self
    }

    /// Trusts an upstream by `https` whose certificate comes from one of these, in PEM, and no other:
    /// for an upstream with a private authority. By default those that the platform trusts.
    #[cfg(feature = "tls")]
    pub fn root_certificates(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.roots = Some(pem.into());
        self
    }

    /// Speaks HTTP/2 to the upstream without being told by TLS that it can. By `https` the upstream
    /// is asked.
    pub fn http2_prior_knowledge(mut self) -> Self {
        self.http2 = true;
        self
    }

    /// Is called exactly once for each stream, when it has ended or its client has gone. The
    /// upstream has been let go by then.
    ///
    /// It runs where the body is polled or dropped, so it must not block.
    pub fn on_close(
        mut self,
        on_close: impl Fn(ForwardCloseReason, ForwardStats) + Send + Sync + 'static,
    ) -> Self {
        self.on_close = Some(Arc::new(on_close));
        self
    }

    /// Checks the settings. No connection is made.
    ///
    /// # Errors
    ///
    /// [`Error::is_configuration`] says that the base URL, the name for `Via` or a certificate cannot be used,
    /// [`Error::is_client`] that there is no HTTP client to be had, such as without certificates.
    pub fn build(self) -> Result<Upstream, Error> {
        let base = base_url(&self.base, cfg!(feature = "tls"))?;
        let via = match self.via {
            Some(name) if is_token(&name) => name,
            Some(_) => return Err(Error::new(Kind::ViaName)),
            None => format!("sse-proxy-{:08x}", fastrand::u32(..)),
        };
        let client = HttpClient::new()
            .connect_timeout(self.connect_timeout)
            .stream_window(STREAM_WINDOW)
            .http2_prior_knowledge(self.http2);
        #[cfg(feature = "tls")]
        let client = match self.roots {
            Some(pem) => client.root_certificates(pem),
            None => client,
        };
        let client = client.build().map_err(|error| {
            let kind = if error.is_configuration() { Kind::Certificate } else { Kind::Client };
            Error::with_source(kind, error)
        })?;
        Ok(Upstream::new(Parts {
            client,
            base,
            via,
            header_timeout: self.header_timeout,
            cold_start: self.cold_start,
            telling: self.telling,
            in_stream_refusals: self.in_stream_refusals,
            limits: self.limits,
            shutdown: self.shutdown,
            on_close: self.on_close,
        }))
    }
}

impl fmt::Debug for UpstreamBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UpstreamBuilder")
            .field("connect_timeout", &self.connect_timeout)
            .field("header_timeout", &self.header_timeout)
            .field("cold_start", &self.cold_start)
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}

fn base_url(text: &str, has_tls: bool) -> Result<Url, Error> {
    let wrong = |what| Error::new(Kind::BaseUrl(what));
    let url = Url::parse(text)
        .map_err(|error| Error::with_source(Kind::BaseUrl("is not a URL"), error))?;
    match url.scheme() {
        "http" => {}
        "https" if has_tls => {}
        "https" => return Err(wrong("is `https`, which wants the feature `tls`")),
        _ => return Err(wrong("is neither `http` nor `https`")),
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(wrong("holds credentials"));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(wrong("has a query or a fragment"));
    }
    Ok(url)
}

/// Source: RFC 9110 §5.6.2.
fn is_token(name: &str) -> bool {
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !name.is_empty() && name.bytes().all(is_token)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_base_url_that_cannot_be_meant_is_refused_and_named() {
        for (url, what) in [
            ("127.0.0.1:3100", "the base URL of the upstream is not a URL"),
            ("ftp://host/", "the base URL of the upstream is neither `http` nor `https`"),
            ("http://me:secret@host/", "the base URL of the upstream holds credentials"),
            ("http://host/?q", "the base URL of the upstream has a query or a fragment"),
            ("http://host/#f", "the base URL of the upstream has a query or a fragment"),
            ("http://", "the base URL of the upstream is not a URL"),
        ] {
            let error = Upstream::builder(url).build().unwrap_err();
            assert!(error.is_configuration(), "{url}");
            assert_eq!(error.to_string(), what, "{url}");
        }
    }

    #[test]
    fn the_defaults_are_those_of_the_table() {
        let builder = Upstream::builder("http://host");
        let second = Duration::from_secs(1);
        assert_eq!(builder.connect_timeout, 5 * second);
        assert_eq!(builder.header_timeout, 30 * second);
        assert_eq!((builder.cold_start, builder.in_stream_refusals), (None, None));
        let limits = builder.limits;
        assert_eq!(limits.keep_alive.unwrap().interval(), 20 * second);
        assert_eq!(limits.first_event_timeout, None);
        assert_eq!(limits.idle_timeout, Some(300 * second));
        assert!(limits.max_lifetime.is_none());
        assert_eq!(limits.drain_timeout, 2 * second);
        assert_eq!(limits.shutdown_retry, 2 * second..=10 * second);
    }

    #[test]
    fn https_wants_its_feature() {
        assert!(base_url("https://host/", true).is_ok());
        assert!(base_url("https://host/", false).unwrap_err().is_configuration());
    }

    #[cfg(feature = "tls")]
    #[test]
    fn https_builds_without_a_global_provider() {
        // A machine may have no certificates at all, and that is no panic either.
        match Upstream::builder("https://host/").build() {
            Ok(_) => {}
            Err(error) => assert!(error.is_client(), "{error}"),
        }
    }

    #[cfg(feature = "tls")]
    #[test]
    fn certificates_that_are_none_are_refused() {
        let not_base64 = "-----BEGIN CERTIFICATE-----\n?\n-----END CERTIFICATE-----\n";
        let no_certificate = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        for pem in ["", "no certificate", not_base64, no_certificate] {
            let builder = Upstream::builder("https://host/").root_certificates(pem);
            assert!(builder.build().unwrap_err().is_configuration(), "{pem:?}");
        }
    }

    #[test]
    fn a_name_for_via_is_a_token() {
        for name in ["", "a b", "a,b", "ä", "a\r\nb"] {
            let error = Upstream::builder("http://host").via(name).build().unwrap_err();
            assert!(error.is_configuration(), "{name:?}");
        }
    }
}
