//! What a source may give.

use std::borrow::Cow;
use std::error::Error;

use crate::{Event, Frame};

/// What a stream of events may give: an [`Event`], a [`Frame`], or a `Result` of either.
///
/// An error ends the stream in a way that the client sees as a truncated response, so that it comes
/// back. This trait cannot be implemented outside this crate.
pub trait StreamItem: sealed::Sealed {}

impl<T: sealed::Sealed> StreamItem for T {}

pub(crate) mod sealed {
    /// Hides the one method that a public trait would otherwise promise.
    pub trait Sealed {
        /// The block, or why the source has failed.
        fn into_block(self) -> Result<super::Block, super::BoxError>;
    }
}

pub(crate) type BoxError = Box<dyn Error + Send + Sync>;

/// An event that is still to be encoded, or one that is.
#[derive(Debug)]
pub enum Block {
    Event(Event),
    Frame(Frame),
}

impl Block {
    pub(crate) fn event_type(&self) -> Option<&str> {
        match self {
            Self::Event(event) => event.event_type().map(|text| text.as_str()),
            Self::Frame(frame) => frame.event_type(),
        }
    }

    pub(crate) fn id(&self) -> Option<&str> {
        match self {
            Self::Event(event) => event.id().map(|text| text.as_str()),
            Self::Frame(frame) => frame.id(),
        }
    }

    pub(crate) fn data(&self) -> Option<Cow<'_, str>> {
        match self {
            Self::Event(event) => event.data().map(Cow::Borrowed),
            Self::Frame(frame) => frame.data(),
        }
    }
}

impl sealed::Sealed for Event {
    fn into_block(self) -> Result<Block, BoxError> {
        Ok(Block::Event(self))
    }
}

impl sealed::Sealed for Frame {
    fn into_block(self) -> Result<Block, BoxError> {
        Ok(Block::Frame(self))
    }
}

impl<T: sealed::Sealed, E: Into<BoxError>> sealed::Sealed for Result<T, E> {
    fn into_block(self) -> Result<Block, BoxError> {
        self.map_err(Into::into)?.into_block()
    }
}
