//! What is on the wire of a request.

use http::{HeaderMap, HeaderValue, Method};
use sse_client::RequestBuilderExt;
use testkit::{Answer, Request, Scripted};

use crate::support::*;

/// The request that this makes.
async fn request(
    set: impl FnOnce(sse_client::EventSourceBuilder) -> sse_client::EventSourceBuilder,
) -> Request {
    let server = Scripted::start([Answer::status(204)]).await;
    all(&mut set(builder(&server)).build().unwrap()).await;
    server.requests().remove(0)
}

#[tokio::test]
async fn a_stream_is_asked_for_by_get_and_by_its_type_and_past_every_cache() {
    let request = request(|builder| builder).await;
    assert_eq!((request.method.as_str(), request.target.as_str()), ("GET", "/events"));
    assert_eq!(request.header("accept"), Some("text/event-stream"));
    assert_eq!(request.header("cache-control"), Some("no-cache"));
    let names: Vec<_> = request.headers.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names.len(), 3, "and its host: {names:?}");
}

#[tokio::test]
async fn what_the_caller_sets_goes_before_what_we_would_send() {
    let request = request(|builder| {
        let mut tags = HeaderMap::new();
        for tag in ["a", "b"] {
            tags.append("x-tag", HeaderValue::from_static(tag));
        }
        builder
            .header("accept", "application/json, text/event-stream")
            .header("x-tag", "lost")
            .headers(tags)
            .method(Method::from_bytes(b"REPORT").unwrap())
            .body("{}")
    })
    .await;
    assert_eq!(request.method, "REPORT");
    assert_eq!(request.header("accept"), Some("application/json, text/event-stream"));
    assert_eq!(request.body, b"{}");
    let tags = request.headers.iter().filter(|(name, _)| name == "x-tag");
    assert_eq!(tags.map(|(_, value)| &value[..]).collect::<Vec<_>>(), [b"a", b"b"]);
}

#[tokio::test]
async fn credentials_in_the_url_are_a_header_unless_one_is_set() {
    for (set, expected) in [(None, "Basic bWU6c2VjcmV0"), (Some("Bearer foo"), "Bearer foo")] {
        let server = Scripted::start([Answer::status(204), Answer::status(204)]).await;
        let url = server.url("/").replace("http://", "http://me:secret@");
        let mut source = sse_client::EventSource::builder(&url).backoff(quick());
        if let Some(value) = set {
            source = source.header("authorization", value);
        }
        all(&mut source.build().unwrap()).await;
        assert_eq!(server.requests()[0].header("authorization"), Some(expected));
        assert!(!server.requests()[0].header("host").unwrap().contains('@'));
    }
}

#[tokio::test]
async fn a_request_of_reqwest_is_sent_as_it_is() {
    let server = Scripted::start([Answer::status(503), Answer::status(204)]).await;
    let client = client().user_agent("me/1").build().unwrap();
    let request = client.get(server.url("/a?b=c")).bearer_auth("foo");
    all(&mut request.event_source().backoff(quick()).build().unwrap()).await;
    for request in server.requests() {
        assert_eq!(request.target, "/a?b=c");
        assert_eq!(request.header("authorization"), Some("Bearer foo"));
        assert_eq!(request.header("user-agent"), Some("me/1"));
        assert_eq!(request.header("accept"), Some("text/event-stream"));
    }
}
