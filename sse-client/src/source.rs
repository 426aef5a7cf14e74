//! The source: drives the machine of `sse-core` with a client, a clock and a body.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant, SystemTime};

use futures_core::{FusedStream, Stream};
use http_body::Body as _;
use sse_core::{ReadyState, Reconnect, Step};
use sync_wrapper::SyncFuture;
use tokio::time::{Sleep, sleep_until};

use crate::connect::{Answer, Failure, connect};
use crate::error::{BoxError, Refusal};
use crate::meter::{self, Meter};
use crate::template::Template;
use crate::{Error, EventSourceBuilder, Item, Messages, Opened, ResponseBody};

/// A stream of events from a server, which goes on where it broke off.
///
/// It does nothing until it is polled, and reads no further than it is polled. Its items say what
/// happens; an `Err` is final, and after it, or after the end, there is nothing more.
///
/// Waiting for the next item is cancel safe: nothing is lost when it is given up. To drop the source is
/// to close its connection, at once.
///
/// Source: WHATWG HTML §9.2, "Server-sent events", without what concerns a page: `onopen`, `onmessage`
/// and `onerror` are items, CORS does not apply, and the last is up to the caller.
///
/// ```
/// use futures_util::StreamExt;
/// use sse_client::{EventSource, Item};
/// # use testkit::{Answer, Scripted};
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), sse_client::Error> {
/// # let server = Scripted::start([
/// #     Answer::stream().chunk("retry: 100\nid: 1\ndata: hello\n\n").end(),
/// #     Answer::stream().chunk("data: again\n\n").end(),
/// #     Answer::status(204),
/// # ]).await;
/// # let url = server.url("/");
/// let mut source = EventSource::new(url)?;
/// let mut data = vec![];
/// while let Some(item) = source.next().await {
///     if let Item::Message(message) = item? {
///         data.push(message.data);
///     }
/// }
/// assert_eq!(data, ["hello", "again"]); // Two connections, and 204 at the third.
/// assert_eq!(source.last_event_id(), "1");
/// # Ok(()) }
/// ```
#[must_use = "streams do nothing unless polled"]
pub struct EventSource {
    reconnect: Reconnect,
    template: Template,
    io: Io,
    timer: Option<Pin<Box<Sleep>>>,
    comments: bool,
    /// Whether a request was sent whose loss was not told.
    is_asking: bool,
    /// What the last attempt came to.
    failure: Option<BoxError>,
    refusal: Option<Refusal>,
    is_over: bool,
}

type BoxFuture<T> = SyncFuture<Pin<Box<dyn Future<Output = T> + Send>>>;

enum Io {
    None,
    Connecting(BoxFuture<Result<Answer, Failure>>),
    Open(ResponseBody, Meter),
    /// What came is no stream, and is being read for what it says.
    Refused(BoxFuture<Refusal>),
}

impl Io {
    fn connecting(attempt: impl Future<Output = Result<Answer, Failure>> + Send + 'static) -> Self {
        Self::Connecting(SyncFuture::new(Box::pin(attempt)))
    }

    fn refused(refusal: impl Future<Output = Refusal> + Send + 'static) -> Self {
        Self::Refused(SyncFuture::new(Box::pin(refusal)))
    }
}

impl EventSource {
    /// A source of this URL, with the defaults.
    ///
    /// # Errors
    ///
    /// As [`EventSourceBuilder::build`].
    pub fn new(url: impl AsRef<str>) -> Result<Self, Error> {
        Self::builder(url).build()
    }

    /// A source of this URL, with settings.
    pub fn builder(url: impl AsRef<str>) -> EventSourceBuilder {
        EventSourceBuilder::of_url(url.as_ref())
    }

    pub(crate) fn of(reconnect: Reconnect, template: Template, comments: bool) -> Self {
        Self {
            reconnect,
            template,
            io: Io::None,
            timer: None,
            comments,
            is_asking: false,
            failure: None,
            refusal: None,
            is_over: false,
        }
    }

    /// What the standard calls this state.
    ///
    /// Source: WHATWG HTML §9.2.2, "readyState".
    pub fn ready_state(&self) -> ReadyState {
        self.reconnect.ready_state()
    }

    /// The id of the last event that was yielded, and had one; where to begin another time. Empty where
    /// there was none.
    pub fn last_event_id(&self) -> &str {
        self.reconnect.last_event_id()
    }

    /// How many events were skipped because they were too large, where
    /// [`Overflow::Skip`](crate::Overflow::Skip) is set.
    pub fn skipped(&self) -> u64 {
        self.reconnect.skipped()
    }

    /// Lets the connection go and asks for another, after the reconnection time; as if the server had
    /// ended the stream.
    pub fn restart(&mut self) {
        self.reconnect.restart(now());
        self.io = Io::None;
    }

    /// Closes the connection, at once and for good: the next item is the end.
    ///
    /// Source: WHATWG HTML §9.2.2, "close()".
    pub fn close(&mut self) {
        self.reconnect.close();
        self.io = Io::None;
    }

    /// Nothing but the messages. What else there is to know is left out: a loss that is mended, comments.
    pub fn messages(self) -> Messages {
        Messages::new(self)
    }

    /// The messages as values of `T`, an enum whose variants are event types.
    ///
    /// A message that is no `T` is an error, and not the last word: see
    /// [`is_typed`](Error::is_typed). [`sse_core::Event::typed`] is the other side.
    ///
    /// ```
    /// use futures_util::StreamExt;
    /// use sse_client::EventSource;
    /// # use testkit::{Answer, Scripted};
    ///
    /// #[derive(Debug, PartialEq, serde::Deserialize)]
    /// #[serde(rename_all = "kebab-case")]
    /// enum Progress {
    ///     StepDone { step: u32 },
    ///     Finished,
    /// }
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), sse_client::Error> {
    /// # let events = "event: step-done\ndata: {\"step\":1}\n\nevent: finished\ndata:\n\n";
    /// # let server = Scripted::start([Answer::stream().chunk(events)]).await;
    /// # let url = server.url("/");
    /// let mut progress = EventSource::new(url)?.typed::<Progress>();
    /// assert_eq!(progress.next().await.unwrap()?, Progress::StepDone { step: 1 });
    /// assert_eq!(progress.next().await.unwrap()?, Progress::Finished);
    /// # Ok(()) }
    /// ```
    #[cfg(feature = "serde")]
    pub fn typed<T: serde::de::DeserializeOwned>(self) -> crate::Typed<T> {
        crate::Typed::new(self.messages())
    }

    /// What was read and not yet yielded.
    fn take(&mut self) -> Result<Option<Item>, Error> {
        let item = if self.comments {
            self.reconnect.next().map(|item| match item? {
                sse_core::Item::Message(message) => Some(Item::Message(message.to_message())),
                sse_core::Item::Comment(comment) => Some(Item::Comment(comment.to_owned())),
                _ => None,
            })
        } else {
            self.reconnect.next_message().map(|message| message.map(Item::Message))
        };
        if let (Io::Open(_, meter), Ok(Some(Item::Message(_)))) = (&self.io, &item) {
            meter.dispatched();
        }
        if let (Io::Open(..), ReadyState::Closed) = (&self.io, self.reconnect.ready_state()) {
            self.io = Io::None;
        }
        item.map_err(|error| {
            self.close();
            Error::too_large(error)
        })
    }

    /// Whether something came; what there is to say of it, if it is no message.
    fn poll_io(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Item, Error>>> {
        let came = match &mut self.io {
            Io::None => return Poll::Pending,
            Io::Connecting(attempt) => {
                let result = ready!(Pin::new(attempt).poll(cx));
                self.io = Io::None;
                self.answered(result)
            }
            Io::Refused(refusal) => {
                self.refusal = Some(ready!(Pin::new(refusal).poll(cx)));
                self.io = Io::None;
                None
            }
            Io::Open(body, meter) => {
                match ready!(Pin::new(body).poll_frame(cx)) {
                    Some(Ok(frame)) => {
                        // Trailers say nothing.
                        if let Some(data) = frame.data_ref() {
                            meter.read(data.len());
                            self.reconnect.feed(data, now());
                        }
                    }
                    Some(Err(error)) => {
                        self.io = Io::None;
                        self.failure = Some(error);
                        self.reconnect.failed(now());
                    }
                    None => {
                        self.io = Io::None;
                        self.reconnect.ended(now());
                    }
                }
                None
            }
        };
        Poll::Ready(came)
    }

    fn answered(&mut self, result: Result<Answer, Failure>) -> Option<Result<Item, Error>> {
        let now = now();
        let error = match result {
            Ok(answer) => {
                self.reconnect.responded(answer.status, &answer.headers, now, SystemTime::now());
                if self.reconnect.ready_state() != ReadyState::Open {
                    self.io = Io::refused(answer.into_refusal());
                    return None;
                }
                let Answer { url, version, headers, body, .. } = answer;
                self.io = Io::Open(body, Meter::opened());
                tracing::debug!(?version, "stream is open");
                return Some(Ok(Item::Open(Opened { url, version, headers })));
            }
            Err(Failure::Refused(error)) => {
                self.reconnect.close();
                return Some(Err(Error::client(error)));
            }
            Err(Failure::Redirect(error)) => {
                self.reconnect.redirect_refused();
                error
            }
            // A body that is gone cannot be sent again, even if no byte of it was.
            Err(Failure::Unreachable(error)) if self.template.is_there() => {
                self.reconnect.unreachable(now);
                error
            }
            Err(Failure::Unreachable(error) | Failure::Lost(error)) => {
                self.reconnect.failed(now);
                error
            }
        };
        self.failure = Some(error);
        None
    }

    fn poll_timer(&mut self, cx: &mut Context<'_>, until: Instant) -> Poll<()> {
        let until = until.into();
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep_until(until)));
        if timer.deadline() != until {
            timer.as_mut().reset(until);
        }
        timer.as_mut().poll(cx)
    }
}

impl Stream for EventSource {
    type Item = Result<Item, Error>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        loop {
            if this.is_over {
                return Poll::Ready(None);
            }
            match this.take() {
                Ok(None) => {}
                Ok(Some(item)) => return Poll::Ready(Some(Ok(item))),
                Err(error) => {
                    this.is_over = true;
                    return Poll::Ready(Some(Err(error)));
                }
            }
            match this.poll_io(cx) {
                Poll::Pending if matches!(this.io, Io::Refused(_)) => return Poll::Pending,
                Poll::Pending => {}
                Poll::Ready(None) => continue,
                Poll::Ready(Some(item)) => {
                    this.is_over = item.is_err();
                    return Poll::Ready(Some(item));
                }
            }
            let now = now();
            let until = match this.reconnect.step(now) {
                Step::Connect => {
                    let id = this.reconnect.last_event_id_header();
                    let endpoint = this.reconnect.endpoint();
                    this.is_asking = true;
                    let Some(request) = this.template.request(endpoint, id) else {
                        this.reconnect.failed(now);
                        continue;
                    };
                    tracing::debug!(endpoint, "asking for a stream");
                    let client = this.template.client.clone();
                    this.io = Io::connecting(connect(client, request, this.template.may_leave));
                    continue;
                }
                Step::Receive { deadline } => deadline,
                Step::Wait { until, cause } => {
                    this.io = Io::None;
                    if std::mem::take(&mut this.is_asking) {
                        let after = until.saturating_duration_since(now);
                        tracing::debug!(%cause, ?after, "asking again");
                        meter::reconnecting(cause);
                        let cause = Error::lost(cause, this.failure.take(), this.refusal.take());
                        return Poll::Ready(Some(Ok(Item::Reconnecting { after, cause })));
                    }
                    Some(until)
                }
                Step::End(end) => {
                    this.io = Io::None;
                    this.timer = None;
                    this.is_over = true;
                    tracing::debug!(%end, "no more is asked for");
                    let (source, refusal) = (this.failure.take(), this.refusal.take());
                    let error = end.is_error().then(|| Error::ended(end, source, refusal));
                    return Poll::Ready(error.map(Err));
                }
                // A step that is newer than this crate.
                _ => Some(now + Duration::from_secs(1)),
            };
            let Some(until) = until else {
                return Poll::Pending;
            };
            ready!(this.poll_timer(cx, until));
        }
    }
}

impl FusedStream for EventSource {
    fn is_terminated(&self) -> bool {
        self.is_over
    }
}

impl fmt::Debug for EventSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventSource")
            .field("ready_state", &self.ready_state())
            .field("last_event_id", &self.last_event_id())
            .finish_non_exhaustive()
    }
}

/// What tokio's clock says, which a test may have stopped.
fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}
