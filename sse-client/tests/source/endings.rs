//! What may be sent how often.

use futures_util::stream;
use http::Method;
use sse_client::reqwest::Body;
use sse_client::{Completion, EventSource, RequestBuilderExt};
use testkit::{Answer, Listener, NOWHERE, Scripted};

use crate::support::*;

/// A body that reqwest cannot copy.
fn stream_body() -> Body {
    Body::wrap_stream(stream::iter(["bo", "dy"].map(Ok::<_, std::io::Error>)))
}

#[tokio::test]
async fn a_budget_of_attempts_is_kept() {
    let server = Scripted::start([503, 503, 503, 503].map(Answer::status)).await;
    let mut source = builder(&server).backoff(quick().budget(2)).build().unwrap();
    let error = error(&mut source).await;
    assert!(error.is_budget_spent());
    assert_eq!(error.status().unwrap(), 503);
    assert_eq!(
        error.to_string(),
        "the response was 503 Service Unavailable, and no attempt is left"
    );
    assert_eq!(server.requests().len(), 3, "one, and two again");
}

#[tokio::test]
async fn a_budget_of_time_is_kept() {
    let backoff = quick().bounds(20 * MILLI, 20 * MILLI).give_up_after(50 * MILLI);
    let mut source =
        EventSource::builder(format!("http://{NOWHERE}/")).backoff(backoff).build().unwrap();
    let error = error(&mut source).await;
    assert!(error.is_budget_spent() && error.is_connect());
}

#[tokio::test]
async fn a_post_is_sent_once_and_its_loss_is_an_error_that_says_so() {
    for (answer, text) in [
        (Answer::raw().close(), "the request failed, and the request is not to be sent again"),
        (Answer::status(503), "the response was 503 Service Unavailable, and"),
        (Answer::stream().chunk("data: a\n\n").close(), "the stream was cut off, and"),
    ] {
        let server = Scripted::start([answer]).await;
        let mut source = builder(&server).method(Method::POST).body("{}").build().unwrap();
        let error = error(&mut source).await;
        assert!(error.is_not_resent());
        assert!(error.to_string().starts_with(text), "{error}");
        assert_eq!(server.requests().len(), 1);
    }
}

#[tokio::test]
async fn what_is_sent_once_is_anything_with_a_body_or_an_unsafe_method() {
    for (method, body, is_repeated) in [
        (Method::GET, None, true),
        (Method::GET, Some("x"), false),
        (Method::POST, None, false),
        (Method::PUT, Some("x"), false),
        (Method::from_bytes(b"REPORT").unwrap(), Some("x"), false),
    ] {
        let server = Scripted::start([Answer::status(503), Answer::status(204)]).await;
        let mut builder = builder(&server).method(method);
        if let Some(body) = body {
            builder = builder.body(body);
        }
        all(&mut builder.build().unwrap()).await;
        assert_eq!(server.requests().len(), 1 + usize::from(is_repeated));
    }
}

#[tokio::test]
async fn a_post_is_sent_again_with_its_body_where_that_is_allowed() {
    let server = Scripted::start([
        Answer::stream().chunk("id: 3\ndata: a\n\n").close(),
        Answer::raw().close(),
        Answer::stream().chunk("data: b\n\n").end(),
        Answer::status(204),
    ])
    .await;
    let client = client().build().unwrap();
    let request = client.post(server.url("/")).json(&[1, 2]);
    let mut source = request.event_source().backoff(quick()).resend(true).build().unwrap();
    assert_eq!(all(&mut source).await.last(), Some(&Seen::End));
    let requests = server.requests();
    assert_eq!(requests.len(), 4);
    for (number, request) in requests.iter().enumerate() {
        assert_eq!((request.method.as_str(), &request.body[..]), ("POST", &b"[1,2]"[..]));
        assert_eq!(request.header("content-type"), Some("application/json"));
        assert_eq!(request.header("last-event-id"), (number > 0).then_some("3"));
    }
}

#[tokio::test]
async fn a_post_that_never_left_is_sent_again() {
    let listener = Listener::bind().await;
    let addr = listener.addr();
    drop(listener);
    let url = format!("http://{addr}/");
    let builder = || EventSource::builder(&url).backoff(quick()).method(Method::POST);
    let mut source = builder().body("x").build().unwrap();
    let mut once = builder().body(stream_body()).build().unwrap();
    assert!(loss(&mut source).await.1.is_connect());
    let gone = next(&mut once).await.expect("an error").unwrap_err();
    assert!(gone.is_not_resent(), "its body is gone: {gone}");
    let _server = Scripted::start_on(Listener::bind_to(addr).await, [Answer::stream()]);
    opened(&mut source).await;
}

#[tokio::test]
async fn an_answer_that_ends_is_whole_unless_its_last_event_is_missing() {
    let answer = || Answer::stream().chunk("data: a\n\n").end();
    let server = Scripted::start([answer(), answer()]).await;
    let post = || builder(&server).method(Method::POST);
    let mut source = post().build().unwrap();
    assert_eq!(all(&mut source).await, [Seen::Open, message("a"), Seen::End]);

    let mut source = post().complete_on(Completion::data("[DONE]")).build().unwrap();
    let error = error(&mut source).await;
    assert!(error.is_not_resent() && error.is_end_of_stream());
}

#[tokio::test]
async fn a_body_that_is_a_stream_is_sent_once() {
    let server = Scripted::start([Answer::stream().chunk("data: a\n\n").end()]).await;
    let post = || builder(&server).method(Method::POST).body(stream_body());
    let mut source = post().build().unwrap();
    assert_eq!(all(&mut source).await, [Seen::Open, message("a"), Seen::End]);
    assert_eq!(server.requests()[0].body, b"body");
    assert!(post().resend(true).build().unwrap_err().is_configuration());
    assert!(post().endpoint("http://127.0.0.1/").build().unwrap_err().is_configuration());
}
