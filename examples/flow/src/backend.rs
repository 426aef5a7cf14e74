//! The backend: runs a session's events, stores them and lists what is stored.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::extract::State;
use axum::http::{HeaderValue, Method, Uri};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get};
use axum::{Json, Router};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sse_axum::{Lifecycle, Sse};
use sse_store::{EventStore, PageStatus, Position, TopicSet};
use tokio_util::sync::CancellationToken;
use tower_http::cors::{AllowOrigin, CorsLayer};

use crate::pace::Pace;
use crate::problem::{Problem, method_not_allowed, not_found};
use crate::run::Run;
use crate::session::{SessionId, parameters};

/// How many events one answer of `/events` lists at most.
pub const PAGE: usize = 500;

/// The backend.
#[derive(Debug, Clone)]
pub struct Backend {
    /// Where the events are stored.
    pub store: Arc<dyn EventStore>,
    /// How many `message` events a run has.
    pub count: u32,
    /// When they are sent.
    pub pace: Pace,
    /// From which origins a browser may connect, with credentials.
    pub cors_origins: Vec<HeaderValue>,
    /// Ends the open streams when it is cancelled.
    pub shutdown: CancellationToken,
    /// How many streams are open.
    pub streams: OpenStreams,
}

/// How many streams are open.
#[derive(Debug, Clone, Default)]
pub struct OpenStreams(Arc<AtomicUsize>);

impl OpenStreams {
    /// The number, now.
    pub fn count(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

impl Backend {
    /// Its routes: `/sse`, `/events` and `/health`.
    pub fn router(self) -> Router {
        // A HEAD must not begin a run.
        let get_only = |route: MethodRouter<Self>| route.head(method_not_allowed);
        let router = Router::new()
            .route("/sse", get_only(get(sse)))
            .route("/events", get(events))
            .route("/health", get(health))
            .fallback(not_found)
            .method_not_allowed_fallback(method_not_allowed);
        let router = if self.cors_origins.is_empty() {
            router
        } else {
            router.layer(
                CorsLayer::new()
                    .allow_methods([Method::GET])
                    .allow_origin(AllowOrigin::list(self.cors_origins.clone()))
                    .allow_credentials(true),
            )
        };
        router.with_state(self)
    }
}

async fn sse(State(backend): State<Backend>, session: SessionId) -> Result<Response, Problem> {
    let (run, lifecycle) = backend.run(session).await?;
    Ok(Sse::new(run.events()).lifecycle(lifecycle).into_response())
}

async fn events(
    State(backend): State<Backend>,
    session: SessionId,
    uri: Uri,
) -> Result<Json<Listing>, Problem> {
    backend.list(session, uri.query()).await.map(Json)
}

async fn health(State(backend): State<Backend>) -> Json<Value> {
    Json(backend.health())
}

/// What is stored of a session, oldest first.
#[derive(Debug, Serialize)]
pub(crate) struct Listing {
    events: Vec<Value>,
    /// What to ask for next, as `after`.
    next: String,
    /// Whether something is missing between `after` and the first event.
    status: &'static str,
}

impl Backend {
    /// Deletes what is stored of a session and begins its run, on a stream that lives like this.
    pub(crate) async fn run(self, session: SessionId) -> Result<(Run, Lifecycle), Problem> {
        let topic = session.topic()?;
        let cleared = self.store.clear(&topic).await.map_err(|error| Problem::store(&error))?;
        tracing::info!(%session, deleted = cleared.removed, "old events deleted");

        let run = Run {
            store: self.store,
            topic,
            fence: cleared.position,
            count: self.count,
            pace: self.pace,
        };
        self.streams.0.fetch_add(1, Ordering::SeqCst);
        tracing::info!(%session, "stream opened");
        let lifecycle = Lifecycle::new()
            .complete_on(Run::completion())
            .shutdown(self.shutdown.cancelled_owned())
            .on_close(move |reason, stats| {
                self.streams.0.fetch_sub(1, Ordering::SeqCst);
                tracing::info!(%session, %reason, events = stats.events, "stream closed");
            });
        Ok((run, lifecycle))
    }

    /// What is stored of a session, from where on the query says.
    pub(crate) async fn list(
        &self,
        session: SessionId,
        query: Option<&str>,
    ) -> Result<Listing, Problem> {
        /// From where on to list.
        #[derive(Deserialize)]
        struct Parameters {
            after: Option<String>,
        }
        let topic = session.topic()?;
        let after = match parameters::<Parameters>(query)?.after.as_deref() {
            None | Some("") => Position::START,
            Some(after) => after.parse().map_err(|error| {
                Problem::bad_request("invalid_after", format!("after: {error}"))
            })?,
        };
        let page = self
            .store
            .read(after, &TopicSet::from(topic), PAGE)
            .await
            .map_err(|error| Problem::store(&error))?;
        let events = page.entries.iter().filter_map(|entry| {
            let event = entry.event()?;
            let mut message: Value = serde_json::from_str(event.data()?).ok()?;
            message.as_object_mut()?.insert("id".into(), entry.position.to_string().into());
            Some(message)
        });
        Ok(Listing {
            events: events.collect(),
            next: page.next.to_string(),
            status: match page.status {
                PageStatus::Exact => "exact",
                PageStatus::Gap { .. } => "gap",
                PageStatus::Reset => "reset",
            },
        })
    }

    /// That it runs, and with how many streams.
    pub(crate) fn health(&self) -> Value {
        json!({ "status": "ok", "streams": self.streams.count() })
    }
}
