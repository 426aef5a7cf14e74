//! Events from a stream of chunks.

use std::error::Error as _;
use std::io;

use futures_core::{FusedStream, Stream};
use futures_util::stream::BoxStream;
use futures_util::{FutureExt, StreamExt, stream};
use sse_core::{Decoder, EventStream};
use tokio::sync::mpsc;

fn chunks(
    chunks: Vec<Result<&'static str, io::Error>>,
) -> impl Stream<Item = Result<&'static str, io::Error>> + Unpin {
    stream::iter(chunks)
}

type Chunk = Result<Vec<u8>, io::Error>;

/// Events of what is sent; the sender learns when that is dropped.
fn channel() -> (mpsc::UnboundedSender<Chunk>, EventStream<BoxStream<'static, Chunk>>) {
    let (sender, mut receiver) = mpsc::unbounded_channel();
    let chunks = stream::poll_fn(move |cx| receiver.poll_recv(cx));
    (sender, EventStream::new(chunks.boxed()))
}

#[test]
fn an_event_is_there_with_the_byte_that_ends_it() {
    let (sender, mut events) = channel();
    for byte in b"data: a\r" {
        sender.send(Ok(vec![*byte])).unwrap();
        assert!(events.next().now_or_never().is_none());
    }
    sender.send(Ok(b"\r".to_vec())).unwrap();
    let event = events.next().now_or_never().unwrap().unwrap().unwrap();
    assert_eq!(event.data, "a");
}

#[test]
fn giving_up_on_an_event_loses_nothing() {
    let (sender, mut events) = channel();
    for piece in ["id: 1\nda", "ta: \u{e9}", "t\u{e9}\n", "\n"] {
        assert!(events.next().now_or_never().is_none());
        sender.send(Ok(piece.into())).unwrap();
    }
    let event = events.next().now_or_never().unwrap().unwrap().unwrap();
    assert_eq!((event.data.as_str(), event.last_event_id.as_str()), ("été", "1"));
}

#[test]
fn the_chunks_are_dropped_with_their_end_and_it_stays_ended() {
    let (sender, mut events) = channel();
    sender.send(Ok(b"data: a\n\ndata: b".to_vec())).unwrap();
    sender.send(Err(io::ErrorKind::ConnectionReset.into())).unwrap();
    assert!(events.next().now_or_never().unwrap().unwrap().is_ok());
    assert!(!events.is_terminated());
    let error = events.next().now_or_never().unwrap().unwrap().unwrap_err();
    assert!(error.is_source() && !error.is_too_large());
    let source = error.source().unwrap().downcast_ref::<io::Error>().unwrap();
    assert_eq!(source.kind(), io::ErrorKind::ConnectionReset);
    assert_eq!(error.into_source().unwrap().kind(), io::ErrorKind::ConnectionReset);
    assert!(sender.is_closed());
    assert!(events.is_terminated());
    for _ in 0..3 {
        assert!(events.next().now_or_never().unwrap().is_none());
    }
}

#[test]
fn an_event_that_is_too_large_is_an_error_and_the_next_follows() {
    let decoder = Decoder::builder().max_event_size(3).build();
    let source = chunks(vec![Ok("data: abcd"), Ok("\n\ndata: e\n\n")]);
    let mut events = EventStream::with_decoder(source, decoder);
    let error = events.next().now_or_never().unwrap().unwrap().unwrap_err();
    assert!(error.is_too_large() && !error.is_source());
    let source = error.source().unwrap().to_string();
    assert!(source.contains("limit of 3 bytes"), "{source}");
    assert_eq!(events.next().now_or_never().unwrap().unwrap().unwrap().data, "e");
    assert!(events.next().now_or_never().unwrap().is_none());
}

#[test]
fn a_decoder_goes_on_with_the_next_connection() {
    let mut events = EventStream::new(chunks(vec![Ok("retry: 5\nid: 1\ndata: a\n\ndata: b")]));
    while events.next().now_or_never().unwrap().is_some() {}
    let decoder = events.into_decoder();
    let mut events = EventStream::with_decoder(chunks(vec![Ok("data: c\n\n")]), decoder);
    let event = events.next().now_or_never().unwrap().unwrap().unwrap();
    assert_eq!((event.data.as_str(), event.last_event_id.as_str()), ("c", "1"));
    assert_eq!(events.last_event_id(), "1");
    assert_eq!(events.retry(), Some(std::time::Duration::from_millis(5)));
}

#[cfg(feature = "codec")]
mod framed {
    use std::io;

    use futures_util::{FutureExt, SinkExt, StreamExt};
    use sse_core::{Decoder, Event, EventCodec};
    use tokio_util::codec::{Framed, FramedRead};

    #[tokio::test]
    async fn what_one_end_writes_the_other_reads() {
        let (one, two) = tokio::io::duplex(7);
        let mut writer = Framed::new(one, EventCodec::new());
        let mut reader = Framed::new(two, EventCodec::new());
        let events = [Event::new("a\nb").with_id(1), Event::new(""), Event::new("é")];
        let write = async {
            for event in &events[..2] {
                writer.send(event).await.unwrap();
            }
            writer.send(events[2].to_frame()).await.unwrap();
            drop(writer);
        };
        let read = async {
            let mut read = vec![];
            while let Some(message) = reader.next().await {
                read.push(message.unwrap().data);
            }
            assert_eq!(reader.codec().decoder().last_event_id(), "1");
            read
        };
        let ((), read) = tokio::join!(write, read);
        assert_eq!(read, ["a\nb", "", "é"]);
    }

    #[test]
    fn errors_of_the_reader_and_of_the_decoder_are_told_apart() {
        let decoder = Decoder::builder().max_event_size(1).build();
        let codec = EventCodec::with_decoder(decoder);
        let mut events = FramedRead::new(&b"data: ab\n\n"[..], codec);
        let error = events.next().now_or_never().unwrap().unwrap().unwrap_err();
        assert!(error.is_too_large());
        let reader = failing_reader(io::ErrorKind::BrokenPipe);
        let mut events = FramedRead::new(reader, EventCodec::new());
        let error = events.next().now_or_never().unwrap().unwrap().unwrap_err();
        assert_eq!(error.into_source().unwrap().kind(), io::ErrorKind::BrokenPipe);
    }

    /// A reader that fails.
    fn failing_reader(kind: io::ErrorKind) -> impl tokio::io::AsyncRead + Unpin {
        struct Failing(io::ErrorKind);
        impl tokio::io::AsyncRead for Failing {
            fn poll_read(
                self: std::pin::Pin<&mut Self>,
                _: &mut std::task::Context<'_>,
                _: &mut tokio::io::ReadBuf<'_>,
            ) -> std::task::Poll<io::Result<()>> {
                std::task::Poll::Ready(Err(self.0.into()))
            }
        }
        Failing(kind)
    }
}
