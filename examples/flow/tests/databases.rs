//! The program on each database, chosen by `DATABASE_URL` alone.

mod support;

use std::net::SocketAddr;
use std::process::{Command, ExitCode};

use flow::message::Kind;
use serde_json::{Value, json};
use support::{Stream, framework, listing};
use testkit::{BOUND, Process, Scratch, Service, Test, until};

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
        let mut value = serde_json::to_value(&message).unwrap();
        value["id"] = event.last_event_id.as_str().into();
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
