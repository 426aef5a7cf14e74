//! A server that stops.

use sse_core::{CloseReason, Event};
use testkit::BOUND;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::rig::silent;
use crate::{Framework, Rig, Version};

const STREAMS: usize = 100;

pub async fn a_stop_ends_a_hundred_streams_within_the_grace_and_spreads_their_return<
    F: Framework,
>(
    version: Version,
) {
    let shutdown = CancellationToken::new();
    let token = shutdown.clone();
    let lifecycle = move || silent().shutdown(token.clone().cancelled_owned());
    let mut rig = Rig::start::<F>(version, lifecycle).await;
    let mut streams = Vec::new();
    for number in 0..STREAMS {
        let (client, response, feed) = rig.open_and_read().await;
        feed.send([Event::new(number.to_string())]);
        streams.push((client, response, feed));
    }
    shutdown.cancel();
    let stopped = tokio::spawn(rig.server.stop());

    let mut retries = Vec::new();
    for (number, (client, mut response, feed)) in streams.into_iter().enumerate() {
        let (text, is_whole) = response.rest().await;
        assert!(is_whole, "stream {number} was cut short after {text:?}");
        let retry = text.strip_prefix(&format!("data: {number}\n\nretry: "));
        let retry: u32 =
            retry.and_then(|it| it.strip_suffix("\n\n")).expect(&text).parse().unwrap();
        assert!(retry >= 1000, "{retry}");
        retries.push(retry);
        assert_eq!(feed.closed().await.0, CloseReason::Shutdown);
        drop(client);
    }
    retries.sort_unstable();
    retries.dedup();
    assert!(retries.len() > STREAMS / 2, "they come back spread over time: {retries:?}");
    timeout(BOUND, stopped).await.expect("the server ends within the grace").unwrap();
}
