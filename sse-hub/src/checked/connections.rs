//! Those who come, go and change topics at once.

use std::collections::HashMap;

use futures_util::stream::FusedStream as _;
use futures_util::{FutureExt as _, StreamExt as _};
use shuttle::future::{block_on, spawn};

use sse_store::StoreError;

use super::check;
use super::hub::{hub, idle, in_time};
use crate::{ConnectionId, EndReason, Hub, Notice, Notices};

/// What was told of each connection: in that order, its topics and why it ended.
async fn told(mut notices: Notices) -> HashMap<ConnectionId, Vec<(usize, Option<EndReason>)>> {
    let mut told: HashMap<_, Vec<_>> = HashMap::new();
    while let Some(Some(notice)) = notices.next().now_or_never() {
        let (connection, is_first, reason) = match notice {
            Notice::Opened(connection) => (connection, true, None),
            Notice::Changed(connection) => (connection, false, None),
            Notice::Ended(connection, reason) => (connection, false, Some(reason)),
            Notice::Missed(_) => panic!("none is missed"),
        };
        let its = told.entry(connection.id).or_default();
        assert_eq!(its.is_empty(), is_first, "it begins with its opening, once");
        let has_ended =
            its.last().is_some_and(|(_, reason): &(_, Option<EndReason>)| reason.is_some());
        assert!(!has_ended, "its end is the last of it");
        its.push((connection.topics.len(), reason));
    }
    told
}

fn check_nothing_left(hub: &Hub) {
    assert_eq!(hub.connection_count(), 0);
    assert!(hub.subscriber_counts().is_empty());
}

#[test]
fn of_those_of_one_user_who_come_at_once_one_stays_and_each_of_the_others_is_told() {
    check(|| {
        block_on(async {
            let hub = hub(|hub| hub.max_connections_per_user(1));
            let notices = hub.notices();
            let comers = [(); 3].map(|()| {
                let hub = hub.clone();
                spawn(async move { hub.subscribe(["t", "u"]).user("one").await })
            });
            let (mut here, mut refused) = (Vec::new(), 0);
            for comer in comers {
                match comer.await.unwrap() {
                    Ok(subscription) => here.push(subscription),
                    Err(error) => {
                        assert!(error.is_unavailable(), "{error}");
                        refused += 1;
                    }
                }
            }
            let left = hub.connections();
            // One who was refused in the end may have taken another's place before.
            assert!(left.len() == 1 || left.is_empty() && refused > 0);
            for subscription in &mut here {
                let is_left = left.iter().any(|it| it.id == subscription.id());
                let mut last = None;
                while let Some(Some(frame)) = subscription.next().now_or_never() {
                    last = frame.unwrap().event_type().map(str::to_owned);
                }
                assert_eq!(last.as_deref(), Some(if is_left { "position" } else { "replaced" }));
            }
            drop(here);
            check_nothing_left(&hub);
            for its in told(notices).await.values() {
                let (_, reason) = its.last().unwrap();
                assert!(matches!(reason, Some(EndReason::Dropped | EndReason::Replaced)));
            }
        });
    });
}

#[test]
fn topics_that_are_added_and_removed_while_a_connection_ends_leave_nobody_subscribed() {
    check(|| {
        block_on(async {
            let hub = hub(|hub| hub);
            let notices = hub.notices();
            let subscription = in_time(|| hub.subscribe(["t"]).authorise(|_| async { true })).await;
            let id = subscription.id();
            let adders = ["u", "v"].map(|name| {
                let hub = hub.clone();
                spawn(async move {
                    idle(5).await;
                    match hub.add_topics(id, None, [name]).await {
                        Ok(()) => {}
                        Err(error) => {
                            assert!(error.is_unknown_connection() || error.is_unavailable());
                        }
                    }
                })
            });
            let remover = spawn({
                let hub = hub.clone();
                async move {
                    idle(10).await;
                    let _ = hub.remove_topics(id, None, ["t", "u"]);
                }
            });
            idle(15).await;
            hub.disconnect(id);
            for task in adders.into_iter().chain([remover]) {
                task.await.unwrap();
            }
            check_nothing_left(&hub);
            let told = told(notices).await;
            assert_eq!(told[&id].last().unwrap().1, Some(EndReason::Disconnected));
            drop(subscription);
        });
    });
}

#[test]
fn the_last_that_is_told_of_a_connections_topics_is_what_it_has() {
    check(|| {
        block_on(async {
            let hub = hub(|hub| hub);
            let notices = hub.notices();
            let subscription = in_time(|| hub.subscribe(["t"]).authorise(|_| async { true })).await;
            let id = subscription.id();
            let adders = ["u", "v"].map(|name| {
                let hub = hub.clone();
                spawn(async move { in_time(|| hub.add_topics(id, None, [name])).await })
            });
            hub.remove_topics(id, None, ["t"]).unwrap();
            for adder in adders {
                adder.await.unwrap();
            }
            let has = hub.connection(id).unwrap().topics.len();
            assert_eq!((told(notices).await[&id].last().unwrap().0, has), (2, 2));
            drop(subscription);
            check_nothing_left(&hub);
        });
    });
}

#[test]
fn those_who_come_while_the_store_is_closed_are_refused_or_ended() {
    check(|| {
        block_on(async {
            let hub = hub(|hub| hub);
            hub.shared().is_ready().await.unwrap();
            let comers = [(); 3].map(|()| {
                let hub = hub.clone();
                spawn(async move {
                    let Ok(mut subscription) = hub.subscribe(["t"]).await else { return };
                    while let Some(frame) = subscription.next().await {
                        assert!(
                            frame.is_ok_and(|it| it.event_type() == Some("position"))
                                || subscription.is_terminated()
                        );
                    }
                })
            });
            idle(10).await;
            hub.shared().close(&StoreError::closed());
            for comer in comers {
                comer.await.unwrap();
            }
            check_nothing_left(&hub);
        });
    });
}
