//! A stream of bytes as a stream of events.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures_core::{FusedStream, Stream};
use pin_project_lite::pin_project;

use crate::{DecodeError, Decoder, MessageEvent};

pin_project! {
    /// Decodes a stream of byte chunks, such as the body of a response, into its events.
    ///
    /// It ends when the chunks end, and after an error of theirs; they are dropped at once then,
    /// and it stays ended. An event that is too large is an error too, but not the end: the next
    /// event follows ([`DecoderBuilder::overflow`](crate::DecoderBuilder::overflow)).
    ///
    /// Waiting for the next event is cancel safe: nothing is lost when it is given up.
    ///
    /// ```
    /// use futures_util::{StreamExt, stream};
    /// use sse_core::EventStream;
    ///
    /// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
    /// let chunks = stream::iter(["data: hel", "lo\n\nid: 2\nda", "ta: world\n\n"]);
    /// let mut events = EventStream::new(chunks.map(Ok::<_, std::io::Error>));
    /// assert_eq!(events.next().await.unwrap().unwrap().data, "hello");
    /// assert_eq!(events.next().await.unwrap().unwrap().data, "world");
    /// assert!(events.next().await.is_none());
    /// assert_eq!(events.last_event_id(), "2");
    /// # });
    /// ```
    #[derive(Debug)]
    #[must_use = "streams do nothing unless polled"]
    pub struct EventStream<S> {
        #[pin]
        chunks: Option<S>,
        decoder: Decoder,
    }
}

impl<S> EventStream<S> {
    /// The events of these chunks.
    pub fn new(chunks: S) -> Self {
        Self::with_decoder(chunks, Decoder::new())
    }

    /// The events of these chunks, with a decoder that has options, or an earlier last event ID.
    pub fn with_decoder(chunks: S, decoder: Decoder) -> Self {
        Self { chunks: Some(chunks), decoder }
    }

    /// The last event ID so far: [`Decoder::last_event_id`].
    pub fn last_event_id(&self) -> &str {
        self.decoder.last_event_id()
    }

    /// The last reconnection time so far: [`Decoder::retry`].
    pub fn retry(&self) -> Option<Duration> {
        self.decoder.retry()
    }

    /// The decoder, made ready for the chunks of another connection by [`Decoder::reset`].
    pub fn into_decoder(mut self) -> Decoder {
        self.decoder.reset();
        self.decoder
    }
}

impl<S, B, E> Stream for EventStream<S>
where
    S: Stream<Item = Result<B, E>>,
    B: AsRef<[u8]>,
{
    type Item = Result<MessageEvent, StreamError<E>>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let mut this = self.project();
        loop {
            match this.decoder.next_message() {
                Ok(Some(message)) => return Poll::Ready(Some(Ok(message))),
                Ok(None) => {}
                Err(error) => return Poll::Ready(Some(Err(error.into()))),
            }
            let Some(chunks) = this.chunks.as_mut().as_pin_mut() else {
                return Poll::Ready(None);
            };
            match ready!(chunks.poll_next(cx)) {
                Some(Ok(chunk)) => this.decoder.feed(chunk),
                end => {
                    this.chunks.set(None);
                    let error = end.and_then(Result::err).map(StreamError::of_source);
                    return Poll::Ready(error.map(Err));
                }
            }
        }
    }
}

impl<S, B, E> FusedStream for EventStream<S>
where
    S: Stream<Item = Result<B, E>>,
    B: AsRef<[u8]>,
{
    fn is_terminated(&self) -> bool {
        self.chunks.is_none()
    }
}

/// Why an event did not come: the source of the bytes failed with an `E`, or the event is too
/// large.
#[derive(Debug)]
pub struct StreamError<E> {
    kind: Kind<E>,
}

#[derive(Debug)]
enum Kind<E> {
    Source(E),
    Decode(DecodeError),
}

impl<E> StreamError<E> {
    pub(crate) fn of_source(error: E) -> Self {
        Self { kind: Kind::Source(error) }
    }

    /// Whether the source of the bytes failed. Nothing follows.
    pub fn is_source(&self) -> bool {
        matches!(self.kind, Kind::Source(_))
    }

    /// Whether an event was too large. The next one follows.
    pub fn is_too_large(&self) -> bool {
        matches!(self.kind, Kind::Decode(_))
    }

    /// The error of the source, if that is what it is.
    pub fn into_source(self) -> Option<E> {
        match self.kind {
            Kind::Source(error) => Some(error),
            Kind::Decode(_) => None,
        }
    }
}

impl<E> From<DecodeError> for StreamError<E> {
    fn from(error: DecodeError) -> Self {
        Self { kind: Kind::Decode(error) }
    }
}

impl<E> fmt::Display for StreamError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.kind {
            Kind::Source(_) => "the source of the event stream failed",
            Kind::Decode(_) => "an event of the stream was not decoded",
        })
    }
}

impl<E: std::error::Error + 'static> std::error::Error for StreamError<E> {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.kind {
            Kind::Source(error) => Some(error),
            Kind::Decode(error) => Some(error),
        }
    }
}
