//! What decodes them: ours in its forms, the peers, and the floors that none can pass.

use std::convert::Infallible;
use std::pin::pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use futures_util::{Stream as Polled, stream};
use sse_core::{Decoder, EventStream, Item};

use crate::streams::{self, Stream};
use crate::{Contender, Kind, Row, held};

/// A row for each stream.
pub fn rows() -> Vec<Row> {
    streams::all().into_iter().map(row).collect()
}

fn row(stream: Stream) -> Row {
    let events = match lent(&stream.chunks).events {
        0 => stream.blocks,
        events => events,
    };
    let chunks = Rc::new(stream.chunks);
    let of = |kind| {
        let chunks = &chunks;
        move |(name, run): (&'static str, Decode)| Contender {
            name,
            kind,
            prepare: {
                let chunks = chunks.clone();
                Box::new(move || {
                    let chunks = chunks.clone();
                    Box::new(move || run(&chunks).bytes)
                })
            },
        }
    };
    let ours: [(_, Decode); 3] = [("lent", lent), ("owned", owned), ("stream", event_stream)];
    let floors: [(_, Decode); 3] = [("memcpy", memcpy), ("memchr", memchr), ("simdutf8", simdutf8)];
    let mut contenders: Vec<_> = ours.map(of(Kind::Ours)).into();
    #[cfg(feature = "peers")]
    contenders.extend(peers::all().map(of(Kind::Peer)));
    contenders.extend(floors.map(of(Kind::Floor)));
    Row { name: format!("decode: {}", stream.name), events, bytes: stream.len, contenders }
}

/// Goes through the chunks of a stream once.
type Decode = fn(&[Bytes]) -> Tally;

/// How much came out.
#[derive(Debug, Default, Clone, Copy)]
struct Tally {
    /// Events with data.
    events: usize,
    /// The bytes of their data, and one for each.
    bytes: usize,
}

impl Tally {
    fn add(&mut self, data: &str) {
        self.events += 1;
        self.bytes += held(data.as_bytes()) + 1;
    }
}

fn lent(chunks: &[Bytes]) -> Tally {
    let mut tally = Tally::default();
    let mut decoder = Decoder::new();
    for chunk in chunks {
        decoder.feed(chunk);
        while let Ok(Some(item)) = decoder.next() {
            if let Item::Message(message) = item {
                tally.add(message.data);
            }
        }
    }
    tally
}

fn owned(chunks: &[Bytes]) -> Tally {
    let mut tally = Tally::default();
    let mut decoder = Decoder::new();
    for chunk in chunks {
        decoder.feed(chunk);
        while let Ok(Some(message)) = decoder.next_message() {
            tally.add(&message.data);
        }
    }
    tally
}

fn event_stream(chunks: &[Bytes]) -> Tally {
    drain(EventStream::new(connection(chunks)), |tally, message| {
        if let Ok(message) = message {
            tally.add(&message.data);
        }
    })
}

fn memcpy(chunks: &[Bytes]) -> Tally {
    let mut buffer = Vec::new();
    for chunk in chunks {
        buffer.clear();
        buffer.extend_from_slice(chunk);
        std::hint::black_box(&buffer);
    }
    Tally::default()
}

fn memchr(chunks: &[Bytes]) -> Tally {
    for chunk in chunks {
        std::hint::black_box(memchr::memchr_iter(b'\n', chunk).count());
    }
    Tally::default()
}

fn simdutf8(chunks: &[Bytes]) -> Tally {
    for chunk in chunks {
        _ = std::hint::black_box(simdutf8::basic::from_utf8(chunk));
    }
    Tally::default()
}

/// The chunks as a connection gives them, always ready.
fn connection(chunks: &[Bytes]) -> impl Polled<Item = Result<Bytes, Infallible>> + Unpin {
    stream::iter(chunks.iter().map(|chunk| Ok(chunk.clone())))
}

/// Polls a stream that is always ready to its end.
fn drain<S: Polled>(stream: S, mut item: impl FnMut(&mut Tally, S::Item)) -> Tally {
    let mut tally = Tally::default();
    let mut stream = pin!(stream);
    let mut context = Context::from_waker(Waker::noop());
    while let Poll::Ready(Some(next)) = stream.as_mut().poll_next(&mut context) {
        item(&mut tally, next);
    }
    tally
}

#[cfg(feature = "peers")]
mod peers {
    use bytes::BytesMut;
    use tokio_util::codec::Decoder as _;

    use super::*;

    pub(super) fn all() -> [(&'static str, Decode); 5] {
        [
            ("sse-stream", sse_stream),
            ("eventsource-stream", eventsource_stream),
            ("sseer", sseer),
            ("russe", russe),
            ("sse-core 0.2", sse_core_0_2),
        ]
    }

    fn sse_stream(chunks: &[Bytes]) -> Tally {
        drain(::sse_stream::SseByteStream::new(connection(chunks)), |tally, event| {
            if let Some(data) = event.ok().and_then(|event| event.data) {
                tally.add(&data);
            }
        })
    }

    fn eventsource_stream(chunks: &[Bytes]) -> Tally {
        drain(::eventsource_stream::EventStream::new(connection(chunks)), |tally, event| {
            if let Ok(event) = event {
                tally.add(&event.data);
            }
        })
    }

    fn sseer(chunks: &[Bytes]) -> Tally {
        drain(::sseer::event_stream::EventStream::new(connection(chunks)), |tally, event| {
            if let Ok(event) = event {
                tally.add(&event.data);
            }
        })
    }

    fn russe(chunks: &[Bytes]) -> Tally {
        let mut tally = Tally::default();
        let mut decoder = ::russe::Decoder::default();
        let mut buffer = BytesMut::new();
        for chunk in chunks {
            buffer.extend_from_slice(chunk);
            while let Ok(Some(event)) = decoder.decode(&mut buffer) {
                if let ::russe::Event::Message(message) = event {
                    tally.add(&message.data);
                }
            }
        }
        tally
    }

    fn sse_core_0_2(chunks: &[Bytes]) -> Tally {
        drain(peer_sse_core::SseStream::new(connection(chunks)), |tally, event| {
            if let Ok(peer_sse_core::SseEvent::Message(message)) = event {
                tally.add(&message.data);
            }
        })
    }
}
