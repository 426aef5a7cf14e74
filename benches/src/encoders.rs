//! What encodes events: ours in its forms, the peers, and the floors that none can pass.

use std::mem;

use bytes::Bytes;
use sse_core::{Event, EventId, EventType};

use crate::{Contender, Kind, Row, Run, held};

/// The parts of an event.
#[derive(Debug, Clone)]
struct Parts {
    /// What it stands for.
    name: &'static str,
    /// Its type.
    event_type: Option<&'static str>,
    /// Its id.
    id: Option<&'static str>,
    /// Its data.
    data: String,
}

/// The events of the table of encoding, in its order.
fn all_parts() -> Vec<Parts> {
    let line = "one of many lines, of forty bytes or so\n";
    vec![
        Parts { name: "small", event_type: None, id: None, data: "hello".into() },
        Parts {
            name: "id and type",
            event_type: Some("progress"),
            id: Some("5f3a9c-1048576"),
            data: r#"{"step":17,"of":42}"#.into(),
        },
        Parts { name: "1 K, 26 lines", event_type: None, id: None, data: line.repeat(26) },
        Parts { name: "1 K, one line", event_type: None, id: None, data: "x".repeat(1024) },
    ]
}

/// How many events are encoded in a run.
const EVENTS: usize = 2000;

/// Rows for bytes of its own for every event, for one buffer that is used again, and for JSON.
///
/// The peers take an event by value and so free it too; ours only look at it, and a second contender
/// of ours says what freeing it costs.
pub fn rows() -> Vec<Row> {
    let mut rows = vec![];
    for parts in all_parts() {
        let contenders = [
            (Kind::Ours, "to_frame", to_frame as Prepare),
            (Kind::Ours, "to_frame, and dropped", to_frame_and_drop),
            #[cfg(feature = "peers")]
            (Kind::Peer, "russe", peers::russe_frame),
            #[cfg(feature = "peers")]
            (Kind::Peer, "sse-stream", peers::sse_stream_frame),
            (Kind::Floor, "copied bytes", copied),
        ];
        rows.push(row(format!("a frame: {}", parts.name), &parts, contenders));
    }
    for parts in all_parts() {
        let contenders = [
            (Kind::Ours, "encode_into", encode_into as Prepare),
            (Kind::Ours, "encode_into, and dropped", encode_into_and_drop),
            #[cfg(feature = "peers")]
            (Kind::Peer, "russe", peers::russe_buffer),
            #[cfg(feature = "peers")]
            (Kind::Peer, "sse-stream", peers::sse_stream_buffer),
            (Kind::Floor, "memcpy", memcpy),
        ];
        rows.push(row(format!("into a buffer: {}", parts.name), &parts, contenders));
    }
    let json = Parts { name: "JSON", event_type: None, id: None, data: String::new() };
    let contenders = [
        (Kind::Ours, "encode_json_into", encode_json_into as Prepare),
        (Kind::Ours, "Event::json", event_json),
        #[cfg(feature = "peers")]
        (Kind::Peer, "axum", peers::axum_json),
        (Kind::Floor, "serde_json alone", serde_json_alone),
    ];
    rows.push(row("JSON into a buffer".into(), &json, contenders));
    rows
}

/// Makes ready so many events of these parts, and gives the run that encodes them.
type Prepare = fn(&Parts, usize) -> Run;

fn row<const N: usize>(name: String, parts: &Parts, of: [(Kind, &'static str, Prepare); N]) -> Row {
    let contenders = of.map(|(kind, name, prepare)| {
        let parts = parts.clone();
        Contender { name, kind, prepare: Box::new(move || prepare(&parts, EVENTS)) }
    });
    let bytes = contenders[0].prepare.as_ref()()();
    Row { name, events: EVENTS, bytes, contenders: contenders.into() }
}

/// A chunk of a language model's answer.
#[derive(Debug, Clone, serde::Serialize)]
struct Chunk {
    id: &'static str,
    object: &'static str,
    created: u64,
    model: &'static str,
    choices: [Choice; 1],
}

#[derive(Debug, Clone, serde::Serialize)]
struct Choice {
    index: u32,
    delta: Delta,
    finish_reason: Option<&'static str>,
}

#[derive(Debug, Clone, serde::Serialize)]
struct Delta {
    content: &'static str,
}

fn chunk() -> Chunk {
    Chunk {
        id: "chatcmpl-AbCdEfGhIjKlMnOpQrStUvWxYz012",
        object: "chat.completion.chunk",
        created: 1_766_000_000,
        model: "a-model-2026-01-01",
        choices: [Choice {
            index: 0,
            delta: Delta { content: " wonderful \"quoted\"" },
            finish_reason: None,
        }],
    }
}

/// Does `encode` with the same buffer again and again.
fn into_buffer(count: usize, mut encode: impl FnMut(&mut Vec<u8>) + 'static) -> Run {
    let mut buf = Vec::<u8>::with_capacity(16 << 10);
    Box::new(move || {
        let again = |_| {
            buf.clear();
            encode(&mut buf);
            held(&buf)
        };
        (0..count).map(again).sum()
    })
}

fn encode_json_into(_: &Parts, count: usize) -> Run {
    let (head, chunk) = (Event::default(), chunk());
    into_buffer(count, move |buf| {
        head.encode_json_into(std::hint::black_box(&chunk), buf).unwrap_or_default();
    })
}

fn event_json(_: &Parts, count: usize) -> Run {
    let chunk = chunk();
    into_buffer(count, move |buf| {
        Event::json(std::hint::black_box(&chunk)).unwrap_or_default().encode_into(buf);
    })
}

fn serde_json_alone(_: &Parts, count: usize) -> Run {
    let chunk = chunk();
    into_buffer(count, move |buf| {
        serde_json::to_writer(buf, std::hint::black_box(&chunk)).unwrap_or_default();
    })
}

fn event(parts: &Parts) -> Event {
    let mut event = Event::new(parts.data.as_str());
    if let Some(event_type) = parts.event_type {
        event = event.with_type(EventType::from_static(event_type));
    }
    if let Some(id) = parts.id {
        event = event.with_id(EventId::from_static(id));
    }
    event
}

fn to_frame(parts: &Parts, count: usize) -> Run {
    let events = vec![event(parts); count];
    Box::new(move || events.iter().map(|event| held(event.to_frame().as_bytes())).sum())
}

fn to_frame_and_drop(parts: &Parts, count: usize) -> Run {
    let mut events = vec![event(parts); count];
    Box::new(move || {
        mem::take(&mut events).into_iter().map(|event| held(event.to_frame().as_bytes())).sum()
    })
}

fn encode_into(parts: &Parts, count: usize) -> Run {
    let events = vec![event(parts); count];
    let mut buf = Vec::<u8>::with_capacity(16 << 10);
    Box::new(move || {
        events
            .iter()
            .map(|event| {
                buf.clear();
                event.encode_into(&mut buf);
                held(&buf)
            })
            .sum()
    })
}

fn encode_into_and_drop(parts: &Parts, count: usize) -> Run {
    let mut events = vec![event(parts); count];
    let mut buf = Vec::<u8>::with_capacity(16 << 10);
    Box::new(move || {
        mem::take(&mut events)
            .into_iter()
            .map(|event| {
                buf.clear();
                event.encode_into(&mut buf);
                held(&buf)
            })
            .sum()
    })
}

fn copied(parts: &Parts, count: usize) -> Run {
    let bytes = event(parts).to_frame().into_bytes();
    Box::new(move || (0..count).map(|_| held(&Bytes::copy_from_slice(&bytes))).sum())
}

fn memcpy(parts: &Parts, count: usize) -> Run {
    let bytes = event(parts).to_frame().into_bytes();
    let mut buf = Vec::<u8>::with_capacity(16 << 10);
    Box::new(move || {
        (0..count)
            .map(|_| {
                buf.clear();
                buf.extend_from_slice(std::hint::black_box(&bytes));
                held(&buf)
            })
            .sum()
    })
}

#[cfg(feature = "peers")]
mod peers {
    use std::mem;

    use bytes::BytesMut;
    use tokio_util::codec::Encoder as _;

    use super::{Parts, Run};
    use crate::held;

    /// Axum's event gives its bytes only through a response: the whole way to them is measured.
    pub(super) fn axum_json(_: &Parts, count: usize) -> Run {
        use axum::response::IntoResponse as _;
        use axum::response::sse::{Event, Sse};
        use futures_util::{FutureExt as _, StreamExt as _, stream};

        let chunk = super::chunk();
        Box::new(move || {
            let chunk = chunk.clone();
            let events = stream::iter(0..count)
                .map(move |_| Event::default().json_data(std::hint::black_box(&chunk)));
            let mut body = Sse::new(events).into_response().into_body().into_data_stream();
            let mut len = 0;
            while let Some(Some(Ok(bytes))) = body.next().now_or_never() {
                len += held(&bytes);
            }
            len
        })
    }

    fn russe(parts: &Parts) -> russe::Event {
        let message = russe::Message {
            data: parts.data.as_str().into(),
            event: parts.event_type.map(Into::into),
            retry: None,
            id: parts.id.map(Into::into),
        };
        russe::Event::Message(message)
    }

    fn sse_stream(parts: &Parts) -> sse_stream::Sse {
        let mut event = sse_stream::Sse::default().data(parts.data.as_str());
        event.event = parts.event_type.map(Into::into);
        event.id = parts.id.map(Into::into);
        event
    }

    pub(super) fn russe_frame(parts: &Parts, count: usize) -> Run {
        let mut events: Vec<_> = (0..count).map(|_| russe(parts)).collect();
        Box::new(move || {
            let frame = |event: russe::Event| event.into_bytestring().unwrap_or_default();
            mem::take(&mut events).into_iter().map(|event| held(frame(event).as_bytes())).sum()
        })
    }

    pub(super) fn sse_stream_frame(parts: &Parts, count: usize) -> Run {
        let mut events: Vec<_> = (0..count).map(|_| sse_stream(parts)).collect();
        Box::new(move || {
            mem::take(&mut events)
                .into_iter()
                .map(|event| held(&event.encode().unwrap_or_default()))
                .sum()
        })
    }

    pub(super) fn russe_buffer(parts: &Parts, count: usize) -> Run {
        let mut events: Vec<_> = (0..count).map(|_| russe(parts)).collect();
        let mut buf = BytesMut::with_capacity(16 << 10);
        let mut encoder = russe::Encoder::default();
        Box::new(move || {
            mem::take(&mut events)
                .into_iter()
                .map(|event| {
                    buf.clear();
                    encoder.encode(event, &mut buf).map_or(0, |()| held(&buf))
                })
                .sum()
        })
    }

    pub(super) fn sse_stream_buffer(parts: &Parts, count: usize) -> Run {
        let mut events: Vec<_> = (0..count).map(|_| sse_stream(parts)).collect();
        let mut buf = BytesMut::with_capacity(16 << 10);
        Box::new(move || {
            mem::take(&mut events)
                .into_iter()
                .map(|event| {
                    buf.clear();
                    buf.extend_from_slice(&event.encode().unwrap_or_default());
                    held(&buf)
                })
                .sum()
        })
    }
}
