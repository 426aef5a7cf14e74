//! Who may do what, and what those are told who may not.

mod support;

use std::time::SystemTime;

use notifications::app::App;
use reqwest::Method;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use serde_json::{Value, json};
use support::{Fixture, HOUR, KEY, client, ok, problem, problem_of, token};

#[tokio::test]
async fn bad_input_is_refused_with_a_reason() {
    let fixture = Fixture::start(&[]).await;
    let ada = fixture.user("ada").await;
    let long = "x".repeat(501);
    let many = vec!["channel/news"; 51];
    let nobody = "0".repeat(32);
    let nobodys = format!("/api/connections/{nobody}/join");
    for (path, body, status, code) in [
        ("/api/login", json!({}), 422, "invalid_body"),
        ("/api/login", json!({ "name": "ada" }), 422, "invalid_body"),
        ("/api/login", json!({ "name": "ada", "password": "x" }), 401, "wrong_credentials"),
        ("/api/login", json!({ "name": "eve", "password": "demo" }), 401, "wrong_credentials"),
        ("/api/login", json!({ "name": "ada", "password": "demo", "x": 1 }), 422, "invalid_body"),
        ("/api/ticket", json!("x"), 422, "invalid_body"),
        ("/api/ticket", json!({ "topics": "everyone" }), 422, "invalid_body"),
        ("/api/ticket", json!({ "topics": [""] }), 400, "invalid_topic"),
        ("/api/ticket", json!({ "topics": ["session/1"] }), 400, "invalid_topic"),
        ("/api/ticket", json!({ "topics": ["*"] }), 400, "invalid_topic"),
        ("/api/ticket", json!({ "topics": ["channel/no"] }), 404, "no_such_channel"),
        ("/api/ticket", json!({ "topics": ["user/eve"] }), 404, "no_such_user"),
        ("/api/ticket", json!({ "topics": many }), 400, "too_many_topics"),
        ("/api/notifications", json!({ "to": "everyone" }), 422, "invalid_body"),
        ("/api/notifications", json!({ "to": "everyone", "text": " " }), 422, "invalid_body"),
        ("/api/notifications", json!({ "to": "everyone", "text": long }), 422, "invalid_body"),
        ("/api/notifications", json!({ "to": "everyone", "text": "a\u{0}" }), 422, "invalid_body"),
        ("/api/notifications", json!({ "to": "nobody", "text": "x" }), 400, "invalid_topic"),
        ("/api/notifications", json!({ "to": "user/eve", "text": "x" }), 404, "no_such_user"),
        ("/api/tasks", json!({ "title": "" }), 422, "invalid_body"),
        ("/api/tasks", json!({ "title": "x", "connection": "x" }), 400, "invalid_connection"),
        ("/api/tasks", json!({ "title": "x", "connection": nobody }), 404, "no_such_connection"),
        ("/api/connections/x/join", json!({ "topic": "channel/news" }), 400, "invalid_connection"),
        (&nobodys, json!({}), 422, "invalid_body"),
        (&nobodys, json!({ "topic": "channel/news" }), 404, "no_such_connection"),
        ("/api/nothing", json!({}), 404, "not_found"),
    ] {
        let told = problem(ada.post(path, &body)).await;
        assert_eq!(told, (status, code.to_owned()), "{path} {body}");
    }
    for (path, status, code) in [
        ("/api/stream", 401, "ticket_missing"),
        ("/api/stream?ticket=", 400, "ticket_malformed"),
        ("/api/stream?ticket=x", 400, "ticket_malformed"),
        (&format!("/api/stream?ticket={nobody}"), 401, "ticket_refused"),
        ("/api/stream?ticket=x&ticket=y", 400, "invalid_query"),
        ("/api/stream?ticket=x&topic=everyone", 400, "invalid_query"),
        ("/api/stream?ticket=x&lastEventId=%00", 400, "invalid_last_event_id"),
        ("/nothing", 404, "not_found"),
    ] {
        assert_eq!(problem(ada.get(path)).await, (status, code.to_owned()), "{path}");
    }
    let text = HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static("text/plain"))]);
    let plain = ada.post("/api/login", &Value::Null).body("x").headers(text);
    assert_eq!(problem(plain).await, (415, "invalid_body".into()));
    let huge = ada.post("/api/login", &json!({ "name": "x".repeat(20_000), "password": "" }));
    assert_eq!(problem(huge).await, (413, "invalid_body".into()));
}

#[tokio::test]
async fn a_path_takes_only_its_methods() {
    let fixture = Fixture::start(&[]).await;
    let ada = fixture.user("ada").await;
    let ticket = ada.ticket(&[]).await;
    let stream = format!("/api/stream?ticket={ticket}");
    for (method, path, allow) in [
        (Method::GET, "/api/login", "POST"),
        (Method::DELETE, "/api/notifications", "POST"),
        (Method::POST, &stream, "GET,HEAD"),
        (Method::HEAD, &stream, ""),
    ] {
        let url = format!("http://{}{path}", ada.address);
        let response = client().request(method.clone(), url).send().await.unwrap();
        assert_eq!(response.status(), 405, "{method} {path}");
        if !allow.is_empty() {
            assert_eq!(response.headers()["allow"], allow);
        }
    }
    // None of these has spent the ticket.
    assert_eq!(ada.show(&ticket).await.status(), 200);
}

#[tokio::test]
async fn who_is_not_logged_in_gets_nothing() {
    let fixture = Fixture::start(&[]).await;
    let ada = fixture.user("ada").await;
    let now = SystemTime::now();
    let valid = token(KEY, "ada", now + HOUR);
    ok(ada.with_token(&valid).get("/api/me")).await;
    let unsigned = "eyJhbGciOiJub25lIn0.eyJzdWIiOiJhZGEiLCJhdWQiOiJub3RpZmljYXRpb25zIiwiZXhwIjo5OTk5OTk5OTk5fQ.";
    for (token, code) in [
        (String::new(), "token_missing"),
        (token(KEY, "ada", now - HOUR), "token_expired"),
        (token("another key of thirty-two bytes!!", "ada", now + HOUR), "token_invalid"),
        (token(KEY, "eve", now + HOUR), "token_invalid"),
        (unsigned.to_owned(), "token_invalid"),
        (format!("{valid}x"), "token_invalid"),
    ] {
        let user = ada.with_token(&token);
        for request in [
            user.get("/api/me"),
            user.ask_ticket(&[]),
            user.send("everyone", "x"),
            user.start_task(None),
            user.join(&"0".repeat(32), "channel/news"),
            user.leave(&"0".repeat(32), "channel/news"),
        ] {
            let response = request.send().await.unwrap();
            assert!(response.headers().contains_key("www-authenticate"));
            assert_eq!(problem_of(response).await, (401, code.to_owned()), "{token:?}");
        }
    }
}

#[tokio::test]
async fn a_token_in_a_url_is_refused_wherever_it_stands() {
    let fixture = Fixture::start(&[]).await;
    let ada = fixture.user("ada").await;
    let token = &ada.token;
    for path in [
        format!("/api/stream?ticket={token}"),
        format!("/api/stream?token={token}"),
        format!("/api/stream?lastEventId=1-1&access_token={token}"),
        format!("/api/stream?{token}"),
        format!("/api/me?a=b&jwt={token}"),
    ] {
        for user in [&ada, &ada.with_token("")] {
            assert_eq!(problem(user.get(&path)).await, (400, "token_in_url".into()), "{path}");
        }
    }
    // Nor is it by itself what opens a stream.
    assert_eq!(problem(ada.get("/api/stream")).await, (401, "ticket_missing".into()));
}

#[tokio::test]
async fn an_answer_with_a_secret_is_not_kept_on_the_way() {
    let fixture = Fixture::start(&[]).await;
    let ada = fixture.user("ada").await;
    let login = json!({ "name": "ada", "password": "demo" });
    for request in [ada.post("/api/login", &login), ada.ask_ticket(&[])] {
        assert_eq!(request.send().await.unwrap().headers()["cache-control"], "no-store");
    }
    let stream = ada.show(&ada.ticket(&[]).await).await;
    assert_eq!(stream.headers()["cache-control"], "no-cache, no-transform");
    assert!(!stream.headers().contains_key("set-cookie"));
}

#[tokio::test]
async fn what_is_anothers_own_is_refused() {
    let fixture = Fixture::start(&[]).await;
    let (ada, bob) = (fixture.user("ada").await, fixture.user("bob").await);
    let mut stream = bob.open(&[]).await;
    let adas_task = "task/ada/0123456789abcdef";
    for (topic, code) in
        [("user/ada", "not_yours"), (adas_task, "not_yours"), ("channel/staff", "members_only")]
    {
        for request in [bob.ask_ticket(&[topic]), bob.join(&stream.connection, topic)] {
            assert_eq!(problem(request).await, (403, code.to_owned()), "{topic}");
        }
    }
    // A member may.
    ok(ada.ask_ticket(&["channel/staff", adas_task])).await;
    assert_eq!(problem(bob.send("channel/staff", "x")).await, (403, "members_only".into()));
    assert_eq!(problem(ada.send(adas_task, "x")).await, (403, "server_only".into()));

    ada.sent("user/ada", "to myself").await;
    ada.sent("channel/staff", "among us").await;
    ada.sent("everyone", "to all").await;
    assert_eq!(stream.notification().await, "to all");
}

#[tokio::test]
async fn the_hub_itself_adds_nothing_that_is_anothers_own() {
    let fixture = Fixture::start(&[]).await;
    let (ada, bob) = (fixture.user("ada").await, fixture.user("bob").await);
    let mut stream = bob.open(&[]).await;
    let hub = &fixture.app.hub;
    let id = hub.connections()[0].id;
    // Past the route, which would have refused it before.
    for topic in ["user/ada", "task/ada/0123456789abcdef", "channel/staff", "nonsense"] {
        let added = hub.add_topics(id, Some("bob"), ["channel/news", topic]).await;
        assert!(added.is_err_and(|error| error.is_forbidden()), "{topic}");
    }
    hub.add_topics(id, Some("bob"), ["channel/lunch"]).await.unwrap();
    ada.sent("user/ada", "to myself").await;
    ada.sent("channel/news", "not added with what was refused").await;
    ada.sent("channel/lunch", "added").await;
    assert_eq!(stream.notification().await, "added");
}

#[tokio::test]
async fn another_users_connection_is_as_one_that_is_not_there() {
    let fixture = Fixture::start(&[]).await;
    let (ada, bob) = (fixture.user("ada").await, fixture.user("bob").await);
    let mut stream = ada.open(&["channel/lunch"]).await;
    let unknown = (404, "no_such_connection".to_owned());
    let connection = &stream.connection.clone();
    assert_eq!(problem(bob.join(connection, "channel/news")).await, unknown);
    assert_eq!(problem(bob.leave(connection, "channel/lunch")).await, unknown);
    assert_eq!(problem(bob.start_task(Some(connection))).await, unknown);
    assert_eq!(problem(bob.join(&"0".repeat(32), "channel/news")).await, unknown);

    bob.sent("channel/news", "not joined").await;
    bob.sent("channel/lunch", "not left").await;
    assert_eq!(stream.notification().await, "not left");
    ok(ada.join(connection, "channel/news")).await;
}

#[tokio::test]
async fn a_page_needs_nothing_from_elsewhere() {
    let fixture = Fixture::start(&[]).await;
    let App { address, .. } = fixture.app;
    let scripts = ["/app.js", "/api.js", "/stream.js", "/sse.js", "/view.js"];
    for path in ["/", "/style.css", "/icon.svg"].into_iter().chain(scripts) {
        let response = client().get(format!("http://{address}{path}")).send().await.unwrap();
        assert_eq!(response.status(), 200, "{path}");
        let policy = response.headers()["content-security-policy"].to_str().unwrap().to_owned();
        assert!(policy.starts_with("default-src 'self';"), "{policy}");
        assert_eq!(response.headers()["referrer-policy"], "no-referrer");
        let content = response.text().await.unwrap().replace("http://www.w3.org/2000/svg", "");
        assert!(!content.contains("http://") && !content.contains("https://"), "{path}");
    }
}
