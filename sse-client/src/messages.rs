//! The messages of a source, and nothing else.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_core::{FusedStream, Stream};
use sse_core::MessageEvent;

use crate::{Error, EventSource, Item};

/// The messages of an [`EventSource`]: what [`EventSource::messages`] gives.
///
/// An `Err` is final. Waiting for the next message is cancel safe.
#[derive(Debug)]
#[must_use = "streams do nothing unless polled"]
pub struct Messages {
    source: EventSource,
}

impl Messages {
    pub(crate) fn new(source: EventSource) -> Self {
        Self { source }
    }

    /// The source.
    pub fn source(&self) -> &EventSource {
        &self.source
    }
}

impl Stream for Messages {
    type Item = Result<MessageEvent, Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            match ready!(Pin::new(&mut self.source).poll_next(cx)) {
                Some(Ok(Item::Message(message))) => return Poll::Ready(Some(Ok(message))),
                Some(Ok(_)) => {}
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                None => return Poll::Ready(None),
            }
        }
    }
}

impl FusedStream for Messages {
    fn is_terminated(&self) -> bool {
        self.source.is_terminated()
    }
}

#[cfg(feature = "serde")]
pub use typed::Typed;

#[cfg(feature = "serde")]
mod typed {
    use std::fmt;
    use std::marker::PhantomData;

    use serde::de::DeserializeOwned;

    use super::{Context, Error, FusedStream, Messages, Pin, Poll, Stream, ready};
    use crate::EventSource;

    /// The messages of an [`EventSource`] as values of `T`: what [`EventSource::typed`] gives.
    ///
    /// Waiting for the next value is cancel safe.
    #[must_use = "streams do nothing unless polled"]
    pub struct Typed<T> {
        messages: Messages,
        of: PhantomData<fn() -> T>,
    }

    impl<T> Typed<T> {
        pub(crate) fn new(messages: Messages) -> Self {
            Self { messages, of: PhantomData }
        }

        /// The source.
        pub fn source(&self) -> &EventSource {
            self.messages.source()
        }
    }

    impl<T: DeserializeOwned> Stream for Typed<T> {
        type Item = Result<T, Error>;

        fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
            let message = ready!(Pin::new(&mut self.messages).poll_next(cx));
            Poll::Ready(message.map(|message| message?.typed().map_err(Error::not_typed)))
        }
    }

    impl<T: DeserializeOwned> FusedStream for Typed<T> {
        fn is_terminated(&self) -> bool {
            self.messages.is_terminated()
        }
    }

    impl<T> fmt::Debug for Typed<T> {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.debug_struct("Typed").field("messages", &self.messages).finish()
        }
    }
}
