//! What is refused before anything is sent.

use sse_client::{EventId, EventSource, RequestBuilderExt};
use testkit::{Answer, Scripted};

use crate::support::{client, next};

#[test]
fn a_url_that_is_none_is_refused_at_once() {
    let urls =
        ["http://this is invalid/", "", "/relative", "http://", "http://[", "http://a:99999/"];
    for url in urls {
        let error = EventSource::new(url).unwrap_err();
        assert!(error.is_configuration(), "{url}: {error}");
        let error = EventSource::builder("http://a.example/").endpoint(url).build().unwrap_err();
        assert!(error.is_configuration(), "{url}: {error}");
    }
}

#[test]
fn only_http_is_asked_for_a_stream() {
    for url in [
        "ftp://example.not/",
        "about:blank",
        "mailto:whatwg@awesome.example",
        "javascript:alert('FAIL')",
    ] {
        assert!(EventSource::new(url).unwrap_err().is_configuration(), "{url}");
    }
}

#[tokio::test]
async fn no_debug_of_ours_tells_a_secret() {
    let head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nSet-Cookie: secret\r\n\r\n";
    let server = Scripted::start([Answer::raw().bytes(head)]).await;
    let url = server.url("/secret?token=secret").replace("//", "//me:secret@");
    let builder = EventSource::builder(url).header("authorization", "secret").body("secret");
    assert!(!format!("{builder:?}").contains("secret"), "{builder:?}");
    let mut source = builder.build().unwrap();
    let opened = next(&mut source).await.unwrap().unwrap();
    assert!(!format!("{opened:?} {source:?}").contains("secret"), "{opened:?} {source:?}");
    let error = EventSource::builder("http://me:secret@[/?secret").build().unwrap_err();
    assert!(!format!("{error:?}").contains("secret"), "{error:?}");
}

#[cfg(not(feature = "tls"))]
#[test]
fn https_without_its_feature_is_refused_and_the_feature_named() {
    let error = EventSource::new("https://127.0.0.1/").unwrap_err();
    assert!(error.is_configuration() && error.to_string().contains("`tls`"), "{error}");
}

/// It has something to say where reqwest is built with its feature `rustls-no-provider`, as in `.ci/run`.
#[cfg(not(feature = "tls"))]
#[test]
fn a_provider_that_reqwest_wants_and_has_not_is_an_error_and_no_panic() {
    if let Err(error) = EventSource::new("http://127.0.0.1/") {
        assert!(error.is_client(), "{error}");
        let source = std::error::Error::source(&error).unwrap().to_string();
        assert!(source.contains("the feature `tls`"), "{source}");
    }
}

#[test]
fn a_header_or_an_id_that_cannot_be_sent_is_refused() {
    let builder = || EventSource::builder("http://127.0.0.1/");
    for (name, value) in [("a b", "c"), ("a", "b\nc"), ("last-event-id", &"x".repeat(1025))] {
        let error = builder().header(name, value).build().unwrap_err();
        assert!(error.is_configuration(), "{name}: {error}");
    }
    let id = EventId::new("\u{1}").unwrap();
    assert!(builder().last_event_id(id).build().unwrap_err().is_configuration());
}

#[test]
fn a_request_that_reqwest_refuses_is_refused() {
    let client = client().build().unwrap();
    let error = client.get("http://").event_source().build().unwrap_err();
    assert!(error.is_configuration());
    assert!(std::error::Error::source(&error).is_some());
}

#[cfg(feature = "tls")]
#[test]
fn a_certificate_that_is_none_is_refused() {
    for pem in ["", "no pem", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"] {
        let builder = EventSource::builder("https://127.0.0.1/").root_certificates(pem);
        assert!(builder.build().unwrap_err().is_configuration(), "{pem}");
    }
}
