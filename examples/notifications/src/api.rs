//! The routes under `/api`, and what they share.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use axum::extract::{DefaultBodyLimit, Path, Request, State};
use axum::http::header::CACHE_CONTROL;
use axum::http::{HeaderValue, StatusCode};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get, post};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};
use sse_hub::{ConnectionId, Hub};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::audience::Audience;
use crate::message::{Message, Notification};
use crate::people::{CHANNELS, USERS, User};
use crate::problem::{Body, Problem, method_not_allowed, not_found};
use crate::task::Places;
use crate::text::Text;
use crate::ticket::Tickets;
use crate::token::{Session, Tokens, looks_like_a_token};
use crate::{stream, task};

/// The most bytes of a request's body.
const MAX_BODY: usize = 16 * 1024;

/// The most characters of a notification.
const MAX_TEXT: usize = 500;

/// What the routes share.
#[derive(Debug, Clone)]
pub(crate) struct Api {
    pub(crate) hub: Hub,
    pub(crate) tokens: Arc<Tokens>,
    pub(crate) tickets: Tickets,
    pub(crate) password: Arc<str>,
    /// The time between two steps of a task.
    pub(crate) step: Duration,
    /// The tasks that run.
    pub(crate) tasks: TaskTracker,
    /// How many more each user may start.
    pub(crate) places: Arc<Places>,
    /// Stops them when it is cancelled.
    pub(crate) stopping: CancellationToken,
}

impl Api {
    /// The routes.
    pub(crate) fn router(self) -> Router {
        // A HEAD must not spend a ticket.
        let get_only = |route: MethodRouter<Self>| route.head(method_not_allowed);
        Router::new()
            .route("/api/login", post(login))
            .route("/api/me", get(me))
            .route("/api/ticket", post(stream::ticket))
            .route("/api/stream", get_only(get(stream::stream)))
            .route("/api/connections/{id}/join", post(join))
            .route("/api/connections/{id}/leave", post(leave))
            .route("/api/notifications", post(send))
            .route("/api/tasks", post(task::start))
            .route("/api/health", get(health))
            .fallback(not_found)
            .method_not_allowed_fallback(method_not_allowed)
            .layer(DefaultBodyLimit::max(MAX_BODY))
            .layer(middleware::from_fn(guard))
            .with_state(self)
    }
}

/// Takes no request that has a token in its URL, and lets no answer be kept on the way.
async fn guard(request: Request, next: Next) -> Response {
    let query = request.uri().query().unwrap_or_default();
    let mut values = query.split('&').filter_map(|pair| pair.split('=').next_back());
    let mut response = match values.any(looks_like_a_token) {
        true => Problem::token_in_url().into_response(),
        false => next.run(request).await,
    };
    let no_store = HeaderValue::from_static("no-store");
    response.headers_mut().entry(CACHE_CONTROL).or_insert(no_store);
    response
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Login {
    name: String,
    password: String,
}

/// A token for a user of the demonstration, all of whom have one password, which everybody knows. A service checks a
/// hash of the user's own, slows down who guesses, or leaves all this to its identity provider.
async fn login(
    State(api): State<Api>,
    Body(Login { name, password }): Body<Login>,
) -> Result<Json<Value>, Problem> {
    let user = User::find(&name).filter(|_| *password == *api.password);
    let user = user.ok_or_else(Problem::wrong_credentials)?;
    let token = api.tokens.issue(user, SystemTime::now());
    let token = token.map_err(|error| Problem::unavailable(&error))?;
    Ok(Json(json!({ "token": token, "expiresInSeconds": api.tokens.lifetime().as_secs() })))
}

/// Who asks, whom they can write to, and what they can join.
async fn me(session: Session) -> Json<Value> {
    let channels = CHANNELS.iter().map(|channel| {
        json!({
            "name": channel.name,
            "about": channel.about,
            "membersOnly": channel.members_only,
            "open": session.user.may_use(channel),
        })
    });
    Json(json!({
        "name": session.user.name,
        "users": USERS.iter().map(|user| user.name).collect::<Vec<_>>(),
        "channels": channels.collect::<Vec<_>>(),
    }))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Letter {
    to: String,
    text: Text<MAX_TEXT>,
}

/// Sends to a user, a channel or everyone; whoever is not connected now is told later.
async fn send(
    State(api): State<Api>,
    session: Session,
    Body(Letter { to, text }): Body<Letter>,
) -> Result<(StatusCode, Json<Value>), Problem> {
    let to: Audience = to.parse()?;
    to.hears(session.user)?;
    let from = Some(session.user.name);
    let message = Message::Notification(Notification::new(from, &to, text.into_string()));
    let entry = message.to(&to).map_err(|error| Problem::unavailable(&error))?;
    let positions = api.hub.append(vec![entry]).await?;
    let id = positions.first().map(ToString::to_string);
    Ok((StatusCode::CREATED, Json(json!({ "id": id }))))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Change {
    topic: String,
}

/// Subscribes a live connection to one topic more; it sees what is published there from now on.
async fn join(
    State(api): State<Api>,
    session: Session,
    Path(id): Path<String>,
    Body(Change { topic }): Body<Change>,
) -> Result<StatusCode, Problem> {
    let audience: Audience = topic.parse()?;
    audience.admits(session.user)?;
    let user = Some(session.user.name);
    api.hub.add_topics(connection(&id)?, user, [audience.to_string()]).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Takes a topic from a live connection; what is published there from now on it does not see.
async fn leave(
    State(api): State<Api>,
    session: Session,
    Path(id): Path<String>,
    Body(Change { topic }): Body<Change>,
) -> Result<StatusCode, Problem> {
    let audience: Audience = topic.parse()?;
    let user = Some(session.user.name);
    api.hub.remove_topics(connection(&id)?, user, [audience.to_string()])?;
    Ok(StatusCode::NO_CONTENT)
}

pub(crate) fn connection(id: &str) -> Result<ConnectionId, Problem> {
    id.parse().map_err(|error| Problem::bad_request("invalid_connection", error))
}

/// Whether to send browsers here: 503 while the log is not followed, and once the service stops.
async fn health(State(api): State<Api>) -> (StatusCode, Json<Value>) {
    let is_ready = api.hub.health().is_following() && !api.hub.is_draining();
    match is_ready {
        true => (StatusCode::OK, Json(json!({ "status": "ok" }))),
        false => (StatusCode::SERVICE_UNAVAILABLE, Json(json!({ "status": "unavailable" }))),
    }
}
