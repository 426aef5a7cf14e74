//! One stream for all that concerns a user, and the ticket that opens it.

use std::time::{Duration, SystemTime};

use axum::Json;
use axum::extract::State;
use axum::http::Uri;
use axum::response::{IntoResponse as _, Response};
use serde::Deserialize;
use serde_json::{Value, json};
use sse_axum::{
    Event, LastEventId, LastEventIdRejection, Lifecycle, MaxLifetime, Sse, StreamRequest,
};
use sse_store::Topic;

use crate::api::Api;
use crate::audience::Audience;
use crate::message::Message;
use crate::people::User;
use crate::problem::{Body, Problem};
use crate::ticket::Admission;
use crate::token::Session;

/// The most topics that a page may ask for, besides those that every stream of a user has.
const MAX_TOPICS: usize = 50;

/// How many notifications a first visit begins with.
const BEGIN_WITH: usize = 20;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Wish {
    /// The channels joined and the tasks watched; what is to everyone and to the user comes anyway.
    #[serde(default)]
    topics: Vec<String>,
}

/// Gives a ticket for one stream of these topics. It is here that a topic is refused, and not at the stream: an
/// `EventSource` can read neither a status nor what comes with it.
pub(crate) async fn ticket(
    State(api): State<Api>,
    session: Session,
    Body(Wish { topics }): Body<Wish>,
) -> Result<Json<Value>, Problem> {
    if topics.len() > MAX_TOPICS {
        let message =
            format!("{} topics are asked for, where {MAX_TOPICS} are allowed", topics.len());
        return Err(Problem::bad_request("too_many_topics", message));
    }
    let mut admitted = vec![Audience::Everyone, Audience::User(session.user)];
    for topic in topics {
        let audience: Audience = topic.parse()?;
        audience.admits(session.user)?;
        admitted.push(audience);
    }
    let admission = Admission { user: session.user, topics: admitted, expires: session.expires };
    let ticket = api.tickets.issue(&admission).await?;
    Ok(Json(json!({ "ticket": ticket, "expiresInSeconds": api.tickets.lifetime().as_secs() })))
}

/// Opens the stream that the ticket is for, after the last event that the client saw, until the login is over.
pub(crate) async fn stream(
    State(api): State<Api>,
    request: StreamRequest,
    last: Result<LastEventId, LastEventIdRejection>,
    uri: Uri,
) -> Result<Response, Problem> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Parameters {
        ticket: Option<String>,
        #[serde(rename = "lastEventId")]
        _last: Option<String>,
    }
    let last = last.map_err(|error| Problem::bad_request("invalid_last_event_id", error))?.0;
    let Parameters { ticket, .. } = serde_urlencoded::from_str(uri.query().unwrap_or_default())
        .map_err(|error| Problem::bad_request("invalid_query", error))?;
    // Last of all that can go wrong with the request: this spends it.
    let admission = api.tickets.redeem(ticket.as_deref()).await?;

    let user = admission.user;
    let subscribing = api
        .hub
        .subscribe(admission.topics.iter().map(Audience::to_string))
        .last(BEGIN_WITH)
        .or_resume_from(last)
        .user(user.name)
        .authorise(async move |topic| is_admitted(user, &topic));
    let subscription = match subscribing.await {
        Ok(subscription) => subscription,
        Err(error) => {
            return match error.refusal() {
                Some(refusal) => {
                    tracing::info!(user = user.name, %error, "stream refused");
                    Ok(request.refuse(refusal).into_response())
                }
                None => Err(error.into()),
            };
        }
    };
    tracing::info!(user = user.name, connection = ?subscription.id(), "stream opened");

    let left = admission.expires.duration_since(SystemTime::now()).unwrap_or_default();
    let expired = Event::typed(&Message::Expired).map_err(|error| Problem::unavailable(&error))?;
    let lifetime = MaxLifetime::new(left).jitter(Duration::ZERO).last_event(expired);
    let lifecycle = Lifecycle::new().max_lifetime(lifetime).on_close(move |reason, stats| {
        tracing::info!(user = user.name, %reason, events = stats.events, "stream closed");
    });
    Ok(Sse::new(subscription).lifecycle(lifecycle).into_response())
}

/// What the hub asks for each topic, at the beginning and of each that is added.
fn is_admitted(user: &User, topic: &Topic) -> bool {
    topic.as_str().parse::<Audience>().is_ok_and(|audience| audience.admits(user).is_ok())
}
