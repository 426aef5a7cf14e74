//! When a source asks again, and whom, and when not.

use std::time::Duration;

use http::StatusCode;
use sse_client::{Backoff, EventSource};
use testkit::{Answer, Listener, NOWHERE, Scripted};

use crate::support::*;

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test]
async fn a_reconnection_time_is_clamped_at_both_ends() {
    for (retry, least, most) in [("0", 19, 25), ("86400000", 39, 40)] {
        let body = format!("retry: {retry}\ndata: x\n\n");
        let server =
            Scripted::start([Answer::stream().chunk(body).end(), Answer::status(204)]).await;
        let backoff = quick().bounds(20 * MILLI, 40 * MILLI);
        let mut source = builder(&server).backoff(backoff).build().unwrap();
        let (after, cause) = loss(&mut source).await;
        assert!(cause.is_end_of_stream());
        assert!((least * MILLI..=most * MILLI).contains(&after), "{retry}: {after:?}");
        assert_eq!(seen(&mut source).await, Seen::End);
    }
}

#[tokio::test]
async fn what_retry_after_asks_for_is_waited_for_in_seconds_and_to_a_date() {
    let dated = Answer::status(503)
        .header("date", "Sun, 06 Nov 1994 08:49:30 GMT")
        .header("retry-after", "Sun, 06 Nov 1994 08:49:50 GMT");
    for (answer, least) in [(Answer::status(429).header("retry-after", "30"), 30), (dated, 20)] {
        let server = Scripted::start([answer]).await;
        let mut source = EventSource::new(server.url("/")).unwrap();
        let (after, cause) = loss(&mut source).await;
        assert!((least * SECOND..=2 * least * SECOND).contains(&after), "{after:?}");
        assert!(cause.is_status());
    }
}

#[tokio::test]
async fn statuses_of_passing_trouble_are_asked_again_and_all_others_are_final() {
    let passing = [429, 500, 502, 503, 504];
    let script = passing.map(Answer::status);
    let server = Scripted::start(script.into_iter().chain([Answer::status(404)])).await;
    let mut source = source(&server);
    for status in passing {
        assert_eq!(loss(&mut source).await.1.status().unwrap(), status);
    }
    let error = error(&mut source).await;
    assert_eq!(error.status(), Some(StatusCode::NOT_FOUND));
    assert_eq!(error.to_string(), "the response was 404 Not Found");
    assert_eq!(server.requests().len(), 6);

    let server = Scripted::start([Answer::status(404), Answer::status(503)]).await;
    let mut source = builder(&server).retry_on([StatusCode::NOT_FOUND]).build().unwrap();
    assert_eq!(loss(&mut source).await.1.status(), Some(StatusCode::NOT_FOUND));
    assert_eq!(crate::support::error(&mut source).await.status().unwrap(), 503);
}

#[tokio::test]
async fn what_a_refusal_says_is_in_the_error() {
    let json = Answer::status(400).header("content-type", "application/json");
    let long = Answer::status(400).chunk("x".repeat(10_000)).end();
    let page = Answer::stream().with("content-type", "text/html").chunk("<p>Log in").end();
    let hung = Answer::status(400).chunk("and then");
    let server = Scripted::start([json.chunk("{\"no\":1}").end(), long, page, hung]).await;
    let mut texts = vec![];
    for is_status in [true, true, false, true] {
        let error = error(&mut source(&server)).await;
        assert_eq!((error.is_status(), error.is_content_type()), (is_status, !is_status));
        if !is_status {
            let text = "the response is no event stream, its type is \"text/html\"";
            assert_eq!(error.to_string(), text);
        }
        texts.push(error.response_text().to_owned());
    }
    assert_eq!(texts, ["{\"no\":1}", &"x".repeat(8192), "<p>Log in", "and then"]);
}

#[tokio::test]
async fn a_silent_stream_is_let_go_and_asked_for_again() {
    let server = Scripted::start([
        Answer::stream().chunk("id: 1\ndata: a\n\n"),
        Answer::stream().chunk("data: b\n\n"),
    ])
    .await;
    let mut source = builder(&server).idle_timeout(50 * MILLI).build().unwrap();
    let (_, cause) = loss(&mut source).await;
    assert!(cause.is_timeout(), "{cause}");
    assert_eq!(seen(&mut source).await, Seen::Open);
    server.gone(0).await;
    assert_eq!(server.requests()[1].header("last-event-id"), Some("1"));
}

#[tokio::test]
async fn a_response_that_does_not_come_is_let_go_and_asked_for_again() {
    // On a busy machine the later ones may be late too.
    let later = (0..50).map(|_| Answer::stream());
    let server = Scripted::start([Answer::raw()].into_iter().chain(later)).await;
    let mut source = builder(&server).response_timeout(50 * MILLI).build().unwrap();
    let (_, cause) = loss(&mut source).await;
    assert!(cause.is_timeout(), "{cause}");
    opened(&mut source).await;
    server.gone(0).await;
}

#[tokio::test]
async fn a_server_that_is_not_there_is_asked_until_it_is() {
    let listener = Listener::bind().await;
    let addr = listener.addr();
    drop(listener);
    let url = format!("http://{addr}/");
    let mut source = EventSource::builder(url).backoff(quick()).build().unwrap();
    for _ in 0..3 {
        let (_, cause) = loss(&mut source).await;
        assert!(cause.is_connect(), "{cause}");
        assert!(!format!("{cause:?}").contains("http://"), "no URL in an error");
    }
    let answer = Answer::stream().chunk("data: x\n\n");
    let _server = Scripted::start_on(Listener::bind_to(addr).await, [answer]);
    opened(&mut source).await;
    assert_eq!(seen(&mut source).await, message("x"));
}

#[tokio::test]
async fn several_endpoints_are_asked_in_turn_and_an_end_comes_back_to_the_same() {
    let first = Scripted::start([Answer::status(503), Answer::status(204)]).await;
    let second = Scripted::start([
        Answer::stream().chunk("id: 5\ndata: x\n\n").end(),
        Answer::stream().chunk("data: y\n\n").close(),
    ])
    .await;
    let mut source = builder(&first)
        .endpoint(format!("http://{NOWHERE}/"))
        .endpoint(second.url("/b"))
        .header("authorization", "Bearer foo")
        .build()
        .unwrap();
    assert_eq!(
        all(&mut source).await,
        [
            lost("the response was 503 Service Unavailable"),
            lost("no connection was made"),
            Seen::Open,
            with_id("x", "5"),
            lost("the stream ended"),
            Seen::Open,
            with_id("y", "5"),
            lost("the stream was cut off"),
            Seen::End
        ]
    );
    assert_eq!(first.requests()[1].header("last-event-id"), Some("5"));
    let request = &second.requests()[0];
    assert_eq!(
        (request.target.as_str(), request.header("authorization")),
        ("/b", Some("Bearer foo"))
    );
}

#[tokio::test]
async fn a_server_that_is_too_slow_is_let_go_while_the_next_attempt_waits() {
    let long = 3_600_000 * MILLI;
    let listener = Listener::bind().await;
    let builder = || {
        let builder = EventSource::builder(format!("http://{}/", listener.addr()));
        builder.backoff(Backoff::new().bounds(long, long))
    };
    let mut source = builder().response_timeout(100 * MILLI).build().unwrap();
    let (mut server, (_, cause)) = tokio::join!(listener.accept(), loss(&mut source));
    assert!(cause.is_timeout());
    server.rest().await;

    let mut source = builder().idle_timeout(100 * MILLI).build().unwrap();
    let answer = async {
        let mut server = listener.accept().await;
        server.head().await;
        server.send("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n").await;
        server
    };
    let (mut server, (_, cause)) = tokio::join!(answer, loss(&mut source));
    assert!(cause.is_timeout());
    server.is_closed().await;
}
