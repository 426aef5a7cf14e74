//! What a client is told that gets no stream.

use std::time::Duration;

use http::Method;

use crate::rig::{Rig, SHORT, each, within};

/// The status of an answer, its time to come back, and its body.
async fn answer(request: reqwest::RequestBuilder) -> (u16, Option<String>, String) {
    let response = within("an answer", request.send()).await.unwrap();
    let status = response.status().as_u16();
    let after = response.headers().get("retry-after");
    let after = after.map(|value| value.to_str().unwrap().to_owned());
    (status, after, within("a body", response.text()).await.unwrap())
}

/// The answer to a GET of a stream whose upstream says this status.
async fn answer_to(rig: &mut Rig, status: u16) -> (u16, Option<String>, String) {
    let request = rig.get(rig.builder().build().unwrap().stream("/sse")).await;
    tokio::join!(answer(request), async { rig.asked().await.status(status) }).0
}

#[tokio::test]
async fn the_upstreams_refusals_pass_with_their_time() {
    each(async |rig| {
        for status in [400, 404, 429, 500, 503] {
            let expected = (status, Some("7".to_owned()), "because".to_owned());
            assert_eq!(answer_to(rig, status).await, expected);
        }
        let expected = (204, Some("7".to_owned()), String::new());
        assert_eq!(answer_to(rig, 204).await, expected);
    })
    .await;
}

#[tokio::test]
async fn what_is_no_event_stream_or_elsewhere_is_502() {
    each(async |rig| {
        for (status, code) in [
            (200, "upstream_not_event_stream"),
            (201, "upstream_unexpected_status"),
            (302, "upstream_unexpected_status"),
            (307, "upstream_unexpected_status"),
        ] {
            let (got, _, body) = answer_to(rig, status).await;
            assert_eq!(got, 502, "{status}");
            assert!(body.contains(code), "{body}");
        }
        assert!(rig.is_asked_no_more().await, "no redirect is followed");
    })
    .await;
}

#[tokio::test]
async fn an_upstream_that_is_not_there_lost_or_slow_is_502_502_504() {
    each(async |rig| {
        let request = rig.get(rig.nowhere().build().unwrap().stream("/sse")).await;
        let (status, _, body) = answer(request).await;
        assert_eq!(status, 502);
        assert!(body.contains("upstream_unreachable"), "{body}");

        let request = rig.get(rig.builder().build().unwrap().stream("/sse")).await;
        let ((status, _, body), ()) =
            tokio::join!(answer(request), async { drop(rig.asked().await) });
        assert_eq!(status, 502);
        assert!(body.contains("upstream_lost"), "{body}");

        let slow = rig.builder().header_timeout(SHORT).build().unwrap();
        let (status, _, body) = answer(rig.get(slow.stream("/sse")).await).await;
        assert_eq!(status, 504);
        assert!(body.contains("upstream_timeout"), "{body}");
        // On a busy machine the request may not even have been sent in time.
        if let Some(mut asked) = rig.asked_already() {
            asked.is_gone().await;
        }
    })
    .await;
}

#[tokio::test]
async fn where_asked_a_browser_is_refused_in_the_stream() {
    each(async |rig| {
        let second = Duration::from_secs(1);
        let builder = rig.nowhere().in_stream_refusals(5 * second..=9 * second);
        let request = rig.get(builder.build().unwrap().stream("/sse")).await;
        let (status, after, body) = answer(request.header("accept", "text/event-stream")).await;
        assert_eq!((status, after), (200, None));
        assert!(body.starts_with("retry: "), "{body}");
    })
    .await;
}

#[tokio::test]
async fn a_method_that_is_not_listed_is_405_and_a_loop_508() {
    each(async |rig| {
        let forward = rig.builder().build().unwrap().stream("/sse");
        let request = rig.request(Method::POST, forward.clone()).await;
        assert_eq!(answer(request).await.0, 405);
        let request = rig.get(forward).await.header("via", "1.1 front");
        assert_eq!(answer(request).await.0, 508);
        assert!(rig.is_asked_no_more().await);
    })
    .await;
}

#[tokio::test]
async fn a_cold_upstream_is_one_stream_that_begins_late() {
    each(async |rig| {
        let patient = rig.builder().cold_start(Duration::from_secs(60)).header_timeout(SHORT * 2);
        let request = rig.get(patient.build().unwrap().stream("/sse")).await.send();
        let script = async {
            let refused = rig.asked().await;
            // Not in 7 s: what it says of itself is waited for.
            refused.say(
                http::Response::builder().status(503).body(axum::body::Body::empty()).unwrap(),
            );
            drop(rig.asked().await);
            rig.asked().await.is_gone().await;
            // On a busy machine this may be too late for the first one.
            let mut streams = vec![];
            loop {
                streams.push(rig.asked().await.stream_saying("data: late\n\n"));
            }
        };
        let mut response = tokio::select! {
            response = within("an answer", request) => response.unwrap(),
            () = script => unreachable!("it has no end"),
        };
        crate::rig::reads(&mut response, "data: late\n\n").await;
    })
    .await;
}
