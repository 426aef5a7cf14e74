//! What a hub says of itself.

use std::sync::Arc;
use std::task::{Context, Wake, Waker};
use std::time::Duration;

use futures_util::StreamExt as _;
use sse_hub::{Feed, Hub};
use sse_store::Position;

use crate::support::{TestStore, hub, publish, publish_all, settle};

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test(start_paused = true)]
async fn a_hub_is_starting_then_failing_or_following_and_at_last_closed() {
    let store = Arc::new(TestStore::new());
    store.set_down(true);
    let hub = Hub::new(store.clone());
    let health = hub.health();
    assert!(matches!(health.feed, Feed::Starting) && !health.is_following());
    assert_eq!((health.position, health.head), (Position::START, Position::START));
    settle().await;
    assert!(matches!(hub.health().feed, Feed::Failing(error) if error.is_unavailable()));
    store.set_down(false);
    tokio::time::sleep(SECOND).await;
    assert!(hub.health().is_following());
    store.close();
    settle().await;
    assert!(matches!(hub.health().feed, Feed::Closed(error) if error.is_closed()));
    assert!(!hub.health().is_following());
}

#[tokio::test(start_paused = true)]
async fn a_feed_that_fails_says_why_and_since_when_and_follows_again_though_nothing_is_published() {
    let (hub, store) = hub(|hub| hub).await;
    tokio::time::sleep(60 * SECOND).await;
    let health = hub.health();
    assert!(health.is_following() && health.since >= 60 * SECOND && health.stalled.is_zero());
    let position = publish(&hub, "t", "a").await;
    settle().await;
    assert_eq!((hub.health().position, hub.health().head), (position, position));
    store.set_down(true);
    // Those who wait for something new are told.
    store.interrupt();
    tokio::time::sleep(60 * SECOND).await;
    let health = hub.health();
    assert!(matches!(&health.feed, Feed::Failing(error) if error.is_unavailable()));
    assert!((59 * SECOND..=60 * SECOND).contains(&health.since), "{:?}", health.since);
    store.set_down(false);
    tokio::time::sleep(6 * SECOND).await;
    let health = hub.health();
    assert!(health.is_following() && health.since <= 6 * SECOND, "{health:?}");
    assert_eq!(health.position, position);
}

#[tokio::test(start_paused = true)]
async fn a_feed_that_stands_still_although_there_is_more_says_for_how_long() {
    let (hub, store) = hub(|hub| hub).await;
    let before = publish(&hub, "t", "a").await;
    settle().await;
    store.holds_feed.send_replace(true);
    publish(&hub, "t", "b").await;
    tokio::time::sleep(7 * SECOND).await;
    let last = publish(&hub, "t", "c").await;
    let health = hub.health();
    assert_eq!((health.position, health.head), (before, last));
    assert!((7 * SECOND..8 * SECOND).contains(&health.stalled), "{:?}", health.stalled);
    store.holds_feed.send_replace(false);
    settle().await;
    let health = hub.health();
    assert_eq!((health.position, health.stalled), (last, Duration::ZERO));
}

#[tokio::test(start_paused = true)]
async fn a_feed_that_moves_on_does_not_stand_still_though_it_is_behind() {
    /// Stops the feed once it has written a page.
    struct Hold(Arc<TestStore>);
    impl Wake for Hold {
        fn wake(self: Arc<Self>) {
            self.0.holds_feed.send_replace(true);
        }
    }
    let (hub, store) = hub(|hub| hub).await;
    let mut subscription = hub.subscribe(["t"]).await.unwrap();
    store.holds_feed.send_replace(true);
    publish_all(&hub, "t", 0..501).await;
    tokio::time::sleep(5 * SECOND).await;
    let waker = Waker::from(Arc::new(Hold(store.clone())));
    let mut cx = Context::from_waker(&waker);
    while subscription.poll_next_unpin(&mut cx).is_ready() {}
    store.holds_feed.send_replace(false);
    tokio::time::sleep(3 * SECOND).await;
    let health = hub.health();
    assert_eq!(health.head.sequence() - health.position.sequence(), 1);
    assert!((2 * SECOND..4 * SECOND).contains(&health.stalled), "{:?}", health.stalled);
}
