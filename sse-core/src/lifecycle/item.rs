//! What a source may give.

use std::borrow::Cow;
use std::error::Error;

use super::out::Out;
use crate::{Completion, Event, Frame};

/// What a stream of events may give: an [`Event`], a [`Frame`], or a `Result` of either.
///
/// An error ends the stream in a way that the client sees as a truncated response, so that it comes
/// back. This trait cannot be implemented outside this crate.
pub trait StreamItem: sealed::Sealed {}

impl<T: sealed::Sealed> StreamItem for T {}

pub(crate) mod sealed {
    use super::{BoxError, Completion, Out};

    /// Hides the one method that a public trait would otherwise promise.
    pub trait Sealed {
        /// Adds it to what is leaving, and says whether it completes the stream; or why the source has
        /// failed.
        fn leave(self, out: &mut Out, completion: Option<&Completion>) -> Result<bool, BoxError>;
    }
}

pub(crate) type BoxError = Box<dyn Error + Send + Sync>;

impl sealed::Sealed for Event {
    fn leave(self, out: &mut Out, completion: Option<&Completion>) -> Result<bool, BoxError> {
        out.push(&self);
        Ok(completion.is_some_and(|completion| {
            let event_type = self.event_type().map(|text| text.as_str());
            let id = self.id().map(|text| text.as_str());
            completion.is_met(event_type, id, || self.data().map(Cow::Borrowed))
        }))
    }
}

impl sealed::Sealed for Frame {
    fn leave(self, out: &mut Out, completion: Option<&Completion>) -> Result<bool, BoxError> {
        let completes = completion.is_some_and(|completion| {
            completion.is_met(self.event_type(), self.id(), || self.data())
        });
        out.push_bytes(self.into_bytes());
        Ok(completes)
    }
}

impl<T: sealed::Sealed, E: Into<BoxError>> sealed::Sealed for Result<T, E> {
    fn leave(self, out: &mut Out, completion: Option<&Completion>) -> Result<bool, BoxError> {
        self.map_err(Into::into)?.leave(out, completion)
    }
}
