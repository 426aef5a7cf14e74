//! How a stream ends by itself.

use std::time::Duration;

use sse_core::{CloseReason, Completion, Event, EventType, MaxLifetime};

use crate::rig::silent;
use crate::{Framework, Rig, Version};

const DONE: EventType = EventType::from_static("done");

pub async fn completion_drops_the_source_and_lets_the_client_hang_up_first<F: Framework>(
    version: Version,
) {
    let lifecycle = || {
        let linger = Duration::from_secs(3600);
        silent().complete_on(Completion::event_type(DONE)).linger(linger)
    };
    let mut rig = Rig::start::<F>(version, lifecycle).await;
    let (client, mut response, feed) = rig.open_and_read().await;
    feed.send([Event::new("1"), Event::new("").with_type(DONE), Event::new("never sent")]);
    assert_eq!(response.until("event: done\ndata: \n\n").await.matches("data").count(), 2);
    // The stream is still open, for an hour.
    feed.is_dropped().await;
    drop((response, client));
    if F::tells_of_a_cut(version) {
        let (reason, stats) = feed.closed().await;
        assert_eq!((reason, stats.events), (CloseReason::Completed, 2));
    }
}

pub async fn a_completed_stream_ends_after_the_linger<F: Framework>(version: Version) {
    let lifecycle = || {
        let linger = Duration::from_millis(50);
        silent().complete_on(Completion::event_type(DONE)).linger(linger)
    };
    let mut rig = Rig::start::<F>(version, lifecycle).await;
    let (_client, mut response, feed) = rig.open_and_read().await;
    feed.send([Event::new("").with_type(DONE)]);
    let started = std::time::Instant::now();
    assert_eq!(response.rest().await, ("event: done\ndata: \n\n".into(), true));
    assert!(started.elapsed() >= Duration::from_millis(40), "it has lingered");
    assert_eq!(feed.closed().await.0, CloseReason::Completed);
}

pub async fn the_end_of_the_source_is_a_clean_end<F: Framework>(version: Version) {
    let mut rig = Rig::start::<F>(version, silent).await;
    let (_client, mut response, feed) = rig.open_and_read().await;
    feed.send([Event::new("last")]);
    drop(feed);
    assert_eq!(response.rest().await, ("data: last\n\n".into(), true));
}

pub async fn a_lifetime_ends_with_its_event_and_a_retry<F: Framework>(version: Version) {
    let lifecycle = || {
        let last = Event::new("").with_type(EventType::from_static("timeout"));
        let lifetime = MaxLifetime::new(Duration::from_millis(50)).last_event(last);
        silent().max_lifetime(lifetime).retry(Duration::from_secs(2))
    };
    let mut rig = Rig::start::<F>(version, lifecycle).await;
    let (_client, mut response, feed) = rig.open().await;
    let (text, is_whole) = response.rest().await;
    assert!(is_whole);
    let retry = text.strip_prefix("retry: 2000\n\nevent: timeout\ndata: \n\nretry: ");
    let retry = retry.and_then(|it| it.strip_suffix("\n\n")).expect(&text);
    assert!((1000..=2000).contains(&retry.parse().unwrap()), "{retry}");
    assert_eq!(feed.closed().await.0, CloseReason::MaxLifetime);
}

pub async fn a_failed_source_is_a_truncated_stream_after_all_its_events<F: Framework>(
    version: Version,
) {
    let mut rig = Rig::start::<F>(version, silent).await;
    let (_client, mut response, feed) = rig.open_and_read().await;
    feed.send_and_fail([Event::new("one"), Event::new("two")]);
    assert_eq!(response.rest().await, ("data: one\n\ndata: two\n\n".into(), false));
    assert_eq!(feed.closed().await.0, CloseReason::SourceFailed);
}
