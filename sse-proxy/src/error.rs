//! What can go wrong, in one type.

use std::error::Error as StdError;
use std::fmt;

pub(crate) type BoxError = Box<dyn StdError + Send + Sync>;

/// Why an [`Upstream`](crate::Upstream) could not be built, or why a forwarded body was cut off.
///
/// A client never sees its text: a body that is cut off just ends without its last chunk.
#[derive(Debug)]
pub struct Error {
    kind: Kind,
    source: Option<BoxError>,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// What is wrong with the base URL.
    BaseUrl(&'static str),
    ViaName,
    Certificate,
    Client,
    UpstreamLost,
    FirstEventTimeout,
    IdleTimeout,
    CutShort,
}

impl Error {
    pub(crate) fn new(kind: Kind) -> Self {
        Self { kind, source: None }
    }

    pub(crate) fn with_source(kind: Kind, source: impl Into<BoxError>) -> Self {
        Self { kind, source: Some(source.into()) }
    }

    /// A setting was refused: the base URL, the name for `Via`, or a certificate.
    pub fn is_configuration(&self) -> bool {
        matches!(self.kind, Kind::BaseUrl(_) | Kind::ViaName | Kind::Certificate)
    }

    /// The HTTP client could not be made, such as without a certificate store.
    pub fn is_client(&self) -> bool {
        self.kind == Kind::Client
    }

    /// The upstream went away before its body was whole.
    pub fn is_upstream_lost(&self) -> bool {
        self.kind == Kind::UpstreamLost
    }

    /// The kind of the upstream's failure, if that is what it is: for metrics.
    pub(crate) fn of_upstream(&self) -> Option<&'static str> {
        match self.kind {
            Kind::UpstreamLost => Some("lost"),
            Kind::FirstEventTimeout => Some("first event timeout"),
            Kind::IdleTimeout => Some("idle timeout"),
            _ => None,
        }
    }

    /// The upstream sent no event within
    /// [`first_event_timeout`](crate::UpstreamBuilder::first_event_timeout).
    pub fn is_first_event_timeout(&self) -> bool {
        self.kind == Kind::FirstEventTimeout
    }

    /// The upstream sent nothing for longer than
    /// [`idle_timeout`](crate::UpstreamBuilder::idle_timeout).
    pub fn is_idle_timeout(&self) -> bool {
        self.kind == Kind::IdleTimeout
    }

    /// The stream had to end, and the event that was on its way did not within
    /// [`drain_timeout`](crate::UpstreamBuilder::drain_timeout).
    pub fn is_cut_short(&self) -> bool {
        self.kind == Kind::CutShort
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            Kind::BaseUrl(what) => write!(f, "the base URL of the upstream {what}"),
            Kind::ViaName => f.write_str("the name for `Via` is not a token of HTTP"),
            Kind::Certificate => f.write_str("no certificate could be read"),
            Kind::Client => f.write_str("the HTTP client could not be made"),
            Kind::UpstreamLost => f.write_str("the upstream was lost before its body was whole"),
            Kind::FirstEventTimeout => {
                f.write_str("the upstream's first event did not come in time")
            }
            Kind::IdleTimeout => f.write_str("the upstream was silent for too long"),
            Kind::CutShort => f.write_str("the stream had to end in the middle of an event"),
        }
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}

/// An error and what caused it, in one line, for a log.
pub(crate) struct Chain<'a>(pub(crate) &'a (dyn StdError + 'static));

impl fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        let mut next = self.0.source();
        while let Some(error) = next {
            write!(f, ": {error}")?;
            next = error.source();
        }
        Ok(())
    }
}
