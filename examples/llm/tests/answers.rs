//! Answers as a client gets them that is no browser, over a real socket.

mod support;

use axum::http::header::{CONNECTION, CONTENT_LENGTH};
use llm::model::{AnswerState, Totals};
use serde_json::{Value, json};
use support::{Fixture, Reply, Said, client, post, question, short_question};
use testkit::{BOUND, Conn, Listener, until};

/// The head of an answer that is a stream.
const STREAM: &str =
    "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";

/// A request as bytes.
fn request(body: &Value) -> String {
    let body = body.to_string();
    let length = body.len();
    format!(
        "POST /api/chat HTTP/1.1\r\nHost: f\r\nContent-Type: application/json\r\n\
         Content-Length: {length}\r\n\r\n{body}"
    )
}

#[tokio::test]
async fn each_token_arrives_before_the_next_is_made() {
    let (site, steps) = Fixture::stepped().await;
    for is_http2 in [false, true] {
        let client = client(is_http2);
        steps.release(1);
        let mut reply = Reply::to(post(&client, site.front(), &short_question(20))).await;
        let mut text = String::new();
        for number in 1..=20 {
            assert_eq!(site.latest().unwrap().made, number - 1);
            steps.release(1);
            text += &reply.token().await;
        }
        assert!(text.starts_with("You asked: “Why?”\n\nThis model"), "{text}");
        assert_eq!(reply.rest().await, [Said::Finish("length".into()), Said::Done]);
    }
}

#[tokio::test]
async fn the_question_streams_up_before_it_is_whole() {
    let model = Listener::bind().await;
    let site = Fixture::front_of(model.addr(), &[]).await;
    let head = "POST /api/chat HTTP/1.1\r\nHost: f\r\nContent-Type: application/json\r\n\
        Transfer-Encoding: chunked\r\n\r\n";
    let mut client = Conn::client(site.front(), head).await;
    client.chunk("{\"messages\":").await;
    let mut server = model.accept().await;
    assert!(server.head().await.starts_with("post /v1/chat/completions http/1.1\r\n"));
    for part in ["[", "{\"role\"", ":\"user\"}", "]}"] {
        client.chunk(part).await;
        server.until(part).await;
    }
    // And the answer may begin before the question has ended.
    server.send(STREAM).await;
    assert!(client.head().await.starts_with("http/1.1 200 "));
    client.send("0\r\n\r\n").await;
    server.until("0\r\n\r\n").await;
}

#[tokio::test]
async fn done_is_followed_by_a_clean_end_and_the_connection_is_used_again() {
    let site = Fixture::quick().await;
    let mut client = Conn::client(site.front(), request(&question())).await;
    let text = client.until("data: [DONE]\n\n\r\n0\r\n\r\n").await;
    assert_eq!(text.matches("data: [DONE]").count(), 1);
    let count = site.latest().unwrap();
    assert_eq!((count.state, count.made), (AnswerState::Complete, count.of));
    assert!(text.contains(&count.id));
    client.send("GET /health HTTP/1.1\r\nHost: f\r\n\r\n").await;
    assert!(client.head().await.starts_with("http/1.1 200 "));
}

#[tokio::test]
async fn a_client_that_goes_stops_the_model_at_once() {
    let (site, steps) = Fixture::stepped().await;
    for is_http2 in [false, true] {
        let client = client(is_http2);
        steps.release(4);
        let mut reply = Reply::to(post(&client, site.front(), &question())).await;
        for _ in 0..3 {
            reply.token().await;
        }
        // No step is needed for it, and over HTTP/2 the connection stays.
        drop(reply);
        assert_eq!(site.is(AnswerState::Stopped).await, 3);
    }
    let of = site.latest().unwrap().of;
    let stopped = Totals { complete: 0, stopped: 2, made: 6, saved: 2 * (of - 3) };
    assert_eq!(site.totals(), stopped);

    // What is released now is the next answer's, all of it.
    steps.release(1 + 5);
    let rest = Reply::to(post(&client(false), site.front(), &short_question(5))).await.rest().await;
    assert_eq!(rest.len(), 7);
    assert_eq!(site.totals(), Totals { complete: 1, made: 6 + 5, ..stopped });
}

#[tokio::test]
async fn a_client_that_goes_before_the_first_byte_stops_the_model() {
    let (site, _steps) = Fixture::stepped().await;
    for is_http2 in [false, true] {
        let client = client(is_http2);
        let asking = tokio::spawn(post(&client, site.front(), &question()).send());
        site.is(AnswerState::Running).await;
        asking.abort();
        assert_eq!(site.is(AnswerState::Stopped).await, 0);
    }
}

#[tokio::test]
async fn a_client_that_goes_stops_a_model_that_waits_for_nobody() {
    let site = Fixture::at_a_pace(&["--think-ms=0", "--token-ms=100"]).await;
    for is_reset in [false, true] {
        let mut client = Conn::client(site.front(), request(&question())).await;
        client.until("\"content\":\"You\"").await;
        if is_reset {
            client.reset();
        } else {
            drop(client);
        }
        let made = site.is(AnswerState::Stopped).await;
        assert!(made < site.latest().unwrap().of);
    }
    assert_eq!(site.totals().complete, 0);
}

#[tokio::test]
async fn a_model_that_breaks_off_is_a_truncated_answer() {
    let site = Fixture::quick().await;
    let mut broken = question();
    broken["model"] = "scripted-broken".into();
    for is_http2 in [false, true] {
        let mut reply = Reply::to(post(&client(is_http2), site.front(), &broken)).await;
        let mut tokens = 0;
        let lost = loop {
            match reply.next().await {
                Ok(Some(Said::Token(_))) => tokens += 1,
                Ok(other) => panic!("it looks like an end: {other:?}"),
                Err(error) => break error,
            }
        };
        assert!(lost.is_body() || lost.is_decode(), "{lost:?}");
        assert_eq!(site.is(AnswerState::Broken).await, tokens);
    }
    // On the wire: every event that was made, and no last chunk.
    let mut client = Conn::client(site.front(), request(&broken)).await;
    client.head().await;
    let (body, is_whole) = testkit::unchunked(&client.rest().await);
    let text = String::from_utf8(body).unwrap();
    assert!(!is_whole && text.ends_with("\n\n") && !text.contains("[DONE]"), "{text}");
    let made = site.latest().unwrap().made;
    assert_eq!(text.matches("\"content\"").count() as u64, made);
}

#[tokio::test]
async fn a_stop_of_the_service_ends_an_answer_without_done() {
    let (site, steps) = Fixture::stepped().await;
    steps.release(2);
    let mut reply = Reply::to(post(&client(false), site.front(), &question())).await;
    reply.token().await;
    let stopped = tokio::spawn(site.app.stop());
    assert_eq!(reply.rest().await, []);
    tokio::time::timeout(BOUND, stopped).await.expect("before the grace").unwrap();
}

#[tokio::test]
async fn the_models_count_is_there_for_the_page_and_for_curl() {
    let (site, steps) = Fixture::stepped().await;
    let client = client(false);
    steps.release(3);
    let mut reply = Reply::to(post(&client, site.front(), &short_question(10))).await;
    reply.token().await;
    reply.token().await;
    drop(reply);
    site.is(AnswerState::Stopped).await;
    for url in [format!("{}/api/status", site.front()), format!("{}/status", site.model())] {
        let answer = client.get(format!("http://{url}")).send().await.unwrap();
        let status: Value = answer.json().await.unwrap();
        let id = &status["answers"][0]["id"];
        assert!(id.as_str().unwrap().starts_with("chatcmpl-"));
        let expected = json!({
            "totals": { "complete": 0, "stopped": 1, "made": 2, "saved": 8 },
            "answers": [{ "id": id, "state": "stopped", "made": 2, "of": 10 }],
        });
        assert_eq!(status, expected);
    }
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_connection_sends_at_once_and_is_given_up_when_nothing_is_acknowledged() {
    let site = Fixture::quick().await;
    for address in [site.model(), site.front()] {
        let client = tokio::net::TcpStream::connect(address).await.unwrap();
        let from = client.local_addr().unwrap();
        until(BOUND, "the server's end has its options", async || {
            testkit::other_end(from).is_some_and(|stream| {
                let socket = socket2::SockRef::from(&stream);
                socket.tcp_nodelay().unwrap() && socket.tcp_user_timeout().unwrap().is_some()
            })
        })
        .await;
    }
}

#[tokio::test]
async fn the_answer_says_nothing_of_how_it_was_framed_before() {
    let site = Fixture::quick().await;
    let reply = Reply::to(post(&client(false), site.front(), &short_question(1))).await;
    let headers = reply.response.headers();
    assert_eq!(headers["cache-control"], "no-cache, no-transform");
    assert_eq!(headers["x-accel-buffering"], "no");
    assert!(!headers.contains_key(CONTENT_LENGTH) && !headers.contains_key(CONNECTION));
}
