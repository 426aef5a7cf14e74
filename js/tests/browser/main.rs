//! The module in a real browser, whose clock a test holds, before a server that does as it is told.
#![allow(clippy::expect_used, clippy::panic, clippy::print_stderr, clippy::unwrap_used)]

mod site;

use std::process::ExitCode;
use std::time::{Duration, Instant};

use serde_json::json;
use sse_core::{Backoff, LastEventId};
use testkit::{Answer, Gate, Scripted, test};

use site::Site;

fn main() -> ExitCode {
    testkit::run([
        test!(a_source_that_the_browser_gave_up_goes_on_with_the_last_id, Browser),
        test!(a_hubs_position_is_where_it_goes_on_whoever_listens, Browser),
        test!(the_browsers_own_reconnect_is_left_to_it, Browser),
        test!(each_attempt_has_the_address_that_a_function_gives_it, Browser),
        test!(what_that_function_throws_is_a_failed_attempt_and_close_in_it_the_end, Browser),
        test!(the_last_event_closes_without_an_error, Browser),
        test!(the_last_event_may_be_told_by_a_function, Browser),
        test!(no_content_ends_it_and_nothing_more_is_asked, Browser),
        test!(waits_grow_within_their_bounds_and_are_never_cut_short, Browser),
        test!(a_healthy_stream_starts_the_count_anew_and_a_short_one_does_not, Browser),
        test!(the_server_is_given_the_time_that_it_asks_for, Browser),
        test!(a_budget_that_is_spent_and_a_final_status_end_it, Browser),
        test!(a_server_that_answers_no_head_is_asked_by_get, Browser),
        test!(what_a_head_says_is_the_end_only_where_a_get_says_it_too, Browser),
        test!(a_hidden_page_lets_go_and_goes_on_when_it_is_seen, Browser),
        test!(being_seen_again_cuts_no_wait_short, Browser),
        test!(a_page_that_is_kept_for_back_lets_go_and_goes_on, Browser),
        test!(close_is_the_end_and_says_nothing, Browser),
        test!(it_has_the_surface_of_an_event_source, Browser),
        test!(another_origin_is_asked_without_a_preflight, Browser),
        test!(another_origin_is_given_credentials_on_request, Browser),
    ])
}

/// The answer to a HEAD that promises a stream.
fn promise() -> Answer {
    Answer::status(200).header("content-type", "text/event-stream")
}

async fn a_source_that_the_browser_gave_up_goes_on_with_the_last_id() {
    let site = Site::start([
        Answer::stream().chunk("retry: 1\nid: a b&c\ndata: one\n\n").end(),
        Answer::status(503),
        promise(),
        Answer::stream().chunk("data: two\n\n"),
    ])
    .await;
    site.run("listen('/events?a=%20b', {})").await;
    // The stream ends, the browser comes back by itself, is refused, and gives up.
    site.sees(json!([["open", 1], ["message", "one", 1], ["error", 0], ["error", 0]])).await;
    let (request, line) = site.asked(1).await;
    assert_eq!(line, "GET /events?a=%20b");
    assert_eq!(request.header("last-event-id"), Some("a b&c"));

    assert_eq!(site.wait().await, 3000);
    site.pass(2999).await;
    assert_eq!(site.wait().await, 1);
    site.pass(1).await;
    for (number, method) in [(2, "HEAD"), (3, "GET")] {
        let (request, line) = site.asked(number).await;
        let parameter = LastEventId::PARAMETER;
        assert_eq!(line, format!("{method} /events?a=%20b&{parameter}=a%20b%26c"));
        assert_eq!(request.header("accept"), Some("text/event-stream"));
    }
    site.until("seen.slice(4)", json!([["open", 1], ["message", "two", 1]])).await;
    // The event without an id has not taken the last one back.
    assert_eq!(site.is("source.lastEventId").await, json!("a b&c"));
    assert!(site.is("source.url").await.as_str().unwrap().ends_with("/events?a=%20b"));
}

async fn a_hubs_position_is_where_it_goes_on_whoever_listens() {
    let gate = Gate::new();
    let opening = "retry: 1\nid: 1-5\nevent: position\ndata: \n\n";
    let site = Site::start([
        Answer::stream().chunk(opening).pause(&gate).end(),
        Answer::status(503),
        promise(),
        Answer::stream().chunk("id: 1-6\nevent: position\ndata: \n\n"),
    ])
    .await;
    // It is shown to nobody: not to a function either that takes any event for the last.
    site.run("listen('/events', { completeOn: () => true })").await;
    site.until("source.lastEventId", json!("1-5")).await;
    gate.open();
    site.pass(site.wait().await).await;
    assert_eq!(site.asked(2).await.1, "HEAD /events?lastEventId=1-5");
    assert_eq!(site.asked(3).await.1, "GET /events?lastEventId=1-5");
    site.until("source.lastEventId", json!("1-6")).await;
    site.sees(json!([["open", 1], ["error", 0], ["error", 0], ["open", 1]])).await;
}

async fn the_browsers_own_reconnect_is_left_to_it() {
    let gate = Gate::new();
    let site = Site::start([
        Answer::stream().chunk("retry: 1\nid: 1\ndata: one\n\n").end(),
        Answer::stream().chunk("id: 2\ndata: two\n\n").pause(&gate).close(),
        Answer::stream().chunk("data: three\n\n"),
    ])
    .await;
    site.run("listen('/events', {})").await;
    // A browser that learns of a loss may throw away what it has not looked at.
    site.until("seen.length", json!(5)).await;
    gate.open();
    let (open, lost) = (json!(["open", 1]), json!(["error", 0]));
    site.sees(json!([
        open,
        ["message", "one", 1],
        lost,
        open,
        ["message", "two", 1],
        lost,
        open,
        ["message", "three", 1],
    ]))
    .await;
    for number in 1..3 {
        let (request, line) = site.asked(number).await;
        assert_eq!(line, "GET /events");
        assert_eq!(request.header("last-event-id"), Some(&*number.to_string()));
    }
    assert_eq!(site.is("clock.due()").await, json!(null), "nothing is waited for");
}

/// A function that gives an address for one visit.
const VISITS: &str = "let visits = 0; const visit = async () => `/events?visit=${++visits}`;";

async fn each_attempt_has_the_address_that_a_function_gives_it() {
    let site = Site::start([
        Answer::stream().chunk("retry: 1\nid: 7\ndata: one\n\n").end(),
        Answer::status(401),
        Answer::stream().chunk("id: 8\ndata: two\n\n"),
        Answer::stream().chunk("data: three\n\n"),
    ])
    .await;
    site.run(&format!("{VISITS} listen(visit, {{}})")).await;
    site.sees(json!([["open", 1], ["message", "one", 1], ["error", 0]])).await;
    assert_eq!(site.asked(0).await.1, "GET /events?visit=1");
    // Not when the browser would: it would ask what was spent.
    for (number, wait) in [(1, 3000), (2, 3000)] {
        assert_eq!(site.wait().await, wait);
        site.pass(wait).await;
        let line = format!("GET /events?visit={}&lastEventId=7", number + 1);
        assert_eq!(site.asked(number).await.1, line);
    }
    site.until("seen.slice(3)", json!([["error", 0], ["open", 1], ["message", "two", 1]])).await;
    assert!(site.is("source.url").await.as_str().unwrap().ends_with("/events?visit=3"));

    site.run("show('hidden'); clock.advance(60_000)").await;
    site.hung_up(2).await;
    site.run("show('visible')").await;
    site.pass(site.wait().await).await;
    assert_eq!(site.asked(3).await.1, "GET /events?visit=4&lastEventId=8");
    site.until("seen.slice(6)", json!([["open", 1], ["message", "three", 1]])).await;
    assert_eq!(site.requests(), 4, "and never by HEAD");
}

async fn what_that_function_throws_is_a_failed_attempt_and_close_in_it_the_end() {
    let site = Site::start([Answer::stream().chunk("data: one\n\n").end()]).await;
    site.run(
        "window.plan = [
            () => { throw new Error('at once'); },
            () => Promise.reject(new Error('later')),
            () => 'http://[', // which is no address
            () => '/events',
            () => { source.close(); throw new Error('no more'); },
        ];
        listen(() => plan.shift()(), {})",
    )
    .await;
    let lost = json!(["error", 0]);
    for count in 1..=3 {
        site.sees(vec![lost.clone(); count].into()).await;
        assert_eq!(site.is("source.url").await, "");
        site.pass(site.wait().await).await;
    }
    let seen = json!([lost, lost, lost, ["open", 1], ["message", "one", 1], lost]);
    site.sees(seen.clone()).await;
    site.pass(site.wait().await).await;
    site.until("[source.readyState, plan.length]", json!([2, 0])).await;
    assert_eq!(site.is("source.end").await, json!({ "reason": "closed" }));
    assert_eq!(site.is("clock.due()").await, json!(null));
    assert_eq!((site.is("seen").await, site.requests()), (seen, 1));
}

async fn the_last_event_closes_without_an_error() {
    let site = Site::start([
        Answer::stream().chunk("data: one\n\nevent: gone\ndata: all\n\ndata: never seen\n\n")
    ])
    .await;
    site.run("listen('/events', { completeOn: ['done', 'gone'] }, 'gone')").await;
    let seen = json!([["open", 1], ["message", "one", 1], ["gone", "all", 2], ["close", 2]]);
    site.sees(seen.clone()).await;
    site.hung_up(0).await;
    assert_eq!(site.is("source.end").await, json!({ "reason": "completed" }));
    assert_eq!(site.is("clock.due()").await, json!(null));
    assert_eq!((site.is("seen").await, site.requests()), (seen, 1));
}

async fn the_last_event_may_be_told_by_a_function() {
    let gate = Gate::new();
    let last = "id: 9\ndata: {\"type\":\"complete\"}\n\n";
    let stream =
        Answer::stream().chunk("data: {\"type\":\"x\"}\n\n").pause(&gate).chunk(last).end();
    let site = Site::start([stream]).await;
    site.run("listen('/events', { completeOn: (it) => JSON.parse(it.data).type === 'complete' })")
        .await;
    site.until("seen.length", json!(2)).await;
    assert_eq!(site.is("source.readyState").await, json!(1));
    gate.open();
    // The stream ends with its last event: still there is no error.
    site.until("seen.slice(2).map(([type]) => type)", json!(["message", "close"])).await;
    assert_eq!(site.is("source.lastEventId").await, json!("9"));
}

async fn no_content_ends_it_and_nothing_more_is_asked() {
    let site = Site::start([Answer::status(204), Answer::status(204)]).await;
    site.run("listen('/events', { lastEventId: '7' })").await;
    site.sees(json!([["error", 0]])).await;
    site.pass(site.wait().await).await;
    site.sees(json!([["error", 0], ["close", 2]])).await;
    assert_eq!(site.asked(0).await.1, "GET /events?lastEventId=7");
    assert_eq!(site.asked(1).await.1, "HEAD /events?lastEventId=7");
    assert_eq!(site.is("source.end").await, json!({ "reason": "no-content" }));
    // There is nothing that could still ask.
    assert_eq!(site.is("clock.due()").await, json!(null));
    site.run("show('hidden'), show('visible'), clock.advance(1e9)").await;
    assert_eq!((site.is("clock.due()").await, site.requests()), (json!(null), 2));
}

async fn waits_grow_within_their_bounds_and_are_never_cut_short() {
    let refusals = (0..9).map(|_| Answer::status(503));
    let site = Site::start(refusals).await;
    site.run("clock.chance = 1").await;
    site.run("listen('/events', { reconnectionTime: 1000, bounds: [1000, 20000] })").await;
    let (second, now) = (Duration::from_secs(1), Instant::now());
    let mut backoff = Backoff::new().reconnection_time(second).bounds(second, 20 * second);
    for attempt in 0..7 {
        let wait = backoff.next_wait(now, 1.0).unwrap().as_millis() as u64;
        site.until("seen.length", json!(attempt + 1)).await;
        assert_eq!(site.wait().await, wait, "attempt {attempt}");
        site.pass(wait - 1).await;
        assert_eq!(site.wait().await, 1);
        site.pass(1).await;
        assert_eq!(site.asked(attempt + 1).await.1, "HEAD /events");
    }
    site.run("source.close(), seen.length = 0, clock.chance = 0").await;
    site.run("listen('/events', { reconnectionTime: 5 })").await;
    assert_eq!(site.wait().await, 100);
}

async fn a_healthy_stream_starts_the_count_anew_and_a_short_one_does_not() {
    for (open_for, wait) in [(29_999, 15_000), (30_000, 6_000)] {
        let gate = Gate::new();
        let site = Site::start([
            Answer::status(503),
            Answer::status(503),
            promise(),
            Answer::stream().chunk("retry: 1\n\n").pause(&gate).end(),
            Answer::status(503),
        ])
        .await;
        site.run("clock.chance = 1, listen('/events', {})").await;
        for wait in [6_000, 9_000] {
            assert_eq!(site.wait().await, wait);
            site.pass(wait).await;
        }
        site.until("source.readyState", json!(1)).await;
        site.pass(open_for).await;
        gate.open();
        assert_eq!(site.wait().await, wait, "open for {open_for} ms");
    }
}

async fn the_server_is_given_the_time_that_it_asks_for() {
    let date = "Sun, 06 Nov 1994 08:49:37 GMT";
    let later = "Sun, 06 Nov 1994 08:50:07 GMT";
    let refused = |after: &str| Answer::status(429).header("retry-after", after);
    let site = Site::start([
        refused("20"),
        refused("20"),
        refused(later).header("date", date),
        refused("99999"),
        Answer::status(503),
    ])
    .await;
    site.run("listen('/events', {})").await;
    // What an EventSource was told cannot be seen; the attempts after it can be.
    for (attempt, wait) in [3_000, 20_000, 30_000, 60_000, 3_000].into_iter().enumerate() {
        site.until("seen.length", json!(attempt + 1)).await;
        assert_eq!(site.wait().await, wait, "attempt {attempt}");
        site.pass(wait).await;
    }
}

async fn a_budget_that_is_spent_and_a_final_status_end_it() {
    let wrong = || Answer::status(200).header("content-type", "text/html");
    let stream = Answer::stream().chunk("retry: 1\n\n");
    let site = Site::start([
        Answer::status(502),
        Answer::status(502),
        Answer::status(401),
        Answer::status(401),
        Answer::status(401),
        wrong(),
        wrong(),
        wrong(),
        stream,
    ])
    .await;
    for (options, end) in [
        ("{ budget: 1 }", json!({ "reason": "budget-spent" })),
        ("{}", json!({ "reason": "status", "status": 401 })),
        ("{}", json!({ "reason": "not-an-event-stream" })),
    ] {
        site.run(&format!("seen.length = 0, listen('/events', {options})")).await;
        site.pass(site.wait().await).await;
        site.sees(json!([["error", 0], ["error", 2], ["close", 2]])).await;
        assert_eq!(site.is("source.end").await, end);
        assert_eq!(site.is("clock.due()").await, json!(null));
    }
    assert_eq!(site.requests(), 8);
}

async fn a_server_that_answers_no_head_is_asked_by_get() {
    let site = Site::start([
        Answer::status(500),
        Answer::status(405),
        Answer::status(500),
        Answer::stream(),
    ])
    .await;
    site.run("listen('/events', {})").await;
    for _ in 0..2 {
        site.pass(site.wait().await).await;
        site.until("source.readyState === 1 || clock.due() !== null", json!(true)).await;
    }
    site.sees(json!([["error", 0], ["error", 0], ["open", 1]])).await;
    let mut lines = Vec::new();
    for number in 0..4 {
        lines.push(site.asked(number).await.1);
    }
    assert_eq!(lines, ["GET /events", "HEAD /events", "GET /events", "GET /events"]);
}

async fn what_a_head_says_is_the_end_only_where_a_get_says_it_too() {
    let site = Site::start([
        Answer::status(503),
        Answer::status(404),
        Answer::stream().chunk("data: never seen\n\n"),
        Answer::status(503),
        Answer::stream().chunk("data: one\n\n"),
    ])
    .await;
    site.run("listen('/events', { lastEventId: '7' })").await;
    site.pass(site.wait().await).await;
    // The stream that was a question is let go.
    site.hung_up(2).await;
    site.sees(json!([["error", 0], ["error", 0]])).await;
    site.pass(site.wait().await).await;
    site.until("seen.slice(2)", json!([["open", 1], ["message", "one", 1]])).await;
    let mut methods = Vec::new();
    for number in 0..5 {
        let (request, line) = site.asked(number).await;
        assert!(line.ends_with("/events?lastEventId=7"), "{line}");
        assert_eq!(request.header("accept"), Some("text/event-stream"));
        methods.push(request.method);
    }
    assert_eq!(methods, ["GET", "HEAD", "GET", "GET", "GET"]);
}

async fn a_hidden_page_lets_go_and_goes_on_when_it_is_seen() {
    let site = Site::start([
        Answer::stream().chunk("id: 3\ndata: one\n\n"),
        Answer::stream().chunk("id: 4\ndata: two\n\n"),
    ])
    .await;
    site.run("listen('/events', { hiddenAfter: 10_000 })").await;
    let mut seen = vec![json!(["open", 1]), json!(["message", "one", 1])];
    site.sees(json!(seen)).await;
    // One that is hidden for less keeps its stream.
    site.run("show('hidden'), clock.advance(9_999), show('visible'), clock.advance(1e9)").await;
    assert_eq!(site.is("source.readyState").await, json!(1));

    site.run("show('hidden'), clock.advance(10_000)").await;
    site.hung_up(0).await;
    assert_eq!(site.is("[source.readyState, clock.due()]").await, json!([0, null]));
    site.run("clock.advance(1e9)").await;
    assert_eq!((site.is("seen").await, site.requests()), (json!(seen), 1));

    site.run("show('visible'), clock.advance(0)").await;
    assert_eq!(site.asked(1).await.1, "GET /events?lastEventId=3");
    seen.extend([json!(["open", 1]), json!(["message", "two", 1])]);
    site.sees(json!(seen)).await;
}

async fn being_seen_again_cuts_no_wait_short() {
    let site = Site::start([Answer::status(503), promise(), Answer::stream()]).await;
    site.run("listen('/events', { reconnectionTime: 60_000, hiddenAfter: 0 })").await;
    assert_eq!(site.wait().await, 60_000);
    site.run("show('hidden'), clock.advance(10_000)").await;
    assert_eq!(site.is("clock.due()").await, json!(null), "nothing is tried while it is hidden");
    site.run("show('visible')").await;
    assert_eq!(site.wait().await, 50_000);
    site.pass(50_000).await;
    assert_eq!(site.asked(1).await.1, "HEAD /events");
    site.sees(json!([["error", 0], ["open", 1]])).await;
}

async fn a_page_that_is_kept_for_back_lets_go_and_goes_on() {
    let site = Site::start([
        Answer::stream().chunk("id: 3\ndata: one\n\n"),
        Answer::stream().chunk("data: two\n\n"),
    ])
    .await;
    site.run("listen('/events', {})").await;
    site.until("seen.length", json!(2)).await;
    site.run("dispatchEvent(new PageTransitionEvent('pagehide', { persisted: true }))").await;
    site.hung_up(0).await;
    site.run("dispatchEvent(new PageTransitionEvent('pageshow', { persisted: true }))").await;
    site.run("clock.advance(0)").await;
    assert_eq!(site.asked(1).await.1, "GET /events?lastEventId=3");
    site.until("seen.slice(2)", json!([["open", 1], ["message", "two", 1]])).await;
}

async fn close_is_the_end_and_says_nothing() {
    let site = Site::start([
        Answer::stream().chunk("data: one\n\n"),
        Answer::status(503),
        Answer::status(503),
    ])
    .await;
    let closed = json!([2, "closed", null]);
    let state = "[source.readyState, source.end.reason, clock.due()]";
    site.run("listen('/events', {})").await;
    site.until("seen.length", json!(2)).await;
    site.run("show('hidden'), source.close()").await;
    site.hung_up(0).await;
    assert_eq!(site.is(state).await, closed);

    // While an attempt is waited for.
    site.run("show('visible'), listen('/events', {})").await;
    site.wait().await;
    site.run("source.close()").await;
    assert_eq!(site.is(state).await, closed);

    // While one is under way: this is held without an answer.
    site.run("listen('/events', {})").await;
    site.pass(site.wait().await).await;
    assert_eq!(site.asked(3).await.1, "HEAD /events");
    site.run("source.close(), source.close()").await;
    site.hung_up(3).await;
    site.run("show('hidden'), dispatchEvent(new Event('pageshow'))").await;
    assert_eq!(site.is(state).await, closed);
    let types = site.is("seen.map(([type]) => type)").await;
    assert_eq!((types, site.requests()), (json!(["open", "message", "error", "error"]), 4));
}

async fn it_has_the_surface_of_an_event_source() {
    let events = "data: 1\n\nevent: other\ndata: 2\n\nevent: error\ndata: 3\n\nid: 5\nevent: late\ndata: 4\n\n";
    let gate = Gate::new();
    let more = Gate::new();
    let stream = Answer::stream().pause(&gate).chunk(events).pause(&more).chunk("data: 5\n\n");
    let site = Site::start([stream]).await;
    let script = r#"
        const source = new LastingEventSource("/events", { withCredentials: true });
        window.source = source;
        window.got = [];
        const note = (name) => function (event) {
            got.push([name, event.type, event.data ?? null, this === source]);
        };
        source.onopen = note("replaced");
        source.onopen = note("onopen");
        source.onmessage = note("onmessage");
        source.onerror = note("onerror");
        const gone = note("removed");
        source.addEventListener("other", gone);
        source.removeEventListener("other", gone);
        source.addEventListener("other", note("once"), { once: true });
        return [
            source instanceof EventTarget, source.withCredentials, source.readyState,
            source.url === new URL("/events", location).href,
            LastingEventSource.OPEN, source.CLOSED, source.onclose, source.onmessage !== null,
        ];
    "#;
    let surface = site.page().eval(script).await;
    assert_eq!(surface, json!([true, true, 0, true, 1, 2, null, true]));
    site.until("source.readyState", json!(1)).await;
    // A type that is listened for while the stream is open.
    site.run("source.addEventListener('late', ({ data, lastEventId, origin }) => got.push([data, lastEventId, origin === location.origin]))").await;
    gate.open();
    site.until(
        "got",
        json!([
            ["onopen", "open", null, true],
            ["onmessage", "message", "1", true],
            ["once", "other", "2", true],
            // An event of the stream, not a failure.
            ["onerror", "error", "3", true],
            ["4", "5", true],
        ]),
    )
    .await;
    assert_eq!(site.is("[source.readyState, source.lastEventId]").await, json!([1, "5"]));
    site.run("got.length = 0, source.onmessage = null, source.addEventListener('message', (it) => got.push(it.lastEventId))").await;
    more.open();
    site.until("got", json!(["5"])).await;
}

async fn another_origin_is_asked_without_a_preflight() {
    let allowed = |answer: Answer| answer.header("access-control-allow-origin", "*");
    let other = Scripted::start([
        allowed(Answer::stream()).chunk("retry: 1\nid: 1\ndata: one\n\n").end(),
        allowed(Answer::status(503)),
        // Without leave the page can see nothing of it.
        Answer::status(503).header("retry-after", "20"),
        allowed(Answer::status(503))
            .header("retry-after", "20")
            .header("access-control-expose-headers", "retry-after"),
        allowed(promise()),
        allowed(Answer::stream()).chunk("data: two\n\n"),
    ])
    .await;
    let site = Site::start([]).await;
    // Cookies know no ports.
    site.run("document.cookie = 'a=b'").await;
    site.run(&format!("listen({:?}, {{}})", other.url("/events"))).await;
    for (attempt, wait) in [3_000, 3_000, 20_000].into_iter().enumerate() {
        site.until("seen.length", json!(attempt + 4)).await;
        assert_eq!(site.wait().await, wait);
        site.pass(wait).await;
    }
    site.until("seen.slice(6)", json!([["open", 1], ["message", "two", 1]])).await;
    let methods: Vec<_> = other.requests().into_iter().map(|request| request.method).collect();
    assert_eq!(methods, ["GET", "GET", "HEAD", "HEAD", "HEAD", "GET"]);
    assert_eq!(other.request(1).await.header("last-event-id"), Some("1"));
    assert!(other.requests().iter().all(|request| request.header("cookie").is_none()));
}

async fn another_origin_is_given_credentials_on_request() {
    let site = Site::start([]).await;
    let origin = site.is("location.origin").await;
    let allowed = |answer: Answer| {
        answer
            .header("access-control-allow-origin", origin.as_str().unwrap())
            .header("access-control-allow-credentials", "true")
    };
    let answers = [Answer::status(503), promise(), Answer::stream()].map(allowed);
    let other = Scripted::start(answers).await;
    site.run("document.cookie = 'a=b'").await;
    let url = other.url("/events");
    site.run(&format!("listen({url:?}, {{ withCredentials: true }})")).await;
    site.pass(site.wait().await).await;
    site.sees(json!([["error", 0], ["open", 1]])).await;
    let cookies = other.requests();
    let cookies: Vec<_> = cookies.iter().map(|request| request.header("cookie")).collect();
    assert_eq!(cookies, [Some("a=b"); 3]);
}
