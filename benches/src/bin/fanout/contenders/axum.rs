//! Through Axum, on `axum::serve`.

use std::convert::Infallible;
use std::io;

use axum::Router;
use axum::body::Body;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::routing::get;
use axum::serve::{ListenerExt as _, TapIo};
use bytes::Bytes;
use futures_util::StreamExt as _;
use sse_axum::Frame;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::broadcast::Sender;

use crate::server::{CAPACITY, Server, obey, received, tokio_listener};

/// Ours, over frames.
pub(super) fn ours(server: Server) {
    let frames = Sender::new(CAPACITY);
    serve(server, routes(&frames), publish(&frames));
}

/// The same, where connections share one table of routes.
pub(super) fn ours_made_once(server: Server) {
    let frames = Sender::new(CAPACITY);
    let services = routes(&frames).into_make_service();
    serve_by(server, publish(&frames), async |listener| axum::serve(listener, services).await);
}

/// Our response over these frames, at `/`.
pub(super) fn routes(frames: &Sender<Frame>) -> Router {
    let frames = frames.clone();
    let stream = async move || sse_axum::Sse::new(received(frames.subscribe()));
    Router::new().route("/", get(stream))
}

pub(super) fn publish(frames: &Sender<Frame>) -> impl AsyncFn(Vec<String>) {
    async |batch| {
        for data in batch {
            let _ = frames.send(sse_axum::Event::new(data).to_frame());
        }
    }
}

/// Axum's own over events that are made once: its way to share them, although each clone copies. It
/// sends no keep-alive, and so has no timer to set.
pub(super) fn shared(server: Server) {
    let events = Sender::<Event>::new(CAPACITY);
    let subscribe = events.clone();
    let stream = async move || Sse::new(received(subscribe.subscribe()).map(Ok::<_, Infallible>));
    serve(server, Router::new().route("/", get(stream)), async |batch| {
        for data in batch {
            let _ = events.send(Event::default().data(data));
        }
    });
}

/// Axum's own over strings, of which each client's stream makes its events, with a keep-alive as ours
/// has: the usual way.
pub(super) fn strings(server: Server) {
    let strings = Sender::<String>::new(CAPACITY);
    let subscribe = strings.clone();
    let event = |data| Ok::<_, Infallible>(Event::default().data(data));
    let stream = async move || {
        Sse::new(received(subscribe.subscribe()).map(event)).keep_alive(KeepAlive::default())
    };
    serve(server, Router::new().route("/", get(stream)), async |batch| {
        for data in batch {
            let _ = strings.send(data);
        }
    });
}

/// Encoded events as a plain body: no type for event streams, no keep-alive.
pub(super) fn bytes(server: Server) {
    let events = Sender::<Bytes>::new(CAPACITY);
    let subscribe = events.clone();
    let stream =
        async move || Body::from_stream(received(subscribe.subscribe()).map(Ok::<_, Infallible>));
    serve(server, Router::new().route("/", get(stream)), async |batch| {
        for data in batch {
            let _ = events.send(sse_axum::Event::new(data).to_frame().into_bytes());
        }
    });
}

pub(super) fn serve(server: Server, router: Router, publish: impl AsyncFn(Vec<String>)) {
    serve_by(server, publish, async |listener| axum::serve(listener, router).await);
}

#[tokio::main(flavor = "current_thread")]
async fn serve_by(
    server: Server,
    publish: impl AsyncFn(Vec<String>),
    serve: impl AsyncFnOnce(Listener) -> io::Result<()>,
) {
    let listener: Listener = tokio_listener(server.clients).tap_io(|stream| {
        stream.set_nodelay(true).expect("TCP_NODELAY");
    });
    let serving = async { serve(listener).await.expect("a server") };
    tokio::join!(serving, obey(server.orders, publish));
}

type Listener = TapIo<TcpListener, fn(&mut TcpStream)>;
