//! A running application, and a client that is no browser.
#![allow(dead_code, unreachable_pub)]

use std::net::SocketAddr;

use clap::Parser as _;
use flow::app::{App, Part};
use flow::config::Config;
use flow::message::Message;
use flow::pace::{Pace, Steps};
use reqwest::Response;
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
    _database: Scratch,
}

impl Fixture {
    /// A run whose events wait for nothing.
    pub async fn quick() -> Self {
        Self::start(&["--interval-ms=0"]).await
    }

    pub async fn start(arguments: &[&str]) -> Self {
        Self::on(Scratch::new(None).await, arguments, None).await
    }

    /// A run whose events wait for a release each.
    pub async fn stepped() -> (Self, Steps) {
        Self::stepped_on(None).await
    }

    /// The same on the database of this service.
    pub async fn stepped_on(service: Option<Service>) -> (Self, Steps) {
        let (pace, steps) = Pace::stepped();
        let database = Scratch::new(service).await;
        // A test that ends within its bound has not waited for this grace.
        (Self::on(database, &["--grace=3600"], Some(pace)).await, steps)
    }

    async fn on(database: Scratch, arguments: &[&str], pace: Option<Pace>) -> Self {
        let url = database.url();
        let fixed = ["flow", "--port=0", "--backend-port=0", "--framework", framework()];
        let fixed = [&fixed[..], &["--database-url", &url], arguments].concat();
        let config = Config::try_parse_from(fixed).expect("the arguments are right");
        let pace = pace.unwrap_or(Pace::Every(config.interval()));
        let app = App::start(&config, pace).await.expect("the application starts");
        Self { app, _database: database }
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
}

impl Stream {
    pub async fn open(address: SocketAddr, path: &str) -> Self {
        let response = get(address, path).await;
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        Self { response, decoder: Decoder::new() }
    }

    /// The next message; `None` at a clean end, an error where the response was cut short.
    pub async fn next(&mut self) -> Result<Option<(MessageEvent, Message)>, reqwest::Error> {
        loop {
            if let Some(event) = self.decoder.next_message().expect("within limits") {
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
