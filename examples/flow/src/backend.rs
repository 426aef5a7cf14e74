//! The backend: begins a session's runs, streams them, and lists what is stored.

use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::extract::State;
use axum::http::{HeaderValue, Method, Uri};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get};
use axum::{Json, Router};
use futures_util::Stream;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sse_axum::{EventId, Frame, LastEventId, LastEventIdRejection, Lifecycle, Sse, StreamRequest};
use sse_hub::{Hub, HubError};
use sse_store::{PageStatus, Position, Query, Record, Topic, TopicSet};
use tokio_util::sync::CancellationToken;
use tower_http::cors::{AllowOrigin, CorsLayer};

use crate::problem::{NoStream, Problem, method_not_allowed, not_found};
use crate::run::Run;
use crate::runs::Runs;
use crate::session::{SessionId, parameters};

/// How many events one answer of `/events` lists at most.
pub const PAGE: usize = 500;

/// When a client that has lost its stream comes back.
pub(crate) const RETRY: Duration = Duration::from_secs(1);

/// The backend.
#[derive(Debug, Clone)]
pub struct Backend {
    /// Where the events go, and come from.
    pub hub: Hub,
    /// What makes them.
    pub runs: Runs,
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

async fn sse(
    State(backend): State<Backend>,
    session: SessionId,
    last: Result<LastEventId, LastEventIdRejection>,
    request: StreamRequest,
) -> Result<Response, Problem> {
    let LastEventId(last) = last.map_err(|error| Problem::last_event_id(&error))?;
    match backend.stream(session, last).await {
        Ok((events, lifecycle)) => Ok(Sse::new(events).lifecycle(lifecycle).into_response()),
        Err(NoStream::Refused(refusal)) => Ok(request.refuse(refusal).into_response()),
        Err(NoStream::Problem(problem)) => Err(problem),
    }
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
    /// A stream of a session's run, and how it lives. Without a last event id it is a new run; with one
    /// it is the run that there is, from that event on. Where the run is no more, or the id is none of
    /// its, the client is told so, and gets the whole of the run that there is, or of a new one.
    pub(crate) async fn stream(
        self,
        session: SessionId,
        last: Option<EventId>,
    ) -> Result<
        (impl Stream<Item = Result<Frame, Box<dyn Error + Send + Sync>>> + Send, Lifecycle),
        NoStream,
    > {
        let topic = session.topic()?;
        let current = match last {
            Some(_) => self.current(&topic).await?,
            None => None,
        };
        let is_new = current.is_none();
        let run = match current {
            Some(run) => run,
            None => self.runs.begin(&topic).await?,
        };
        let after = last.as_ref().and_then(|id| id.as_str().parse::<Position>().ok());
        let after = after.filter(|after| *after >= run.fence());
        let begins_anew = last.is_some() && after.is_none();

        let subscription =
            self.hub.subscribe([topic]).resume_from(after.unwrap_or(run.fence())).await?;
        self.streams.0.fetch_add(1, Ordering::SeqCst);
        tracing::info!(%session, is_new, begins_anew, "stream opened");
        let lifecycle = Lifecycle::new()
            .complete_on(Run::completion())
            .retry(RETRY)
            .shutdown(self.shutdown.cancelled_owned())
            .on_close(move |reason, stats| {
                self.streams.0.fetch_sub(1, Ordering::SeqCst);
                tracing::info!(%session, %reason, events = stats.events, "stream closed");
            });
        Ok((run.events(subscription, begins_anew), lifecycle))
    }

    /// The session's run, if it can be shown: it is made here, or complete.
    async fn current(&self, topic: &Topic) -> Result<Option<Arc<Run>>, HubError> {
        if let Some(run) = self.runs.get(topic) {
            return Ok(Some(run));
        }
        let one = Query::new(topic).limit(1);
        let newest = self.hub.store().list(&one.clone().newest_first()).await?.pop();
        let Some(newest) = newest.filter(|entry| entry.record == Record::Completed) else {
            return Ok(None);
        };
        let oldest = self.hub.store().list(&one).await?.pop();
        // The clear that it began with may be too old to be there still.
        let clear = oldest.filter(|entry| entry.record == Record::Cleared);
        let fence = clear.map_or(Position::START, |entry| entry.position);
        Ok(Some(Arc::new(Run::completed(topic.clone(), fence, newest.position))))
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
            .hub
            .store()
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

    /// That it is there, and with how many streams and runs.
    pub(crate) fn health(&self) -> Value {
        json!({ "status": "ok", "streams": self.streams.count(), "runs": self.runs.count() })
    }
}
