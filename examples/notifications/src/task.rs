//! A long task, and what is told of it: `progress` and, once, `finished` or `stopped`.
//!
//! It stands for work that takes its time, and runs in the process that was asked: if that is killed, the task is gone
//! and its topic stays open. Work that has to survive belongs into a queue; what it tells on the way is the same.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};
use sse_hub::HubError;
use sse_store::{NewEntry, StoreError, Topic};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::sleep;

use crate::api::{Api, connection};
use crate::app::BoxError;
use crate::audience::{Audience, TaskId};
use crate::message::{Message, Notification, Progress, Task};
use crate::people::{USERS, User};
use crate::problem::{Body, Problem};
use crate::text::Text;
use crate::token::Session;

/// The most tasks of one user that run at a time.
const MAX_TASKS: usize = 10;

/// The percents of a step.
const STEP: usize = 5;

/// How long to wait before the end of a task is told once more that could not be.
const AGAIN: Duration = Duration::from_secs(1);

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Start {
    title: Text<80>,
    /// The connection that is to watch it from its first step.
    connection: Option<String>,
}

/// Starts a task, watched by a live connection of the user where one is named. Where that is not here, nothing is started.
pub(crate) async fn start(
    State(api): State<Api>,
    session: Session,
    Body(Start { title, connection: watcher }): Body<Start>,
) -> Result<(StatusCode, Json<Value>), Problem> {
    let Some(place) = api.places.take(session.user) else {
        let message = format!("{MAX_TASKS} tasks of yours run already");
        return Err(Problem::new(StatusCode::TOO_MANY_REQUESTS, "too_many_tasks", message));
    };
    let topic = Audience::Task(session.user, TaskId::random()?);
    if let Some(id) = watcher {
        // Before the first step: what is published from now on is seen.
        let user = Some(session.user.name);
        api.hub.add_topics(connection(&id)?, user, [topic.to_string()]).await?;
    }
    let answer = json!({ "task": topic });
    let run = Run { api: api.clone(), owner: session.user, topic, title: title.into_string() };
    api.tasks.spawn(async move {
        let _place = place;
        if let Err(error) = run.to_the_end().await {
            tracing::error!(task = %run.topic, %error, "the end of a task could not be told");
        }
    });
    Ok((StatusCode::CREATED, Json(answer)))
}

/// How many more tasks each user may start: who has many takes no place from anybody else.
#[derive(Debug)]
pub(crate) struct Places(Vec<(&'static User, Arc<Semaphore>)>);

impl Default for Places {
    fn default() -> Self {
        let of = |user| (user, Arc::new(Semaphore::new(MAX_TASKS)));
        Self(USERS.iter().map(of).collect())
    }
}

impl Places {
    /// A place for one task more, held until it is dropped; none where all are taken.
    fn take(&self, user: &User) -> Option<OwnedSemaphorePermit> {
        let (_, places) = self.0.iter().find(|(owner, _)| *owner == user)?;
        places.clone().try_acquire_owned().ok()
    }
}

/// A task that runs.
struct Run {
    api: Api,
    owner: &'static User,
    topic: Audience,
    title: String,
}

impl Run {
    async fn to_the_end(&self) -> Result<(), BoxError> {
        let task = || Task { task: self.topic.clone(), title: self.title.clone() };
        for percent in (0..100).step_by(STEP) {
            let progress = Message::Progress(Progress { task: task(), percent });
            if let Err(error) = self.api.hub.append(vec![progress.to(&self.topic)?]).await {
                // The next step says more than this one did.
                tracing::warn!(task = %self.topic, %error, "a step could not be told");
            }
            tokio::select! {
                () = sleep(self.api.step) => {}
                () = self.api.stopping.cancelled() => return self.end(Message::Stopped(task())).await,
            }
        }
        self.end(Message::Finished(task())).await
    }

    /// Tells the end to those who watch, and the owner wherever they are: both or neither.
    async fn end(&self, end: Message) -> Result<(), BoxError> {
        let how = if matches!(end, Message::Finished(_)) { "is done" } else { "was stopped" };
        let text = format!("{} {how}.", self.title);
        let owner = Audience::User(self.owner);
        let batch = vec![
            end.to(&self.topic)?,
            NewEntry::completion(Topic::new(self.topic.to_string())?),
            Message::Notification(Notification::new(None, &owner, text)).to(&owner)?,
        ];
        loop {
            match self.api.hub.append(batch.clone()).await {
                Ok(_) => return Ok(()),
                // To be told twice does no harm, not to be told does.
                Err(error) if may_help(&error) => {
                    tracing::warn!(task = %self.topic, %error, "the end of a task is told again");
                }
                Err(error) => return Err(error.into()),
            }
            sleep(AGAIN).await;
        }
    }
}

/// Whether trying again may help.
fn may_help(error: &HubError) -> bool {
    error.is_unavailable() || error.store().is_some_and(StoreError::is_outcome_unknown)
}
