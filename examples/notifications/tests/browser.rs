//! The page, as a real browser has it.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

mod support;

use std::process::ExitCode;

use serde_json::{Value, json};
use support::Fixture;
use testkit::{BOUND, Browser, Page, test, until};

fn main() -> ExitCode {
    testkit::run([
        test!(two_users_never_see_each_others_notifications, Browser),
        test!(a_channel_is_joined_and_left_while_connected, Browser),
        test!(a_task_shows_how_far_it_is_and_that_it_is_done, Browser),
        test!(a_page_that_was_cut_off_goes_on_where_it_was, Browser),
        test!(a_wrong_password_is_told_and_opens_nothing, Browser),
    ])
}

/// A user at a page of their own.
struct Visitor(Page);

impl Visitor {
    async fn open(browser: &Browser, site: &Fixture) -> Self {
        Self(browser.open(&format!("http://{}/", site.app.address)).await)
    }

    async fn log_in(browser: &Browser, site: &Fixture, name: &str) -> Self {
        let visitor = Self::open(browser, site).await;
        visitor.tries(name, "demo").await;
        visitor.is("open").await;
        visitor
    }

    async fn tries(&self, name: &str, password: &str) {
        self.fill("#name", name).await;
        self.fill("#password", password).await;
        self.0.click("#log-in").await;
    }

    async fn fill(&self, selector: &str, value: &str) {
        let (selector, value) = (json!(selector), json!(value));
        self.0.eval(&format!("document.querySelector({selector}).value = {value}")).await;
    }

    async fn is(&self, state: &str) {
        until(BOUND, &format!("the page is {state}"), async || {
            self.0.data("body", "state").await == state
        })
        .await;
    }

    /// The texts in the inbox, oldest first.
    async fn inbox(&self) -> Vec<String> {
        let script =
            "return [...document.querySelectorAll('#inbox .text')].map((it) => it.textContent)";
        let texts = self.0.eval(script).await;
        let mut texts: Vec<String> = serde_json::from_value(texts).expect("texts");
        texts.reverse();
        texts
    }

    async fn reads(&self, texts: &[&str]) {
        until(BOUND, &format!("{texts:?} is there"), async || self.inbox().await == texts).await;
    }

    async fn send(&self, to: &str, text: &str) {
        self.fill("#to", to).await;
        self.fill("#text", text).await;
        self.0.click("#send").await;
        until(BOUND, "it was sent", async || self.0.text("#sent").await.starts_with("Sent to"))
            .await;
        self.0.eval("document.querySelector('#sent').textContent = ''").await;
    }

    async fn has(&self, what: &str, script: &str) {
        until(BOUND, what, async || self.0.eval(script).await == Value::Bool(true)).await;
    }
}

async fn two_users_never_see_each_others_notifications() {
    let site = Fixture::start(&[]).await;
    // A profile for each: nothing in one browser is known to the other.
    let (one, other) = (Browser::start().await, Browser::start().await);
    let ada = Visitor::log_in(&one, &site, "ada").await;
    let bob = Visitor::log_in(&other, &site, "bob").await;
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
    let ada = Visitor::log_in(&browser, &site, "ada").await;
    let bob = site.user("bob").await;
    bob.sent("channel/news", "before").await;

    let joined = "return document.querySelector('[data-name=news]').dataset.joined === 'true'";
    ada.0.click("[data-name=news] button").await;
    ada.has("news is joined", joined).await;
    let news = "channel/news".parse().expect("a topic");
    until(BOUND, "the server knows", async || site.app.hub.subscriber_count(&news) == 1).await;
    bob.sent("channel/news", "between").await;
    ada.reads(&["between"]).await;

    ada.0.click("[data-name=news] button").await;
    until(BOUND, "the server knows", async || site.app.hub.subscriber_count(&news) == 0).await;
    bob.sent("channel/news", "after").await;
    bob.sent("everyone", "the end").await;
    ada.reads(&["between", "the end"]).await;
    assert_eq!(ada.0.text("#returns").await, "0", "all of it on one stream");
}

async fn a_task_shows_how_far_it_is_and_that_it_is_done() {
    let site = Fixture::start(&["--step-ms=20"]).await;
    let browser = Browser::start().await;
    let ada = Visitor::log_in(&browser, &site, "ada").await;
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
    let ada = Visitor::log_in(&browser, &site, "ada").await;
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

async fn a_wrong_password_is_told_and_opens_nothing() {
    let site = Fixture::start(&[]).await;
    let browser = Browser::start().await;
    let visitor = Visitor::open(&browser, &site).await;
    visitor.tries("ada", "wrong").await;
    until(BOUND, "it is told", async || {
        visitor.0.text("#alert").await.starts_with("You are not logged in")
    })
    .await;
    assert_eq!(visitor.0.data("body", "state").await, "out");
    assert_eq!(site.app.hub.connection_count(), 0);
}
