//! Who is connected to what, and topics that come and go.

use sse_hub::{ConnectionId, EndReason, Hub, Notice, to};
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
    let Some(Notice::Closed(closed, reason)) = notices.next().await else { panic!("it ended") };
    assert_eq!((closed.id, names(&closed.topics)), (id, vec!["t", "u"]));
    assert_eq!(reason, EndReason::Dropped);
    drop(hub);
    assert!(notices.next().await.is_none());
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
    let (hub, _) = hub(|hub| hub.max_topics(2)).await;
    let client = client(&hub, "a", &["t"]).await;
    let id = client.subscription.id();
    let error = hub.add_topics(id, Some("a"), ["t", "u", "v"]).await.unwrap_err();
    assert_eq!(error.to_string(), "3 topics on one connection, where 2 are allowed");
    assert_eq!(hub.subscriber_count(&topic("u")), 0);
    hub.add_topics(id, Some("a"), ["t", "u"]).await.unwrap();
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
async fn a_connection_can_be_ended_by_name() {
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
