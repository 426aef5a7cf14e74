//! Where redirects lead, and what goes along.

use http::{HeaderMap, HeaderValue, Method};
use sse_client::reqwest::redirect::Policy;
use sse_client::{EventSource, EventSourceBuilder, RequestBuilderExt};
use testkit::{Answer, Scripted};

use crate::support::*;

const STATUSES: [u16; 5] = [301, 302, 303, 307, 308];

/// What must not leave its origin.
const SECRETS: [(&str, &str); 4] = [
    ("authorization", "Bearer foo"),
    ("cookie", "session=1"),
    ("proxy-authorization", "Basic foo"),
    ("x-api-key", "secret"),
];

fn with_secrets(mut builder: EventSourceBuilder) -> EventSourceBuilder {
    for (name, value) in SECRETS {
        builder = builder.header(name, value);
    }
    builder.header("last-event-id", "7")
}

#[tokio::test]
async fn within_an_origin_everything_goes_along_and_the_next_attempt_begins_at_the_beginning() {
    for status in STATUSES {
        let server = Scripted::start([
            Answer::redirect(status, "/there"),
            Answer::stream().chunk("id: 8\ndata: x\n\n").end(),
            Answer::status(204),
        ])
        .await;
        let mut source = with_secrets(builder(&server)).build().unwrap();
        let opened = opened(&mut source).await;
        assert_eq!(opened.url(), server.url("/there"));
        all(&mut source).await;
        let requests = server.requests();
        let targets: Vec<_> = requests.iter().map(|it| it.target.as_str()).collect();
        assert_eq!(targets, ["/events", "/there", "/events"]);
        for request in &requests {
            for (name, value) in SECRETS {
                assert_eq!(request.header(name), Some(value), "{status}");
            }
            assert_eq!(request.header("accept"), Some("text/event-stream"));
        }
        assert_eq!(requests[1].header("last-event-id"), Some("7"));
        assert_eq!(requests[2].header("last-event-id"), Some("8"));
    }
}

#[tokio::test]
async fn to_another_origin_go_no_credentials_of_any_name() {
    for status in STATUSES {
        let there = Scripted::start([Answer::redirect(status, "/on"), Answer::status(204)]).await;
        let here = Scripted::start([Answer::redirect(status, there.url("/there"))]).await;
        all(&mut with_secrets(builder(&here)).build().unwrap()).await;
        assert_eq!(there.requests().len(), 2);
        for request in there.requests() {
            for (name, _) in SECRETS {
                assert_eq!(request.header(name), None, "{status}");
            }
            assert_eq!(request.header("last-event-id"), Some("7"));
            assert_eq!(request.header("accept"), Some("text/event-stream"));
            assert_eq!(request.header("cache-control"), Some("no-cache"));
        }
    }
}

#[tokio::test]
async fn the_way_back_to_the_first_origin_brings_no_credentials_back() {
    let there = Scripted::start([]).await;
    let here =
        Scripted::start([Answer::redirect(302, there.url("/there")), Answer::status(204)]).await;
    there.push(Answer::redirect(302, here.url("/back")));
    all(&mut with_secrets(builder(&here)).build().unwrap()).await;
    assert_eq!(here.requests()[1].target, "/back");
    assert_eq!(here.requests()[1].header("x-api-key"), None);
}

#[tokio::test]
async fn a_post_becomes_a_get_or_stays_with_its_body_as_fetch_says() {
    for (status, method, body) in [
        (301, "GET", ""),
        (302, "GET", ""),
        (303, "GET", ""),
        (307, "POST", "{}"),
        (308, "POST", "{}"),
    ] {
        let there = Scripted::start([Answer::status(204)]).await;
        let here = Scripted::start([Answer::redirect(status, there.url("/there"))]).await;
        let post = builder(&here).method(Method::POST).body("{}");
        let mut source = post.header("content-type", "application/json").build().unwrap();
        assert_eq!(all(&mut source).await, [Seen::End]);
        let request = &there.requests()[0];
        assert_eq!((request.method.as_str(), &request.body[..]), (method, body.as_bytes()));
        assert_eq!(request.header("content-type").is_some(), method == "POST");
    }
}

#[tokio::test]
async fn a_circle_ends() {
    let server = Scripted::start((0..30).map(|_| Answer::redirect(302, "/events"))).await;
    let error = error(&mut source(&server)).await;
    assert!(error.is_redirect(), "{error}");
    assert_eq!(server.requests().len(), 21, "one, and 20 redirects");
}

#[tokio::test]
async fn a_redirect_to_nowhere_is_an_error() {
    for location in ["", "ftp://127.0.0.1/", "about:blank", "http://["] {
        let server = Scripted::start([Answer::redirect(307, location)]).await;
        let error = error(&mut source(&server)).await;
        assert!(error.is_redirect(), "{location}: {error}");
        assert_eq!(server.requests().len(), 1);
    }
    let server = Scripted::start([Answer::status(301)]).await;
    assert_eq!(error(&mut source(&server)).await.status().unwrap(), 301);
}

#[tokio::test]
async fn a_redirect_to_a_server_that_is_not_there_is_asked_again_from_the_beginning() {
    let gone = testkit::Listener::bind().await;
    let gone_url = format!("http://{}/", gone.addr());
    drop(gone);
    let server = Scripted::start([Answer::redirect(302, gone_url), Answer::stream()]).await;
    let mut source = source(&server);
    assert!(loss(&mut source).await.1.is_connect());
    opened(&mut source).await;
    assert_eq!(server.requests()[1].target, "/events");
}

#[tokio::test]
async fn a_post_that_was_answered_by_a_redirect_to_nowhere_is_not_sent_again() {
    for status in STATUSES {
        let gone = testkit::Listener::bind().await;
        let gone_url = format!("http://{}/", gone.addr());
        drop(gone);
        let server = Scripted::start([Answer::redirect(status, gone_url), Answer::stream()]).await;
        let post = builder(&server).method(Method::POST).body("{}");
        let error = error(&mut post.build().unwrap()).await;
        assert!(error.is_not_resent(), "{status}: {error}");
        assert_eq!(server.requests().len(), 1);
    }
}

#[cfg(not(feature = "tls"))]
#[tokio::test]
async fn without_tls_a_redirect_to_https_is_an_error_and_not_asked_for_again() {
    let server = Scripted::start([Answer::redirect(302, "https://127.0.0.1:1/")]).await;
    let error = error(&mut source(&server)).await;
    assert!(error.is_redirect(), "{error}");
}

#[tokio::test]
async fn a_client_of_ones_own_follows_by_its_own_policy_without_the_known_credentials() {
    let there = Scripted::start([Answer::status(204)]).await;
    let here = Scripted::start([Answer::redirect(302, there.url("/there"))]).await;
    let request =
        client().build().unwrap().get(here.url("/")).bearer_auth("foo").header("cookie", "a=b");
    all(&mut request.event_source().build().unwrap()).await;
    let request = &there.requests()[0];
    assert_eq!((request.header("authorization"), request.header("cookie")), (None, None));
}

#[tokio::test]
async fn a_client_with_headers_that_cannot_be_seen_is_not_taken_to_another_origin() {
    let headers = HeaderMap::from_iter([(
        http::header::AUTHORIZATION,
        HeaderValue::from_static("Bearer foo"),
    )]);
    let client = client().redirect(Policy::none()).default_headers(headers).build().unwrap();
    let there = Scripted::start([]).await;
    let here =
        Scripted::start([Answer::redirect(302, "/b"), Answer::redirect(302, there.url("/there"))])
            .await;
    let mut source = EventSource::builder(here.url("/a")).client(client).build().unwrap();
    let error = error(&mut source).await;
    assert!(error.is_redirect());
    assert!(std::error::Error::source(&error).unwrap().to_string().contains("another origin"));
    assert_eq!(here.requests()[1].header("authorization"), Some("Bearer foo"));
    assert!(there.requests().is_empty());
}
