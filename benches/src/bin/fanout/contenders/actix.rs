//! Through Actix, with one worker.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use actix_web::web::{self, Bytes, ServiceConfig};
use actix_web::{App, HttpResponse, HttpServer};
use actix_web_lab::sse::{self, Data};
use futures_util::StreamExt as _;
use sse_actix::{Event, Frame, Sse};
use tokio::sync::broadcast::Sender;

use crate::server::{CAPACITY, Server, obey, received};

const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// Ours, over frames.
pub(super) fn ours(server: Server) {
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
    serve(server, routes, async move |batch| {
        for data in batch {
            let _ = frames.send(Event::new(data).to_frame());
        }
    });
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

/// Publishes on the worker's thread: from another, each client's task would be woken across threads.
fn serve(
    server: Server,
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
        let server = HttpServer::new(app).workers(1).disable_signals();
        let server = server.tcp_nodelay(true).h1_allow_half_closed(false);
        server.listen(clients).expect("a listener").run().await.expect("a server");
    };
    actix_web::rt::System::new().block_on(serving);
}
