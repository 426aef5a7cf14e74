//! The program, as the suite that uses it sees it.

use std::process::Command;

use reqwest::Client;
use serde_json::{Value, json};
use testkit::{Answer, BOUND, Process, Scripted, until};

/// The program, and where the suite listens for its callbacks.
struct Suite {
    process: Process,
    url: String,
    client: Client,
    callbacks: Scripted,
}

impl Suite {
    async fn start() -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_contract"));
        command.args(["--port", "0"]);
        // Nothing listens there: whoever takes a proxy from the environment gets nowhere.
        for variable in ["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"] {
            command.env(variable, "http://127.0.0.1:9");
        }
        command.env_remove("NO_PROXY").env_remove("no_proxy");
        let mut process = Process::spawn(&mut command);
        let url = process.line_after("service: ").await;
        let callbacks = Scripted::start((0..50).map(|_| Answer::status(202))).await;
        Self { process, url, client: Client::builder().no_proxy().build().unwrap(), callbacks }
    }

    async fn send(&self, method: &str, path: &str, body: Value) -> reqwest::Response {
        let request = self.client.request(method.parse().unwrap(), format!("{}{path}", self.url));
        request.json(&body).send().await.unwrap()
    }

    /// Starts a stream with these parameters and those that it needs; its path.
    async fn stream(&self, server: &Scripted, mut params: Value) -> String {
        params["streamUrl"] = server.url("/stream").into();
        params["callbackUrl"] = self.callbacks.url("/7").into();
        let response = self.send("POST", "", params).await;
        assert_eq!(response.status(), 201);
        response.headers()["location"].to_str().unwrap().to_owned()
    }

    /// The callbacks, once there are so many.
    async fn told(&self, number: usize) -> Vec<Value> {
        until(BOUND, "callbacks", async || self.callbacks.requests().len() >= number).await;
        let requests = self.callbacks.requests().into_iter().enumerate();
        requests
            .map(|(at, request)| {
                assert_eq!(request.target, format!("/7/{}", at + 1));
                serde_json::from_slice(&request.body).unwrap()
            })
            .collect()
    }
}

fn event(event_type: &str, data: &str, id: &str) -> Value {
    json!({ "kind": "event", "event": { "type": event_type, "data": data, "id": id } })
}

#[tokio::test]
async fn it_says_what_it_can_and_quits_when_told() {
    let mut suite = Suite::start().await;
    let status: Value = suite.send("GET", "", Value::Null).await.json().await.unwrap();
    assert!(status["capabilities"].as_array().unwrap().contains(&"post".into()), "{status}");
    let server = Scripted::start([Answer::stream()]).await;
    suite.stream(&server, json!({})).await;
    server.request(0).await;
    assert_eq!(suite.send("DELETE", "", Value::Null).await.status(), 204);
    server.gone(0).await;
    assert!(suite.process.exit().await.success());
}

#[tokio::test]
async fn events_comments_and_errors_are_told_in_their_order_without_a_proxy_of_the_environment() {
    let suite = Suite::start().await;
    let server = Scripted::start([
        Answer::stream().chunk(":hi\nid: 1\nevent: put\ndata: {}\n\ndata: …\n\n").end(),
        Answer::status(204),
    ])
    .await;
    suite.stream(&server, json!({ "initialDelayMs": 0 })).await;
    assert_eq!(
        suite.told(4).await,
        [
            json!({ "kind": "comment", "comment": "hi" }),
            event("put", "{}", "1"),
            event("message", "…", "1"),
            json!({ "kind": "error", "error": "the stream ended" }),
        ]
    );
    assert_eq!(server.request(1).await.header("last-event-id"), Some("1"));
}

#[tokio::test]
async fn a_stream_is_asked_for_as_the_suite_wants_it() {
    let suite = Suite::start().await;
    let server = Scripted::start([Answer::stream(), Answer::stream()]).await;
    let params = json!({
        "tag": "a test",
        "headers": { "x-a": "b", "content-type": "application/json" },
        "method": "REPORT",
        "body": "{}",
        "lastEventId": "41",
        "readTimeoutMs": 500,
        "initialDelayMs": 0,
    });
    suite.stream(&server, params).await;
    let error = json!({ "kind": "error", "error": "the stream was silent for too long" });
    assert_eq!(suite.told(1).await[0], error);
    for number in 0..2 {
        let request = server.request(number).await;
        assert_eq!((&*request.method, &*request.body), ("REPORT", &b"{}"[..]));
        assert_eq!(request.header("x-a"), Some("b"));
        assert_eq!(request.header("content-type"), Some("application/json"));
        assert_eq!(request.header("last-event-id"), Some("41"));
    }
}

#[tokio::test]
async fn a_stream_is_restarted_and_stopped_and_then_there_is_none() {
    let suite = Suite::start().await;
    let hello = |data| Answer::stream().chunk(format!("data: {data}\n\n"));
    let server = Scripted::start([hello("a"), hello("b")]).await;
    let path = suite.stream(&server, json!({ "initialDelayMs": 0 })).await;
    suite.told(1).await;
    let listen = json!({ "command": "listen", "listen": { "type": "x" } });
    assert_eq!(suite.send("POST", &path, listen).await.status(), 202);
    let restart = json!({ "command": "restart" });
    assert_eq!(suite.send("POST", &path, restart.clone()).await.status(), 202);
    server.gone(0).await;
    assert_eq!(suite.told(2).await, [event("message", "a", ""), event("message", "b", "")]);
    assert_eq!(suite.send("POST", &path, json!({ "command": "dance" })).await.status(), 400);
    assert_eq!(suite.send("DELETE", &path, Value::Null).await.status(), 204);
    server.gone(1).await;
    for method in ["POST", "DELETE"] {
        assert_eq!(suite.send(method, &path, restart.clone()).await.status(), 404);
    }
}

#[tokio::test]
async fn what_ends_for_good_is_told_and_can_still_be_stopped() {
    let suite = Suite::start().await;
    let server = Scripted::start([Answer::redirect(301, "")]).await;
    let path = suite.stream(&server, json!({})).await;
    let error = suite.told(1).await[0]["error"].as_str().unwrap().to_owned();
    assert!(error.contains("must not go"), "{error}");
    assert_eq!(suite.send("DELETE", &path, Value::Null).await.status(), 204);
}

#[tokio::test]
async fn parameters_that_make_no_stream_are_refused() {
    let suite = Suite::start().await;
    for params in [
        json!({}),
        json!({ "streamUrl": "ftp://a", "callbackUrl": "http://127.0.0.1/" }),
        json!({ "streamUrl": "http://127.0.0.1/", "callbackUrl": "", "method": "A B" }),
        json!({ "streamUrl": "http://127.0.0.1/", "callbackUrl": "", "lastEventId": "a\nb" }),
    ] {
        assert_eq!(suite.send("POST", "", params.clone()).await.status(), 400, "{params}");
    }
}
