//! A stream that resumes.

use std::time::Duration;

use http::Method;
use sse_proxy::{Backoff, Completion, Resume};

use crate::rig::{each, reads, rest, sees, within};

fn soon() -> Resume {
    let wait = Duration::from_millis(20);
    Resume::new().backoff(Backoff::new().bounds(wait, wait))
}

#[tokio::test]
async fn a_lost_upstream_is_asked_for_what_follows_and_the_client_sees_one_stream() {
    each(async |rig| {
        let resume = soon().complete_on(Completion::data("[DONE]")).linger(Duration::ZERO);
        let forward = rig.builder().build().unwrap().stream("/sse").resume(resume);
        let (mut response, upstream) = rig.open(forward).await;
        upstream.says("id: 1\ndata: one\n\ndata: half").await;
        reads(&mut response, "id: 1\ndata: one\n\n").await;
        upstream.breaks().await;

        drop(rig.asked().await); // it hangs up
        rig.asked().await.status(500);
        let asked = rig.asked().await;
        assert_eq!(asked.header("last-event-id"), Some("1"));
        let upstream = asked.stream();
        upstream.says("id: 2\ndata: two\n\ndata: [DONE]\n\n").await;
        let got = rest(&mut response).await.unwrap();
        assert_eq!(got, "id: 2\ndata: two\n\ndata: [DONE]\n\n");
        upstream.is_gone().await;
    })
    .await;
}

#[tokio::test]
async fn a_lost_post_is_told_in_the_stream_and_never_sent_again() {
    each(async |rig| {
        let forward = rig.builder().build().unwrap().stream("/sse").resume(soon());
        let request = rig.request(Method::POST, forward.methods([Method::POST])).await;
        let request = request.body("ask").send();
        let (response, upstream) =
            tokio::join!(within("an answer", request), async { rig.asked().await.stream() });
        let mut response = response.unwrap();
        upstream.says("id: 1\ndata: one\n\n").await;
        reads(&mut response, "id: 1\ndata: one\n\n").await;
        upstream.breaks().await;
        let got = rest(&mut response).await.unwrap();
        assert!(got.starts_with("event: stream-error\ndata: {\"code\":\"upstream_lost\""), "{got}");
        assert!(rig.is_asked_no_more().await);
    })
    .await;
}

#[tokio::test]
async fn a_client_that_leaves_while_the_upstream_is_awaited_ends_that_too() {
    each(async |rig| {
        let forward = rig.listening().build().unwrap().stream("/sse").resume(soon());
        let (mut response, upstream) = rig.open(forward).await;
        upstream.says("id: 1\ndata: one\n\n").await;
        sees(&mut response, "id: 1\ndata: one\n\n").await;
        upstream.breaks().await;
        let mut asked = rig.asked().await;
        drop(response);
        asked.is_gone().await;
    })
    .await;
}
