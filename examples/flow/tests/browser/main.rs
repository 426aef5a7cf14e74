//! The documented flow, as a real browser has it.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

mod gone;
mod split;
#[path = "../support/mod.rs"]
mod support;
mod visitor;

use std::process::ExitCode;

use serde_json::json;
use testkit::{BOUND, Browser, Key, Relay, Service, Test, test, until};

use gone::*;
use split::Split;
use support::{Fixture, framework};
use visitor::Visitor;

const SEVEN: [&str; 7] =
    ["connecting", "message", "message", "message", "message", "message", "complete"];

const NO_STREAM: &str = "There is no stream: the server is away, or refused one.";

pub(crate) fn main() -> ExitCode {
    let actix = [
        test!(the_seven_events_arrive_one_by_one_and_are_read_back, Browser),
        test!(a_backend_killed_in_mid_stream_is_shown_and_the_page_comes_back, Browser),
        test!(a_stream_that_is_cut_twice_goes_on_where_it_was, Browser),
        test!(stop_hangs_up_and_nothing_comes_after, Browser),
        test!(a_page_that_is_left_in_mid_stream_lets_go, Browser),
    ];
    if framework() == "actix" {
        return testkit::run(actix);
    }
    // The flow and a restart on every database, all else on SQLite.
    use Service::{Browser, MariaDb, Postgres};
    let databases = [
        Test::new("the_seven_events_on_postgres", [Browser, Postgres], async || {
            seven_events_on(Some(Postgres)).await;
        }),
        Test::new("the_seven_events_on_mysql", [Browser, MariaDb], async || {
            seven_events_on(Some(MariaDb)).await;
        }),
        Test::new("a_backend_killed_in_mid_stream_on_postgres", [Browser, Postgres], async || {
            backend_killed_on(Some(Postgres)).await;
        }),
        Test::new("a_backend_killed_in_mid_stream_on_mysql", [Browser, MariaDb], async || {
            backend_killed_on(Some(MariaDb)).await;
        }),
    ];
    let list = [
        test!(the_seven_events_arrive_one_by_one_and_are_read_back, Browser),
        test!(a_second_run_replaces_the_first_and_is_read_back, Browser),
        test!(two_sessions_at_once_never_see_each_other, Browser),
        test!(a_duplicated_tab_and_a_reloaded_page_are_new_sessions, Browser),
        test!(the_browser_speaks_to_the_front_alone_when_there_are_two_processes, Browser),
        test!(a_backend_killed_in_mid_stream_is_shown_and_the_page_comes_back, Browser),
        test!(a_stream_that_is_cut_twice_goes_on_where_it_was, Browser),
        test!(stop_hangs_up_and_nothing_comes_after, Browser),
        test!(a_page_that_is_left_in_mid_stream_lets_go, Browser),
        test!(a_run_that_was_replaced_says_so_and_stays_away, Browser),
        test!(two_tabs_of_a_session_show_one_run, Browser),
        test!(the_stored_events_can_be_reloaded_and_a_failure_is_shown, Browser),
        test!(text_from_the_server_is_shown_and_never_run, Browser),
        test!(a_run_needs_no_mouse, Browser),
        test!(a_page_that_begins_while_the_backend_is_away_says_so_and_waits_for_it, Browser),
        test!(a_run_that_is_gone_is_told_and_another_one_shown, Browser),
        test!(events_that_are_gone_are_told, Browser),
        test!(a_store_that_fails_is_told_and_the_page_comes_back_to_a_new_run, Browser),
    ];
    testkit::run(list.into_iter().chain(databases))
}

/// Where a visitor finds the page.
fn page_of(site: &Fixture) -> String {
    format!("http://{}/", site.front())
}

async fn the_seven_events_arrive_one_by_one_and_are_read_back() {
    seven_events_on(None).await;
}

async fn seven_events_on(service: Option<Service>) {
    let (site, steps) = Fixture::stepped_on(service).await;
    let browser = Browser::start().await;
    let visitor = Visitor::open(&browser, &page_of(&site)).await;
    assert_eq!(visitor.state().await, "idle");

    visitor.page.click("#start").await;
    // The stream is open before there is anything to read on it.
    visitor.is("open").await;
    for count in 1..=SEVEN.len() {
        assert_eq!(visitor.types().await, SEVEN[..count - 1]);
        steps.release();
        visitor.sees(count).await;
    }
    assert_eq!(visitor.types().await, SEVEN);

    visitor.is("complete").await;
    assert!(visitor.has_hung_up().await);
    visitor.has_read_back(SEVEN.len()).await;
    // Also when the server has ended its side, there is no error.
    until(BOUND, "the backend has let go", async || site.app.streams.count() == 0).await;
    assert_eq!(visitor.errors().await, 0);
    assert_eq!(visitor.alert().await, "");
}

async fn a_second_run_replaces_the_first_and_is_read_back() {
    let site = Fixture::start(&["--interval-ms=20"]).await;
    let browser = Browser::start().await;
    let visitor = Visitor::open(&browser, &page_of(&site)).await;
    let mut runs = Vec::new();
    for _ in 0..2 {
        visitor.page.click("#start").await;
        // The old lists are gone at once, not when the new ones come.
        assert_ne!(visitor.state().await, "idle");
        visitor.has_read_back(SEVEN.len()).await;
        runs.push(visitor.listed("stored").await);
    }
    assert!(runs[1].iter().all(|event| !runs[0].contains(event)));
    assert_eq!(visitor.errors().await, 0);
}

async fn two_sessions_at_once_never_see_each_other() {
    let (site, steps) = Fixture::stepped().await;
    let browser = Browser::start().await;
    let one = Visitor::open(&browser, &page_of(&site)).await;
    let two = Visitor::open(&browser, &page_of(&site)).await;
    assert_ne!(one.session().await, two.session().await);
    one.page.click("#start").await;
    two.page.click("#start").await;
    until(BOUND, "two streams at once", async || site.app.streams.count() == 2).await;

    for count in 1..=2 * SEVEN.len() {
        steps.release();
        until(BOUND, "one event more on one of the pages", async || {
            one.listed("timeline").await.len() + two.listed("timeline").await.len() == count
        })
        .await;
    }
    for visitor in [&one, &two] {
        visitor.is("complete").await;
        assert_eq!(visitor.types().await, SEVEN);
        visitor.has_read_back(SEVEN.len()).await;
        assert_eq!(visitor.errors().await, 0);
    }
    let other = two.listed("stored").await;
    assert!(one.listed("stored").await.iter().all(|event| !other.contains(event)));
}

async fn a_duplicated_tab_and_a_reloaded_page_are_new_sessions() {
    let site = Fixture::start(&["--interval-ms=20"]).await;
    let browser = Browser::start().await;
    let first = Visitor::open(&browser, &page_of(&site)).await;
    first.page.click("#start").await;
    first.has_read_back(SEVEN.len()).await;
    let stored = first.listed("stored").await;

    let copy = Visitor::at(first.page.duplicate().await).await;
    assert_ne!(copy.session().await, first.session().await);
    copy.page.click("#reload").await;
    until(BOUND, "nothing is stored for the copy", async || {
        copy.page.text("#verdict").await == "Nothing is stored for this session."
    })
    .await;
    copy.page.click("#start").await;
    copy.has_read_back(SEVEN.len()).await;

    // The copy's run has deleted nothing of the first one's.
    first.page.eval("document.querySelector('#stored').replaceChildren()").await;
    first.page.click("#reload").await;
    first.has_read_back(SEVEN.len()).await;
    assert_eq!(first.listed("stored").await, stored);

    let before = first.session().await;
    first.page.go(&page_of(&site)).await;
    assert_ne!(first.session().await, before);
}

async fn the_browser_speaks_to_the_front_alone_when_there_are_two_processes() {
    let split = Split::start(&["--interval-ms", "20"]).await;
    let browser = Browser::start().await;
    let visitor = Visitor::open(&browser, split.page()).await;
    visitor.page.click("#start").await;
    visitor.has_read_back(SEVEN.len()).await;
    assert_eq!(visitor.types().await, SEVEN);
    assert_eq!(visitor.errors().await, 0);
    let spoken_to = "return [...new Set(performance.getEntriesByType('resource')
        .map(({ name }) => new URL(name).origin))]";
    let origin = visitor.page.eval("return location.origin").await;
    assert_eq!(visitor.page.eval(spoken_to).await, json!([origin]));
}

async fn a_backend_killed_in_mid_stream_is_shown_and_the_page_comes_back() {
    backend_killed_on(None).await;
}

async fn backend_killed_on(service: Option<Service>) {
    // A run that does not come to its end before the kill.
    let long = ["--interval-ms", "20", "--count", "10000"];
    let mut split = Split::start_on(service, &long).await;
    let browser = Browser::start().await;
    let visitor = Visitor::open(&browser, split.page()).await;
    visitor.page.click("#start").await;
    until(BOUND, "some events", async || visitor.types().await.len() > 2).await;
    assert_eq!(visitor.errors().await, 0);

    split.kill_backend();
    visitor.is("reconnecting").await;
    visitor.has_alerted("The connection was lost in mid-stream.").await;
    // It tries again by itself, and again.
    visitor.has_alerted(NO_STREAM).await;
    assert!(visitor.errors().await >= 2);

    split.restart_backend(&["--interval-ms", "20"]).await;
    visitor.is("complete").await;
    visitor.has_read_back(SEVEN.len()).await;
    assert_eq!(visitor.types().await, SEVEN);
    assert_eq!(visitor.alert().await, "");
    assert!(visitor.has_hung_up().await);
}

async fn a_stream_that_is_cut_twice_goes_on_where_it_was() {
    let (site, steps) = Fixture::stepped().await;
    let relay = Relay::to(site.backend()).await;
    let url = format!("--backend-url=http://{}", relay.addr());
    let front = Fixture::start(&["--role=front", &url]).await;
    let browser = Browser::start().await;
    let visitor = Visitor::open(&browser, &page_of(&front)).await;
    visitor.page.click("#start").await;
    for count in 1..=2 {
        steps.release();
        visitor.sees(count).await;
    }
    for (cut, count) in [(1, 4), (2, 6)] {
        relay.cut();
        // One while nobody listens, one to those who have come back.
        steps.release();
        until(BOUND, "the loss is noticed", async || visitor.errors().await == cut).await;
        visitor.has_alerted("The connection was lost in mid-stream.").await;
        visitor.sees(count - 1).await;
        visitor.is("open").await;
        assert_eq!(visitor.alert().await, "");
        steps.release();
        visitor.sees(count).await;
    }
    steps.release();
    visitor.has_read_back(SEVEN.len()).await;
    assert_eq!(visitor.types().await, SEVEN);
    // Not one of them came twice, and there was one run.
    assert_eq!(visitor.received().await, visitor.listed("timeline").await);
    assert_eq!(visitor.errors().await, 2);
    assert!(visitor.has_hung_up().await);
    until(BOUND, "the backend has let go", async || site.app.streams.count() == 0).await;
}

async fn stop_hangs_up_and_nothing_comes_after() {
    let (site, steps) = Fixture::stepped().await;
    let browser = Browser::start().await;
    let visitor = Visitor::open(&browser, &page_of(&site)).await;
    visitor.page.click("#start").await;
    steps.release();
    visitor.sees(1).await;
    visitor.page.click("#stop").await;
    assert_eq!(visitor.state().await, "idle");
    assert!(visitor.has_hung_up().await);
    until(BOUND, "the backend has let go", async || site.app.streams.count() == 0).await;
    assert_eq!(visitor.types().await, SEVEN[..1]);
    assert_eq!(visitor.errors().await, 0);
    assert_eq!(visitor.alert().await, "");
}

async fn a_page_that_is_left_in_mid_stream_lets_go() {
    let (site, steps) = Fixture::stepped().await;
    let browser = Browser::start().await;
    let visitor = Visitor::open(&browser, &page_of(&site)).await;
    visitor.page.click("#start").await;
    steps.release();
    visitor.sees(1).await;
    visitor.page.go("about:blank").await;
    until(BOUND, "the backend has let go", async || site.app.streams.count() == 0).await;
    // Restored or loaded again: there is no stream, and no error.
    visitor.page.back().await;
    visitor.is("idle").await;
    assert_eq!(visitor.page.data("body", "errors").await, "0");

    // The first run goes on, and would take the steps of another one.
    let (site, steps) = Fixture::stepped().await;
    let other = Visitor::open(&browser, &page_of(&site)).await;
    other.page.click("#start").await;
    steps.release();
    other.sees(1).await;
    other.page.close().await;
    until(BOUND, "the backend has let go of a closed tab", async || site.app.streams.count() == 0)
        .await;
}

async fn a_run_that_was_replaced_says_so_and_stays_away() {
    let (site, steps) = Fixture::stepped().await;
    let browser = Browser::start().await;
    let visitor = Visitor::open(&browser, &page_of(&site)).await;
    visitor.page.click("#start").await;
    steps.release();
    visitor.sees(1).await;

    let intruder = browser.open(&page_of(&site)).await;
    let session = visitor.session().await;
    let open = format!("window.other = new EventSource('/api/sse?sessionId={session}')");
    intruder.eval(&open).await;
    visitor.is("error").await;
    assert_eq!(visitor.types().await, ["connecting", "superseded"]);
    assert_eq!(visitor.alert().await, "A newer run of this session took over.");
    assert!(visitor.has_hung_up().await);
    assert_eq!(visitor.errors().await, 0);
}

async fn two_tabs_of_a_session_show_one_run() {
    let (site, steps) = Fixture::stepped().await;
    let browser = Browser::start().await;
    let visitor = Visitor::open(&browser, &page_of(&site)).await;
    visitor.page.click("#start").await;
    steps.release();
    visitor.sees(1).await;
    let first = visitor.received().await[0].clone();

    let tab = Visitor::open(&browser, &page_of(&site)).await;
    let (session, id) = (visitor.session().await, first["id"].as_str().unwrap());
    let open = format!("new EventSource('/api/sse?sessionId={session}&lastEventId={id}')");
    tab.page.eval(&open).await;
    until(BOUND, "both are there", async || site.app.streams.count() == 2).await;
    for _ in 1..SEVEN.len() {
        steps.release();
    }
    visitor.has_read_back(SEVEN.len()).await;
    assert_eq!(visitor.types().await, SEVEN);
    until(BOUND, "the tab has the rest", async || tab.received().await.len() == 6).await;
    assert_eq!(tab.received().await, visitor.received().await[1..]);
}

async fn the_stored_events_can_be_reloaded_and_a_failure_is_shown() {
    let mut split = Split::start(&["--interval-ms", "20"]).await;
    let browser = Browser::start().await;
    let visitor = Visitor::open(&browser, split.page()).await;
    visitor.page.click("#start").await;
    visitor.has_read_back(SEVEN.len()).await;

    split.kill_backend();
    visitor.page.click("#reload").await;
    until(BOUND, "the failure is shown", async || {
        visitor.page.text("#stored-alert").await
            == "The stored events could not be read: the server answered 502."
    })
    .await;
    assert_eq!(visitor.listed("stored").await.len(), 0);
    // The stream had come to its end: nothing is wrong with it.
    assert_eq!(visitor.state().await, "complete");
    assert_eq!(visitor.alert().await, "");

    // What was stored outlives the backend.
    split.restart_backend(&[]).await;
    visitor.page.click("#reload").await;
    visitor.has_read_back(SEVEN.len()).await;
    assert_eq!(visitor.page.text("#stored-alert").await, "");
}

async fn text_from_the_server_is_shown_and_never_run() {
    let site = Fixture::start(&["--interval-ms=20"]).await;
    let browser = Browser::start().await;
    let page = browser.open(&page_of(&site)).await;
    page.eval(
        r#"window.EventSource = class extends EventTarget {
            constructor() { super(); window.fake = this; }
            close() {}
        };
        document.querySelector('#start').click();
        window.send = (init) => fake.dispatchEvent(new MessageEvent('message', init));
        const markup = '<img src=x onerror="document.title = 1"><script>document.title = 1</script>';
        const event = { type: markup, message: markup, timestamp: markup, data: markup };
        send({ lastEventId: markup, data: JSON.stringify(event) });"#,
    )
    .await;
    assert!(page.text("#timeline .text").await.starts_with("<img src=x"));
    assert_eq!(page.eval("return document.querySelectorAll('li img, li script').length").await, 0);
    assert_ne!(page.eval("return document.title").await, "1");

    // What is no event ends the run, and is told.
    page.eval("send({ lastEventId: '', data: 'no JSON' })").await;
    assert_eq!(page.data("body", "state").await, "error");
    let alert = page.text("#alert").await;
    assert_eq!(alert, "The server sent an event that this page cannot read.");
}

async fn a_run_needs_no_mouse() {
    let site = Fixture::start(&["--interval-ms=20"]).await;
    let browser = Browser::start().await;
    let visitor = Visitor::open(&browser, &page_of(&site)).await;
    let focus = "return document.activeElement.id";
    visitor.page.press(Key::Tab).await;
    assert_eq!(visitor.page.eval(focus).await, "start");
    visitor.page.press(Key::Enter).await;
    visitor.has_read_back(SEVEN.len()).await;
    // The focus stays where it was.
    for id in ["start", "stop", "reload"] {
        assert_eq!(visitor.page.eval(focus).await, id);
        visitor.page.press(Key::Tab).await;
    }

    // What comes is read out.
    let log = "return document.querySelector('#timeline').closest('[role=log]').ariaLive";
    assert_eq!(visitor.page.eval(log).await, "polite");
    let status = "return document.querySelector('#badge').closest('[role=status]') !== null";
    assert_eq!(visitor.page.eval(status).await, json!(true));
}
