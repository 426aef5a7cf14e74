//! How a subscription is asked for.

use std::collections::BTreeSet;
use std::fmt;
use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::sync::Arc;

use sse_store::{Position, Topic, TopicError};

use crate::cursor::{Cursor, Member};
use crate::live::{Authorise, Live};
use crate::resume::Begin;
use crate::tell::Outcome;
use crate::{
    ConnectionId, EndReason, Hub, HubError, Notice, Overload, ResumeFrom, Subscription, metrics,
};

/// A subscription that is being asked for: awaited, it is there. See [`Hub::subscribe`].
///
/// Awaiting it fails, with an [`HubError`] that has a [`refusal`](HubError::refusal) for the client where it has:
///
/// - [`is_topic`](HubError::is_topic), [`is_too_many_topics`](HubError::is_too_many_topics): the request is wrong;
/// - [`is_forbidden`](HubError::is_forbidden): the authorisation said no;
/// - [`is_complete`](HubError::is_complete): there is nothing left to tell, and never will be;
/// - [`is_full`](HubError::is_full), [`is_draining`](HubError::is_draining),
///   [`is_unavailable`](HubError::is_unavailable), or the store's own: not now.
///
/// Dropped while it is awaited, nothing is left of it.
#[must_use = "a subscription begins when this is awaited"]
pub struct Subscribe {
    hub: Hub,
    topics: Result<BTreeSet<Topic>, HubError>,
    begin: Begin,
    user: Option<Arc<str>>,
    overload: Overload,
    authorise: Option<Authorise>,
}

/// The topics of these names, each once.
pub(crate) fn topics<I>(names: I) -> Result<BTreeSet<Topic>, HubError>
where
    I: IntoIterator<Item: TryInto<Topic, Error: Into<TopicError>>>,
{
    let topics = names.into_iter().map(TryInto::try_into);
    topics.map(|topic| topic.map_err(|error| HubError::topic(error.into()))).collect()
}

impl Subscribe {
    pub(crate) fn new<I>(hub: Hub, names: I) -> Self
    where
        I: IntoIterator<Item: TryInto<Topic, Error: Into<TopicError>>>,
    {
        Self {
            hub,
            topics: topics(names),
            begin: Begin::Now,
            user: None,
            overload: Overload::default(),
            authorise: None,
        }
    }

    /// Goes on after the event that the client saw last, with nothing left out, or it is told so. `None`, as on a first
    /// visit, is from now on, which is the default.
    pub fn resume_from(mut self, from: impl Into<ResumeFrom>) -> Self {
        self.begin = from.into().0;
        self
    }

    /// Begins with all that is stored of the topics.
    pub fn from_start(mut self) -> Self {
        self.begin = Begin::Start;
        self
    }

    /// Begins with the newest so many events of all the topics together, or as many as there are.
    pub fn last(mut self, events: usize) -> Self {
        self.begin = if events == 0 { Begin::Now } else { Begin::Last(events) };
        self
    }

    /// The same, but where the client has a position, it goes on there: [`resume_from`](Self::resume_from) for those who
    /// come back, and what was said before for the others.
    pub fn or_resume_from(self, from: impl Into<ResumeFrom>) -> Self {
        match from.into() {
            ResumeFrom(Begin::Now) => self,
            from => self.resume_from(from),
        }
    }

    /// Whose connection it is: it counts among the user's, and nobody else adds topics to it.
    pub fn user(mut self, user: impl Into<Arc<str>>) -> Self {
        self.user = Some(user.into());
        self
    }

    /// What it gives up when its client does not keep up.
    pub fn overload(mut self, overload: Overload) -> Self {
        self.overload = overload;
        self
    }

    /// Whether the connection may have a topic: asked for each now, and for each that is added later. A connection
    /// without such a function takes what topics it is given here, and no more.
    pub fn authorise<F, R>(mut self, may_have: F) -> Self
    where
        F: Fn(Topic) -> R + Send + Sync + 'static,
        R: Future<Output = bool> + Send + 'static,
    {
        self.authorise = Some(Arc::new(move |topic| Box::pin(may_have(topic))));
        self
    }

    async fn open(self) -> Result<Subscription, HubError> {
        let Self { hub, topics, begin, user, overload, authorise } = self;
        let (topics, core) = (topics?, hub.shared());
        let allowed = core.settings.topics;
        if topics.len() > allowed {
            return Err(HubError::too_many_topics(topics.len(), allowed));
        }
        if let Some(authorise) = &authorise {
            for topic in &topics {
                if !authorise(topic.clone()).await {
                    metrics::refused("forbidden");
                    return Err(HubError::forbidden(topic));
                }
            }
        }
        core.is_ready().await?;
        let id = ConnectionId::random()?;
        let live = Arc::new(Live::new(id, user, authorise, Cursor::new(overload)));
        if let Some(oldest) = core.connections.open(&live)? {
            core.end(&oldest, EndReason::Replaced);
        }
        // From here on dropping it takes it out again.
        let subscription = Subscription::new(core.clone(), live.clone());
        for topic in &topics {
            let (log, place) = core.window.join(topic, &live);
            live.cursor().add(Member { log, place, since: Position::START });
        }
        let logs: Vec<_> = live.cursor().members().iter().map(|it| it.log.clone()).collect();
        for log in &logs {
            core.learn_completion(log).await?;
        }
        let now = core.window.now().unwrap_or(Position::START);
        let (position, is_unproven, forgives) = match begin {
            Begin::Now => (now, false, false),
            Begin::Start | Begin::Nowhere => (Position::START, false, false),
            Begin::Last(count) => {
                let names: Vec<Topic> = topics.into_iter().collect();
                (core.before_last(&names, count).await?, false, true)
            }
            // Only the store can say what a position is worth that we have not come to.
            Begin::After(after) => (after, after > now, false),
        };
        {
            let mut cursor = live.cursor();
            cursor.begin(position, is_unproven, forgives);
            let resumes = matches!(begin, Begin::After(_) | Begin::Nowhere);
            cursor.tell.outcome = resumes.then_some(Outcome::Open);
            if begin == Begin::Nowhere {
                cursor.begin_anew();
            }
        }
        if !logs.is_empty() && logs.iter().all(|log| log.is_completed()) {
            let complete = std::future::poll_fn(|cx| subscription.poll_is_complete(cx));
            if complete.await && core.are_complete(&logs).await? {
                return Err(HubError::complete());
            }
        }
        tracing::debug!(connection = ?id, user = live.user.as_deref(), ?begin, "subscription opened");
        core.connections.tell(|| Notice::Opened(live.connection()));
        Ok(subscription)
    }
}

impl IntoFuture for Subscribe {
    type Output = Result<Subscription, HubError>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.open())
    }
}

impl fmt::Debug for Subscribe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subscribe")
            .field("topics", &self.topics)
            .field("begin", &self.begin)
            .field("user", &self.user)
            .field("overload", &self.overload)
            .finish_non_exhaustive()
    }
}
