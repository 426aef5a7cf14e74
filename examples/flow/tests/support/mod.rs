//! A running application, and a client that is no browser.
#![allow(dead_code, unreachable_pub)]

use std::fmt::Display;
use std::net::SocketAddr;
use std::sync::Arc;

use clap::Parser as _;
use flow::app::{App, Part};
use flow::config::Config;
use flow::message::Message;
use flow::pace::{Pace, Steps};
use reqwest::Response;
use sea_orm::ConnectionTrait as _;
use serde_json::Value;
use sse_core::{Decoder, MessageEvent};
use testkit::{Scratch, Service};

/// What serves: a test target whose name ends in `actix` is the same tests on Actix.
pub fn framework() -> &'static str {
    if env!("CARGO_CRATE_NAME").ends_with("actix") { "actix" } else { "axum" }
}

/// The application in this process, both of its roles, with a database of its own that lives as long.
pub struct Fixture {
    pub app: App,
    database: Database,
}

/// A database, and what it lives in.
#[derive(Clone)]
pub struct Database {
    url: String,
    _place: Arc<dyn Send + Sync>,
}

impl Database {
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Takes nothing more to be written; what is there is read.
    pub async fn refuse(&self) {
        let refuse =
            "CREATE TRIGGER refuse BEFORE INSERT ON sse_entry BEGIN SELECT RAISE(ABORT, 'no'); END";
        self.run(refuse).await;
    }

    /// Takes what is written again.
    pub async fn accept(&self) {
        self.run("DROP TRIGGER refuse").await;
    }

    async fn run(&self, sql: &str) {
        let db = sea_orm::Database::connect(&self.url).await.expect("a database");
        db.execute_unprepared(sql).await.expect("it runs");
        db.close().await.expect("it closes");
    }
}

impl From<Scratch> for Database {
    fn from(scratch: Scratch) -> Self {
        Self { url: scratch.url(), _place: Arc::new(scratch) }
    }
}

impl Fixture {
    /// A run whose events wait for nothing.
    pub async fn quick() -> Self {
        Self::start(&["--interval-ms=0"]).await
    }

    pub async fn start(arguments: &[&str]) -> Self {
        Self::on(Scratch::new(None).await.into(), arguments, None).await
    }

    pub fn database(&self) -> &Database {
        &self.database
    }

    /// Another one on the same database.
    pub async fn beside(&self, arguments: &[&str]) -> Self {
        Self::on(self.database.clone(), arguments, None).await
    }

    /// Stops it, and gives its database.
    pub async fn stop(self) -> Database {
        self.app.stop().await;
        self.database
    }

    /// A run whose events wait for a release each.
    pub async fn stepped() -> (Self, Steps) {
        Self::stepped_on(None).await
    }

    /// The same on the database of this service.
    pub async fn stepped_on(service: Option<Service>) -> (Self, Steps) {
        Self::stepped_in(Scratch::new(service).await.into()).await
    }

    /// The same on a database that is there.
    pub async fn stepped_in(database: Database) -> (Self, Steps) {
        let (pace, steps) = Pace::stepped();
        // A test that ends within its bound has not waited for this grace.
        (Self::on(database, &["--grace=3600"], Some(pace)).await, steps)
    }

    async fn on(database: Database, arguments: &[&str], pace: Option<Pace>) -> Self {
        let fixed = ["flow", "--backend-port=0", "--framework", framework()];
        let fixed = [&fixed[..], &["--database-url", &database.url]].concat();
        let port = arguments.iter().any(|argument| argument.starts_with("--port="));
        let any: &[&str] = if port { &[] } else { &["--port=0"] };
        let fixed = [&fixed[..], any, arguments].concat();
        let config = Config::try_parse_from(fixed).expect("the arguments are right");
        let pace = pace.unwrap_or(Pace::Every(config.interval()));
        let app = App::start(&config, pace).await.expect("the application starts");
        Self { app, database }
    }

    pub fn front(&self) -> SocketAddr {
        address(&self.app.front)
    }

    pub fn backend(&self) -> SocketAddr {
        address(&self.app.backend)
    }
}

fn address(part: &Option<Part>) -> SocketAddr {
    part.as_ref().expect("this role runs").address
}

/// A client with nothing set: no proxy, no pool to share.
pub fn client() -> reqwest::Client {
    reqwest::Client::builder().no_proxy().build().expect("a client")
}

pub async fn get(address: SocketAddr, path: &str) -> Response {
    client().get(format!("http://{address}{path}")).send().await.expect("an answer")
}

/// What is stored of a session, as the application lists it.
pub async fn listing(address: SocketAddr, path: &str) -> Value {
    let response = get(address, path).await;
    assert_eq!(response.status(), 200, "{path}");
    response.json().await.expect("a listing is JSON")
}

/// An open stream, as its client sees it.
pub struct Stream {
    response: Response,
    decoder: Decoder,
    /// The types of the events that a plain `onmessage` page does not see.
    pub named: Vec<String>,
}

impl Stream {
    pub async fn open(address: SocketAddr, path: &str) -> Self {
        let response = get(address, path).await;
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        Self::of(response)
    }

    /// The stream of an answer.
    pub fn of(response: Response) -> Self {
        Self { response, decoder: Decoder::new(), named: Vec::new() }
    }

    /// Reads on until the client has an id, and gives it: what the first event is for.
    pub async fn position(&mut self) -> String {
        while self.last_event_id().is_empty() {
            while let Some(event) = self.decoder.next_message().expect("within limits") {
                assert_ne!(event.event_type, "message", "the position comes first");
                self.named.push(event.event_type.to_string());
            }
            if self.last_event_id().is_empty() {
                let chunk = self.response.chunk().await.expect("the stream is whole");
                self.decoder.feed(chunk.expect("the stream goes on"));
            }
        }
        self.last_event_id().to_owned()
    }

    /// Opens the session's stream after an event.
    pub async fn resume(address: SocketAddr, path: &str, last_event_id: impl Display) -> Self {
        Self::open(address, &format!("{path}&lastEventId={last_event_id}")).await
    }

    /// The id of the last event that came, named ones too: what a browser sends when it comes back.
    pub fn last_event_id(&self) -> &str {
        self.decoder.last_event_id()
    }

    /// The next message; `None` at a clean end, an error where the response was cut short.
    pub async fn next(&mut self) -> Result<Option<(MessageEvent, Message)>, reqwest::Error> {
        loop {
            if let Some(event) = self.decoder.next_message().expect("within limits") {
                if event.event_type != "message" {
                    self.named.push(event.event_type.to_string());
                    continue;
                }
                let message = serde_json::from_str(&event.data).expect("the documented wire");
                return Ok(Some((event, message)));
            }
            match self.response.chunk().await? {
                Some(chunk) => self.decoder.feed(chunk),
                None => return Ok(None),
            }
        }
    }

    pub async fn message(&mut self) -> (MessageEvent, Message) {
        self.next().await.expect("the stream is whole").expect("the stream goes on")
    }
}
