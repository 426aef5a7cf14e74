//! The body of a response, from the parts of its events to its chunks: what a framework's own type
//! for event streams does, beside ours. All events are ready.

use std::convert::Infallible;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use futures_util::stream;
use http_body::Body;

use crate::{Contender, Kind, Row, Run, held};

const EVENTS: usize = 2000;
const EVENT_TYPE: &str = "progress";
const ID: &str = "5f3a9c-1048576";
const DATA: &str = r#"{"step":17,"of":42}"#;
/// The bytes of an event, without the spaces that one may leave out.
const LEAST: usize = EVENT_TYPE.len() + ID.len() + DATA.len() + "event:\nid:\ndata:\n\n".len();

/// The one row.
pub(crate) fn rows() -> Vec<Row> {
    let of =
        |kind, name, prepare: fn() -> Run| Contender { name, kind, prepare: Box::new(prepare) };
    let contenders = vec![
        of(Kind::Ours, "Lifecycle", ours),
        of(Kind::Peer, "axum", axum),
        of(Kind::Peer, "actix-web-lab", actix_web_lab),
        of(Kind::Peer, "warp", warp),
    ];
    let name = "a response's body: id and type".into();
    vec![Row { name, events: EVENTS, bytes: EVENTS * LEAST, contenders }]
}

fn ours() -> Run {
    use sse_core::{Event, EventId, EventType, Lifecycle};
    const TYPE: EventType = EventType::from_static(EVENT_TYPE);
    Box::new(|| {
        let event = |_| {
            // An id that is made for each event, as the peers' are.
            let id = EventId::new(ID).unwrap_or(EventId::EMPTY);
            Event::new(DATA).with_type(TYPE).with_id(id)
        };
        let events = stream::iter((0..EVENTS).map(event));
        drain(Lifecycle::new().keep_alive(None).body(events))
    })
}

fn axum() -> Run {
    use axum::response::IntoResponse as _;
    use axum::response::sse::{Event, Sse};
    Box::new(|| {
        let event = |_| Ok::<_, Infallible>(Event::default().event(EVENT_TYPE).id(ID).data(DATA));
        let events = stream::iter((0..EVENTS).map(event));
        drain(Sse::new(events).into_response().into_body())
    })
}

fn warp() -> Run {
    use warp::reply::Reply as _;
    use warp::sse::Event;
    Box::new(|| {
        let event = |_| Ok::<_, Infallible>(Event::default().event(EVENT_TYPE).id(ID).data(DATA));
        let events = stream::iter((0..EVENTS).map(event));
        drain(warp::sse::reply(events).into_response().into_body())
    })
}

fn actix_web_lab() -> Run {
    use actix_web::Responder as _;
    use actix_web::body::MessageBody as _;
    use actix_web_lab::sse::{Data, Event, Sse};
    Box::new(|| {
        let event = |_| Event::Data(Data::new(DATA).id(ID).event(EVENT_TYPE));
        let events = stream::iter((0..EVENTS).map(event));
        let request = actix_web::test::TestRequest::default().to_http_request();
        let mut body = pin!(Sse::from_infallible_stream(events).respond_to(&request).into_body());
        let mut context = Context::from_waker(Waker::noop());
        let mut len = 0;
        while let Poll::Ready(Some(Ok(chunk))) = body.as_mut().poll_next(&mut context) {
            len += held(&chunk);
        }
        done(len)
    })
}

/// Polls a body that is always ready to its end.
fn drain(body: impl Body<Data = Bytes>) -> usize {
    let mut body = pin!(body);
    let mut context = Context::from_waker(Waker::noop());
    let mut len = 0;
    while let Poll::Ready(Some(Ok(frame))) = body.as_mut().poll_frame(&mut context) {
        len += frame.data_ref().map_or(0, |chunk| held(chunk));
    }
    done(len)
}

/// What came of it, the same for all that wrote every event: they differ in spaces and comments.
fn done(len: usize) -> usize {
    if len >= EVENTS * LEAST { EVENTS } else { len }
}
