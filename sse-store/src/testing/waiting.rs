//! Waiting for more.

use std::future::Future;
use std::pin::{Pin, pin};
use std::task::{Context, Waker};

use super::{Harness, Store, append, open, topic, within};
use crate::Position;

/// There is something to read, or to read anew.
pub async fn wait_returns_at_once_if_there_is_more(harness: &dyn Harness) {
    let (store, other) = (open(harness).await, open(harness).await);
    let head = append(&store, "a", "1").await;
    let origin = Position::new(head.epoch(), 0);
    let foreign = Position::new(head.epoch() + 1, 9);
    for store in [store, other] {
        for after in [Position::START, origin, foreign] {
            let waited = within("wait returns", store.wait(after)).await;
            assert_eq!(waited.expect("there is more"), head);
        }
    }
}

async fn wakes(waiting: Store, writing: Store) {
    let mut after = append(&writing, "a", "1").await;
    for round in 0..9 {
        let waiter = tokio::spawn({
            let waiting = waiting.clone();
            async move { waiting.wait(after).await }
        });
        let written = match round % 3 {
            0 => append(&writing, "a", "2").await,
            1 => writing.complete(&topic("a")).await.expect("completed"),
            _ => writing.clear(&topic("a")).await.expect("cleared").position,
        };
        let waited = within("wait returns", waiter).await.expect("no panic");
        after = waited.expect("there is more");
        assert_eq!(after, written);
    }
}

/// What is written by a handle wakes those who wait at it: events, completions and clears.
pub async fn wait_is_woken_by_this_handle(harness: &dyn Harness) {
    let store = open(harness).await;
    wakes(store.clone(), store).await;
}

/// The same from one handle to another.
pub async fn wait_is_woken_by_another_handle(harness: &dyn Harness) {
    wakes(open(harness).await, open(harness).await).await;
}

/// At the head there is nothing to read; nor before the first record.
pub async fn wait_does_not_return_without_cause(harness: &dyn Harness) {
    let store = open(harness).await;
    let origin = store.head().await.expect("a head");
    let mut at_start = pin!(store.wait(Position::START));
    let mut at_origin = pin!(store.wait(origin));
    for _ in 0..1000 {
        assert!(is_pending(at_start.as_mut()) && is_pending(at_origin.as_mut()));
        tokio::task::yield_now().await;
    }
    let head = append(&store, "a", "1").await;
    let mut at_head = pin!(store.wait(head));
    for _ in 0..1000 {
        assert!(is_pending(at_head.as_mut()));
        tokio::task::yield_now().await;
    }
    assert_eq!(within("wait returns", at_start).await.expect("there is more"), head);
    assert_eq!(within("wait returns", at_origin).await.expect("there is more"), head);
}

fn is_pending(future: Pin<&mut impl Future>) -> bool {
    future.poll(&mut Context::from_waker(Waker::noop())).is_pending()
}
