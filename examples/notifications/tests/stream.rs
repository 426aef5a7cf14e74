//! What is sent reaches whom it is for, and nobody else.

mod support;

use futures_util::future::join_all;
use serde_json::json;
use support::{Fixture, Stream, User, ok, percents, problem_of, text};
use testkit::{BOUND, until};
use tokio::time::timeout;

#[tokio::test]
async fn a_ticket_lets_one_in() {
    let fixture = Fixture::start(&[]).await;
    let ada = fixture.user("ada").await;
    let ticket = ada.ticket(&[]).await;
    assert_eq!(ada.show(&ticket).await.status(), 200);
    for _ in 0..2 {
        assert_eq!(problem_of(ada.show(&ticket).await).await, (401, "ticket_refused".into()));
    }
}

#[tokio::test]
async fn of_many_who_show_one_ticket_at_once_one_is_let_in() {
    let fixture = Fixture::start(&[]).await;
    let another = fixture.another(&[]).await;
    let ada = fixture.user("ada").await;
    let there = ada.at(another.address);
    for _ in 0..10 {
        let ticket = ada.ticket(&[]).await;
        let shown = (0..8).map(|number| {
            let user = if number % 2 == 0 { &ada } else { &there };
            user.show(&ticket)
        });
        let mut statuses: Vec<u16> =
            join_all(shown).await.iter().map(|answer| answer.status().as_u16()).collect();
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 401, 401, 401, 401, 401, 401, 401]);
    }
}

#[tokio::test]
async fn what_is_to_everyone_reaches_every_connection() {
    let fixture = Fixture::start(&[]).await;
    let mut streams = Vec::new();
    for name in ["ada", "ada", "bob", "cleo"] {
        streams.push(fixture.user(name).await.open(&[]).await);
    }
    let id = fixture.user("bob").await.sent("everyone", "hello").await;
    for stream in &mut streams {
        let (event_type, data) = stream.message().await;
        assert_eq!(event_type, "notification");
        let time = data["time"].as_str().unwrap().to_owned();
        assert_eq!(data, json!({ "from": "bob", "to": "everyone", "text": "hello", "time": time }));
        assert_eq!(stream.last_event_id, id);
    }
}

#[tokio::test]
async fn what_is_to_one_user_reaches_all_of_their_connections_and_nobody_else() {
    let fixture = Fixture::start(&[]).await;
    let (ada, bob) = (fixture.user("ada").await, fixture.user("bob").await);
    let mut adas = [ada.open(&[]).await, ada.open(&["channel/news"]).await];
    let mut others = [bob.open(&[]).await, fixture.user("cleo").await.open(&[]).await];
    bob.sent("user/ada", "for ada").await;
    ada.sent("user/bob", "for bob").await;
    ada.sent("everyone", "for all").await;
    for stream in &mut adas {
        assert_eq!(stream.notifications(2).await, ["for ada", "for all"]);
    }
    assert_eq!(others[0].notifications(2).await, ["for bob", "for all"]);
    assert_eq!(others[1].notification().await, "for all");
}

#[tokio::test]
async fn a_channel_is_joined_and_left_on_an_open_stream_without_a_loss() {
    let fixture = Fixture::start(&[]).await;
    let (ada, bob) = (fixture.user("ada").await, fixture.user("bob").await);
    let mut stream = ada.open(&["channel/lunch"]).await;
    let mut expected = Vec::new();
    for number in 0..60 {
        match number {
            20 => drop(ok(ada.join(&stream.connection, "channel/news")).await),
            40 => drop(ok(ada.leave(&stream.connection, "channel/news")).await),
            _ => {}
        }
        for to in ["everyone", "channel/news", "channel/lunch"] {
            let message = format!("{to} {number}");
            bob.sent(to, &message).await;
            if to != "channel/news" || (20..40).contains(&number) {
                expected.push(message);
            }
        }
        // Before it leaves, so that all it was subscribed to is there.
        if number % 10 == 9 {
            let waiting = std::mem::take(&mut expected);
            assert_eq!(stream.notifications(waiting.len()).await, waiting);
        }
    }
}

/// The numbers of these notifications, in the order in which they came.
async fn numbers(stream: &mut Stream, until: u32) -> Vec<u32> {
    let mut numbers = Vec::new();
    while numbers.last() != Some(&until) {
        numbers.push(stream.notification().await.parse().unwrap());
    }
    numbers
}

#[tokio::test]
async fn who_joins_in_mid_flow_sees_all_from_there_on() {
    const LAST: u32 = 150;
    let fixture = Fixture::start(&[]).await;
    let bob = fixture.user("bob").await;
    let sending = tokio::spawn(async move {
        for number in 0..=LAST {
            bob.sent("channel/news", &number.to_string()).await;
        }
    });
    let ada = fixture.user("ada").await;
    let mut streams = Vec::new();
    for _ in 0..8 {
        let stream = ada.open(&[]).await;
        ok(ada.join(&stream.connection, "channel/news")).await;
        streams.push(stream);
    }
    sending.await.unwrap();
    for stream in &mut streams {
        let numbers = numbers(stream, LAST).await;
        assert_eq!(numbers, (numbers[0]..=LAST).collect::<Vec<_>>());
    }
}

#[tokio::test]
async fn a_task_is_watched_from_its_first_step_to_its_end() {
    let fixture = Fixture::start(&[]).await;
    let ada = fixture.user("ada").await;
    let (mut watching, mut other) = (ada.open(&[]).await, ada.open(&[]).await);
    let mut bobs = fixture.user("bob").await.open(&[]).await;
    for _ in 0..3 {
        let answer = ok(ada.start_task(Some(&watching.connection))).await;
        let topic = text(&answer["task"]);
        assert!(topic.starts_with("task/ada/"), "{topic}");
        assert_eq!(watching.task(&topic).await, (percents(), "finished".into()));
        // The owner is told wherever they are.
        assert_eq!(watching.notification().await, "Report is done.");
        assert_eq!(other.notification().await, "Report is done.");
    }
    ada.sent("everyone", "the end").await;
    assert_eq!(bobs.notification().await, "the end");
}

#[tokio::test]
async fn a_task_is_seen_from_its_start_by_who_comes_back_from_before_it() {
    let fixture = Fixture::start(&[]).await;
    let ada = fixture.user("ada").await;
    let stream = ada.open(&[]).await;
    let topic = text(&ok(ada.start_task(None)).await["task"]);
    let mut stream = ada.resume(&[&topic], &stream.last_event_id).await;
    assert_eq!(stream.task(&topic).await, (percents(), "finished".into()));
}

#[tokio::test]
async fn a_task_that_is_stopped_with_the_server_says_so() {
    let fixture = Fixture::start(&["--step-ms=600000"]).await;
    let ada = fixture.user("ada").await;
    let mut stream = ada.open(&[]).await;
    let topic = text(&ok(ada.start_task(Some(&stream.connection))).await["task"]);
    assert_eq!(stream.message().await.0, "progress");
    let fixture = fixture.restart().await;
    let ada = ada.at(fixture.app.address);
    let mut stream = ada.resume(&[&topic], &stream.last_event_id).await;
    assert_eq!(stream.task(&topic).await, (vec![], "stopped".into()));
    assert_eq!(stream.notification().await, "Report was stopped.");
}

#[tokio::test]
async fn a_first_visit_begins_with_what_was_sent_before() {
    let fixture = Fixture::start(&[]).await;
    let (ada, bob) = (fixture.user("ada").await, fixture.user("bob").await);
    ada.sent("user/bob", "for bob alone").await;
    for number in 0..25 {
        ada.sent("everyone", &number.to_string()).await;
    }
    let mut stream = ada.open(&[]).await;
    let newest: Vec<String> = (5..25).map(|number| number.to_string()).collect();
    assert_eq!(stream.notifications(20).await, newest);
    let mut stream = bob.resume(&[], "").await;
    assert_eq!(stream.notifications(20).await, newest);
}

#[tokio::test]
async fn after_a_restart_a_stream_goes_on_where_it_was() {
    let fixture = Fixture::start(&[]).await;
    let (ada, bob) = (fixture.user("ada").await, fixture.user("bob").await);
    let mut stream = ada.open(&["channel/news"]).await;
    bob.sent("channel/news", "1").await;
    let mut received = vec![stream.notification().await];
    bob.sent("user/ada", "2").await;

    let stopping = tokio::spawn(fixture.restart());
    // What was on its way may arrive, and the stream ends well.
    while let Some(event) = stream.next().await.expect("not cut short") {
        let data: serde_json::Value = event.data.parse().unwrap();
        received.push(text(&data["text"]));
    }
    let seen = stream.last_event_id.clone();
    drop(stream);
    let fixture = timeout(BOUND, stopping).await.expect("no grace").unwrap();

    let (ada, bob) = (ada.at(fixture.app.address), bob.at(fixture.app.address));
    bob.sent("everyone", "3").await;
    let mut stream = ada.resume(&["channel/news"], &seen).await;
    bob.sent("channel/news", "4").await;
    while received.len() < 4 {
        received.push(stream.notification().await);
    }
    assert_eq!(received, ["1", "2", "3", "4"]);
}

#[tokio::test]
async fn the_url_of_a_stream_that_was_cut_opens_nothing_and_a_new_ticket_goes_on() {
    let fixture = Fixture::start(&[]).await;
    let ada = fixture.user("ada").await;
    let ticket = ada.ticket(&[]).await;
    let path = format!("/api/stream?ticket={ticket}");
    drop(ada.get(&path).send().await.unwrap());
    ada.sent("everyone", "meanwhile").await;
    // As a browser comes back by itself.
    let again = ada.get(&path).header("last-event-id", "0-0").send().await.unwrap();
    assert_eq!(problem_of(again).await, (401, "ticket_refused".into()));
    let mut stream = ada.resume(&[], "0-0").await;
    assert_eq!(stream.notification().await, "meanwhile");
}

#[tokio::test]
async fn what_is_missing_is_told() {
    let fixture = Fixture::start(&[]).await;
    let ada = fixture.user("ada").await;
    let mut bobs = fixture.user("bob").await.open(&[]).await;
    let mut stream = ada.open(&[]).await;
    ada.sent("everyone", "seen").await;
    assert_eq!(stream.notification().await, "seen");
    let seen = stream.last_event_id.clone();
    drop(stream);
    ada.sent("user/ada", "deleted").await;
    fixture.app.hub.clear("user/ada").await.unwrap();
    ada.sent("everyone", "kept").await;
    // What comes after the deletion has come to the hub, so that has come too.
    assert_eq!(bobs.notifications(2).await, ["seen", "kept"]);

    let mut stream = ada.resume(&[], &seen).await;
    assert_eq!(stream.message().await, ("gap".into(), json!({ "topics": ["user/ada"] })));
    assert_eq!(stream.notification().await, "kept");

    let mut stream = ada.resume(&[], "1-1").await;
    assert_eq!(stream.message().await.0, "reset");
    assert_eq!(stream.notifications(2).await, ["seen", "kept"]);
}

#[tokio::test]
async fn a_stream_ends_with_the_login_that_let_it_in() {
    let fixture = Fixture::start(&["--token-seconds=1"]).await;
    let opened = async {
        loop {
            // On a busy machine the second may be over before the stream is open.
            let ada = fixture.user("ada").await;
            let Ok(response) = ada.ask_ticket(&[]).send().await.unwrap().error_for_status() else {
                continue;
            };
            let ticket = text(&response.json::<serde_json::Value>().await.unwrap()["ticket"]);
            return Stream::new(ada.show(&ticket).await).await;
        }
    };
    let mut stream =
        timeout(BOUND, opened).await.expect("a login that lasts until its stream is open");
    assert_eq!(stream.message().await.0, "expired");
    assert!(stream.next().await.expect("not cut short").is_none());
}

#[tokio::test]
async fn the_oldest_of_too_many_windows_is_told_and_gives_way() {
    let fixture = Fixture::start(&[]).await;
    let (ada, bob) = (fixture.user("ada").await, fixture.user("bob").await);
    let mut bobs = bob.open(&[]).await;
    let mut oldest = ada.open(&[]).await;
    let mut newer = Vec::new();
    for _ in 0..10 {
        newer.push(ada.open(&[]).await);
    }
    let last = oldest.next().await.unwrap().unwrap();
    assert_eq!(last.event_type, "replaced");
    assert!(oldest.next().await.expect("not cut short").is_none());
    ada.sent("everyone", "still here").await;
    for stream in newer.iter_mut().chain([&mut bobs]) {
        assert_eq!(stream.notification().await, "still here");
    }
}

#[tokio::test]
async fn a_stream_that_is_closed_is_let_go() {
    let fixture = Fixture::start(&[]).await;
    let ada: User = fixture.user("ada").await;
    let streams = [ada.open(&[]).await, ada.open(&[]).await];
    assert_eq!(fixture.app.hub.connection_count(), 2);
    drop(streams);
    until(BOUND, "no connection is left", async || fixture.app.hub.connection_count() == 0).await;
}
