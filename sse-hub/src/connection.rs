//! Who is connected, as others see it.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::time::SystemTime;

use sse_store::{Position, Topic};

use crate::HubError;

/// The id of one live connection: 128 random bits of the operating system, 32 hexadecimal digits.
///
/// It cannot be guessed, and whoever shows one must be the connection's user besides. It is told to the client alone, in the
/// data of the first `position` event; in logs (`Debug`) it is cut short.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct ConnectionId(u128);

impl ConnectionId {
    pub(crate) fn random() -> Result<Self, HubError> {
        let mut bytes = [0; 16];
        getrandom::fill(&mut bytes).map_err(HubError::no_randomness)?;
        Ok(Self(u128::from_le_bytes(bytes)))
    }

    #[cfg(test)]
    pub(crate) fn numbered(number: u128) -> Self {
        Self(number)
    }
}

impl fmt::Display for ConnectionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl fmt::Debug for ConnectionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}…", self.0 >> 96)
    }
}

impl FromStr for ConnectionId {
    type Err = ConnectionIdError;

    /// Takes what [`Display`](fmt::Display) writes and nothing else.
    fn from_str(text: &str) -> Result<Self, ConnectionIdError> {
        let is_plain = text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        let id = is_plain.then(|| u128::from_str_radix(text, 16).ok()).flatten().map(Self);
        id.filter(|id| id.to_string() == text).ok_or(ConnectionIdError(()))
    }
}

/// A text that is no connection's id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConnectionIdError(());

impl fmt::Display for ConnectionIdError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a connection id of 32 hexadecimal digits")
    }
}

impl std::error::Error for ConnectionIdError {}

/// A live connection of this process, as it was when it was asked for.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Connection {
    /// Its id, by which topics are added to it and removed.
    pub id: ConnectionId,
    /// Whose it is, where that was said.
    pub user: Option<Arc<str>>,
    /// What it is subscribed to.
    pub topics: Vec<Topic>,
    /// Since when it is open.
    pub opened: SystemTime,
    /// Up to where it has been given what its topics have.
    pub position: Position,
}

/// Somebody came, went, or changed topics.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Notice {
    /// A connection was opened.
    Opened(Connection),
    /// A connection's topics have changed: these are the ones it has now.
    Changed(Connection),
    /// A connection has ended; its topics are those it had.
    Ended(Connection, EndReason),
    /// So many notices were not taken in time and are lost: ask for the list.
    Missed(u64),
}

/// Why a subscription ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum EndReason {
    /// It was dropped: the client left, or the stream around it ended.
    Dropped,
    /// All its topics are complete.
    Completed,
    /// A newer connection of the same user took its place.
    Replaced,
    /// Frames waited for it, and nobody polled it.
    Stalled,
    /// The hub was drained.
    Drained,
    /// [`Hub::disconnect`](crate::Hub::disconnect) was called.
    Disconnected,
    /// The store was closed.
    Closed,
}

impl EndReason {
    /// A short name, for logs and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Dropped => "dropped",
            Self::Completed => "completed",
            Self::Replaced => "replaced",
            Self::Stalled => "stalled",
            Self::Drained => "drained",
            Self::Disconnected => "disconnected",
            Self::Closed => "closed",
        }
    }
}

impl fmt::Display for EndReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
