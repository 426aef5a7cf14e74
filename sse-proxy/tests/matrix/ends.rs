//! How a stream ends.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::FutureExt;
use sse_proxy::{ForwardCloseReason, MaxLifetime, Upstream};
use testkit::{Answer, BOUND, Scripted, until};

use crate::rig::{Framework, SHORT, each, reads, rest, sees, within};

#[tokio::test]
async fn a_lost_upstream_never_looks_like_an_end() {
    each(async |rig| {
        let forward = rig.builder().build().unwrap().stream("/sse");
        for text in ["data: x\n\n", "data: x\n\ndata: half"] {
            let (mut response, upstream) = rig.open(forward.clone()).await;
            upstream.says(text).await;
            reads(&mut response, text).await;
            upstream.breaks().await;
            rest(&mut response).await.unwrap_err();
        }
    })
    .await;
}

#[tokio::test]
async fn an_event_sent_just_before_the_loss_arrives() {
    each(async |rig| {
        // A server of hyper's, as the rig's is, throws away itself what it has not written then.
        if rig.up_h2 {
            return;
        }
        let lost = Answer::stream().chunk("data: x\n\n").close();
        let upstream = Scripted::start([lost]).await;
        let forward = Upstream::builder(upstream.url("")).build().unwrap().stream("/sse");
        let mut response = within("an answer", rig.get(forward).await.send()).await.unwrap();
        reads(&mut response, "data: x\n\n").await;
        rest(&mut response).await.unwrap_err();
    })
    .await;
}

#[tokio::test]
async fn a_client_that_leaves_in_mid_stream_ends_the_upstream_and_it_is_told_once() {
    each(async |rig| {
        let told = Arc::new(Mutex::new(vec![]));
        let log = told.clone();
        let builder = rig.listening();
        let builder = builder.on_close(move |reason, _| log.lock().unwrap().push(reason));
        let (mut response, upstream) = rig.open(builder.build().unwrap().stream("/sse")).await;
        upstream.says("data: x\n\n").await;
        sees(&mut response, "data: x\n\n").await;
        drop(response);
        upstream.is_gone().await;
        let is_told = async || *told.lock().unwrap() == [ForwardCloseReason::ClientGone];
        until(BOUND, "the end is told", is_told).await;
    })
    .await;
}

#[tokio::test]
async fn a_client_that_leaves_before_the_headers_ends_the_upstream() {
    each(async |rig| {
        let mut builder = rig.builder();
        if rig.framework == Framework::Actix && rig.down_h2 {
            // Actix does not hear of a reset before it has an answer: the timer is what ends it.
            // It begins before the request has come.
            builder = builder.header_timeout(SHORT * 10);
        }
        let forward = builder.build().unwrap().stream("/sse");
        let asking = tokio::spawn(rig.get(forward).await.send());
        let mut asked = rig.asked().await;
        asking.abort();
        asked.is_gone().await;
    })
    .await;
}

#[tokio::test]
async fn silence_before_the_first_event_or_after_it_is_an_abort() {
    each(async |rig| {
        let first = rig.builder().first_event_timeout(SHORT);
        let first = first.build().unwrap().stream("/sse");
        let (mut response, upstream) = rig.open_saying(first, ": no event\n\n").await;
        reads(&mut response, ": no event\n\n").await;
        rest(&mut response).await.unwrap_err();
        upstream.is_gone().await;

        let idle = rig.builder().idle_timeout(SHORT);
        let idle = idle.build().unwrap().stream("/sse");
        let (mut response, upstream) = rig.open_saying(idle, "data: x\n\n").await;
        reads(&mut response, "data: x\n\n").await;
        rest(&mut response).await.unwrap_err();
        upstream.is_gone().await;
    })
    .await;
}

fn is_a_retry(text: &str) {
    let number = text.strip_prefix("retry: ").and_then(|it| it.strip_suffix("\n\n"));
    number.unwrap_or_else(|| panic!("{text:?}")).parse::<u64>().unwrap();
}

#[tokio::test]
async fn the_longest_lifetime_and_a_shutdown_are_clean_ends_with_a_time_to_come_back() {
    each(async |rig| {
        let lifetime = MaxLifetime::new(SHORT).jitter(Duration::ZERO);
        let limited = rig.builder().max_lifetime(lifetime).build().unwrap();
        let (mut response, upstream) = rig.open(limited.stream("/sse")).await;
        is_a_retry(&rest(&mut response).await.unwrap());
        upstream.is_gone().await;

        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let stopping = rig.builder().shutdown(stopped.map(|_| ())).build().unwrap();
        let (mut response, upstream) = rig.open(stopping.stream("/sse")).await;
        stop.send(()).unwrap();
        is_a_retry(&rest(&mut response).await.unwrap());
        upstream.is_gone().await;
    })
    .await;
}
