//! How a subscription is asked for.

use std::collections::BTreeSet;
use std::fmt;
use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::sync::Arc;

use sse_store::{Position, Topic, TopicError};

use crate::cursor::Cursor;
use crate::hub::Shared;
use crate::joining::Joining;
use crate::live::{Authorise, Live};
use crate::resume::Begin;
use crate::tell::Outcome;
use crate::{ConnectionId, EndReason, Hub, HubError, Overload, ResumeFrom, Subscription, trace};

/// A subscription that is being asked for: awaited, it is there. See [`Hub::subscribe`].
///
/// Awaiting it fails, with an [`HubError`] that has a [`refusal`](HubError::refusal) for the client where it has:
///
/// - [`is_invalid_topic`](HubError::is_invalid_topic), [`is_too_many_topics`](HubError::is_too_many_topics): the request is wrong;
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

    /// Begins with the newest so many events of all the topics together, or as many as there are; where there are none, with
    /// what is published from now on.
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
                    return Err(HubError::forbidden(topic));
                }
            }
        }
        let id = ConnectionId::random()?;
        let live = Arc::new(Live::new(id, user, authorise, Cursor::new(overload, topics.len())));
        core.in_time(Self::begin(core, live, topics, begin)).await
    }

    /// What of it may have to wait for the store.
    async fn begin(
        core: &Arc<Shared>,
        live: Arc<Live>,
        topics: BTreeSet<Topic>,
        begin: Begin,
    ) -> Result<Subscription, HubError> {
        core.is_ready().await?;
        if let Some(oldest) = core.connections.open(&live)? {
            core.end(&oldest, EndReason::Replaced);
        }
        // From here on dropping it takes it out again.
        let subscription = Subscription::new(core.clone(), live.clone());
        if let Some(error) = core.closed() {
            // It may have come too late to be ended with the others.
            return Err(HubError::closed(error));
        }
        let mut joining = Joining::new(core, &live, &topics, || Position::START);
        let logs: Vec<_> = joining.logs().cloned().collect();
        core.learn_completions(&logs).await?;
        let now = core.window.now();
        let start = Position::new(now.epoch(), 0);
        let (position, forgives) = match begin {
            Begin::Now => (now, false),
            Begin::Start | Begin::Nowhere | Begin::After(Position::START) => (start, true),
            Begin::Last(count) => {
                let names: Vec<Topic> = topics.into_iter().collect();
                (core.before_last(&names, count).await?.unwrap_or(now), true)
            }
            Begin::After(after) => (after, false),
        };
        {
            let mut cursor = live.cursor();
            if !joining.add_to(&mut cursor) {
                // It has ended while it was opened, which is what it tells.
                return Ok(subscription);
            }
            cursor.begin(position, forgives, now);
            let resumes = matches!(begin, Begin::After(_) | Begin::Nowhere);
            cursor.tell.outcome = resumes.then_some(Outcome::Open);
            if begin == Begin::Nowhere {
                cursor.reset(now.epoch());
            }
        }
        let has_all = begin != Begin::Nowhere && core.has_all(&logs, position, forgives).await?;
        if has_all {
            return Err(HubError::complete());
        }
        if let Some(oldest) = core.connections.announce(&live, begin) {
            core.end(&oldest, EndReason::Replaced);
        }
        Ok(subscription)
    }
}

impl IntoFuture for Subscribe {
    type Output = Result<Subscription, HubError>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async { self.open().await.inspect_err(trace::refused) })
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
