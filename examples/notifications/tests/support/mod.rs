//! A running application, and users of it who are no browsers.
#![allow(dead_code, unreachable_pub)]

use std::net::SocketAddr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use clap::Parser as _;
use jsonwebtoken::{EncodingKey, Header};
use notifications::app::App;
use notifications::config::Config;
use reqwest::{Client, RequestBuilder, Response};
use serde_json::{Value, json};
use sse_core::{Decoder, MessageEvent};
use tempfile::TempDir;

pub const KEY: &str = "a key that all instances of a test share";

/// The application in this process, with a database that lives as long.
pub struct Fixture {
    pub app: App,
    pub directory: TempDir,
}

impl Fixture {
    /// One whose tasks wait for nothing.
    pub async fn start(arguments: &[&str]) -> Self {
        let directory = TempDir::new().expect("a directory");
        let app = start(&directory, arguments).await;
        Self { app, directory }
    }

    /// Another instance on the same database.
    pub async fn another(&self, arguments: &[&str]) -> App {
        start(&self.directory, arguments).await
    }

    /// Stops it, and starts it again on the same database.
    pub async fn restart(self) -> Self {
        let Self { app, directory } = self;
        app.stop().await;
        let app = start(&directory, &[]).await;
        Self { app, directory }
    }

    /// Stops it, and starts one in its place that knows nothing of what was before.
    pub async fn replace(self, arguments: &[&str]) -> Self {
        let port = format!("--port={}", self.app.address.port());
        self.app.stop().await;
        Self::start(&[&[&*port], arguments].concat()).await
    }

    pub async fn user(&self, name: &str) -> User {
        User::log_in(self.app.address, name).await
    }
}

pub fn database(directory: &TempDir) -> String {
    format!("sqlite:{}", directory.path().join("notifications.db").display())
}

async fn start(directory: &TempDir, arguments: &[&str]) -> App {
    let database = database(directory);
    // A test that ends within its bound has not waited for this grace.
    let fixed = ["notifications", "--port=0", "--step-ms=0", "--grace=3600"];
    let fixed = [&fixed[..], &["--token-key", KEY, "--database-url", &database]].concat();
    let config = Config::try_parse_from(fixed.iter().chain(arguments)).expect("right arguments");
    App::start(&config).await.expect("the application starts")
}

/// A client with nothing set: no proxy, no pool to share.
pub fn client() -> Client {
    Client::builder().no_proxy().build().expect("a client")
}

/// A token of these claims, signed with this key.
pub fn token(key: &str, name: &str, expires: SystemTime) -> String {
    let expires = expires.duration_since(UNIX_EPOCH).expect("after 1970").as_secs();
    let claims = json!({ "sub": name, "aud": "notifications", "iat": 0, "exp": expires });
    let key = EncodingKey::from_secret(key.as_bytes());
    jsonwebtoken::encode(&Header::default(), &claims, &key).expect("a token")
}

/// A user who is logged in at some instance.
#[derive(Clone)]
pub struct User {
    pub address: SocketAddr,
    pub token: String,
    client: Client,
}

impl User {
    pub async fn log_in(address: SocketAddr, name: &str) -> Self {
        let user = Self { address, token: String::new(), client: client() };
        let login = json!({ "name": name, "password": "demo" });
        let answer = ok(user.post("/api/login", &login)).await;
        Self { token: text(&answer["token"]), ..user }
    }

    /// The same login at another instance.
    pub fn at(&self, address: SocketAddr) -> Self {
        Self { address, ..self.clone() }
    }

    /// With this token, whatever it is.
    pub fn with_token(&self, token: impl Into<String>) -> Self {
        Self { token: token.into(), ..self.clone() }
    }

    pub fn get(&self, path: &str) -> RequestBuilder {
        self.authorized(self.client.get(format!("http://{}{path}", self.address)))
    }

    pub fn post(&self, path: &str, body: &Value) -> RequestBuilder {
        self.authorized(self.client.post(format!("http://{}{path}", self.address))).json(body)
    }

    fn authorized(&self, request: RequestBuilder) -> RequestBuilder {
        if self.token.is_empty() { request } else { request.bearer_auth(&self.token) }
    }

    pub fn ask_ticket(&self, topics: &[&str]) -> RequestBuilder {
        self.post("/api/ticket", &json!({ "topics": topics }))
    }

    pub async fn ticket(&self, topics: &[&str]) -> String {
        text(&ok(self.ask_ticket(topics)).await["ticket"])
    }

    /// Shows a ticket, without the token.
    pub async fn show(&self, ticket: &str) -> Response {
        let path = format!("/api/stream?ticket={ticket}");
        self.with_token("").get(&path).send().await.expect("an answer")
    }

    pub async fn open(&self, topics: &[&str]) -> Stream {
        self.resume(topics, "").await
    }

    /// Opens a stream after this event.
    pub async fn resume(&self, topics: &[&str], last_event_id: &str) -> Stream {
        let ticket = self.ticket(topics).await;
        let path = format!("/api/stream?ticket={ticket}&lastEventId={last_event_id}");
        let response = self.with_token("").get(&path).send().await.expect("an answer");
        Stream::new(response).await
    }

    pub fn send(&self, to: &str, text: &str) -> RequestBuilder {
        self.post("/api/notifications", &json!({ "to": to, "text": text }))
    }

    /// Sends, and gives the id.
    pub async fn sent(&self, to: &str, message: &str) -> String {
        text(&ok(self.send(to, message)).await["id"])
    }

    pub fn join(&self, connection: &str, topic: &str) -> RequestBuilder {
        self.post(&format!("/api/connections/{connection}/join"), &json!({ "topic": topic }))
    }

    pub fn leave(&self, connection: &str, topic: &str) -> RequestBuilder {
        self.post(&format!("/api/connections/{connection}/leave"), &json!({ "topic": topic }))
    }

    pub fn start_task(&self, connection: Option<&str>) -> RequestBuilder {
        self.post("/api/tasks", &json!({ "title": "Report", "connection": connection }))
    }
}

/// What a request is answered with that must not fail.
pub async fn ok(request: RequestBuilder) -> Value {
    let response = request.send().await.expect("an answer");
    let status = response.status();
    let body = response.text().await.expect("a body");
    assert!(status.is_success(), "{status}: {body}");
    if body.is_empty() { Value::Null } else { body.parse().expect("JSON") }
}

/// The status and the code of a problem.
pub async fn problem(request: RequestBuilder) -> (u16, String) {
    problem_of(request.send().await.expect("an answer")).await
}

pub async fn problem_of(response: Response) -> (u16, String) {
    let status = response.status().as_u16();
    let body: Value = response.json().await.expect("a problem is JSON");
    assert!(body["error"]["message"].as_str().is_some_and(|it| !it.is_empty()), "{body}");
    (status, text(&body["error"]["code"]))
}

pub fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("a text, not {value}")).to_owned()
}

/// An open stream, as its client sees it.
pub struct Stream {
    response: Response,
    decoder: Decoder,
    /// The connection's name.
    pub connection: String,
    /// Where it stands.
    pub last_event_id: String,
}

impl Stream {
    pub async fn new(response: Response) -> Self {
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        let (decoder, connection) = (Decoder::new(), String::new());
        let mut stream = Self { response, decoder, connection, last_event_id: String::new() };
        let first = stream.event().await.expect("whole").expect("a first event");
        assert_eq!(first.event_type, "position");
        stream.connection = first.data.to_string();
        stream
    }

    async fn event(&mut self) -> Result<Option<MessageEvent>, reqwest::Error> {
        loop {
            if let Some(event) = self.decoder.next_message().expect("within limits") {
                self.last_event_id = event.last_event_id.to_string();
                return Ok(Some(event));
            }
            match self.response.chunk().await? {
                Some(chunk) => self.decoder.feed(chunk),
                None => return Ok(None),
            }
        }
    }

    /// The next event that is not about the position; `None` at a clean end, an error where it was cut short.
    pub async fn next(&mut self) -> Result<Option<MessageEvent>, reqwest::Error> {
        loop {
            match self.event().await? {
                Some(event) if event.event_type == "position" => {}
                event => return Ok(event),
            }
        }
    }

    /// The next event's type and data.
    pub async fn message(&mut self) -> (String, Value) {
        let next = tokio::time::timeout(testkit::BOUND, self.next()).await.expect("an event");
        let event = next.expect("the stream is whole").expect("the stream goes on");
        let data =
            if event.data.is_empty() { Value::Null } else { event.data.parse().expect("JSON") };
        (event.event_type.to_string(), data)
    }

    /// The text of the next notification, which must be the next event.
    pub async fn notification(&mut self) -> String {
        let (event_type, data) = self.message().await;
        assert_eq!(event_type, "notification", "{data}");
        text(&data["text"])
    }

    pub async fn notifications(&mut self, count: usize) -> Vec<String> {
        let mut texts = Vec::new();
        for _ in 0..count {
            texts.push(self.notification().await);
        }
        texts
    }

    /// Reads a task to its end; gives the percents and the last event's type.
    pub async fn task(&mut self, topic: &str) -> (Vec<u64>, String) {
        let mut percents = Vec::new();
        loop {
            let (event_type, data) = self.message().await;
            match event_type.as_str() {
                "progress" => {
                    assert_eq!(data["task"], topic);
                    percents.push(data["percent"].as_u64().expect("a number"));
                }
                "finished" | "stopped" => {
                    assert_eq!(data["task"], topic);
                    return (percents, event_type);
                }
                other => panic!("{other} in a task: {data}"),
            }
        }
    }
}

/// The percents that a task tells on its way.
pub fn percents() -> Vec<u64> {
    (0..100).step_by(5).collect()
}

pub const HOUR: Duration = Duration::from_secs(3600);
