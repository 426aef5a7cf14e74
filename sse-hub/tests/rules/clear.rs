//! What was cleared is given to nobody who begins later.

use sse_hub::{Hub, Overload};
use sse_store::{EventStore as _, Position};

use crate::support::{Client, hub, publish, publish_all, settle, topic};

const POLICIES: [Overload; 2] = [Overload::KeepAll, Overload::LatestByTopic];

/// A client of two topics, one of which is cleared, that has seen what is up to a position.
async fn resumed(hub: &Hub, after: Position, overload: Overload) -> Client {
    let subscribe = hub.subscribe(["t", "u"]).resume_from(after).overload(overload);
    Client::new(subscribe.await.unwrap())
}

#[tokio::test(start_paused = true)]
async fn what_was_cleared_while_it_was_read_is_given_to_nobody_who_comes_after() {
    for overload in POLICIES {
        let (hub, store) = hub(|hub| hub.window(0)).await;
        let first = publish(&hub, "others", "first").await;
        publish_all(&hub, "t", ["secret"]).await;
        publish_all(&hub, "u", ["open"]).await;
        settle().await;
        store.holds_answers.send_replace(true);
        let mut early = resumed(&hub, first, overload).await;
        assert_eq!(early.words().await, ["position"]);
        // Another process clears it, and the feed sees that, while the page that has it is on its way.
        store.clear(&topic("t")).await.unwrap();
        settle().await;
        let mut during = resumed(&hub, first, overload).await;
        assert_eq!(during.words().await, ["position"]);
        store.holds_answers.send_replace(false);
        settle().await;
        let mut after = resumed(&hub, first, overload).await;
        assert_eq!(during.words().await, ["gap", "open"], "{overload:?}");
        assert_eq!(after.words().await, ["position", "gap", "open"], "{overload:?}");
        assert_eq!(early.words().await, ["gap", "open"], "{overload:?}");
    }
}
