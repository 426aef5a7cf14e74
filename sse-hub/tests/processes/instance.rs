//! An instance of the service: a hub over the store, served.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::os::unix::process::parent_id;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::serve::ListenerExt as _;
use sse_axum::{LastEventId, Sse, StreamRequest};
use sse_hub::{Hub, HubError};
use sse_store::{SeaOrmStore, StoreError};
use tokio::net::TcpListener;

use crate::program;

/// What it prints before its address.
pub(crate) const LISTENS: &str = "listening at ";

/// Serves until it is killed, at this address or, where that is taken, at another.
pub(crate) async fn serve(url: &str, at: SocketAddr) {
    let store = SeaOrmStore::connect(url).await.unwrap();
    // So little memory that who is slow, and who comes late, reads of the store.
    let hub = Hub::builder(Arc::new(store))
        .window(64 << 10)
        .catch_up_memory(256 << 10)
        .position_interval(Duration::from_millis(200))
        .build();
    let listener = match TcpListener::bind(at).await {
        Ok(listener) => listener,
        Err(_) => TcpListener::bind(SocketAddr::new(at.ip(), 0)).await.unwrap(),
    };
    println!("{LISTENS}{}", listener.local_addr().unwrap());
    let listener = listener.tap_io(|stream| _ = stream.set_nodelay(true));
    let router = Router::new().route("/events", get(events)).route("/publish", post(publish));
    axum::serve(listener, router.with_state(hub)).await.unwrap();
}

/// Ends this process when the test is gone that started it.
pub(crate) async fn end_with_parent() {
    let parent = parent_id();
    while parent_id() == parent {
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    std::process::exit(1);
}

/// `?topic=…&topic=…`, with `from=start` for all that there is, and the id of the client that comes again.
async fn events(
    State(hub): State<Hub>,
    request: StreamRequest,
    LastEventId(last): LastEventId,
    Query(query): Query<Vec<(String, String)>>,
) -> Response {
    let topics = query.iter().filter(|(name, _)| name == "topic");
    let mut subscribe = hub.subscribe(topics.map(|(_, topic)| topic.as_str()));
    if query.iter().any(|(name, value)| (&**name, &**value) == ("from", "start")) {
        subscribe = subscribe.from_start();
    }
    match subscribe.or_resume_from(last).await {
        Ok(subscription) => Sse::new(subscription).into_response(),
        Err(error) => match error.refusal() {
            Some(refusal) => request.refuse(refusal).into_response(),
            None => (StatusCode::BAD_REQUEST, error.to_string()).into_response(),
        },
    }
}

/// `?publisher=…&number=…`, as often as it takes.
async fn publish(
    State(hub): State<Hub>,
    Query(query): Query<HashMap<String, usize>>,
) -> (StatusCode, String) {
    let (publisher, number) = (query["publisher"], query["number"]);
    let batch = program::batch(publisher, number);
    let positions = if program::has_keys(publisher) {
        let key = program::key(publisher, number);
        hub.store().append_once(&key, batch).await.map_err(HubError::from)
    } else {
        hub.append(batch).await
    };
    match positions {
        Ok(positions) => (StatusCode::OK, format!("{positions:?}")),
        Err(error) if error.store().is_some_and(StoreError::is_refused) => {
            (StatusCode::BAD_REQUEST, error.to_string())
        }
        Err(error) => (StatusCode::SERVICE_UNAVAILABLE, error.to_string()),
    }
}
