//! Through Actix, with one worker.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use actix_web::http::KeepAlive;
use actix_web::web::{self, Bytes, ServiceConfig};
use actix_web::{App, HttpResponse, HttpServer};
use actix_web_lab::sse::{self, Data};
use futures_util::StreamExt as _;
use sse_actix::{Event, Frame, Sse};
use tokio::sync::broadcast::Sender;

use crate::server::{CAPACITY, Server, obey, received};

const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// What is chosen of the server's options.
#[derive(Clone, Copy, Default)]
struct Options {
    /// After how many bytes it flushes.
    write_buffer: Option<usize>,
    /// Whether it has no timer for the head of a request, nor for a connection without one.
    timeless: bool,
    /// Whether it takes a client that hangs up for one that only has no more to say.
    half_closed: bool,
}

/// Ours, over frames.
pub(super) fn ours(server: Server) {
    ours_with(server, Options::default());
}

pub(super) fn small_write_buffer(server: Server) {
    ours_with(server, Options { write_buffer: Some(1024), ..Options::default() });
}

pub(super) fn timeless(server: Server) {
    ours_with(server, Options { timeless: true, ..Options::default() });
}

pub(super) fn half_closed(server: Server) {
    ours_with(server, Options { half_closed: true, ..Options::default() });
}

fn ours_with(server: Server, options: Options) {
    let frames = Sender::<Frame>::new(CAPACITY);
    let subscribe = frames.clone();
    let routes = move |routes: &mut ServiceConfig| {
        let subscribe = subscribe.clone();
        let stream = move || {
            let frames = received(subscribe.subscribe());
            async { Sse::new(frames) }
        };
        routes.route("/", web::get().to(stream));
    };
    let publish = async move |batch| {
        for data in batch {
            let _ = frames.send(Event::new(data).to_frame());
        }
    };
    serve_with(server, options, routes, publish);
}

/// The lab's over its events, whose data is shared; without a keep-alive.
pub(super) fn shared(server: Server) {
    let events = Sender::<sse::Event>::new(CAPACITY);
    let subscribe = events.clone();
    let routes = move |routes: &mut ServiceConfig| {
        let subscribe = subscribe.clone();
        let stream = move || {
            let events = received(subscribe.subscribe());
            async { sse::Sse::from_infallible_stream(events) }
        };
        routes.route("/", web::get().to(stream));
    };
    serve(server, routes, async move |batch| {
        for data in batch {
            let _ = events.send(Data::new(data).into());
        }
    });
}

/// The lab's over strings, of which each client's stream makes its events, with a keep-alive as ours
/// has.
pub(super) fn strings(server: Server) {
    let strings = Sender::<String>::new(CAPACITY);
    let subscribe = strings.clone();
    let routes = move |routes: &mut ServiceConfig| {
        let subscribe = subscribe.clone();
        let stream = move || {
            let events = received(subscribe.subscribe()).map(|data| Data::new(data).into());
            async { sse::Sse::from_infallible_stream(events).with_keep_alive(KEEP_ALIVE) }
        };
        routes.route("/", web::get().to(stream));
    };
    serve(server, routes, async move |batch| {
        for data in batch {
            let _ = strings.send(data);
        }
    });
}

/// Encoded events as a plain body; without a keep-alive.
pub(super) fn bytes(server: Server) {
    let events = Sender::<Bytes>::new(CAPACITY);
    let subscribe = events.clone();
    let routes = move |routes: &mut ServiceConfig| {
        let subscribe = subscribe.clone();
        let stream = move || {
            let bytes = received(subscribe.subscribe()).map(Ok::<_, Infallible>);
            async { HttpResponse::Ok().content_type("text/event-stream").streaming(bytes) }
        };
        routes.route("/", web::get().to(stream));
    };
    serve(server, routes, async move |batch| {
        for data in batch {
            let _ = events.send(Event::new(data).to_frame().into_bytes());
        }
    });
}

pub(super) fn serve(
    server: Server,
    routes: impl Fn(&mut ServiceConfig) + Clone + Send + 'static,
    publish: impl AsyncFn(Vec<String>) + Clone + Send + 'static,
) {
    serve_with(server, Options::default(), routes, publish);
}

/// Publishes on the worker's thread: from another, each client's task would be woken across threads.
fn serve_with(
    server: Server,
    options: Options,
    routes: impl Fn(&mut ServiceConfig) + Clone + Send + 'static,
    publish: impl AsyncFn(Vec<String>) + Clone + Send + 'static,
) {
    let Server { clients, orders } = server;
    let orders = Arc::new(orders);
    let app = move || {
        let orders = orders.try_clone().expect("a listener");
        actix_web::rt::spawn(obey(orders, publish.clone()));
        App::new().configure(routes.clone())
    };
    let serving = async {
        let mut server = HttpServer::new(app)
            .workers(1)
            .disable_signals()
            .tcp_nodelay(true)
            .h1_allow_half_closed(options.half_closed);
        if let Some(bytes) = options.write_buffer {
            server = server.h1_write_buffer_size(bytes);
        }
        if options.timeless {
            server = server.client_request_timeout(Duration::ZERO).keep_alive(KeepAlive::Disabled);
        }
        server.listen(clients).expect("a listener").run().await.expect("a server");
    };
    actix_web::rt::System::new().block_on(serving);
}
