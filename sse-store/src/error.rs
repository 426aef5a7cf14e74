//! What can go wrong with a store.

use std::error::Error;
use std::fmt;
use std::sync::Arc;

use crate::{Position, Topic};

/// Why a store did not do what it was asked to.
///
/// The message is one line: what was tried, where, and the cause. Cheap to clone: one failed transaction answers all
/// the appends that were in it.
#[derive(Debug, Clone)]
pub struct StoreError {
    kind: Kind,
    what: Arc<str>,
    source: Option<Arc<dyn Error + Send + Sync>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Refused,
    Fenced,
    Unavailable,
    Unwritable,
    OutcomeUnknown,
    Closed,
    Other,
}

impl StoreError {
    fn of(kind: Kind, what: impl Into<Arc<str>>) -> Self {
        Self { kind, what: what.into(), source: None }
    }

    /// The request itself is wrong: it fails again however often it is tried.
    pub fn refused(what: impl Into<Arc<str>>) -> Self {
        Self::of(Kind::Refused, what)
    }

    /// The topic has been cleared after the entry's fence.
    pub fn fenced(topic: &Topic, fence: Position) -> Self {
        Self::of(Kind::Fenced, format!("topic {topic:?} has been cleared after {fence}"))
    }

    /// The database cannot be reached or is busy; nothing was written.
    pub fn unavailable(what: impl Into<Arc<str>>) -> Self {
        Self::of(Kind::Unavailable, what)
    }

    /// The database cannot be written, such as for a full disk or a file that is read-only; nothing was written.
    pub fn unwritable(what: impl Into<Arc<str>>) -> Self {
        Self::of(Kind::Unwritable, what)
    }

    /// The connection was lost while committing: the records may be in the log or not.
    pub fn outcome_unknown(what: impl Into<Arc<str>>) -> Self {
        Self::of(Kind::OutcomeUnknown, what)
    }

    /// The store has been closed.
    pub fn closed() -> Self {
        Self::of(Kind::Closed, "the store is closed")
    }

    /// Anything else, such as a table that is not there; nothing was written.
    pub fn other(what: impl Into<Arc<str>>) -> Self {
        Self::of(Kind::Other, what)
    }

    /// The same error with its cause.
    #[must_use]
    pub fn with_source(mut self, source: impl Error + Send + Sync + 'static) -> Self {
        self.source = Some(Arc::new(source));
        self
    }

    /// Whether the request itself is wrong, such as an event that already has an id.
    pub fn is_refused(&self) -> bool {
        self.kind == Kind::Refused
    }

    /// Whether a newer writer has cleared the topic: this one is to stop.
    pub fn is_fenced(&self) -> bool {
        self.kind == Kind::Fenced
    }

    /// Whether trying again later may help; nothing was written.
    pub fn is_unavailable(&self) -> bool {
        self.kind == Kind::Unavailable
    }

    /// Whether the database cannot be written or made: a full disk, a read-only file, a folder that is not there.
    pub fn is_unwritable(&self) -> bool {
        self.kind == Kind::Unwritable
    }

    /// Whether the records may be in the log or not. It is never retried silently.
    pub fn is_outcome_unknown(&self) -> bool {
        self.kind == Kind::OutcomeUnknown
    }

    /// Whether the store has been closed.
    pub fn is_closed(&self) -> bool {
        self.kind == Kind::Closed
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

impl Error for StoreError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        let source: &(dyn Error + 'static) = self.source.as_deref()?;
        Some(source)
    }
}
