//! The upstream's body.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, SizeHint};
use tokio::time::Instant;

use crate::alarm::Alarm;
use crate::error::{BoxError, Error, Kind};

/// An upstream's body that may not be silent for too long. Trailers are left out, as RFC 9110 §6.5.1 allows.
#[derive(Debug)]
pub(crate) struct Source<B> {
    body: B,
    idle_timeout: Option<Duration>,
    last_byte: Instant,
    alarm: Alarm,
}

impl<B> Source<B>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: Into<BoxError>,
{
    pub(crate) fn new(body: B, idle_timeout: Option<Duration>) -> Self {
        Self { body, idle_timeout, last_byte: Instant::now(), alarm: Alarm::default() }
    }

    /// The next bytes, never none; or the end.
    pub(crate) fn poll_bytes(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Error>>> {
        loop {
            return match Pin::new(&mut self.body).poll_frame(cx) {
                Poll::Ready(Some(Ok(frame))) => match frame.into_data() {
                    Ok(bytes) if !bytes.is_empty() => {
                        self.last_byte = Instant::now();
                        Poll::Ready(Some(Ok(bytes)))
                    }
                    _ => continue,
                },
                Poll::Ready(Some(Err(error))) => {
                    Poll::Ready(Some(Err(Error::with_source(Kind::UpstreamLost, error))))
                }
                Poll::Ready(None) => Poll::Ready(None),
                Poll::Pending => {
                    ready!(self.poll_idle(cx));
                    Poll::Ready(Some(Err(Error::new(Kind::IdleTimeout))))
                }
            };
        }
    }

    fn poll_idle(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let timeout = self.idle_timeout;
        match timeout.and_then(|timeout| self.last_byte.checked_add(timeout)) {
            Some(deadline) => self.alarm.poll(cx, deadline),
            None => Poll::Pending,
        }
    }

    pub(crate) fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    pub(crate) fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
