//! Who is connected to what, and topics that come and go.

use std::future::Future as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::FutureExt as _;
use sse_hub::{ConnectionId, EndReason, Hub, Notice, Notices, to};
use sse_store::Topic;

use crate::support::{Client, hub, publish, settle, topic};

async fn any(_: Topic) -> bool {
    true
}

async fn client(hub: &Hub, user: &'static str, names: &[&str]) -> Client {
    let subscribe = hub.subscribe(names.iter().copied()).user(user).authorise(any);
    let mut client = Client::new(subscribe.await.unwrap());
    client.read().await;
    client
}

fn names(topics: &[Topic]) -> Vec<&str> {
    let mut names: Vec<&str> = topics.iter().map(Topic::as_str).collect();
    names.sort_unstable();
    names
}

#[tokio::test(start_paused = true)]
async fn who_is_connected_to_what_can_be_asked() {
    let (hub, _) = hub(|hub| hub).await;
    let a = client(&hub, "a", &["t", "u"]).await;
    let b = client(&hub, "b", &["t"]).await;
    assert_eq!(hub.connection_count(), 2);
    assert_eq!(hub.subscriber_count(&topic("t")), 2);
    assert_eq!(hub.subscriber_count(&topic("none")), 0);
    let mut counts = hub.subscriber_counts();
    counts.sort_unstable();
    assert_eq!(counts, [(topic("t"), 2), (topic("u"), 1)]);
    let one = hub.connection(a.subscription.id()).unwrap();
    assert_eq!(one.user.as_deref(), Some("a"));
    assert_eq!(names(&one.topics), ["t", "u"]);
    assert_eq!(one.position, a.subscription.position());
    assert_eq!(hub.connections().len(), 2);
    drop((a, b));
    assert_eq!(hub.connection_count(), 0);
    assert!(hub.subscriber_counts().is_empty());
}

#[tokio::test(start_paused = true)]
async fn coming_and_going_is_told_with_its_reason() {
    let (hub, _) = hub(|hub| hub).await;
    let mut notices = hub.notices();
    let client = client(&hub, "a", &["t"]).await;
    let id = client.subscription.id();
    hub.add_topics(id, Some("a"), ["u"]).await.unwrap();
    drop(client);
    let Some(Notice::Opened(opened)) = notices.next().await else { panic!("it was opened") };
    assert_eq!((opened.id, names(&opened.topics)), (id, vec!["t"]));
    let Some(Notice::Changed(changed)) = notices.next().await else { panic!("it has changed") };
    assert_eq!(names(&changed.topics), ["t", "u"]);
    let Some(Notice::Ended(closed, reason)) = notices.next().await else { panic!("it ended") };
    assert_eq!((closed.id, names(&closed.topics)), (id, vec!["t", "u"]));
    assert_eq!(reason, EndReason::Dropped);
    drop(hub);
    assert!(notices.next().await.is_none());
}

#[tokio::test(start_paused = true)]
async fn one_who_is_refused_comes_and_goes_unnoticed() {
    let (hub, store) = hub(|hub| hub.max_connections_per_user(1)).await;
    hub.complete("t").await.unwrap();
    settle().await;
    let mut notices = hub.notices();
    assert!(hub.subscribe(["t"]).await.unwrap_err().is_complete());
    store.set_down(true);
    assert!(hub.subscribe(["never seen"]).await.unwrap_err().store().is_some());
    store.set_down(false);
    let first = client(&hub, "a", &["u"]).await;
    let second = client(&hub, "a", &["u"]).await;
    drop((first, second, hub));
    let mut told = Vec::new();
    while let Some(notice) = notices.next().await {
        told.push(match notice {
            Notice::Opened(_) => "opened",
            Notice::Ended(_, reason) => reason.as_str(),
            other => panic!("{other:?}"),
        });
    }
    assert_eq!(told, ["opened", "opened", "replaced", "dropped"]);
}

#[tokio::test(start_paused = true)]
async fn notices_that_are_not_taken_are_lost_and_that_is_told() {
    let (hub, _) = hub(|hub| hub.max_notices(4)).await;
    let mut notices = hub.notices();
    for _ in 0..10 {
        client(&hub, "a", &["t"]).await;
    }
    let Some(Notice::Missed(count)) = notices.next().await else { panic!("some are lost") };
    assert_eq!(count, 16);
    assert!(matches!(notices.next().await, Some(Notice::Opened(_))));
}

#[tokio::test(start_paused = true)]
async fn a_topic_that_is_added_is_given_from_then_on() {
    for window in [0, 1 << 20] {
        let (hub, _) = hub(|hub| hub.window(window)).await;
        let mut client = client(&hub, "a", &["t"]).await;
        publish(&hub, "u", "before").await;
        publish(&hub, "t", "a").await;
        settle().await;
        hub.add_topics(client.subscription.id(), Some("a"), ["u"]).await.unwrap();
        publish(&hub, "u", "b").await;
        publish(&hub, "t", "c").await;
        // It had not read for a while: what it missed of `t` comes, and nothing that was before of `u`.
        assert_eq!(client.words().await, ["a", "b", "c"], "window {window}");
        assert_eq!(hub.subscriber_count(&topic("u")), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_page_that_comes_back_with_a_topic_it_had_added_misses_nothing_of_it() {
    for window in [0, 1 << 20] {
        let (one, store) = hub(|hub| hub.window(window)).await;
        let mut client = client(&one, "a", &["t"]).await;
        one.add_topics(client.subscription.id(), Some("a"), ["u"]).await.unwrap();
        publish(&one, "u", "a").await;
        assert_eq!(client.words().await, ["a"]);
        let id = client.last_event_id.take();
        drop(client);
        for (name, data) in [("u", "b"), ("t", "c"), ("u", "d")] {
            publish(&one, name, data).await;
        }
        settle().await;
        // Also at another instance, which knows nothing of what was added.
        for hub in [&one, &Hub::new(store.clone())] {
            let subscribe = hub.subscribe(["t", "u"]).resume_from(id.as_deref());
            let mut client = Client::new(subscribe.await.unwrap());
            assert_eq!(client.words().await, ["position", "b", "c", "d"], "window {window}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_topic_that_is_removed_is_given_no_more() {
    for window in [0, 1 << 20] {
        let (hub, _) = hub(|hub| hub.window(window)).await;
        let mut client = client(&hub, "a", &["t", "u"]).await;
        publish(&hub, "t", "a").await;
        publish(&hub, "u", "b").await;
        settle().await;
        assert_eq!(
            hub.remove_topics(client.subscription.id(), Some("a"), ["u", "x"]).ok(),
            Some(())
        );
        publish(&hub, "u", "c").await;
        publish(&hub, "t", "d").await;
        assert_eq!(client.words().await, ["a", "d"], "window {window}");
        assert_eq!(hub.subscriber_count(&topic("u")), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn a_topic_that_was_removed_and_added_is_given_from_its_return_on() {
    let (hub, _) = hub(|hub| hub).await;
    let mut client = client(&hub, "a", &["t", "u"]).await;
    let id = client.subscription.id();
    hub.remove_topics(id, Some("a"), ["u"]).unwrap();
    publish(&hub, "u", "meanwhile").await;
    hub.add_topics(id, Some("a"), ["u", "t"]).await.unwrap();
    publish(&hub, "u", "a").await;
    assert_eq!(client.words().await, ["a"]);
    assert_eq!(hub.subscriber_count(&topic("t")), 1, "what it has is not added twice");
}

#[tokio::test(start_paused = true)]
async fn only_its_own_user_changes_a_connection() {
    let (hub, _) = hub(|hub| hub).await;
    let client = client(&hub, "a", &["t"]).await;
    let id = client.subscription.id();
    let nobody: ConnectionId = "0123456789abcdef0123456789abcdef".parse().unwrap();
    for (id, user) in [(id, Some("b")), (id, None), (nobody, Some("a"))] {
        let error = hub.add_topics(id, user, ["u"]).await.unwrap_err();
        assert!(error.is_unknown_connection());
        assert!(hub.remove_topics(id, user, ["t"]).unwrap_err().is_unknown_connection());
    }
    assert_eq!(names(&hub.connection(id).unwrap().topics), ["t"]);
    assert!(!hub.disconnect(nobody));
}

#[tokio::test(start_paused = true)]
async fn a_connection_is_known_to_its_own_hub_alone() {
    let (hub, store) = hub(|hub| hub).await;
    let other = Hub::new(store);
    let client = client(&hub, "a", &["t"]).await;
    let id = client.subscription.id();
    let error = other.add_topics(id, Some("a"), ["u"]).await.unwrap_err();
    assert!(error.is_unknown_connection() && error.refusal().is_none());
    assert!(other.connection(id).is_none() && !other.disconnect(id));
    assert_eq!((hub.connection_count(), other.connection_count()), (1, 0));
    assert_eq!(other.subscriber_count(&topic("t")), 0);
}

#[tokio::test(start_paused = true)]
async fn the_authorisation_is_asked_again_for_each_topic_that_is_added() {
    let (hub, _) = hub(|hub| hub).await;
    let may_have = |topic: Topic| async move { topic.as_str() != "secret" };
    let subscription = hub.subscribe(["t"]).authorise(may_have).await.unwrap();
    let error = hub.add_topics(subscription.id(), None, ["u", "secret"]).await.unwrap_err();
    assert!(error.is_forbidden());
    assert_eq!(names(&hub.connection(subscription.id()).unwrap().topics), ["t"]);
    hub.add_topics(subscription.id(), None, ["u"]).await.unwrap();
    assert_eq!(hub.subscriber_count(&topic("secret")), 0);
    // Without a function nobody has said what else it may have.
    let subscription = hub.subscribe(["t"]).await.unwrap();
    assert!(hub.add_topics(subscription.id(), None, ["u"]).await.unwrap_err().is_forbidden());
}

#[tokio::test(start_paused = true)]
async fn no_more_topics_are_added_than_are_allowed() {
    let (hub, _) = hub(|hub| hub.max_topics_per_connection(2)).await;
    let client = client(&hub, "a", &["t"]).await;
    let id = client.subscription.id();
    let error = hub.add_topics(id, Some("a"), ["t", "u", "v"]).await.unwrap_err();
    assert_eq!(error.to_string(), "3 topics on one connection, where 2 are allowed");
    assert_eq!(hub.subscriber_count(&topic("u")), 0);
    hub.add_topics(id, Some("a"), ["t", "u"]).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn too_many_topics_are_refused_before_anybody_is_asked() {
    let (hub, store) = hub(|hub| hub.max_topics_per_connection(3)).await;
    let asked = Arc::new(AtomicUsize::new(0));
    let may_have = {
        let asked = asked.clone();
        move |_| {
            asked.fetch_add(1, Ordering::SeqCst);
            std::future::ready(true)
        }
    };
    let subscription = hub.subscribe(["t"]).authorise(may_have).await.unwrap();
    let before = (asked.load(Ordering::SeqCst), store.lists());
    let many = (0..10_000).map(|number| format!("t{number}")).collect();
    for names in [many, ["a", "b", "c"].map(str::to_owned).to_vec()] {
        let error = hub.add_topics(subscription.id(), None, names).await.unwrap_err();
        assert!(error.is_too_many_topics());
    }
    assert_eq!((asked.load(Ordering::SeqCst), store.lists()), before);
    // What it has already is none too many.
    hub.add_topics(subscription.id(), None, ["t", "a", "b"]).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn topics_whose_adding_is_dropped_are_left() {
    let (hub, store) = hub(|hub| hub).await;
    let client = client(&hub, "a", &["t"]).await;
    store.holds_lists.send_replace(true);
    let add = hub.add_topics(client.subscription.id(), Some("a"), ["u", "v"]);
    assert!(add.now_or_never().is_none());
    assert_eq!(hub.subscriber_counts(), [(topic("t"), 1)]);
}

#[tokio::test(start_paused = true)]
async fn topics_are_not_added_while_the_store_does_not_answer() {
    let (hub, store) = hub(|hub| hub).await;
    let client = client(&hub, "a", &["t"]).await;
    store.holds_lists.send_replace(true);
    let error = hub.add_topics(client.subscription.id(), Some("a"), ["u"]).await.unwrap_err();
    assert!(error.is_unavailable());
    assert_eq!(hub.subscriber_counts(), [(topic("t"), 1)]);
}

#[tokio::test(start_paused = true)]
async fn a_connection_ends_when_what_is_left_of_its_topics_is_complete() {
    let (hub, _) = hub(|hub| hub).await;
    let mut client = client(&hub, "a", &["t", "u"]).await;
    hub.complete("t").await.unwrap();
    client.read().await;
    assert!(!client.is_over);
    hub.remove_topics(client.subscription.id(), Some("a"), ["u"]).unwrap();
    client.read().await;
    assert!(client.is_over);
}

#[tokio::test(start_paused = true)]
async fn a_connection_can_be_ended_by_its_id() {
    let (hub, _) = hub(|hub| hub).await;
    let mut client = client(&hub, "a", &["t"]).await;
    let id = client.subscription.id();
    assert!(hub.disconnect(id) && !hub.disconnect(id));
    client.read().await;
    assert!(client.is_over && client.error.is_none());
}

#[tokio::test(start_paused = true)]
async fn one_can_send_to_a_user_a_channel_and_everyone() {
    let (hub, _) = hub(|hub| hub).await;
    let mut clients = Vec::new();
    for (user, channel) in [("1", "news"), ("2", "news"), ("1", "sport")] {
        let topics = [to::user(user), to::channel(channel), to::everyone()];
        let subscribe = hub.subscribe(topics.map(Result::unwrap)).user(user);
        let mut client = Client::new(subscribe.await.unwrap());
        client.read().await;
        clients.push(client);
    }
    for (to, data) in [(to::user("1"), "u"), (to::channel("news"), "c"), (to::everyone(), "e")] {
        hub.publish(to.unwrap(), sse_core::Event::new(data)).await.unwrap();
    }
    for (client, expected) in
        clients.iter_mut().zip([&["u", "c", "e"][..], &["c", "e"], &["u", "e"]])
    {
        assert_eq!(client.words().await, expected);
    }
}

#[test]
fn a_connection_id_is_its_text_and_nothing_else_is() {
    let text = "0123456789abcdef0123456789abcdef";
    let id: ConnectionId = text.parse().unwrap();
    assert_eq!(id.to_string(), text);
    assert_eq!(format!("{id:?}"), "01234567…");
    for text in [
        "",
        "0",
        &text[1..],
        "0123456789ABCDEF0123456789abcdef",
        "+123456789abcdef0123456789abcdef",
    ] {
        assert!(text.parse::<ConnectionId>().is_err(), "{text:?}");
    }
}

/// Asks the hub about its connections wherever it is woken.
struct Asks(Hub, AtomicUsize);

impl std::task::Wake for Asks {
    fn wake(self: Arc<Self>) {
        self.0.connections();
        self.0.disconnect(self.0.connections()[0].id);
        self.1.fetch_add(1, Ordering::SeqCst);
    }
}

#[test]
fn who_listens_to_notices_may_use_the_hub_where_it_is_woken() {
    // In a thread of its own, so that one that stands still is found.
    let (done, is_done) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = runtime.enable_time().start_paused(true).build().unwrap();
        let _ = done.send(runtime.block_on(notices_to_one_who_asks()));
    });
    let (asked, told) = is_done.recv_timeout(testkit::BOUND).expect("the waker comes back");
    assert_eq!(asked, 1);
    // What comes about while something is told is told after it.
    assert_eq!(told, ["+a", "-a"]);
}

async fn notices_to_one_who_asks() -> (usize, Vec<String>) {
    let (hub, _) = hub(|hub| hub).await;
    let (mut notices, others) = (hub.notices(), hub.notices());
    let asks = Arc::new(Asks(hub.clone(), AtomicUsize::new(0)));
    let waker = std::task::Waker::from(asks.clone());
    let mut cx = std::task::Context::from_waker(&waker);
    let mut next = std::pin::pin!(notices.next());
    assert!(next.as_mut().poll(&mut cx).is_pending());
    let _ended = hub.subscribe(["t"]).user("a").await.unwrap();
    (asks.1.load(Ordering::SeqCst), who(others))
}

/// Who has come and who has gone, in order.
fn who(mut notices: Notices) -> Vec<String> {
    let mut told = Vec::new();
    while let Some(Some(notice)) = notices.next().now_or_never() {
        told.push(match notice {
            Notice::Opened(it) => format!("+{}", it.user.unwrap()),
            Notice::Ended(it, _) => format!("-{}", it.user.unwrap()),
            other => format!("{other:?}"),
        });
    }
    told
}

#[tokio::test(start_paused = true)]
async fn a_listener_whose_waker_panics_silences_nobody() {
    struct Panics;
    impl std::task::Wake for Panics {
        fn wake(self: Arc<Self>) {
            panic!("a waker");
        }
    }
    let (hub, _) = hub(|hub| hub).await;
    let (mut notices, others) = (hub.notices(), hub.notices());
    let waker = std::task::Waker::from(Arc::new(Panics));
    let mut cx = std::task::Context::from_waker(&waker);
    {
        let mut next = std::pin::pin!(notices.next());
        assert!(next.as_mut().poll(&mut cx).is_pending());
        let opening = std::panic::AssertUnwindSafe(client(&hub, "a", &["t"]));
        assert!(opening.catch_unwind().await.is_err());
    }
    let b = client(&hub, "b", &["t"]).await;
    drop(b);
    assert_eq!(who(others), ["+a", "-a", "+b", "-b"]);
}

#[tokio::test(start_paused = true)]
async fn however_many_notices_are_asked_for_the_hub_is_built() {
    let (hub, _) = hub(|hub| hub.max_notices(usize::MAX)).await;
    let mut notices = hub.notices();
    let _a = client(&hub, "a", &["t"]).await;
    assert!(matches!(notices.next().await, Some(Notice::Opened(_))));
}
