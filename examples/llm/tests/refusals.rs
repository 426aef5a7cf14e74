//! What is refused, by whom, and what the page may see of it.

mod support;

use serde_json::{Value, json};
use support::{Fixture, client, post, question};
use testkit::{Answer, Conn, NOWHERE, Scripted};

const KEY: &str = "sk-very-secret";

/// The question with this in the place of one field; null leaves the field out.
fn with(field: &str, value: Value) -> Value {
    let mut question = question();
    question[field] = value;
    question
}

#[tokio::test]
async fn bad_input_is_refused_in_the_form_of_the_api() {
    let site = Fixture::quick().await;
    let turns = |role: &str, content: Value| json!([{ "role": role, "content": content }]);
    let invalid = "invalid_request_error";
    for (body, status, param, code) in [
        (json!([]), 400, None, None),
        (json!("x"), 400, None, None),
        (with("model", Value::Null), 400, Some("model"), None),
        (with("model", json!(7)), 400, Some("model"), None),
        (with("model", json!("gpt")), 404, Some("model"), Some("model_not_found")),
        (with("stream", Value::Null), 400, Some("stream"), None),
        (with("stream", json!(false)), 400, Some("stream"), None),
        (with("stream", json!("yes")), 400, Some("stream"), None),
        (with("messages", Value::Null), 400, Some("messages"), None),
        (with("messages", json!([])), 400, Some("messages"), None),
        (with("messages", json!("Hi")), 400, Some("messages"), None),
        (with("messages", turns("user", Value::Null)), 400, Some("messages"), None),
        (with("messages", turns("user", json!(" \n"))), 400, Some("messages"), None),
        (with("messages", turns("system", json!("Hi"))), 400, Some("messages"), None),
        (with("messages", turns("nobody", json!("Hi"))), 400, Some("messages"), None),
        (with("max_tokens", json!(0)), 400, Some("max_tokens"), None),
        (with("max_tokens", json!(-1)), 400, Some("max_tokens"), None),
        (with("max_tokens", json!(1.5)), 400, Some("max_tokens"), None),
    ] {
        let answer = post(&client(false), site.front(), &body).send().await.unwrap();
        assert_eq!(answer.status(), status, "{body}");
        assert_eq!(answer.headers()["content-type"], "application/json");
        let error: Value = answer.json().await.unwrap();
        let said = &error["error"];
        assert_eq!(
            (&said["type"], &said["param"], &said["code"]),
            (&json!(invalid), &json!(param), &json!(code)),
            "{body}"
        );
        assert!(said["message"].as_str().is_some_and(|it| !it.is_empty()), "{body}");
    }
    assert_eq!(site.latest(), None, "no token was thought of");
}

#[tokio::test]
async fn a_body_that_is_no_json_or_too_much_is_refused() {
    let site = Fixture::quick().await;
    // One byte too many: what is refused while more of it comes may be lost with its connection.
    let much = "x".repeat((2 << 20) + 1);
    for (body, status) in [("{\"model\":", 400), ("", 400), (&much, 413)] {
        let url = format!("http://{}/api/chat", site.front());
        let request = client(false).post(url).header("content-type", "application/json");
        let answer = request.body(body.to_owned()).send().await.unwrap();
        assert_eq!(answer.status(), status);
        let error: Value = answer.json().await.unwrap();
        assert_eq!(error["error"]["type"], "invalid_request_error");
    }
}

#[tokio::test]
async fn the_front_refuses_what_it_need_not_forward() {
    let site = Fixture::quick().await;
    let form = "application/x-www-form-urlencoded";
    for (method, path, content_type, status, code) in [
        ("POST", "/api/chat", Some("text/plain"), 415, "not_json"),
        ("POST", "/api/chat", Some(form), 415, "not_json"),
        ("POST", "/api/chat", None, 415, "not_json"),
        ("GET", "/api/chat", None, 405, "method_not_allowed"),
        ("PUT", "/api/chat", Some("application/json"), 405, "method_not_allowed"),
        ("GET", "/api/nothing", None, 404, "not_found"),
        ("GET", "/v1/chat/completions", None, 404, "not_found"),
    ] {
        let url = format!("http://{}{path}", site.front());
        let mut request =
            client(false).request(method.parse().unwrap(), url).body(question().to_string());
        if let Some(content_type) = content_type {
            request = request.header("content-type", content_type);
        }
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), status, "{method} {path} {content_type:?}");
        let error: Value = answer.json().await.unwrap();
        assert_eq!(error["error"]["code"], code, "{method} {path}");
    }
    assert_eq!(site.latest(), None);
}

#[tokio::test]
async fn a_busy_model_says_when_to_come_again() {
    let site = Fixture::quick().await;
    let busy = with("model", json!("scripted-busy"));
    let answer = post(&client(false), site.front(), &busy).send().await.unwrap();
    assert_eq!(answer.status(), 429);
    assert_eq!(answer.headers()["retry-after"], "7");
    let error: Value = answer.json().await.unwrap();
    assert_eq!(error["error"]["code"], "rate_limit_exceeded");
    assert_eq!(site.latest(), None);
}

#[tokio::test]
async fn a_model_that_cannot_be_reached_is_a_502() {
    let site = Fixture::front_of(NOWHERE, &[]).await;
    let answer = post(&client(false), site.front(), &question()).send().await.unwrap();
    assert_eq!(answer.status(), 502);
    let error: Value = answer.json().await.unwrap();
    assert_eq!(error["error"]["code"], "upstream_unreachable");
}

#[tokio::test]
async fn the_model_is_shown_the_fronts_key_whatever_the_page_sends() {
    let model = Scripted::start(vec![Answer::status(204).clone(); 3]).await;
    let site = Fixture::front_of(model.addr(), &["--api-key", KEY]).await;
    let own = "Authorization: Bearer mine\r\nAuthorization: Basic me\r\n";
    // As a matter of its connection, a client could have a header of the front's taken out.
    let sly = "Connection: authorization\r\n";
    for (number, headers) in ["", own, sly].into_iter().enumerate() {
        let mut client = Conn::client(
            site.front(),
            format!(
                "POST /api/chat HTTP/1.1\r\nHost: f\r\n{headers}Cookie: a=b\r\n\
                 Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{{}}"
            ),
        )
        .await;
        assert!(client.head().await.starts_with("http/1.1 204 "));
        let request = model.request(number).await;
        let shown: Vec<_> =
            request.headers.iter().filter(|(name, _)| name == "authorization").collect();
        assert_eq!(shown.len(), 1);
        assert_eq!(shown[0].1, format!("Bearer {KEY}").as_bytes(), "{headers}");
        assert_eq!(request.header("cookie"), None);
    }
}

#[tokio::test]
async fn without_a_key_the_model_is_shown_none_of_the_pages_either() {
    let model = Scripted::start([Answer::status(204)]).await;
    let site = Fixture::front_of(model.addr(), &[]).await;
    let request = post(&client(false), site.front(), &question()).bearer_auth("mine");
    assert_eq!(request.send().await.unwrap().status(), 204);
    assert_eq!(model.request(0).await.header("authorization"), None);
}

#[tokio::test]
async fn the_key_never_reaches_the_page() {
    let told = format!(
        "HTTP/1.1 401 No\r\nWWW-Authenticate: Bearer {KEY}\r\nX-Key: {KEY}\r\n\
        Content-Type: application/json\r\nContent-Length: 30\r\n\r\n{{\"error\":\"not {KEY}\"}}   "
    );
    let stream = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nX-Key: {KEY}\r\n\
        Set-Cookie: k={KEY}\r\nContent-Length: 9\r\n\r\ndata: x\n\n"
    );
    let model =
        Scripted::start([Answer::raw().bytes(told).close(), Answer::raw().bytes(stream).close()])
            .await;
    let site = Fixture::front_of(model.addr(), &["--api-key", KEY]).await;
    let client = client(false);

    let answer = post(&client, site.front(), &question()).send().await.unwrap();
    assert_eq!(answer.status(), 502);
    assert!(!format!("{answer:?}").contains(KEY));
    let error: Value = answer.json().await.unwrap();
    assert_eq!(error["error"]["code"], "key_refused");
    assert!(!error.to_string().contains(KEY));

    let answer = post(&client, site.front(), &question()).send().await.unwrap();
    assert!(!format!("{answer:?}").contains(KEY));
    assert_eq!(answer.text().await.unwrap(), "data: x\n\n");

    for path in ["/", "/app.js", "/event-stream.js", "/style.css", "/health"] {
        let answer = client.get(format!("http://{}{path}", site.front())).send().await.unwrap();
        assert_eq!(answer.status(), 200, "{path}");
        assert!(!answer.text().await.unwrap().contains("sk-"), "{path}");
    }
}

#[tokio::test]
async fn the_model_wants_its_key() {
    let site = Fixture::quick().await;
    for key in [None, Some("sk-wrong")] {
        let url = format!("http://{}/v1/chat/completions", site.model());
        let mut request = client(false).post(url).json(&question());
        if let Some(key) = key {
            request = request.bearer_auth(key);
        }
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), 401);
        let error: Value = answer.json().await.unwrap();
        assert_eq!(error["error"]["code"], "invalid_api_key");
    }
    assert_eq!(site.latest(), None);
}
