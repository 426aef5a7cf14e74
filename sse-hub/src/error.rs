//! What can go wrong with a hub.

use std::error::Error;
use std::fmt;
use std::ops::RangeInclusive;
use std::time::Duration;

use sse_core::{EventType, Refusal};
use sse_store::{StoreError, Topic, TopicError};

use crate::ConnectionId;

/// When to ask again, for those who were refused.
const ASK_AGAIN: RangeInclusive<Duration> = Duration::from_secs(5)..=Duration::from_secs(15);

/// Why a hub did not do what it was asked to.
///
/// The message is one line. [`refusal`](Self::refusal) is what an event stream's client is told.
#[derive(Debug)]
pub struct HubError(Box<Kind>);

#[derive(Debug)]
enum Kind {
    Topic(TopicError),
    OwnType(EventType),
    TooManyTopics { topics: usize, allowed: usize },
    Forbidden(Topic),
    Full { allowed: usize },
    Complete,
    Draining,
    UnknownConnection(ConnectionId),
    NoRandomness(String),
    Starting,
    Closed(StoreError),
    Store(StoreError),
}

impl HubError {
    fn of(kind: Kind) -> Self {
        Self(Box::new(kind))
    }

    pub(crate) fn topic(error: TopicError) -> Self {
        Self::of(Kind::Topic(error))
    }

    pub(crate) fn own_type(event_type: &EventType) -> Self {
        Self::of(Kind::OwnType(event_type.clone()))
    }

    pub(crate) fn too_many_topics(topics: usize, allowed: usize) -> Self {
        Self::of(Kind::TooManyTopics { topics, allowed })
    }

    pub(crate) fn forbidden(topic: &Topic) -> Self {
        Self::of(Kind::Forbidden(topic.clone()))
    }

    pub(crate) fn full(allowed: usize) -> Self {
        Self::of(Kind::Full { allowed })
    }

    pub(crate) fn complete() -> Self {
        Self::of(Kind::Complete)
    }

    pub(crate) fn draining() -> Self {
        Self::of(Kind::Draining)
    }

    pub(crate) fn unknown_connection(id: ConnectionId) -> Self {
        Self::of(Kind::UnknownConnection(id))
    }

    pub(crate) fn no_randomness(why: impl fmt::Display) -> Self {
        Self::of(Kind::NoRandomness(why.to_string()))
    }

    pub(crate) fn starting() -> Self {
        Self::of(Kind::Starting)
    }

    pub(crate) fn closed(error: StoreError) -> Self {
        Self::of(Kind::Closed(error))
    }

    /// Whether a name is no topic: empty, longer than 255 bytes, or with a NUL.
    pub fn is_invalid_topic(&self) -> bool {
        matches!(*self.0, Kind::Topic(_))
    }

    /// Whether an event that was to be published has a type by which the hub tells of itself ([`told`](crate::told)), which
    /// the message names.
    pub fn is_own_type(&self) -> bool {
        matches!(*self.0, Kind::OwnType(_))
    }

    /// Whether one connection would have more topics than are allowed.
    pub fn is_too_many_topics(&self) -> bool {
        matches!(*self.0, Kind::TooManyTopics { .. })
    }

    /// Whether the caller's function refused a topic, or a topic was to be added to a connection that has no such
    /// function.
    pub fn is_forbidden(&self) -> bool {
        matches!(*self.0, Kind::Forbidden(_))
    }

    /// Whether there are as many connections as are allowed.
    pub fn is_full(&self) -> bool {
        matches!(*self.0, Kind::Full { .. })
    }

    /// Whether all the topics are complete and the client has had everything.
    pub fn is_complete(&self) -> bool {
        matches!(*self.0, Kind::Complete)
    }

    /// Whether the hub is ending its connections and takes no more.
    pub fn is_draining(&self) -> bool {
        matches!(*self.0, Kind::Draining)
    }

    /// Whether there is no such connection in this process, or it is another user's.
    pub fn is_unknown_connection(&self) -> bool {
        matches!(*self.0, Kind::UnknownConnection(_))
    }

    /// Whether the store has been closed, and the hub with it, or the hub cannot follow it any more, since a waker or a
    /// listener has panicked in its feed: this is final.
    pub fn is_closed(&self) -> bool {
        matches!(*self.0, Kind::Closed(_))
    }

    /// Whether trying again later may help: the hub is full or drains, or the store cannot be reached.
    pub fn is_unavailable(&self) -> bool {
        match &*self.0 {
            Kind::Full { .. } | Kind::Draining | Kind::Starting | Kind::NoRandomness(_) => true,
            Kind::Store(error) => error.is_unavailable(),
            _ => false,
        }
    }

    /// A short name of what it is, for metrics.
    pub(crate) fn reason(&self) -> &'static str {
        match &*self.0 {
            Kind::Topic(_) => "invalid topic",
            Kind::OwnType(_) => "own type",
            Kind::TooManyTopics { .. } => "too many topics",
            Kind::Forbidden(_) => "forbidden",
            Kind::Full { .. } => "full",
            Kind::Complete => "complete",
            Kind::Draining => "draining",
            Kind::UnknownConnection(_) => "unknown connection",
            Kind::NoRandomness(_) => "no randomness",
            Kind::Starting => "starting",
            Kind::Closed(_) => "store closed",
            Kind::Store(_) => "store failed",
        }
    }

    /// The store's error, where it was the store that failed: an append may be
    /// [`is_outcome_unknown`](StoreError::is_outcome_unknown).
    pub fn store(&self) -> Option<&StoreError> {
        match &*self.0 {
            Kind::Store(error) | Kind::Closed(error) => Some(error),
            _ => None,
        }
    }

    /// What the client is told that asked for a stream: 204 where it is complete; where it is to come back, a refusal
    /// in the stream, 503 for a client that is no browser. `None` where the request itself is wrong (400, 403).
    pub fn refusal(&self) -> Option<Refusal> {
        match *self.0 {
            Kind::Complete => Some(Refusal::complete()),
            Kind::Full { .. }
            | Kind::Draining
            | Kind::Starting
            | Kind::NoRandomness(_)
            | Kind::Closed(_)
            | Kind::Store(_) => Some(Refusal::unavailable(ASK_AGAIN).in_stream()),
            Kind::Topic(_)
            | Kind::OwnType(_)
            | Kind::TooManyTopics { .. }
            | Kind::Forbidden(_)
            | Kind::UnknownConnection(_) => None,
        }
    }
}

impl From<StoreError> for HubError {
    fn from(error: StoreError) -> Self {
        Self::of(match error.is_closed() {
            true => Kind::Closed(error),
            false => Kind::Store(error),
        })
    }
}

impl fmt::Display for HubError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &*self.0 {
            Kind::Topic(error) => error.fmt(f),
            Kind::OwnType(event_type) => {
                write!(f, "the event type {:?} is the hub's own", event_type.as_str())
            }
            Kind::TooManyTopics { topics, allowed } => {
                write!(f, "{topics} topics on one connection, where {allowed} are allowed")
            }
            Kind::Forbidden(topic) => write!(f, "topic {topic:?} is not allowed here"),
            Kind::Full { allowed } => write!(f, "there are {allowed} connections already"),
            Kind::Complete => f.write_str("the topics are complete, and nothing is left to tell"),
            Kind::Draining => f.write_str("the hub is ending its connections"),
            Kind::UnknownConnection(id) => write!(f, "no connection {id:?} of this user is here"),
            Kind::NoRandomness(why) => write!(f, "no random bits for a connection id: {why}"),
            Kind::Starting => f.write_str("the hub has not reached its store yet"),
            Kind::Closed(error) | Kind::Store(error) => error.fmt(f),
        }
    }
}

impl Error for HubError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match &*self.0 {
            Kind::Topic(error) => error.source(),
            Kind::Closed(error) | Kind::Store(error) => error.source(),
            _ => None,
        }
    }
}
