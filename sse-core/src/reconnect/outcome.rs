//! What the machine says: what to do, why a stream was lost, why it is over.

use std::fmt;
use std::time::Instant;

use http::StatusCode;

/// What whoever drives a [`Reconnect`](crate::Reconnect) does next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Step {
    /// Send the request, now and once, with the machine's
    /// [`last_event_id_header`](crate::Reconnect::last_event_id_header) to its
    /// [`endpoint`](crate::Reconnect::endpoint).
    Connect,
    /// Tell the machine what comes of the request or the stream, and look again at `deadline`, if
    /// there is one.
    Receive {
        /// When what has not come is given up.
        deadline: Option<Instant>,
    },
    /// Let go of request and response, and look again at `until`.
    Wait {
        /// When the next request may be sent.
        until: Instant,
        /// Why another one is needed.
        cause: Cause,
    },
    /// Let go of request and response. No other request follows, ever.
    End(End),
}

/// What a client says of its connection.
///
/// Source: WHATWG HTML §9.2.2, "readyState".
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ReadyState {
    /// No stream is open, and one is asked for, now or later.
    Connecting,
    /// A stream is open.
    Open,
    /// No stream is open, and none will be.
    Closed,
}

/// Why a stream is asked for again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Cause {
    /// No connection was made: the request was not sent.
    Unreachable,
    /// The request was lost on its way, or its answer.
    Failed,
    /// No answer came in time.
    NoResponse,
    /// The answer had a status that asks for another attempt.
    Status(StatusCode),
    /// The stream was cut off: its connection failed.
    Cut,
    /// The stream ended as if it were whole.
    Ended,
    /// The stream said nothing for too long.
    Idle,
    /// The caller wanted it.
    Restarted,
}

impl Cause {
    /// Whether an open stream was lost; else none came to be.
    pub fn is_of_a_stream(&self) -> bool {
        matches!(self, Self::Cut | Self::Ended | Self::Idle)
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unreachable => "no connection was made",
            Self::Failed => "the request failed",
            Self::NoResponse => "no response came in time",
            Self::Status(status) => return write!(f, "the response was {status}"),
            Self::Cut => "the stream was cut off",
            Self::Ended => "the stream ended",
            Self::Idle => "the stream was silent for too long",
            Self::Restarted => "a restart was asked for",
        })
    }
}

/// Why no stream will be asked for again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum End {
    /// The completing event was dispatched.
    Completed,
    /// The server has no more to say: 204.
    NoContent,
    /// The stream ended as if it were whole, and its request is not to be sent again.
    Ended,
    /// The caller closed it.
    Closed,
    /// The status is neither 200 nor one that asks for another attempt.
    Status(StatusCode),
    /// The answer is 200, but no event stream that can be read.
    NotAnEventStream,
    /// The answer leads to where the request must not go.
    Redirect,
    /// The request, or its stream, was lost, and it is not to be sent again.
    NotResent(Cause),
    /// The stream was lost, and has no id to go on from.
    NoPosition(Cause),
    /// The stream was lost, and its last event ID holds a byte that no header can carry.
    UnsendableId(Cause),
    /// The last attempt that the budget allows has failed.
    BudgetSpent(Cause),
}

impl End {
    /// Whether something went wrong; else all was said, or the caller wanted no more.
    pub fn is_error(&self) -> bool {
        !matches!(self, Self::Completed | Self::NoContent | Self::Ended | Self::Closed)
    }
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Completed => f.write_str("the stream is complete"),
            Self::NoContent => f.write_str("the server has no more to say"),
            Self::Ended => f.write_str("the stream ended"),
            Self::Closed => f.write_str("the stream was closed"),
            Self::Status(status) => write!(f, "the response was {status}"),
            Self::NotAnEventStream => f.write_str("the response is no event stream"),
            Self::Redirect => f.write_str("the response leads to where the request must not go"),
            Self::NotResent(cause) => {
                write!(f, "{cause}, and the request is not to be sent again")
            }
            Self::NoPosition(cause) => write!(f, "{cause}, and there is no id to go on from"),
            Self::UnsendableId(cause) => {
                write!(f, "{cause}, and no header can carry the last event ID")
            }
            Self::BudgetSpent(cause) => write!(f, "{cause}, and no attempt is left"),
        }
    }
}
