//! The program on each database, chosen by `DATABASE_URL` alone.

mod support;

use std::net::SocketAddr;
use std::process::{Command, ExitCode};

use flow::message::{Kind, Message};
use serde_json::{Value, json};
use sse_core::MessageEvent;
use support::{Fixture, Stream, client, framework, get, listing};
use testkit::{BOUND, Process, Scratch, Service, Test, test, until};
use tokio::time::timeout;

fn main() -> ExitCode {
    use Service::{MariaDb, Postgres};
    let restart = |name, service: Option<Service>| {
        Test::new(name, Vec::from_iter(service), async move || {
            what_is_stored_outlives_the_process(Scratch::new(service).await).await;
        })
    };
    let two = |name, service: Option<Service>| {
        Test::new(name, Vec::from_iter(service), async move || {
            two_backends_show_one_history(Scratch::new(service).await).await;
        })
    };
    testkit::run([
        restart("what_is_stored_outlives_the_process_on_sqlite", None),
        restart("what_is_stored_outlives_the_process_on_postgres", Some(Postgres)),
        restart("what_is_stored_outlives_the_process_on_mysql", Some(MariaDb)),
        two("two_backends_show_one_history_on_sqlite", None),
        two("two_backends_show_one_history_on_postgres", Some(Postgres)),
        two("two_backends_show_one_history_on_mysql", Some(MariaDb)),
        test!(a_store_that_fails_in_mid_run_breaks_the_stream_and_the_next_run_says_reset),
    ])
}

/// A backend in a process of its own.
struct Backend {
    process: Process,
    address: SocketAddr,
}

impl Backend {
    async fn start(database: &Scratch, arguments: &[&str]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_flow"));
        command.args(["--role=backend", "--port=0", "--framework", framework()]).args(arguments);
        let mut process = Process::spawn(command.env("DATABASE_URL", database.url()));
        let address = process.line_after("backend: http://").await.parse().unwrap();
        Self { process, address }
    }

    async fn stream(&self) -> Stream {
        Stream::open(self.address, "/sse?sessionId=s").await
    }

    /// What it lists of the session.
    async fn events(&self) -> Value {
        listing(self.address, "/events?sessionId=s").await["events"].clone()
    }
}

/// The rest of a run, as it must be listed; how it ended.
async fn rest_of(mut stream: Stream) -> (Vec<Value>, Kind) {
    let mut received = Vec::new();
    loop {
        let (event, message) = stream.message().await;
        let value = listed(&event, &message);
        if message.kind == Kind::Superseded {
            return (received, message.kind);
        }
        received.push(value);
        if message.kind == Kind::Complete {
            return (received, message.kind);
        }
    }
}

async fn what_is_stored_outlives_the_process(database: Scratch) {
    let mut backend = Backend::start(&database, &["--interval-ms=0"]).await;
    let (received, _) = rest_of(backend.stream().await).await;
    assert_eq!(received.len(), 7);
    backend.process.kill();
    let again = Backend::start(&database, &["--interval-ms=0"]).await;
    assert_eq!(again.events().await, json!(received));
    // What comes next comes after it.
    let (next, _) = rest_of(again.stream().await).await;
    let position = |event: &Value| event["id"].as_str().unwrap().parse().unwrap();
    let (before, after): (sse_store::Position, sse_store::Position) =
        (position(&received[6]), position(&next[0]));
    assert!(before < after);
    assert_eq!(again.events().await, json!(next));
}

async fn two_backends_show_one_history(database: Scratch) {
    let one = Backend::start(&database, &["--interval-ms=20", "--count=10000"]).await;
    let other = Backend::start(&database, &["--interval-ms=20"]).await;
    // A run through the one, which does not come to its end by itself, is listed by the other as it goes.
    let mut old = one.stream().await;
    let (first, _) = old.message().await;
    for backend in [&one, &other] {
        until(BOUND, "some events are listed", async || {
            let events = backend.events().await;
            let events = events.as_array().unwrap();
            assert_eq!(events[0]["id"], first.last_event_id.as_str());
            events.len() > 3
        })
        .await;
    }
    // A new run through the other ends that of the one.
    let new = other.stream().await;
    let (rest, end) = rest_of(old).await;
    assert_eq!(end, Kind::Superseded);
    let (received, end) = rest_of(new).await;
    assert!(rest.iter().all(|event| !received.contains(event)), "each shows its own");
    assert_eq!((received.len(), end), (7, Kind::Complete));
    for backend in [&one, &other] {
        assert_eq!(backend.events().await, json!(received));
    }
}

async fn a_store_that_fails_in_mid_run_breaks_the_stream_and_the_next_run_says_reset() {
    let (site, steps) = Fixture::stepped().await;
    let runs = site.app.runs.clone().unwrap();
    let path = "/api/sse?sessionId=s";
    let mut stream = Stream::open(site.front(), path).await;
    let mut received = Vec::new();
    for _ in 0..3 {
        steps.release();
        let (event, message) = stream.message().await;
        received.push(listed(&event, &message));
    }
    site.database().refuse().await;
    steps.release();
    let last = timeout(BOUND, stream.next()).await.expect("no hang");
    assert!(last.is_err(), "a run that failed must not look like a clean end");
    until(BOUND, "the run is over", async || runs.count() == 0).await;

    // What was stored is read, and no run can begin: nothing is deleted, and who asks is told to come back.
    let events = listing(site.front(), "/api/events?sessionId=s").await;
    assert_eq!((&events["events"], &events["status"]), (&json!(received), &json!("exact")));
    let last = stream.last_event_id().to_owned();
    let path_after = format!("{path}&lastEventId={last}");
    for path in [path, &path_after] {
        let url = format!("http://{}{path}", site.front());
        let answer = client().get(url).header("accept", "text/event-stream").send().await.unwrap();
        assert_eq!(answer.status(), 200);
        let told = answer.text().await.unwrap();
        assert!(told.starts_with("retry:") && !told.contains("data:"), "{told}");
        let path = path.trim_start_matches("/api");
        assert_eq!(get(site.backend(), path).await.status(), 503);
    }
    assert_eq!(runs.count(), 0);
    assert_eq!(listing(site.front(), "/api/events?sessionId=s").await, events);

    site.database().accept().await;
    let mut stream = Stream::resume(site.front(), path, &last).await;
    stream.position().await;
    assert_eq!(stream.named, ["reset", "position"]);
    let mut received = Vec::new();
    for _ in 0..7 {
        steps.release();
        let (event, message) = stream.message().await;
        received.push(listed(&event, &message));
    }
    let events = listing(site.front(), "/api/events?sessionId=s").await;
    assert_eq!(events["events"], json!(received));
}

/// What must be listed of an event.
fn listed(event: &MessageEvent, message: &Message) -> Value {
    let mut value = serde_json::to_value(message).unwrap();
    value["id"] = event.last_event_id.as_str().into();
    value
}
