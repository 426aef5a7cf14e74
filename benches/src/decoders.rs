//! What decodes them: ours in its forms, the peers, and the floors that none can pass.

use std::convert::Infallible;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use futures_util::{Stream, stream};
use sse_core::{Decoder, EventStream, Item};

/// How much came out, so that no work can be left undone unseen.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Tally {
    /// Events with data.
    pub events: usize,
    /// The bytes of their data.
    pub bytes: usize,
}

impl Tally {
    fn add(&mut self, data: &str) {
        self.events += 1;
        self.bytes += std::hint::black_box(data).len();
    }
}

/// Something that goes through a stream's chunks.
#[derive(Debug, Clone, Copy)]
pub struct Contender {
    /// Its name in the table.
    pub name: &'static str,
    /// What it is.
    pub kind: Kind,
    /// Goes through the chunks once.
    pub run: fn(&[Bytes]) -> Tally,
}

/// What a contender is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// This workspace.
    Ours,
    /// Another crate.
    Peer,
    /// A part of the work that nobody can leave out. Its tally means nothing.
    Floor,
}

/// All contenders, ours first.
pub fn all() -> Vec<Contender> {
    let ours = |name, run| Contender { name, kind: Kind::Ours, run };
    let floor = |name, run| Contender { name, kind: Kind::Floor, run };
    let mut all = vec![
        ours("lent", lent as fn(&[Bytes]) -> Tally),
        ours("owned", owned),
        ours("stream", event_stream),
    ];
    #[cfg(feature = "peers")]
    all.extend(peers::all());
    all.extend([
        floor("memcpy", memcpy as fn(&[Bytes]) -> Tally),
        floor("memchr", memchr),
        floor("simdutf8", simdutf8),
    ]);
    all
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
fn connection(chunks: &[Bytes]) -> impl Stream<Item = Result<Bytes, Infallible>> + Unpin {
    stream::iter(chunks.iter().map(|chunk| Ok(chunk.clone())))
}

/// Polls a stream that is always ready to its end.
fn drain<S: Stream>(stream: S, mut item: impl FnMut(&mut Tally, S::Item)) -> Tally {
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

    pub(super) fn all() -> Vec<Contender> {
        let peer = |name, run| Contender { name, kind: Kind::Peer, run };
        vec![
            peer("sse-stream", sse_stream as fn(&[Bytes]) -> Tally),
            peer("eventsource-stream", eventsource_stream),
            peer("sseer", sseer),
            peer("russe", russe),
            peer("sse-core 0.2", sse_core_0_2),
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
