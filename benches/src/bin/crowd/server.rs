//! The process that serves, on one thread.

use std::convert::Infallible;
use std::io::stdin;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;

use axum::Router;
use axum::extract;
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use axum::serve::ListenerExt as _;
use benches::process::Process;
use benches::{clock, stamp};
use clap::ValueEnum;
use futures_util::{StreamExt as _, stream};
use socket2::{Domain, Socket, Type};
use sse_axum::{Event, Frame, LastEventId, Sse};
use sse_hub::Hub;
use sse_store::{EventStore, MemoryStore, NewEntry, SeaOrmStore, Topic};
use tokio::sync::{broadcast, mpsc};

use crate::counted::Counted;

/// How many connections may wait to be taken.
const BACKLOG: i32 = 4096;
/// How many bytes the kernel takes for a client that does not read; it makes that twice as many.
const UNREAD: usize = 16 * 1024;
/// How many events are appended at a time.
const BATCH: usize = 500;

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Kind {
    /// Our response over a channel, without a hub.
    Channel,
    /// The hub over the store in memory.
    Memory,
    /// The hub over SQLite.
    Sqlite,
}

impl Kind {
    /// Its name, as an argument.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Channel => "channel",
            Self::Memory => "memory",
            Self::Sqlite => "sqlite",
        }
    }
}

/// Prints its address, and does as it is told on standard input, each answered by a line:
///
/// - `cpu`: says how many nanoseconds of CPU time it has used;
/// - `publish n`: publishes so many events at once, on one topic;
/// - `each n`: publishes one event on each of so many topics;
/// - `forget`: deletes what is stored;
/// - `store n`: publishes so many events in several batches, and says the epoch and sequence before;
/// - `reads`: says how many pages and listings of the store were read for subscribers.
#[tokio::main(flavor = "current_thread")]
pub(crate) async fn serve(kind: Kind, window: usize, folder: &Path) {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
    socket.set_send_buffer_size(UNREAD).expect("SO_SNDBUF");
    socket.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into()).expect("a port");
    socket.listen(BACKLOG).expect("a listener");
    socket.set_nonblocking(true).expect("non-blocking");
    let listener = tokio::net::TcpListener::from_std(socket.into()).expect("a runtime");
    println!("{}", listener.local_addr().expect("an address"));
    let listener = listener.tap_io(|stream| stream.set_nodelay(true).expect("TCP_NODELAY"));

    let source = match kind {
        Kind::Channel => Source::Channel(broadcast::Sender::new(256)),
        Kind::Memory => Source::hub(Arc::new(MemoryStore::new()), window),
        Kind::Sqlite => {
            let url = format!("sqlite://{}", folder.join("log.db").display());
            let store = SeaOrmStore::connect(&url).await.expect("a store");
            Source::hub(Arc::new(store), window)
        }
    };
    let responses = source.clone();
    let respond =
        async move |extract::Path(topic), from: LastEventId| responses.respond(topic, from).await;
    let router = Router::new().route("/{topic}", get(respond));
    let serving = async { axum::serve(listener, router).await.expect("a server") };
    tokio::select! {
        () = serving => {}
        () = obey(&source) => {}
    }
}

/// Until standard input ends.
async fn obey(source: &Source) {
    let (sender, mut orders) = mpsc::unbounded_channel();
    thread::spawn(move || {
        for line in stdin().lines() {
            let Ok(()) = sender.send(line.expect("its input")) else { return };
        }
    });
    while let Some(order) = orders.recv().await {
        let (order, count) = order.split_once(' ').unwrap_or((&order, "0"));
        let count = count.parse().expect("a number");
        let answer = match order {
            "cpu" => clock::cpu().to_string(),
            "publish" => source.publish(vec![0; count]).await,
            "each" => source.publish((0..count).collect()).await,
            "forget" => source.forget().await,
            "store" => source.store(count).await,
            "reads" => source.reads(),
            other => panic!("no order: {other}"),
        };
        println!("{answer}");
    }
}

/// Where events come from.
#[derive(Clone)]
enum Source {
    Channel(broadcast::Sender<Frame>),
    Hub(Hub, Arc<Counted>),
}

fn topic(number: usize) -> Topic {
    Topic::new(format!("topic/{number}")).expect("a topic")
}

fn event() -> Event {
    Event::new(stamp::data(clock::now()))
}

impl Source {
    fn hub(store: Arc<dyn EventStore>, window: usize) -> Self {
        let store = Arc::new(Counted::new(store));
        let hub = Hub::builder(store.clone())
            .window(window)
            .max_connections(usize::MAX)
            .stall(Duration::from_secs(3600));
        Self::Hub(hub.build(), store)
    }

    async fn respond(&self, number: usize, from: LastEventId) -> Response {
        match self {
            Self::Channel(frames) => {
                let frames = stream::unfold(frames.subscribe(), |mut receiver| async {
                    let frame =
                        receiver.recv().await.expect("the channel holds what is on its way");
                    Some((Ok::<_, Infallible>(frame), receiver))
                });
                Sse::new(frames).into_response()
            }
            Self::Hub(hub, _) => {
                let subscribe = hub.subscribe([topic(number)]);
                Sse::new(subscribe.resume_from(from.0).await.expect("a hub")).into_response()
            }
        }
    }

    /// Publishes an event on each of these topics.
    async fn publish(&self, topics: Vec<usize>) -> String {
        match self {
            Self::Channel(frames) => {
                for _ in topics {
                    frames.send(event().to_frame()).expect("they are connected");
                }
            }
            Self::Hub(hub, _) => {
                for topics in topics.chunks(BATCH) {
                    let entry = |number: &usize| NewEntry::new(topic(*number), event());
                    hub.append(topics.iter().map(entry).collect()).await.expect("a store");
                }
            }
        }
        String::new()
    }

    /// Deletes what is stored, and has arrived where it was to.
    async fn forget(&self) -> String {
        if let Self::Hub(_, store) = self {
            store.trim(0).await.expect("a store");
        }
        String::new()
    }

    /// Publishes so many events, and waits until they are no longer in the window.
    async fn store(&self, count: usize) -> String {
        let Self::Hub(hub, _) = self else { panic!("no store") };
        let before = hub.store().head().await.expect("a store");
        let mut reader = hub.subscribe([topic(0)]).await.expect("a hub");
        for from in (0..count).step_by(BATCH) {
            let batch = (from..count.min(from + BATCH)).map(|_| NewEntry::new(topic(0), event()));
            let last = hub.append(batch.collect()).await.expect("a store");
            while reader.position() < *last.last().expect("a position") {
                reader.next().await.expect("no end").expect("a store");
            }
        }
        format!("{} {}", before.epoch(), before.sequence())
    }

    fn reads(&self) -> String {
        let Self::Hub(_, store) = self else { panic!("no store") };
        let count = |count: &std::sync::atomic::AtomicUsize| count.load(Ordering::Relaxed);
        format!("{} {}", count(&store.reads), count(&store.listings))
    }
}

/// A process that serves, and its address.
pub(crate) fn start(kind: Kind, window: usize, folder: &Path) -> (Process, SocketAddr) {
    let folder = folder.to_str().expect("a name");
    let mut server = Process::start(&["serve", kind.name(), &window.to_string(), folder]);
    let address = server.line().parse().expect("an address");
    (server, address)
}
