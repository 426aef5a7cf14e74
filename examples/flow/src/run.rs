//! One run of a session: what makes its events, and what shows them.

use std::sync::Arc;

use futures_util::{Stream, StreamExt as _, stream};
use serde_json::json;
use sse_axum::{Completion, Event, Frame};
use sse_hub::{Hub, HubError, Subscription, told};
use sse_store::{NewEntry, Position, Topic};
use tokio::sync::watch;

use crate::message::{Kind, Message};
use crate::pace::Pace;

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// A run, from the clear of its session's old events to its completion. It belongs to no connection:
/// any number of streams show it, and it goes on without one.
#[derive(Debug)]
pub(crate) struct Run {
    topic: Topic,
    /// The position of that clear. A later run clears again, and so fences this one out.
    fence: Position,
    progress: watch::Sender<Progress>,
}

/// How far a run has come. An event of the topic is the run's own if it is between the fence and
/// `latest`: nobody else appends there.
#[derive(Debug, Clone, Copy)]
struct Progress {
    latest: Position,
    end: Option<End>,
}

/// How a run is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Complete,
    /// A newer run of the session has begun.
    Superseded,
    /// The store has failed.
    Failed,
}

/// What a stream gives next.
enum Next {
    Frame(Frame),
    Last(Result<Frame, BoxError>),
    Nothing,
}

impl Run {
    /// One that begins: its events are still to be made.
    pub(crate) fn begun(topic: Topic, fence: Position) -> Self {
        let progress = Progress { latest: fence, end: None };
        Self { topic, fence, progress: watch::Sender::new(progress) }
    }

    /// One that is complete up to a position, as the store has it.
    pub(crate) fn completed(topic: Topic, fence: Position, latest: Position) -> Self {
        let progress = Progress { latest, end: Some(End::Complete) };
        Self { topic, fence, progress: watch::Sender::new(progress) }
    }

    pub(crate) fn topic(&self) -> &Topic {
        &self.topic
    }

    /// Where it begins.
    pub(crate) fn fence(&self) -> Position {
        self.fence
    }

    /// Tells its streams that a newer run has begun, and its producer to stop.
    pub(crate) fn supersede(&self) {
        self.end(End::Superseded);
    }

    /// The end that comes first stands.
    fn end(&self, end: End) {
        self.progress.send_if_modified(|progress| {
            let is_first = progress.end.is_none();
            progress.end = progress.end.or(Some(end));
            is_first
        });
    }

    /// Waits for this of its progress.
    async fn until(&self, holds: impl FnMut(&Progress) -> bool) -> Progress {
        let mut progress = self.progress.subscribe();
        let reached = progress.wait_for(holds).await.map(|progress| *progress);
        // It fails only without a sender, which is here.
        reached.unwrap_or_else(|_| *self.progress.borrow())
    }

    // ---- the producer

    /// Makes its events, each in its time, until it is over. Dropped, it stops between two of them.
    pub(crate) async fn produce(&self, hub: &Hub, count: u32, pace: &Pace) {
        let last = count.saturating_add(1);
        for step in 0..=last {
            tokio::select! {
                biased;
                _ = self.until(|progress| progress.end.is_some()) => return,
                () = pace.wait((1..last).contains(&step)) => {}
            }
            match self.append(hub, message(step, count)).await {
                Ok(latest) => self.progress.send_modify(|progress| {
                    progress.latest = latest;
                    if step == last {
                        progress.end = progress.end.or(Some(End::Complete));
                    }
                }),
                Err(error) if is_fenced(&error) => return self.supersede(),
                Err(error) => {
                    tracing::error!(topic = %self.topic, %error, "an event could not be stored");
                    return self.end(End::Failed);
                }
            }
        }
    }

    /// The last event and the completion of the topic are there together or not at all.
    async fn append(&self, hub: &Hub, message: Message) -> Result<Position, BoxError> {
        let mut batch = vec![NewEntry::new(self.topic.clone(), Event::json(&message)?)];
        if message.kind == Kind::Complete {
            batch.push(NewEntry::completion(self.topic.clone()));
        }
        let batch = batch.into_iter().map(|entry| entry.fenced_by(self.fence)).collect();
        let positions = hub.append(batch).await?;
        positions.last().copied().ok_or_else(|| "no position for an event".into())
    }

    // ---- a stream

    /// What ends a run's stream.
    pub(crate) fn completion() -> Completion {
        Completion::json_field("type", Kind::Complete.as_str())
            .or(Completion::json_field("type", Kind::Superseded.as_str()))
    }

    /// What a subscription to the run's topic gives of this run, and no other. One that begins `anew`
    /// is told first that what its client has is void.
    ///
    /// A failure of the store ends it with an error: the client sees a broken stream and comes back.
    pub(crate) fn events(
        self: Arc<Self>,
        subscription: Subscription,
        anew: bool,
    ) -> impl Stream<Item = Result<Frame, BoxError>> + Send {
        // Without an id: a client that is cut off right after it has to be told again.
        let reset = anew.then(|| Ok(Event::new("").with_type(told::RESET).to_frame()));
        let events = stream::unfold(Some((self, subscription)), async |state| {
            let (run, mut subscription) = state?;
            match run.next(&mut subscription).await {
                Next::Frame(frame) => Some((Ok(frame), Some((run, subscription)))),
                Next::Last(item) => Some((item, None)),
                Next::Nothing => None,
            }
        });
        stream::iter(reset).chain(events)
    }

    async fn next(&self, subscription: &mut Subscription) -> Next {
        let is_lost =
            |progress: &Progress| matches!(progress.end, Some(End::Superseded | End::Failed));
        let frame = tokio::select! {
            biased;
            progress = self.until(is_lost) => return last_words(progress),
            frame = subscription.next() => match frame {
                Some(Ok(frame)) => frame,
                Some(Err(error)) => return Next::Last(Err(error.into())),
                None => return Next::Nothing,
            },
        };
        if frame.event_type().is_some() {
            // What the hub tells of itself.
            return Next::Frame(frame);
        }
        // The hub may be faster than the answer to our own append. What another process appends for a
        // newer run is never ours, as our next append will show.
        let position = subscription.position();
        let is_known = |progress: &Progress| progress.latest >= position || progress.end.is_some();
        let progress = self.until(is_known).await;
        if progress.latest >= position { Next::Frame(frame) } else { last_words(progress) }
    }
}

/// What a stream says last of a run that it can show no more of.
fn last_words(progress: Progress) -> Next {
    Next::Last(match progress.end {
        Some(End::Failed) => Err("the run has failed".into()),
        _ => {
            let message = "A newer run of this session has begun.";
            let event = Event::json(&Message::new(Kind::Superseded, message));
            event.map(|event| event.to_frame()).map_err(Into::into)
        }
    })
}

fn is_fenced(error: &BoxError) -> bool {
    let store = error.downcast_ref().and_then(HubError::store);
    store.is_some_and(|error| error.is_fenced())
}

fn message(step: u32, count: u32) -> Message {
    match step {
        0 => Message::new(Kind::Connecting, "Connected to the backend."),
        number if number <= count => {
            Message::new(Kind::Message, format!("Message {number} of {count}"))
                .with_data(json!({ "number": number, "of": count }))
        }
        _ => Message::new(Kind::Complete, "All messages were sent."),
    }
}
