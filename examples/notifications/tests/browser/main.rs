//! The page, as a real browser has it.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

mod front;
#[path = "../support/mod.rs"]
mod support;
mod trouble;
mod visitor;

use std::process::ExitCode;

use front::Front;
use serde_json::json;
use support::Fixture;
use testkit::{BOUND, Browser, Key, test, until};
use trouble::*;
use visitor::Visitor;

fn main() -> ExitCode {
    testkit::run([
        test!(two_users_never_see_each_others_notifications, Browser),
        test!(a_channel_is_joined_and_left_while_connected, Browser),
        test!(a_channel_is_joined_and_left_where_the_request_comes_to_another_instance, Browser),
        test!(a_task_shows_how_far_it_is_and_that_it_is_done, Browser),
        test!(a_page_that_was_cut_off_goes_on_where_it_was, Browser),
        test!(a_page_that_is_left_lets_go, Browser),
        test!(the_page_needs_no_mouse, Browser),
        test!(a_wrong_password_is_told_and_opens_nothing, Browser),
        test!(an_expired_login_leads_to_the_form_and_after_it_the_stream_goes_on, Browser),
        test!(a_login_that_is_refused_when_the_page_comes_back_leads_to_the_form, Browser),
        test!(what_was_deleted_before_it_came_is_told_as_missing, Browser),
        test!(a_log_that_has_begun_anew_is_told, Browser),
        test!(
            a_window_whose_place_was_taken_says_so_and_stays_away_until_it_is_asked_back,
            Browser
        ),
        test!(text_with_markup_is_shown_and_never_run, Browser),
    ])
}

/// Where a visitor finds the page.
fn page_of(site: &Fixture) -> String {
    format!("http://{}/", site.app.address)
}

async fn two_users_never_see_each_others_notifications() {
    let site = Fixture::start(&[]).await;
    // A profile for each: nothing in one browser is known to the other.
    let (one, other) = (Browser::start().await, Browser::start().await);
    let ada = Visitor::log_in(&one, &page_of(&site), "ada").await;
    let bob = Visitor::log_in(&other, &page_of(&site), "bob").await;
    ada.send("user/bob", "for bob alone").await;
    bob.send("user/ada", "for ada alone").await;
    ada.send("user/ada", "ada to herself").await;
    bob.send("everyone", "for all").await;
    ada.reads(&["for ada alone", "ada to herself", "for all"]).await;
    bob.reads(&["for bob alone", "for all"]).await;
    assert_eq!(ada.0.text("#unread").await, "3");
    assert_eq!(bob.0.text("#unread").await, "2");
}

async fn a_channel_is_joined_and_left_while_connected() {
    let site = Fixture::start(&[]).await;
    let browser = Browser::start().await;
    let ada = Visitor::log_in(&browser, &page_of(&site), "ada").await;
    site.user("bob").await.sent("channel/news", "before").await;
    joins_and_leaves(&ada, &site).await;
    assert_eq!(ada.0.text("#returns").await, "0", "all of it on one stream");
}

async fn a_channel_is_joined_and_left_where_the_request_comes_to_another_instance() {
    let site = Fixture::start(&["--step-ms=20"]).await;
    let other = site.another(&["--step-ms=20"]).await;
    let front = Front::start(site.app.address, other.address).await;
    let browser = Browser::start().await;
    let ada = Visitor::log_in(&browser, &front.page(), "ada").await;
    ada.has_been().await;
    joins_and_leaves(&ada, &site).await;
    // Each by a stream anew: that is all there is to be seen of it.
    assert_eq!(ada.has_been().await, ["connecting", "open", "connecting", "open"]);
    assert_eq!(ada.0.text("#returns").await, "2");

    ada.0.click("#start").await;
    ada.reads(&["between", "the end", "Report 1 is done."]).await;
    let done = "return document.querySelector('#tasks .task')?.dataset.state === 'finished'";
    ada.has("the task is done", done).await;
    for line in ["#alert", "#channels-alert", "#tasks-alert"] {
        assert_eq!(ada.0.text(line).await, "");
    }
}

/// Joins a channel and leaves it; the stream is at this site.
async fn joins_and_leaves(ada: &Visitor, site: &Fixture) {
    let news = "channel/news".parse().expect("a topic");
    let bob = site.user("bob").await;
    ada.0.click("[data-name=news] button").await;
    ada.shows_as_joined("news", true).await;
    until(BOUND, "the server knows", async || site.app.hub.subscriber_count(&news) == 1).await;
    bob.sent("channel/news", "between").await;
    ada.reads(&["between"]).await;

    ada.0.click("[data-name=news] button").await;
    ada.shows_as_joined("news", false).await;
    until(BOUND, "the server knows", async || site.app.hub.subscriber_count(&news) == 0).await;
    bob.sent("channel/news", "after").await;
    bob.sent("everyone", "the end").await;
    ada.reads(&["between", "the end"]).await;
}

async fn a_task_shows_how_far_it_is_and_that_it_is_done() {
    let site = Fixture::start(&["--step-ms=20"]).await;
    let browser = Browser::start().await;
    let ada = Visitor::log_in(&browser, &page_of(&site), "ada").await;
    let script = "window.percents = [];
        new MutationObserver(() => {
            const bar = document.querySelector('#tasks progress');
            if (bar) window.percents.push(bar.value);
        }).observe(document.querySelector('#tasks'), { subtree: true, childList: true, characterData: true });";
    ada.0.eval(script).await;
    ada.0.click("#start").await;
    let done = "return document.querySelector('#tasks .task')?.dataset.state === 'finished'";
    ada.has("the task is done", done).await;
    let grows = "const seen = window.percents;
        return seen.length > 3 && seen.at(-1) === 100 && seen.every((it, at) => at === 0 || seen[at - 1] <= it)";
    ada.has("it grew, to a hundred", grows).await;
    ada.reads(&["Report 1 is done."]).await;
}

async fn a_page_that_was_cut_off_goes_on_where_it_was() {
    let site = Fixture::start(&[]).await;
    let browser = Browser::start().await;
    let ada = Visitor::log_in(&browser, &page_of(&site), "ada").await;
    let bob = site.user("bob").await;
    for number in 1..=3 {
        bob.sent("user/ada", &number.to_string()).await;
        // So that the next is sent while the page is away, or has just come back.
        for live in site.app.hub.connections() {
            assert!(site.app.hub.disconnect(live.id));
        }
    }
    ada.reads(&["1", "2", "3"]).await;
    ada.is("open").await;
    assert_ne!(ada.0.text("#returns").await, "0");
}

async fn a_page_that_is_left_lets_go() {
    let site = Fixture::start(&[]).await;
    let browser = Browser::start().await;
    let ada = Visitor::log_in(&browser, &page_of(&site), "ada").await;
    let other = Visitor::log_in(&browser, &page_of(&site), "bob").await;
    assert_eq!(site.app.hub.connection_count(), 2);
    ada.0.go("about:blank").await;
    let count = async |count| {
        let what = format!("{count} streams are open");
        until(BOUND, &what, async || site.app.hub.connection_count() == count).await;
    };
    count(1).await;
    other.0.click("#log-out").await;
    count(0).await;
    other.tries("bob", "demo").await;
    count(1).await;
    other.0.close().await;
    count(0).await;
}

async fn the_page_needs_no_mouse() {
    let site = Fixture::start(&["--step-ms=600000"]).await;
    let browser = Browser::start().await;
    let ada = Visitor::open(&browser, &page_of(&site)).await;
    let (forth, back) = (Key::Tab.to_string(), Key::Shift + &Key::Tab);
    assert_eq!(ada.walks(&forth, "#name").await, ["name"]);
    ada.0.write("ada").await;
    assert_eq!(ada.walks(&forth, "#password").await, ["password"]);
    ada.0.write("demo").await;
    ada.0.press(Key::Enter).await;
    ada.is("open").await;
    let focus = "return document.activeElement.id";
    assert_eq!(ada.0.eval(focus).await, "inbox-heading");

    let bob = site.user("bob").await;
    bob.sent("user/ada", "one").await;
    bob.sent("user/ada", "two").await;
    ada.reads(&["one", "two"]).await;
    let stops = ada.walks(&forth, "#inbox li:first-child .read").await;
    assert_eq!(stops, ["read-all", "Mark as read: bob to you, two"]);
    // The focus goes on to the next, and from the last one to what is still there.
    ada.0.press(Key::Enter).await;
    assert_eq!(ada.0.text("#unread").await, "1");
    ada.0.write(" ").await;
    assert_eq!(ada.0.text("#unread").await, "0");
    assert_eq!(ada.0.eval(focus).await, "read-all");

    assert_eq!(ada.walks(&forth, "#text").await, ["to", "text"]);
    ada.0.write("three").await;
    assert_eq!(ada.walks(&forth, "#send").await, ["send"]);
    ada.0.write(" ").await;
    ada.reads(&["one", "two", "three"]).await;

    assert_eq!(ada.walks(&forth, "[data-name=news] button").await, ["Join news"]);
    ada.0.press(Key::Enter).await;
    ada.shows_as_joined("news", true).await;
    ada.0.write(" ").await;
    ada.shows_as_joined("news", false).await;
    let stops = ada.walks(&forth, "#start").await;
    assert_eq!(stops, ["Join releases", "Join lunch", "Join staff", "start"]);
    ada.0.press(Key::Enter).await;
    ada.has("the task runs", "return document.querySelector('#tasks .task') !== null").await;

    let stops = ada.walks(&back, "#log-out").await;
    assert!(stops.contains(&"Mark as read: ada to everyone, three".to_owned()), "{stops:?}");
    ada.0.press(Key::Enter).await;
    ada.is("out").await;
    assert_eq!(ada.0.eval(focus).await, "name");

    // What comes is read out, and what goes wrong at once.
    let roles = "return ['badge', 'announcer', 'sent', 'alert', 'channels-alert', 'tasks-alert']
        .map((id) => document.getElementById(id).closest('[role]').role)";
    let (status, alert) = ("status", "alert");
    assert_eq!(ada.0.eval(roles).await, json!([status, status, status, alert, alert, alert]));
}
