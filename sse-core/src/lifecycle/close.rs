//! Why a stream ended, and what it carried.

use std::fmt;
use std::time::Duration;

/// Why a stream ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CloseReason {
    /// The completing event was sent.
    Completed,
    /// The source had no more events.
    SourceEnded,
    /// The source gave an error; the client sees a truncated stream.
    SourceFailed,
    /// The stream reached its [`MaxLifetime`](crate::MaxLifetime).
    MaxLifetime,
    /// The server shuts down.
    Shutdown,
    /// The client went away, or the server dropped its connection; also where the request was a HEAD,
    /// whose answer has no body.
    ClientGone,
}

impl CloseReason {
    /// A short name, for logs and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Completed => "completed",
            Self::SourceEnded => "source ended",
            Self::SourceFailed => "source failed",
            Self::MaxLifetime => "max lifetime",
            Self::Shutdown => "shutdown",
            Self::ClientGone => "client gone",
        }
    }
}

impl fmt::Display for CloseReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What a stream carried.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct StreamStats {
    /// Events of the source that were handed to the connection.
    pub events: u64,
    /// Bytes that were handed to the connection, keep-alives included.
    pub bytes: u64,
    /// From when the body was made to the end.
    pub duration: Duration,
}
