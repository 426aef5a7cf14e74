//! A codec for `tokio_util`.

use std::io;

use bytes::BytesMut;
use tokio_util::codec;

use crate::{Decoder, Event, Frame, MessageEvent, StreamError};

/// Reads and writes events through `tokio_util`'s `FramedRead`, `FramedWrite` and `Framed`.
///
/// It reads [`MessageEvent`]s and writes [`Event`]s and [`Frame`]s. What is pending at the end of
/// what is read is dropped, as the standard has it. Writing never fails.
///
/// `FramedRead` takes an error of its codec for an end, so a loop over it stops at the first event that
/// is too large. Polling it again goes on with the next; a decoder with
/// [`Overflow::Skip`](crate::Overflow::Skip) never stops.
///
/// ```
/// use futures_util::StreamExt;
/// use sse_core::EventCodec;
/// use tokio_util::codec::FramedRead;
///
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let mut events = FramedRead::new(&b"data: a\n\ndata: b\n\ndata: c"[..], EventCodec::new());
/// assert_eq!(events.next().await.unwrap().unwrap().data, "a");
/// assert_eq!(events.next().await.unwrap().unwrap().data, "b");
/// assert!(events.next().await.is_none());
/// # });
/// ```
#[derive(Debug, Default)]
pub struct EventCodec {
    decoder: Decoder,
}

impl EventCodec {
    /// A codec with the decoder's defaults.
    pub fn new() -> Self {
        Self::default()
    }

    /// A codec with a decoder that has options, or an earlier last event ID.
    pub fn with_decoder(decoder: Decoder) -> Self {
        Self { decoder }
    }

    /// The decoder: its last event ID and reconnection time.
    pub fn decoder(&self) -> &Decoder {
        &self.decoder
    }
}

impl codec::Decoder for EventCodec {
    type Item = MessageEvent;
    type Error = StreamError<io::Error>;

    fn decode(&mut self, bytes: &mut BytesMut) -> Result<Option<MessageEvent>, Self::Error> {
        if !bytes.is_empty() {
            self.decoder.feed(&bytes);
            bytes.clear();
        }
        Ok(self.decoder.next_message()?)
    }
}

impl codec::Encoder<&Event> for EventCodec {
    type Error = io::Error;

    fn encode(&mut self, event: &Event, buffer: &mut BytesMut) -> io::Result<()> {
        buffer.reserve(event.encoded_len());
        event.encode_into(buffer);
        Ok(())
    }
}

impl codec::Encoder<Event> for EventCodec {
    type Error = io::Error;

    fn encode(&mut self, event: Event, buffer: &mut BytesMut) -> io::Result<()> {
        self.encode(&event, buffer)
    }
}

impl codec::Encoder<Frame> for EventCodec {
    type Error = io::Error;

    fn encode(&mut self, frame: Frame, buffer: &mut BytesMut) -> io::Result<()> {
        buffer.extend_from_slice(frame.as_bytes());
        Ok(())
    }
}

impl From<io::Error> for StreamError<io::Error> {
    fn from(error: io::Error) -> Self {
        Self::of_source(error)
    }
}
