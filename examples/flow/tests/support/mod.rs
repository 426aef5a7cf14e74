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
use tempfile::TempDir;

/// What serves: a test target whose name ends in `actix` is the same tests on Actix.
pub fn framework() -> &'static str {
    if env!("CARGO_CRATE_NAME").ends_with("actix") { "actix" } else { "axum" }
}

/// The configuration of these arguments, on free ports and a database of its own.
pub fn config(directory: &TempDir, arguments: &[&str]) -> Config {
    let database = format!("sqlite:{}", directory.path().join("flow.db").display());
    let fixed = ["flow", "--port=0", "--backend-port=0", "--database-url", &database];
    let fixed = [&fixed[..], &["--framework", framework()]].concat();
    Config::try_parse_from(fixed.iter().chain(arguments)).expect("the arguments are right")
}

/// The application in this process, both of its roles, with a database that lives as long.
pub struct Fixture {
    pub app: App,
    pub directory: TempDir,
}

impl Fixture {
    /// A run whose events wait for nothing.
    pub async fn quick() -> Self {
        Self::start(&["--interval-ms=0"]).await
    }

    pub async fn start(arguments: &[&str]) -> Self {
        let directory = TempDir::new().expect("a directory");
        let config = config(&directory, arguments);
        let pace = Pace::Every(config.interval());
        let app = App::start(&config, pace).await.expect("the application starts");
        Self { app, directory }
    }

    /// A run whose events wait for a release each.
    pub async fn stepped() -> (Self, Steps) {
        let directory = TempDir::new().expect("a directory");
        let (pace, steps) = Pace::stepped();
        // A test that ends within its bound has not waited for this grace.
        let config = config(&directory, &["--grace=3600"]);
        let app = App::start(&config, pace).await.expect("the application starts");
        (Self { app, directory }, steps)
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
