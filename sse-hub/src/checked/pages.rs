//! Those who are behind the window: all of them ask for pages, since it holds nothing.

use std::sync::{Arc, OnceLock};

use futures_util::{FutureExt as _, StreamExt as _};
use shuttle::future::{block_on, spawn};
use shuttle::rand::Rng as _;
use shuttle::scheduler::RandomScheduler;
use sse_core::Event;
use sse_store::{NewEntry, Page, PageStatus, Position};

use super::hub::{hub, idle, in_time};
use super::{check, run, topic};
use crate::page::{Fresh, Question};
use crate::shelves::Shelves;
use crate::{Hub, Subscription};

/// A hub that reads one page at a time, and keeps none of them or all.
fn paged() -> Hub {
    let room = [0, 1 << 20][shuttle::rand::thread_rng().gen_range(0..2)];
    hub(|hub| hub.window(0).catch_up_reads(1).catch_up_memory(room))
}

async fn publish(hub: &Hub, name: &str, data: &str) -> Position {
    let batch = vec![NewEntry::new(topic(name), Event::new(data))];
    hub.append(batch).await.unwrap()[0]
}

async fn resumed(hub: &Hub, names: &[&str], after: Position) -> Subscription {
    in_time(|| hub.subscribe(names.iter().copied()).resume_from(after)).await
}

/// What it is given up to the event that has this data; types of what it is told beside.
async fn until(mut subscription: Subscription, last: &str) -> Vec<String> {
    let mut words = Vec::new();
    while words.last().map(String::as_str) != Some(last) {
        let frame = subscription.next().await.unwrap().unwrap();
        words.push(frame.event_type().unwrap_or(&frame.data().unwrap()).to_owned());
    }
    words
}

#[test]
fn those_who_ask_the_same_are_each_given_all_though_one_of_them_goes_in_mid_read() {
    check(|| {
        block_on(async {
            let hub = paged();
            let first = publish(&hub, "t", "first").await;
            let words = ["position", "a", "b", "c"];
            for word in &words[1..] {
                publish(&hub, "t", word).await;
            }
            let stay = [(); 2].map(|()| {
                let hub = hub.clone();
                spawn(async move {
                    idle(20).await;
                    until(resumed(&hub, &["t"], first).await, "c").await
                })
            });
            let goes = spawn({
                let hub = hub.clone();
                async move {
                    let mut subscription = resumed(&hub, &["t"], first).await;
                    for _ in 0..2 {
                        let _ = subscription.next().now_or_never();
                        idle(20).await;
                    }
                }
            });
            for reader in stay {
                assert_eq!(reader.await.unwrap(), words);
            }
            goes.await.unwrap();
            assert_eq!(hub.connection_count(), 0);
        });
    });
}

/// Clears what is read, by another process, while three read it, whether a page of it is kept before or not.
async fn clear_what_is_read(is_kept: bool) {
    let hub = hub(|hub| hub.window(0).catch_up_reads(1));
    let first = publish(&hub, "t", "first").await;
    publish(&hub, "t", "secret").await;
    publish(&hub, "u", "end").await;
    if is_kept {
        until(resumed(&hub, &["t", "u"], first).await, "end").await;
    }
    let cleared = Arc::new(OnceLock::<Position>::new());
    let readers = [(); 3].map(|()| {
        let (hub, cleared) = (hub.clone(), cleared.clone());
        spawn(async move {
            let mut subscription = resumed(&hub, &["t", "u"], first).await;
            subscription.next().await.unwrap().unwrap();
            idle(20).await;
            let has_seen = |at: &Position| hub.shared().window.view().has(*at);
            let is_late = cleared.get().is_some_and(has_seen);
            let words = until(subscription, "end").await;
            match words.contains(&"secret".to_owned()) {
                true => assert!(!is_late, "{words:?}"),
                false => assert_eq!(words, ["gap", "end"]),
            }
        })
    });
    idle(10).await;
    let it = hub.store().clear(&topic("t")).await.unwrap();
    cleared.set(it.position).unwrap();
    for reader in readers {
        reader.await.unwrap();
    }
}

#[test]
fn who_reads_once_the_feed_has_seen_a_clear_is_given_no_page_that_was_kept() {
    check(|| block_on(clear_what_is_read(true)));
}

#[test]
fn who_reads_once_the_feed_has_seen_a_clear_is_given_no_page_that_was_on_its_way() {
    check(|| block_on(clear_what_is_read(false)));
}

#[test]
fn a_store_that_is_closed_while_pages_are_read_leaves_nobody_waiting() {
    check(|| {
        block_on(async {
            let hub = paged();
            hub.shared().is_ready().await.unwrap();
            let first = publish(&hub, "t", "first").await;
            publish(&hub, "t", "a").await;
            let readers = [(); 2].map(|()| {
                let hub = hub.clone();
                spawn(async move {
                    let Ok(mut subscription) = hub.subscribe(["t"]).resume_from(first).await else {
                        return;
                    };
                    while let Some(frame) = subscription.next().await {
                        if let Err(error) = frame {
                            return assert!(error.is_closed());
                        }
                    }
                })
            });
            idle(30).await;
            hub.shared().close(&sse_store::StoreError::closed());
            for reader in readers {
                reader.await.unwrap();
            }
            assert_eq!(hub.connection_count(), 0);
        });
    });
}

#[test]
fn a_clear_goes_through_the_questions_of_its_topic_alone() {
    run(RandomScheduler::new(1), || {
        let epoch = 1;
        let (start, next) = (Position::new(epoch, 0), Position::new(epoch, 1));
        let mut shelves = Shelves::new(usize::MAX);
        for number in 0..10_000 {
            let mut topics = vec![topic(&format!("t{number}"))];
            topics.extend((number % 100 == 0).then(|| topic("u")));
            let question = Arc::new(Question { topics, newest_only: false });
            let page = Page::new(Vec::new(), next, PageStatus::Exact);
            shelves.put(&question, start, Fresh::new(start, page, epoch), epoch);
        }
        for (name, questions) in [("none", 0), ("t7", 1), ("t7", 0), ("u", 100), ("t100", 0)] {
            assert_eq!(shelves.forget(&topic(name), next), questions, "{name}");
        }
        assert_eq!(
            (0..10_000).filter(|it| shelves.forget(&topic(&format!("t{it}")), next) > 0).count(),
            9_899
        );
        assert!(shelves.is_empty());
    });
}
