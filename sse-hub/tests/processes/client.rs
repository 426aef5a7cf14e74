//! A client: reads its topics through the proxy, and comes again whenever it is cut off.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::StreamExt as _;
use sse_client::{Backoff, Error, EventId, EventSource, Item, MessageEvent};
use sse_hub::told;
use sse_store::{EventStore as _, Position, SeaOrmStore};

use crate::program::{Begin, LAST, Plan, topic};
use crate::progress::Progress;

/// What a client was told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Told {
    /// An event: its id, its topic and its data.
    Event(Position, String, String),
    /// That it has all up to here.
    Position(Position),
}

/// What has become of a client so far.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    /// After which position it began, once that is known.
    pub(crate) start: Option<Position>,
    pub(crate) told: Vec<Told>,
    /// How often a hub has opened a stream for it, also where the proxy asked for it.
    pub(crate) streams: usize,
    /// The last that happened to its connection.
    pub(crate) connection: String,
    /// What must not have happened.
    pub(crate) fault: Option<String>,
}

/// What a client does next.
enum Next {
    Wait,
    /// It was given an event.
    Event,
    /// It has all, or what it must not have.
    End,
}

#[derive(Debug, Clone)]
pub(crate) struct Client {
    pub(crate) number: usize,
    pub(crate) plan: Plan,
    pub(crate) seen: Arc<Mutex<Seen>>,
}

impl Client {
    pub(crate) fn new(number: usize, plan: Plan) -> Self {
        Self { number, plan, seen: Arc::default() }
    }

    /// Reads until it has the last event of its last topic.
    pub(crate) async fn run(self, front: SocketAddr, store: SeaOrmStore, progress: Arc<Progress>) {
        let plan = &self.plan;
        progress.reaches(plan.comes_at).await;
        let mut source = self.source(front, &store).await;
        while let Some(item) = source.next().await {
            match self.seen.lock().unwrap().take(plan, item) {
                Next::Wait => continue,
                Next::End => return,
                Next::Event => progress.delivered(),
            }
            if is_time(plan.hangs_up) {
                source.restart();
            }
            if is_time(plan.naps) {
                progress.reaches(progress.events() + 300).await;
            }
        }
        self.seen.lock().unwrap().fault = Some("the stream was ended for good".to_owned());
    }

    async fn source(&self, front: SocketAddr, store: &SeaOrmStore) -> EventSource {
        let path = if self.plan.is_resumed { "resumed" } else { "events" };
        let mut url = format!("http://{front}/{path}?");
        for number in &self.plan.topics {
            url += &format!("topic={}&", topic(*number));
        }
        let wait = Backoff::new().bounds(Duration::from_millis(1), Duration::from_millis(50));
        let start = match self.plan.begin {
            Begin::Now => None,
            Begin::Start => {
                url += "from=start";
                Some(Position::START)
            }
            Begin::Somewhere => {
                let head = store.head().await.unwrap();
                Some(Position::new(head.epoch(), fastrand::u64(..=head.sequence())))
            }
        };
        let mut source = EventSource::builder(url).backoff(wait);
        if let (Begin::Somewhere, Some(start)) = (self.plan.begin, start) {
            source = source.last_event_id(EventId::from(start));
        }
        self.seen.lock().unwrap().start = start;
        source.build().unwrap()
    }
}

/// By chance, once in so many times.
fn is_time(once_in: Option<u32>) -> bool {
    once_in.is_some_and(|times| fastrand::u32(..times) == 0)
}

impl Seen {
    fn take(&mut self, plan: &Plan, item: Result<Item, Error>) -> Next {
        match item {
            Ok(Item::Open(_)) => {
                self.connection = "open".to_owned();
                Next::Wait
            }
            Ok(Item::Message(message)) => self.message(plan, message).unwrap_or_else(|fault| {
                self.fault = Some(fault);
                Next::End
            }),
            Ok(other) => {
                self.connection = format!("{other:?}");
                Next::Wait
            }
            Err(error) => {
                self.fault = Some(error.to_string());
                Next::End
            }
        }
    }

    /// An event of its topics, or where it stands: anything else must not be told.
    fn message(&mut self, plan: &Plan, message: MessageEvent) -> Result<Next, String> {
        let MessageEvent { event_type, data, last_event_id, .. } = message;
        let position = last_event_id.as_str().parse::<Position>();
        let position = position
            .map_err(|_| format!("it was told {event_type} {data:?} at {last_event_id:?}"))?;
        if event_type == told::POSITION {
            // Who begins with what comes is told first from where on.
            self.start.get_or_insert(position);
            self.streams += usize::from(!data.is_empty());
            self.told.push(Told::Position(position));
            return Ok(Next::Wait);
        }
        let mut own = plan.topics.iter();
        let topic = own.find(|number| topic(**number).as_str() == event_type.as_str());
        let topic =
            topic.ok_or_else(|| format!("it was told {event_type} {data:?} at {position}"))?;
        if let Some(last) = self.last_event()
            && (last >= position || last.epoch() != position.epoch())
        {
            return Err(format!("it was given {position} after {last}"));
        }
        let is_last = data == LAST && *topic == plan.last_topic();
        self.told.push(Told::Event(position, event_type.to_string(), data));
        Ok(if is_last { Next::End } else { Next::Event })
    }

    fn last_event(&self) -> Option<Position> {
        self.told.iter().rev().find_map(|told| match told {
            Told::Event(position, ..) => Some(*position),
            Told::Position(_) => None,
        })
    }

    /// How many events it was given.
    pub(crate) fn events(&self) -> usize {
        self.told.iter().filter(|told| matches!(told, Told::Event(..))).count()
    }
}
