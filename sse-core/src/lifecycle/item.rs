//! What a source may give.

use std::borrow::Cow;
use std::error::Error;

use crate::{Completion, Event, Frame, Frames};

/// What a stream of events may give: an [`Event`], a [`Frame`], several [`Frames`] that leave together, or a `Result` of
/// one of these.
///
/// An error ends the stream in a way that the client sees as a truncated response, so that it comes
/// back. This trait cannot be implemented outside this crate.
pub trait StreamItem: sealed::Sealed {}

impl<T: sealed::Sealed> StreamItem for T {}

pub(crate) mod sealed {
    use super::{BoxError, Completion, Frames, Left};

    /// Hides the one method that a public trait would otherwise promise.
    #[diagnostic::on_unimplemented(
        message = "`{Self}` cannot be sent as an event",
        label = "not an event",
        note = "the stream has to give an `Event`, a `Frame`, `Frames`, or a `Result` of one of these"
    )]
    pub trait Sealed {
        /// Adds it to what is leaving, up to what completes the stream; or says why the source has failed.
        fn leave(self, out: &mut Frames, completion: Option<&Completion>)
        -> Result<Left, BoxError>;
    }
}

/// What an item came to.
#[derive(Debug)]
pub struct Left {
    /// How many events are leaving.
    pub(super) events: u64,
    /// Whether the last of them completes the stream.
    pub(super) completes: bool,
}

pub(crate) type BoxError = Box<dyn Error + Send + Sync>;

impl sealed::Sealed for Event {
    fn leave(self, out: &mut Frames, completion: Option<&Completion>) -> Result<Left, BoxError> {
        out.encode(&self);
        let completes = completion.is_some_and(|completion| {
            let event_type = self.event_type().map(|text| text.as_str());
            let id = self.id().map(|text| text.as_str());
            completion.is_met(event_type, id, || self.data().map(Cow::Borrowed))
        });
        Ok(Left { events: 1, completes })
    }
}

impl sealed::Sealed for Frame {
    fn leave(self, out: &mut Frames, completion: Option<&Completion>) -> Result<Left, BoxError> {
        let completes = completion.is_some_and(|completion| {
            completion.is_met(self.event_type(), self.id(), || self.data())
        });
        out.push_run(self.into_run(), 1);
        Ok(Left { events: 1, completes })
    }
}

impl sealed::Sealed for Frames {
    fn leave(self, out: &mut Frames, completion: Option<&Completion>) -> Result<Left, BoxError> {
        if completion.is_none() {
            let count = self.len();
            out.push_run(self.into_run(), count);
            return Ok(Left { events: count as u64, completes: false });
        }
        let mut all = Left { events: 0, completes: false };
        for frame in self {
            let Left { events, completes } = frame.leave(out, completion)?;
            all.events += events;
            if completes {
                return Ok(Left { completes, ..all });
            }
        }
        Ok(all)
    }
}

impl<T: sealed::Sealed, E: Into<BoxError>> sealed::Sealed for Result<T, E> {
    fn leave(self, out: &mut Frames, completion: Option<&Completion>) -> Result<Left, BoxError> {
        self.map_err(Into::into)?.leave(out, completion)
    }
}
