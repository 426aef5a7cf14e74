//! Our hub over its store in memory, every client with a subscription of its own to the same topic.

use std::sync::{Arc, LazyLock};

use ::axum::Router;
use ::axum::routing::get;
use actix_web::web::{self, ServiceConfig};
use futures_util::StreamExt as _;
use sse_axum::Event;
use sse_hub::{Hub, Subscription};
use sse_store::{MemoryStore, NewEntry, Topic};

use super::{actix, axum};
use crate::server::Server;

/// How many topics stand beside, in which nothing happens.
const IDLE: usize = 10_000;

/// This process's hub: made where it is used first, so that its tasks are on the clients' thread.
static HUB: LazyLock<Hub> = LazyLock::new(|| {
    Hub::builder(Arc::new(MemoryStore::new())).max_connections(usize::MAX).build()
});

/// The same with others connected, each to a topic of its own.
static BESIDE_IDLE: LazyLock<&Hub> = LazyLock::new(|| {
    for number in 0..IDLE {
        tokio::spawn(async move {
            let mut idle = subscribe(&HUB, &format!("idle/{number}")).await;
            while idle.next().await.is_some() {}
        });
    }
    &HUB
});

async fn subscribe(hub: &Hub, topic: &str) -> Subscription {
    hub.subscribe([topic]).await.expect("a subscription")
}

async fn publish(batch: Vec<String>) {
    let topic = Topic::new("news").expect("a topic");
    let entries = batch.into_iter().map(|data| NewEntry::new(topic.clone(), Event::new(data)));
    HUB.append(entries.collect()).await.expect("the store in memory");
}

pub(super) fn axum(server: Server) {
    axum_over(server, || &HUB);
}

pub(super) fn axum_beside_idle(server: Server) {
    axum_over(server, || &BESIDE_IDLE);
}

pub(super) fn axum_in_batches(server: Server) {
    let stream = async || sse_axum::Sse::new(subscribe(&HUB, "news").await.in_batches());
    axum::serve(server, Router::new().route("/", get(stream)), publish);
}

fn axum_over(server: Server, hub: fn() -> &'static Hub) {
    let stream = async move || sse_axum::Sse::new(subscribe(hub(), "news").await);
    axum::serve(server, Router::new().route("/", get(stream)), publish);
}

pub(super) fn actix(server: Server) {
    actix_over(server, || &HUB);
}

pub(super) fn actix_beside_idle(server: Server) {
    actix_over(server, || &BESIDE_IDLE);
}

pub(super) fn actix_in_batches(server: Server) {
    let stream = async || sse_actix::Sse::new(subscribe(&HUB, "news").await.in_batches());
    let routes = move |routes: &mut ServiceConfig| {
        routes.route("/", web::get().to(stream));
    };
    actix::serve(server, routes, publish);
}

fn actix_over(server: Server, hub: fn() -> &'static Hub) {
    let stream = move || async move { sse_actix::Sse::new(subscribe(hub(), "news").await) };
    let routes = move |routes: &mut ServiceConfig| {
        routes.route("/", web::get().to(stream));
    };
    actix::serve(server, routes, publish);
}
