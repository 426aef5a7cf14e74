//! What a stream sends while it is open, and when.

use std::sync::atomic::Ordering;
use std::time::Duration;

use sse_core::{CloseReason, Event, KeepAlive};
use testkit::{BOUND, MORE_THAN_SOCKETS_HOLD, until};

use crate::rig::silent;
use crate::{Feed, Framework, Rig, Version};

pub async fn the_first_byte_comes_before_any_event<F: Framework>(version: Version) {
    let mut rig = Rig::start::<F>(version, silent).await;
    let (_client, mut response, _feed) = rig.open().await;
    assert_eq!(response.text().await, ":\n\n");
}

pub async fn a_comment_keeps_a_silent_stream_alive<F: Framework>(version: Version) {
    let keep_alive = || silent().keep_alive(KeepAlive::every(Duration::from_millis(20)));
    let mut rig = Rig::start::<F>(version, keep_alive).await;
    let (_client, mut response, feed) = rig.open_and_read().await;
    for _ in 0..3 {
        assert_eq!(response.until("\n\n").await.replace(":\n\n", ""), "");
    }
    feed.send([Event::new("one")]);
    assert!(response.until("data: one\n\n").await.starts_with([':', 'd']));
    assert_eq!(response.until("\n\n").await.replace(":\n\n", ""), "");
}

pub async fn what_is_ready_leaves_in_one_chunk<F: Framework>(version: Version) {
    let mut rig = Rig::start::<F>(version, silent).await;
    let (_client, mut response, feed) = rig.open_and_read().await;
    let events: Vec<_> = (0..100).map(|number| Event::new(number.to_string())).collect();
    let expected: String = (0..100).map(|number| format!("data: {number}\n\n")).collect();
    feed.send(events);
    assert_eq!(response.text().await, expected);
}

/// How many events are read after those that were held.
const MORE: u64 = 16 * 1024;

pub async fn a_client_that_does_not_read_costs_bounded_memory_and_loses_nothing<F: Framework>(
    version: Version,
) {
    let mut rig = Rig::start::<F>(version, silent).await;
    let (_client, mut response, feed) = rig.open_and_read().await;
    let taken = feed.never_end();
    let (mut before, mut looks_alike) = (0, 0);
    until(BOUND, "the source is no longer polled", async || {
        let now = taken.load(Ordering::SeqCst);
        assert!(
            now < MORE_THAN_SOCKETS_HOLD as u64 / 1024,
            "{now} KiB are held for a client that does not read"
        );
        looks_alike = if now == before && now > 0 { looks_alike + 1 } else { 0 };
        before = now;
        looks_alike == 20
    })
    .await;

    // It goes on where it was, and every event comes.
    let mut text = String::new();
    for number in 0..before + MORE {
        let event = Feed::numbered(number).to_frame().into_bytes();
        while text.len() < event.len() {
            text.push_str(&response.text().await);
        }
        let (first, rest) = text.split_at(event.len());
        assert_eq!(first.as_bytes(), event, "event {number}");
        text = rest.to_owned();
    }
    drop(response);
    feed.is_dropped().await;
    assert_eq!(feed.closed().await.0, CloseReason::ClientGone);
}
