//! The flow as a client sees it that is no browser.

mod support;

use std::net::SocketAddr;

use flow::message::{Kind, Message};
use reqwest::Method;
use serde_json::{Value, json};
use sse_core::MessageEvent;
use support::{Fixture, Stream, client, get, listing};
use testkit::{BOUND, until};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

const SEVEN: [Kind; 7] = [
    Kind::Connecting,
    Kind::Message,
    Kind::Message,
    Kind::Message,
    Kind::Message,
    Kind::Message,
    Kind::Complete,
];

async fn run_to_completion(address: SocketAddr, path: &str) -> Vec<(MessageEvent, Message)> {
    let mut stream = Stream::open(address, path).await;
    let mut received = vec![stream.message().await];
    while received[received.len() - 1].1.kind != Kind::Complete {
        received.push(stream.message().await);
    }
    received
}

fn kinds(received: &[(MessageEvent, Message)]) -> Vec<Kind> {
    received.iter().map(|(_, message)| message.kind).collect()
}

/// What `/events` must list of what was received.
fn listed(received: &[(MessageEvent, Message)]) -> Vec<Value> {
    let with_id = |(event, message): &(MessageEvent, Message)| {
        let mut value = serde_json::to_value(message).unwrap();
        value["id"] = event.last_event_id.as_str().into();
        value
    };
    received.iter().map(with_id).collect()
}

#[tokio::test]
async fn seven_events_in_order_and_what_was_received_is_what_is_stored() {
    let flow = Fixture::quick().await;
    let received = run_to_completion(flow.front(), "/api/sse?sessionId=s").await;
    assert_eq!(kinds(&received), SEVEN);
    for (event, _) in &received {
        assert_eq!(event.event_type, "message", "a plain onmessage page sees every event");
        assert!(event.id().is_some(), "each has an id of its own");
    }
    let stored = listing(flow.front(), "/api/events?sessionId=s").await;
    assert_eq!(stored["events"], json!(listed(&received)));
}

#[tokio::test]
async fn each_event_is_stored_before_it_is_sent_and_none_before_its_time() {
    let (flow, steps) = Fixture::stepped().await;
    let mut stream = Stream::open(flow.front(), "/api/sse?sessionId=s").await;
    for step in 0..7 {
        steps.release();
        let (event, _) = stream.message().await;
        let stored = listing(flow.front(), "/api/events?sessionId=s").await;
        let stored = stored["events"].as_array().unwrap();
        assert_eq!(stored.len(), step + 1);
        assert_eq!(stored[step]["id"], event.last_event_id.as_str());
    }
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_connection_sends_at_once_and_is_given_up_when_nothing_is_acknowledged() {
    let (flow, _steps) = Fixture::stepped().await;
    for address in [flow.backend(), flow.front()] {
        let client = tokio::net::TcpStream::connect(address).await.unwrap();
        let from = client.local_addr().unwrap();
        until(BOUND, "the server's end has its options", async || {
            testkit::other_end(from).is_some_and(|stream| {
                let socket = socket2::SockRef::from(&stream);
                let timeout = socket.tcp_user_timeout().unwrap();
                socket.tcp_nodelay().unwrap() && timeout == Some(flow::serve::USER_TIMEOUT)
            })
        })
        .await;
    }
}

#[tokio::test]
async fn a_new_run_deletes_what_the_one_before_stored() {
    let flow = Fixture::quick().await;
    let first = run_to_completion(flow.front(), "/api/sse?sessionId=s").await;
    let second = run_to_completion(flow.front(), "/api/sse?sessionId=s").await;
    assert!(first.iter().all(|(old, _)| second.iter().all(|(new, _)| new.id() != old.id())));
    let stored = listing(flow.front(), "/api/events?sessionId=s").await;
    assert_eq!(stored["events"], json!(listed(&second)));
}

#[tokio::test]
async fn a_new_run_ends_the_one_before_and_its_streams() {
    let (flow, steps) = Fixture::stepped().await;
    let mut old = Stream::open(flow.backend(), "/sse?sessionId=s").await;
    steps.release();
    assert_eq!(old.message().await.1.kind, Kind::Connecting);
    let mut other = Stream::resume(flow.front(), "/api/sse?sessionId=s", old.last_event_id()).await;

    let mut new = Stream::open(flow.backend(), "/sse?sessionId=s").await;
    assert_eq!(old.message().await.1.kind, Kind::Superseded);
    assert_eq!(other.message().await.1.kind, Kind::Superseded);
    let stored = listing(flow.backend(), "/events?sessionId=s").await;
    assert_eq!(stored["events"], json!([]), "the old run wrote into the new one");

    // Every step is the new run's: nobody else waits for one.
    for kind in SEVEN {
        steps.release();
        assert_eq!(new.message().await.1.kind, kind);
    }
    let stored = listing(flow.backend(), "/events?sessionId=s").await;
    assert_eq!(stored["events"].as_array().unwrap().len(), 7);
}

#[tokio::test]
async fn a_stream_never_shows_the_run_of_another_process_not_even_for_a_moment() {
    let one = Fixture::start(&["--interval-ms=600000"]).await;
    let other = one.beside(&["--interval-ms=600000"]).await;
    let mut old = Stream::open(one.backend(), "/sse?sessionId=s").await;
    assert_eq!(old.message().await.1.kind, Kind::Connecting);
    let mut new = Stream::open(other.backend(), "/sse?sessionId=s").await;
    assert_eq!(new.message().await.1.kind, Kind::Connecting);
    // What comes after it in the log has come to the one, so that has come too.
    let mut witness = Stream::open(one.backend(), "/sse?sessionId=w").await;
    witness.message().await;
    // Its own next append would show the old run that it is fenced out; this does it sooner.
    let _newest = Stream::open(one.backend(), "/sse?sessionId=s").await;
    assert_eq!(old.message().await.1.kind, Kind::Superseded);
}

#[tokio::test]
async fn a_stream_that_was_cut_is_resumed_where_it_was() {
    let (flow, steps) = Fixture::stepped().await;
    let mut stream = Stream::open(flow.front(), "/api/sse?sessionId=s").await;
    let mut received = Vec::new();
    for step in 0..7 {
        // Now before the event is made, now after it.
        if step % 2 == 0 {
            steps.release();
        }
        if step > 0 {
            let id = stream.last_event_id().to_owned();
            stream = Stream::resume(flow.front(), "/api/sse?sessionId=s", &id).await;
        }
        if step % 2 == 1 {
            steps.release();
        }
        received.push(stream.message().await);
        assert_eq!(stream.named, ["position"], "it goes on, and begins nothing anew");
    }
    assert_eq!(kinds(&received), SEVEN);
    let stored = listing(flow.front(), "/api/events?sessionId=s").await;
    assert_eq!(stored["events"], json!(listed(&received)));
}

#[tokio::test]
async fn a_client_that_has_seen_nothing_but_the_position_is_resumed_too() {
    let (flow, steps) = Fixture::stepped().await;
    let mut stream = Stream::open(flow.backend(), "/sse?sessionId=s").await;
    let id = stream.position().await;
    drop(stream);
    let mut stream = Stream::resume(flow.backend(), "/sse?sessionId=s", &id).await;
    steps.release();
    assert_eq!(stream.message().await.1.kind, Kind::Connecting);
    assert_eq!(stream.named, ["position"]);
    assert_eq!(flow.app.runs.as_ref().unwrap().count(), 1);
}

#[tokio::test]
async fn the_header_of_a_browser_goes_before_the_query_of_its_page() {
    let flow = Fixture::quick().await;
    let received = run_to_completion(flow.front(), "/api/sse?sessionId=s").await;
    let (first, fourth) = (&received[0].0.last_event_id, &received[3].0.last_event_id);
    let url = format!("http://{}/api/sse?sessionId=s&lastEventId={first}", flow.front());
    let request = client().get(url).header("last-event-id", fourth.as_str());
    let mut stream = Stream::of(request.send().await.unwrap());
    assert_eq!(stream.message().await.0, received[4].0);
}

#[tokio::test]
async fn a_complete_run_gives_its_rest_and_then_204() {
    let flow = Fixture::quick().await;
    let received = run_to_completion(flow.front(), "/api/sse?sessionId=s").await;
    let path = "/api/sse?sessionId=s";
    let mut stream = Stream::resume(flow.front(), path, &received[4].0.last_event_id).await;
    assert_eq!(stream.message().await, received[5]);
    assert_eq!(stream.message().await, received[6]);
    assert_eq!(stream.named, ["position"]);
    let last = &received[6].0.last_event_id;
    for (address, prefix) in [(flow.front(), "/api"), (flow.backend(), "")] {
        let path = format!("{prefix}/sse?sessionId=s&lastEventId={last}");
        assert_eq!(get(address, &path).await.status(), 204, "{path}");
    }
    let stored = listing(flow.front(), "/api/events?sessionId=s").await;
    assert_eq!(stored["events"], json!(listed(&received)), "none of this began a run");
}

#[tokio::test]
async fn an_id_that_is_none_of_the_run_gets_the_whole_run_after_a_reset() {
    let flow = Fixture::quick().await;
    let old = run_to_completion(flow.backend(), "/sse?sessionId=s").await;
    let new = run_to_completion(flow.backend(), "/sse?sessionId=s").await;
    for id in [old[2].0.last_event_id.as_str(), "1-1", "nonsense"] {
        let mut stream = Stream::resume(flow.backend(), "/sse?sessionId=s", id).await;
        let mut received = Vec::new();
        for _ in 0..7 {
            received.push(stream.message().await);
        }
        assert_eq!(received, new, "{id}");
        assert_eq!(stream.named, ["reset", "position"], "{id}");
    }
}

#[tokio::test]
async fn a_resume_after_a_restart_begins_a_new_run_and_says_reset() {
    let (flow, steps) = Fixture::stepped().await;
    let mut stream = Stream::open(flow.backend(), "/sse?sessionId=s").await;
    steps.release();
    let (first, _) = stream.message().await;
    let database = flow.stop().await;
    assert!(stream.next().await.unwrap().is_none());

    let (flow, steps) = Fixture::stepped_in(database).await;
    let mut stream = Stream::resume(flow.backend(), "/sse?sessionId=s", &first.last_event_id).await;
    // Who is cut off before it has heard that is told so again, and gets the same run.
    stream.position().await;
    assert_eq!(stream.named, ["reset", "position"]);
    let mut stream = Stream::resume(flow.backend(), "/sse?sessionId=s", &first.last_event_id).await;
    let mut received = Vec::new();
    for _ in 0..7 {
        steps.release();
        received.push(stream.message().await);
    }
    assert_eq!(kinds(&received), SEVEN);
    assert_eq!(stream.named, ["reset", "position"]);
    let stored = listing(flow.backend(), "/events?sessionId=s").await;
    assert_eq!(stored["events"], json!(listed(&received)));
}

#[tokio::test]
async fn a_resume_at_another_backend_begins_a_new_run_and_says_reset() {
    let one = Fixture::start(&["--interval-ms=20", "--count=10000"]).await;
    let other = one.beside(&["--interval-ms=0"]).await;
    let mut old = Stream::open(one.backend(), "/sse?sessionId=s").await;
    let (first, _) = old.message().await;
    let path = format!("/sse?sessionId=s&lastEventId={}", first.last_event_id);
    let received = run_to_completion(other.backend(), &path).await;
    assert_eq!(kinds(&received), SEVEN);
    let mut again = Stream::open(other.backend(), &path).await;
    assert_eq!(again.message().await, received[0], "the run that is complete is the one there is");
    assert_eq!(again.named, ["reset", "position"]);
    // Who still watches the run that was live at the first is told that it is over.
    let mut last = old.message().await;
    while last.1.kind == Kind::Message {
        last = old.message().await;
    }
    assert_eq!(last.1.kind, Kind::Superseded);
    let stored = listing(one.backend(), "/events?sessionId=s").await;
    assert_eq!(stored["events"], json!(listed(&received)), "the old run wrote into the new one");
}

#[tokio::test]
async fn one_more_run_than_are_allowed_is_refused_and_deletes_nothing() {
    let flow = Fixture::start(&["--interval-ms=600000", "--max-runs=3"]).await;
    let before = flow.beside(&["--interval-ms=0"]).await;
    let stored = run_to_completion(before.backend(), "/sse?sessionId=late").await;
    let mut streams = Vec::new();
    for session in 0..3 {
        let path = format!("/sse?sessionId={session}");
        let mut stream = Stream::open(flow.backend(), &path).await;
        stream.message().await;
        streams.push(stream);
    }
    let refused = get(flow.backend(), "/sse?sessionId=late").await;
    assert_eq!(refused.status(), 503);
    assert!(refused.headers().contains_key("retry-after"));
    // A browser's EventSource would stay away for good after a status: it is told in a stream.
    let url = format!("http://{}/api/sse?sessionId=late", flow.front());
    let refused = client().get(url).header("accept", "text/event-stream").send().await.unwrap();
    assert_eq!(refused.status(), 200);
    let told = refused.text().await.unwrap();
    assert!(told.starts_with("retry:") && !told.contains("data:"), "{told}");
    let listing = listing(flow.backend(), "/events?sessionId=late").await;
    assert_eq!(listing["events"], json!(listed(&stored)));

    // A run that is there is resumed, and one that takes another's place is no more than there were.
    let id = streams[0].last_event_id().to_owned();
    let mut resumed = Stream::resume(flow.backend(), "/sse?sessionId=0", &id).await;
    resumed.position().await;
    assert_eq!(resumed.named, ["position"]);
    let mut new = Stream::open(flow.backend(), "/sse?sessionId=0").await;
    assert_eq!(new.message().await.1.kind, Kind::Connecting);
    assert_eq!(streams[0].message().await.1.kind, Kind::Superseded);
    assert_eq!(flow.app.runs.as_ref().unwrap().count(), 3);
}

#[tokio::test]
async fn a_request_that_is_given_up_at_whatever_moment_leaves_a_whole_run() {
    let flow = Fixture::quick().await;
    for moment in 0..40 {
        let path = format!("/sse?sessionId={moment}");
        run_to_completion(flow.backend(), &path).await;
        let mut connection = TcpStream::connect(flow.backend()).await.unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nHost: flow\r\n\r\n");
        connection.write_all(request.as_bytes()).await.unwrap();
        // The server runs in this thread: it gets so far.
        for _ in 0..moment * 5 {
            tokio::task::yield_now().await;
        }
        drop(connection);
    }
    // The one of before, or a new one.
    for moment in 0..40 {
        let path = format!("/events?sessionId={moment}");
        until(BOUND, "the run is whole", async || {
            listing(flow.backend(), &path).await["events"].as_array().unwrap().len() == SEVEN.len()
        })
        .await;
    }
}

#[tokio::test]
async fn a_completion_outlives_the_process() {
    let flow = Fixture::quick().await;
    let received = run_to_completion(flow.backend(), "/sse?sessionId=s").await;
    let database = flow.stop().await;
    let (flow, _steps) = Fixture::stepped_in(database).await;
    let path = "/sse?sessionId=s";
    let mut stream = Stream::resume(flow.backend(), path, &received[5].0.last_event_id).await;
    assert_eq!(stream.message().await, received[6]);
    let path = format!("{path}&lastEventId={}", received[6].0.last_event_id);
    assert_eq!(get(flow.backend(), &path).await.status(), 204);
}

#[tokio::test]
async fn two_sessions_never_see_or_delete_each_others_events() {
    let flow = Fixture::quick().await;
    let (one, other) = tokio::join!(
        run_to_completion(flow.front(), "/api/sse?sessionId=one"),
        run_to_completion(flow.front(), "/api/sse?sessionId=One"),
    );
    for (session, received) in [("one", one), ("One", other)] {
        let path = format!("/api/events?sessionId={session}");
        let stored = listing(flow.front(), &path).await;
        assert_eq!(stored["events"], json!(listed(&received)));
    }
}

#[tokio::test]
async fn polling_with_after_gives_each_event_once() {
    let (flow, steps) = Fixture::stepped().await;
    let mut stream = Stream::open(flow.backend(), "/sse?sessionId=s").await;
    let mut polled = Vec::new();
    let mut after = String::new();
    for _ in 0..7 {
        steps.release();
        stream.message().await;
        let path = format!("/events?sessionId=s&after={after}");
        let page = listing(flow.backend(), &path).await;
        polled.extend(page["events"].as_array().unwrap().clone());
        after = page["next"].as_str().unwrap().into();
    }
    let all = listing(flow.backend(), "/events?sessionId=s").await;
    assert_eq!(json!(polled), all["events"]);
    let rest = listing(flow.backend(), &format!("/events?sessionId=s&after={after}")).await;
    assert_eq!((&rest["events"], &rest["status"]), (&json!([]), &json!("exact")));
}

#[tokio::test]
async fn polling_across_a_new_run_is_told_of_the_gap() {
    let flow = Fixture::quick().await;
    let first = run_to_completion(flow.backend(), "/sse?sessionId=s").await;
    run_to_completion(flow.backend(), "/sse?sessionId=s").await;
    let after = &first[2].0.last_event_id;
    let page = listing(flow.backend(), &format!("/events?sessionId=s&after={after}")).await;
    assert_eq!(page["status"], "gap");
    assert_eq!(page["events"].as_array().unwrap().len(), 7);
}

#[tokio::test]
async fn bad_input_is_refused_with_a_reason() {
    let flow = Fixture::quick().await;
    let long = format!("/sse?sessionId={}", "x".repeat(65));
    for (path, status, code) in [
        ("/sse", 400, "invalid_session_id"),
        ("/sse?sessionId=", 400, "invalid_session_id"),
        ("/sse?sessionId=a%0Ab", 400, "invalid_session_id"),
        ("/sse?sessionId=a/../b", 400, "invalid_session_id"),
        ("/sse?sessionId=%FF", 400, "invalid_session_id"),
        ("/sse?sessionId=a&sessionId=b", 400, "invalid_query"),
        (&long, 400, "invalid_session_id"),
        ("/sse?sessionId=a&lastEventId=%00", 400, "invalid_last_event_id"),
        ("/events", 400, "invalid_session_id"),
        ("/events?sessionId=s&after=x", 400, "invalid_after"),
        ("/events?sessionId=s&after=1-1&after=1-2", 400, "invalid_query"),
    ] {
        for (address, prefix) in [(flow.backend(), ""), (flow.front(), "/api")] {
            let response = get(address, &format!("{prefix}{path}")).await;
            assert_eq!(response.status(), status, "{prefix}{path}");
            let body: Value = response.json().await.unwrap();
            assert_eq!(body["error"]["code"], code, "{prefix}{path}");
            assert!(body["error"]["message"].as_str().is_some_and(|it| !it.is_empty()));
        }
    }
    for (address, path) in
        [(flow.backend(), "/nothing"), (flow.front(), "/nothing"), (flow.front(), "/api/health")]
    {
        let response = get(address, path).await;
        assert_eq!(response.status(), 404, "{path}");
        let body: Value = response.json().await.unwrap();
        assert_eq!(body["error"]["code"], "not_found");
    }
}

#[tokio::test]
async fn only_a_get_begins_a_run() {
    let flow = Fixture::quick().await;
    let received = run_to_completion(flow.backend(), "/sse?sessionId=s").await;
    for method in [Method::HEAD, Method::POST, Method::DELETE] {
        let url = format!("http://{}/sse?sessionId=s", flow.backend());
        let response = client().request(method.clone(), url).send().await.unwrap();
        assert_eq!(response.status(), 405, "{method}");
        assert_eq!(response.headers()["allow"], "GET");
    }
    let stored = listing(flow.backend(), "/events?sessionId=s").await;
    assert_eq!(stored["events"], json!(listed(&received)));
}

#[tokio::test]
async fn a_browser_may_connect_directly_only_from_an_origin_that_is_listed() {
    let origin_of = async |arguments: &[&str], origin: &str| {
        let flow = Fixture::start(arguments).await;
        let url = format!("http://{}/events?sessionId=s", flow.backend());
        let response = client().get(url).header("Origin", origin).send().await.unwrap();
        let header = |name| Some(response.headers().get(name)?.to_str().unwrap().to_owned());
        (header("access-control-allow-origin"), header("access-control-allow-credentials"))
    };
    let listed: &[&str] = &["--cors-origins=http://a.example,http://b.example:8080"];
    let allowed = (Some("http://b.example:8080".into()), Some("true".into()));
    assert_eq!(origin_of(listed, "http://b.example:8080").await, allowed);
    assert_eq!(origin_of(listed, "http://b.example").await.0, None);
    assert_eq!(origin_of(&[], "http://b.example:8080").await, (None, None));
}

#[tokio::test]
async fn an_unreachable_backend_is_a_502_and_no_hang() {
    let flow = Fixture::start(&["--role=front", "--backend-url=http://127.0.0.1:1"]).await;
    for path in ["/api/sse?sessionId=s", "/api/events?sessionId=s"] {
        let response = get(flow.front(), path).await;
        assert_eq!(response.status(), 502, "{path}");
        let body: Value = response.json().await.unwrap();
        assert!(body["error"]["message"].is_string(), "{body}");
    }
}

#[tokio::test]
async fn a_stop_with_streams_open_ends_them_well_and_waits_for_no_grace() {
    let (flow, steps) = Fixture::stepped().await;
    let mut direct = Stream::open(flow.backend(), "/sse?sessionId=a").await;
    let mut forwarded = Stream::open(flow.front(), "/api/sse?sessionId=b").await;
    steps.release();
    steps.release();
    direct.message().await;
    forwarded.message().await;
    let stopped = tokio::spawn(flow.app.stop());
    assert!(direct.next().await.expect("not cut short").is_none());
    assert!(forwarded.next().await.expect("not cut short").is_none());
    drop((direct, forwarded));
    tokio::time::timeout(BOUND, stopped).await.expect("before the grace").unwrap();
}

/// The application with its backend on a runtime of its own, whose tasks are counted.
struct Counted {
    flow: Fixture,
    runtime: tokio::runtime::Runtime,
    idle_tasks: usize,
    front: Fixture,
}

impl Counted {
    async fn start(interval: &'static str) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let start = async move { Fixture::start(&["--role=backend", interval]).await };
        let flow = runtime.spawn(start).await.unwrap();
        let url = format!("--backend-url=http://{}", flow.backend());
        let front = Fixture::start(&["--role=front", &url]).await;
        let idle_tasks = runtime.metrics().num_alive_tasks();
        Self { flow, runtime, idle_tasks, front }
    }

    /// Waits until the backend has no stream, no connection, this many runs, and no other task more
    /// than at its start, when tasks of starting may still have been there: hence many streams in
    /// these tests. A run is one task, and a timer lives in its task.
    async fn until_let_go(&self, runs: usize) {
        until(BOUND, "the backend lets go", async || {
            let backend = self.flow.app.backend.as_ref().unwrap();
            self.flow.app.streams.count() == 0
                && backend.connections.count() == 0
                && self.flow.app.runs.as_ref().unwrap().count() == runs
                && self.runtime.metrics().num_alive_tasks() <= self.idle_tasks + runs
        })
        .await;
    }

    fn end(self) {
        self.runtime.shutdown_background();
    }
}

const MANY: usize = 10;

#[tokio::test]
async fn after_complete_the_backend_has_let_go() {
    let counted = Counted::start("--interval-ms=0").await;
    for session in 0..MANY {
        let path = format!("/api/sse?sessionId={session}");
        assert_eq!(kinds(&run_to_completion(counted.front.front(), &path).await), SEVEN);
    }
    counted.until_let_go(0).await;
    counted.end();
}

#[tokio::test]
async fn when_the_client_goes_in_mid_stream_the_backend_lets_go_through_the_proxy() {
    let counted = Counted::start("--interval-ms=600000").await;
    let mut streams = Vec::new();
    for session in 0..MANY {
        let path = format!("/api/sse?sessionId={session}");
        let mut stream = Stream::open(counted.front.front(), &path).await;
        stream.message().await;
        streams.push(stream);
    }
    assert_eq!(counted.flow.app.streams.count(), MANY);
    drop(streams);
    // The runs go on, for whoever comes back.
    counted.until_let_go(MANY).await;
    counted.end();
}

#[tokio::test]
async fn a_run_whose_client_has_gone_comes_to_its_end_and_then_there_is_nothing_of_it() {
    let counted = Counted::start("--interval-ms=20").await;
    for session in 0..MANY {
        let path = format!("/api/sse?sessionId={session}");
        Stream::open(counted.front.front(), &path).await.message().await;
    }
    counted.until_let_go(0).await;
    for session in 0..MANY {
        let path = format!("/api/events?sessionId={session}");
        let stored = listing(counted.front.front(), &path).await;
        assert_eq!(stored["events"].as_array().unwrap().len(), SEVEN.len());
    }
    counted.end();
}
