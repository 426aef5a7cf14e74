//! Chunks that come close together, as one.

use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};
use http_body::Body;

use crate::error::{BoxError, Error};
use crate::source::Source;

/// Up to about how many bytes are put together; a larger chunk passes as it is.
const FULL: usize = 64 * 1024;

/// How many times in a row the upstream is looked at again in vain, before what it has sent goes on.
///
/// A server writes once for each chunk that it is given, and the upstream's connection hands its
/// chunks over one by one. Letting the other tasks run in between gives it the chance to hand over
/// the next; each look costs a microsecond or a few, and no timer is waited for.
const LOOKS: u8 = 2;

/// An upstream's body whose chunks are put together as far as they are there.
#[derive(Debug)]
pub(crate) struct Batch<B> {
    source: Source<B>,
    held: Held,
    looks: u8,
    /// What came after that which is held: an error, or the end.
    then: Option<Option<Error>>,
}

#[derive(Debug)]
enum Held {
    Nothing,
    One(Bytes),
    Many(BytesMut),
}

impl Held {
    fn len(&self) -> usize {
        match self {
            Self::Nothing => 0,
            Self::One(bytes) => bytes.len(),
            Self::Many(bytes) => bytes.len(),
        }
    }

    fn push(&mut self, chunk: Bytes) {
        match self {
            Self::Nothing => *self = Self::One(chunk),
            Self::One(first) => {
                // More is likely: one that is grown often is copied often.
                let mut many = BytesMut::with_capacity((first.len() + chunk.len()).max(FULL / 8));
                many.extend_from_slice(first);
                many.extend_from_slice(&chunk);
                *self = Self::Many(many);
            }
            Self::Many(many) => many.extend_from_slice(&chunk),
        }
    }

    fn take(&mut self) -> Option<Bytes> {
        match std::mem::replace(self, Self::Nothing) {
            Self::Nothing => None,
            Self::One(bytes) => Some(bytes),
            Self::Many(bytes) => Some(bytes.freeze()),
        }
    }
}

impl<B> Batch<B>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: Into<BoxError>,
{
    pub(crate) fn new(source: Source<B>) -> Self {
        Self { source, held: Held::Nothing, looks: 0, then: None }
    }

    /// Whether something has come, and what is pending is only whether there is more: nothing is late
    /// then.
    pub(crate) fn is_holding(&self) -> bool {
        self.held.len() > 0
    }

    /// The next bytes, never none; or the end.
    pub(crate) fn poll_bytes(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Error>>> {
        while self.then.is_none() && self.held.len() < FULL {
            match self.source.poll_bytes(cx) {
                Poll::Ready(Some(Ok(chunk))) => {
                    self.looks = 0;
                    self.held.push(chunk);
                }
                Poll::Ready(Some(Err(error))) => self.then = Some(Some(error)),
                Poll::Ready(None) => self.then = Some(None),
                Poll::Pending if self.held.len() == 0 => return Poll::Pending,
                Poll::Pending if self.looks < LOOKS => {
                    self.looks += 1;
                    cx.waker().wake_by_ref();
                    return Poll::Pending;
                }
                Poll::Pending => break,
            }
        }
        self.looks = 0;
        if let Some(bytes) = self.held.take() {
            return Poll::Ready(Some(Ok(bytes)));
        }
        Poll::Ready(self.then.take().flatten().map(Err))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::io;
    use std::pin::Pin;

    use futures_util::future::poll_fn;
    use http_body::Frame;
    use tokio::time::Instant;

    use super::*;

    /// What comes at each look, and an end; `None` for nothing yet.
    struct Looks(VecDeque<Option<Result<&'static [u8], io::ErrorKind>>>);

    impl Body for Looks {
        type Data = Bytes;
        type Error = io::Error;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
            match self.0.pop_front() {
                None => Poll::Ready(None),
                Some(None) => Poll::Pending,
                Some(Some(result)) => Poll::Ready(Some(
                    result.map(|bytes| Frame::data(Bytes::from_static(bytes))).map_err(Into::into),
                )),
            }
        }
    }

    type Look = Option<Result<&'static [u8], io::ErrorKind>>;

    fn batch(looks: impl IntoIterator<Item = Look>) -> Batch<Looks> {
        Batch::new(Source::new(Looks(looks.into_iter().collect()), None))
    }

    async fn next(batch: &mut Batch<Looks>) -> Option<Result<Bytes, Error>> {
        let began = Instant::now();
        let next = poll_fn(|cx| batch.poll_bytes(cx)).await;
        assert_eq!(began.elapsed().as_nanos(), 0, "no timer is waited for");
        next
    }

    const SOME: Look = Some(Ok(b"ab"));
    const NOTHING: Look = None;

    #[tokio::test(start_paused = true)]
    async fn what_comes_within_a_few_looks_goes_on_as_one() {
        let more = [SOME, NOTHING, NOTHING].into_iter().cycle().take(3 * 20);
        let mut batch = batch(more);
        assert_eq!(next(&mut batch).await.unwrap().unwrap(), "ab".repeat(20));
        assert!(next(&mut batch).await.is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_alone_waits_for_no_more_than_the_looks() {
        let alone = [SOME].into_iter().chain([NOTHING; LOOKS as usize + 1]).chain([SOME]);
        let mut batch = batch(alone);
        assert_eq!(next(&mut batch).await.unwrap().unwrap(), "ab");
        assert_eq!(next(&mut batch).await.unwrap().unwrap(), "ab");
    }

    #[tokio::test(start_paused = true)]
    async fn no_more_is_put_together_than_is_full() {
        const LARGE: Look = Some(Ok(&[b'x'; FULL / 2]));
        let mut batch = batch([LARGE; 5]);
        for expected in [FULL, FULL, FULL / 2] {
            assert_eq!(next(&mut batch).await.unwrap().unwrap().len(), expected);
        }
        assert!(next(&mut batch).await.is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn an_error_comes_after_what_came_before_it_and_is_no_end() {
        let mut batch = batch([SOME, Some(Err(io::ErrorKind::ConnectionReset))]);
        assert_eq!(next(&mut batch).await.unwrap().unwrap(), "ab");
        assert!(next(&mut batch).await.unwrap().unwrap_err().is_upstream_lost());
    }

    #[tokio::test(start_paused = true)]
    async fn nothing_at_all_is_waited_for_without_looking() {
        let mut batch = batch([NOTHING]);
        let polled = poll_fn(|cx| Poll::Ready(batch.poll_bytes(cx).is_pending())).await;
        assert!(polled);
        assert_eq!(batch.looks, 0);
    }
}
