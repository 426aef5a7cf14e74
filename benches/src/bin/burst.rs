//! Prints what one client's burst costs the server, through Axum: events per second of its CPU time,
//! for our response, for a subscription of the hub and for Axum's own, over a real connection on
//! loopback.
//!
//! The server is a process of its own, so that its CPU time is its own; they take turns, and the
//! best of each counts.

#![allow(clippy::print_stdout, clippy::expect_used, clippy::panic)]

use std::convert::Infallible;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, LazyLock};
use std::task::{Poll, ready};

use axum::Router;
use axum::response::IntoResponse as _;
use axum::routing::get;
use axum::serve::ListenerExt as _;
use futures_util::{FutureExt as _, Stream, StreamExt as _, stream};
use sse_core::{Event, Frames};
use sse_hub::{Batches, Hub, HubError, Subscription};
use sse_store::{MemoryStore, NewEntry, Position, Topic};

/// How many events a contender sends.
const EVENTS: usize = 2_000_000;
/// How many of them the hub is given at a time.
const BURST: usize = 1_000;
const ROUNDS: usize = 4;
const CONTENDERS: [&str; 5] = ["ours", "hub", "hub in batches", "hub, published anew", "axum"];

fn main() {
    match std::env::args().nth(1) {
        Some(contender) => serve(&contender),
        None => compare(),
    }
}

/// Of 100 bytes on the wire, as each contender writes it.
fn data() -> String {
    "x".repeat(92)
}

#[tokio::main(flavor = "current_thread")]
async fn serve(contender: &str) {
    let ours = || async {
        let frame = Event::new(data()).to_frame();
        sse_axum::Sse::new(stream::iter(std::iter::repeat_n(frame, EVENTS))).into_response()
    };
    let axum = || async {
        let event = axum::response::sse::Event::default().data(data());
        let events = std::iter::repeat_n(event, EVENTS).map(Ok::<_, Infallible>);
        axum::response::Sse::new(stream::iter(events)).into_response()
    };
    let hub = || async {
        let walks = walked_again().await;
        sse_axum::Sse::new(walks.flat_map(|walk| walk.take(BURST)))
    };
    let in_batches = || async {
        let walks = walked_again().await;
        sse_axum::Sse::new(walks.flat_map(|walk| burst_of(walk.in_batches())))
    };
    let published = || async { sse_axum::Sse::new(published_anew().await) };
    let router = match contender {
        "ours" => Router::new().route("/", get(ours)),
        "hub" => Router::new().route("/", get(hub)),
        "hub in batches" => Router::new().route("/", get(in_batches)),
        "hub, published anew" => Router::new().route("/", get(published)),
        _ => Router::new().route("/", get(axum)),
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    println!("{}", listener.local_addr().expect("an address"));
    let listener = listener.tap_io(|stream| drop(stream.set_nodelay(true)));
    axum::serve(listener, router).await.expect("a server");
}

/// The hub, over its store in memory: made where it is used first, in the server's runtime.
static HUB: LazyLock<Hub> = LazyLock::new(|| Hub::new(Arc::new(MemoryStore::new())));
const TOPIC: &str = "news";

fn publish() {
    let topic = Topic::new(TOPIC).expect("a topic");
    let entries = (0..BURST).map(|_| NewEntry::new(topic.clone(), Event::new(data())));
    let appended = HUB.append(entries.collect());
    appended.now_or_never().expect("the store in memory does not wait").expect("a store");
}

async fn subscribe(from: Option<Position>) -> Subscription {
    let mut subscription = HUB.subscribe([TOPIC]).resume_from(from).await.expect("a hub");
    // Where it stands is no event of the burst.
    subscription.next().await.expect("an opening").expect("a store");
    subscription
}

/// One burst, published once, and one subscription after the other that begins before it.
async fn walked_again() -> impl Stream<Item = Subscription> {
    let start = HUB.subscribe([TOPIC]).await.expect("a hub").position();
    publish();
    stream::iter(0..EVENTS / BURST).then(move |_| subscribe(Some(start)))
}

/// A burst, and no more of what has it.
fn burst_of(batches: Batches) -> impl Stream<Item = Result<Frames, HubError>> {
    stream::unfold((batches, BURST), async |(mut batches, left)| {
        let given = if left == 0 { None } else { batches.next().await };
        let more = given.as_ref().and_then(|it| it.as_ref().ok()).map_or(0, Frames::len);
        given.map(|it| (it, (batches, left - more)))
    })
    .boxed()
}

/// One burst after the other, each published when the one before was given, and deleted then.
async fn published_anew() -> impl Stream<Item = Result<sse_core::Frame, HubError>> {
    let mut subscription = subscribe(None).await;
    let mut left = 0;
    let bursts = stream::poll_fn(move |cx| {
        if left == 0 {
            left = BURST;
            let purged = HUB.store().trim(0);
            purged.now_or_never().expect("the store in memory does not wait").expect("a store");
            publish();
        }
        let frame = ready!(subscription.poll_next_unpin(cx));
        left -= 1;
        Poll::Ready(frame)
    });
    bursts.take(EVENTS)
}

fn compare() {
    let mut best = [f64::MAX; CONTENDERS.len()];
    for _ in 0..ROUNDS {
        for (contender, best) in CONTENDERS.iter().zip(&mut best) {
            *best = burst(contender).min(*best);
        }
    }
    println!("one client, {EVENTS} events of 100 bytes in one burst after the other, through Axum");
    for (contender, seconds) in CONTENDERS.iter().zip(best) {
        println!(
            "  {contender:<19} {:>6.2} M events per CPU second {:>6.2}x",
            EVENTS as f64 / seconds / 1e6,
            best[CONTENDERS.len() - 1] / seconds
        );
    }
}

/// The CPU seconds that a server takes for one burst.
fn burst(contender: &str) -> f64 {
    let program = std::env::current_exe().expect("this program");
    let mut server = Command::new(program)
        .arg(contender)
        .stdout(Stdio::piped())
        .spawn()
        .expect("the server starts");
    let mut address = String::new();
    let output = server.stdout.take().expect("its output");
    BufReader::new(output).read_line(&mut address).expect("an address");
    let before = cpu_seconds(&server);
    let received = receive(address.trim());
    let seconds = cpu_seconds(&server) - before;
    server.kill().expect("it still runs");
    server.wait().expect("it ends");
    assert!(received >= EVENTS * 100, "{contender}: {received} bytes");
    seconds
}

/// Reads the whole response, and says how long it is.
fn receive(address: &str) -> usize {
    let mut stream = TcpStream::connect(address).expect("a connection");
    let request = b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
    stream.write_all(request).expect("a request");
    let mut buffer = vec![0; 1 << 20];
    let mut len = 0;
    loop {
        match stream.read(&mut buffer).expect("a response") {
            0 => return len,
            read => len += read,
        }
    }
}

/// The CPU time of a process so far, by `/proc`: ticks of 10 ms.
fn cpu_seconds(process: &Child) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", process.id())).expect("Linux");
    let fields: Vec<&str> = stat.rsplit(')').next().expect("fields").split_whitespace().collect();
    let ticks = |at: usize| fields[at].parse::<f64>().expect("a number");
    (ticks(11) + ticks(12)) / 100.0
}
