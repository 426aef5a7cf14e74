//! The service's own endpoints.

use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::extract::rejection::JsonRejection;
use axum::extract::{Path, State};
use axum::routing::{get, post};
use axum::{Json, Router};
use http::{HeaderName, StatusCode, header::LOCATION};
use serde_json::{Value, json};
use sse_client::reqwest::Client;
use tokio::net::TcpListener;
use tokio::sync::{Notify, mpsc};

use crate::params::{Command, Params};
use crate::stream::{Callback, run};

/// What this client can, in the suite's words.
const CAPABILITIES: [&str; 9] = [
    "bom",
    "comments",
    "headers",
    "last-event-id",
    "post",
    "read-timeout",
    "report",
    "restart",
    "server-directed-shutdown-request",
];

#[derive(Debug, Clone)]
struct Service(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    client: Client,
    streams: Mutex<Streams>,
    quit: Notify,
}

#[derive(Debug, Default)]
struct Streams {
    started: u64,
    /// A stream ends when its sender is dropped.
    open: HashMap<u64, mpsc::UnboundedSender<Command>>,
}

impl Service {
    fn streams(&self) -> MutexGuard<'_, Streams> {
        self.0.streams.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Serves until the suite says that it is enough.
pub(crate) async fn serve(listener: TcpListener) -> io::Result<()> {
    let client = Client::builder().no_proxy().build().map_err(io::Error::other)?;
    let service =
        Service(Arc::new(Shared { client, streams: Mutex::default(), quit: Notify::new() }));
    let router = Router::new()
        .route("/", get(status).post(start).delete(quit))
        .route("/streams/{id}", post(command).delete(stop))
        .with_state(service.clone());
    let quit = async move { service.0.quit.notified().await };
    axum::serve(listener, router).with_graceful_shutdown(quit).await
}

async fn status() -> Json<Value> {
    Json(json!({ "name": "sse-client", "capabilities": CAPABILITIES }))
}

async fn quit(State(service): State<Service>) -> StatusCode {
    service.streams().open.clear();
    service.0.quit.notify_one();
    StatusCode::NO_CONTENT
}

type Refusal = (StatusCode, String);

fn bad_request(error: impl ToString) -> Refusal {
    (StatusCode::BAD_REQUEST, error.to_string())
}

async fn start(
    State(service): State<Service>,
    params: Result<Json<Params>, JsonRejection>,
) -> Result<(StatusCode, [(HeaderName, String); 1]), Refusal> {
    let Json(params) = params.map_err(|error| bad_request(error.body_text()))?;
    let source = params.source().map_err(bad_request)?;
    let callback = Callback::new(service.0.client.clone(), params.callback_url);
    let (sender, commands) = mpsc::unbounded_channel();
    tokio::spawn(run(source, callback, commands));
    let mut streams = service.streams();
    streams.started += 1;
    let id = streams.started;
    streams.open.insert(id, sender);
    Ok((StatusCode::CREATED, [(LOCATION, format!("/streams/{id}"))]))
}

async fn command(
    State(service): State<Service>,
    Path(id): Path<u64>,
    command: Result<Json<Command>, JsonRejection>,
) -> Result<StatusCode, Refusal> {
    let Json(command) = command.map_err(|error| bad_request(error.body_text()))?;
    let streams = service.streams();
    let sender = streams.open.get(&id).ok_or((StatusCode::NOT_FOUND, String::new()))?;
    // A stream that is over has nothing to restart.
    let _ = sender.send(command);
    Ok(StatusCode::ACCEPTED)
}

async fn stop(State(service): State<Service>, Path(id): Path<u64>) -> StatusCode {
    match service.streams().open.remove(&id) {
        Some(_) => StatusCode::NO_CONTENT,
        None => StatusCode::NOT_FOUND,
    }
}
