//! A user at a page of their own.

use serde_json::{Value, json};
use testkit::{BOUND, Browser, Page, until};

use super::support::Fixture;

/// Notes what the page says it is, one state after the other.
const WATCH: &str = "window.states = [];
    new MutationObserver(() => window.states.push(document.body.dataset.state))
        .observe(document.body, { attributeFilter: ['data-state'] });";

/// Lets nothing of the page's requests out until `release` is called.
const HOLD: &str = "const real = window.fetch;
    const held = new Promise((resolve) => { window.release = resolve; });
    window.fetch = async (...given) => { await held; return real(...given); };";

/// The name of what has the focus; empty where that is not to be seen.
const STOP: &str = "const it = document.activeElement;
    const { outlineStyle, outlineWidth } = getComputedStyle(it);
    const { width, height } = it.getBoundingClientRect();
    const isSeen = outlineStyle === 'solid' && outlineWidth === '2px' && width > 24 && height > 24;
    return isSeen ? it.ariaLabel || it.id : '';";

/// A user at a page of their own.
pub(crate) struct Visitor(pub(crate) Page);

impl Visitor {
    pub(crate) async fn open(browser: &Browser, url: &str) -> Self {
        let page = browser.open(url).await;
        page.eval(WATCH).await;
        Self(page)
    }

    pub(crate) async fn log_in(browser: &Browser, url: &str, name: &str) -> Self {
        let visitor = Self::open(browser, url).await;
        visitor.tries(name, "demo").await;
        visitor.is("open").await;
        visitor
    }

    pub(crate) async fn tries(&self, name: &str, password: &str) {
        self.fill("#name", name).await;
        self.fill("#password", password).await;
        self.0.click("#log-in").await;
    }

    pub(crate) async fn fill(&self, selector: &str, value: &str) {
        let (selector, value) = (json!(selector), json!(value));
        self.0.eval(&format!("document.querySelector({selector}).value = {value}")).await;
    }

    pub(crate) async fn state(&self) -> String {
        self.0.data("body", "state").await
    }

    pub(crate) async fn is(&self, state: &str) {
        until(BOUND, &format!("the page is {state}"), async || self.state().await == state).await;
    }

    /// What the page has been, since it was opened or since this was asked before.
    pub(crate) async fn has_been(&self) -> Vec<String> {
        let states = self.0.eval("return window.states.splice(0)").await;
        serde_json::from_value(states).expect("texts")
    }

    /// The texts in the inbox, oldest first.
    pub(crate) async fn inbox(&self) -> Vec<String> {
        let script =
            "return [...document.querySelectorAll('#inbox .text')].map((it) => it.textContent)";
        let texts = self.0.eval(script).await;
        let mut texts: Vec<String> = serde_json::from_value(texts).expect("texts");
        texts.reverse();
        texts
    }

    pub(crate) async fn reads(&self, texts: &[&str]) {
        until(BOUND, &format!("{texts:?} is there"), async || self.inbox().await == texts).await;
    }

    pub(crate) async fn send(&self, to: &str, text: &str) {
        self.fill("#to", to).await;
        self.fill("#text", text).await;
        self.0.click("#send").await;
        until(BOUND, "it was sent", async || self.0.text("#sent").await.starts_with("Sent to"))
            .await;
        self.0.eval("document.querySelector('#sent').textContent = ''").await;
    }

    pub(crate) async fn has(&self, what: &str, script: &str) {
        until(BOUND, what, async || self.0.eval(script).await == Value::Bool(true)).await;
    }

    /// Waits until the page says that this is wrong; empty: nothing.
    pub(crate) async fn is_told(&self, alert: &str) {
        until(BOUND, alert, async || self.0.text("#alert").await == alert).await;
    }

    pub(crate) async fn shows_as_joined(&self, channel: &str, joined: bool) {
        let script = format!(
            "return document.querySelector('[data-name={channel}]').dataset.joined === '{joined}'"
        );
        self.has(&format!("{channel} is joined: {joined}"), &script).await;
    }

    /// Presses these keys until the focus is at this element, and checks that each stop is to be seen; gives the stops.
    pub(crate) async fn walks(&self, keys: &str, selector: &str) -> Vec<String> {
        let is_there = format!("return document.activeElement.matches({})", json!(selector));
        let mut stops = Vec::new();
        while stops.len() < 30 {
            self.0.write(keys).await;
            let stop = self.0.eval(STOP).await.as_str().expect("a name").to_owned();
            assert_ne!(stop, "", "the focus is not to be seen after {stops:?}");
            stops.push(stop);
            if self.0.eval(&is_there).await == Value::Bool(true) {
                return stops;
            }
        }
        panic!("{selector} is not reached: {stops:?}");
    }

    /// Loses the stream, and keeps the page from coming back until it is let.
    pub(crate) async fn is_cut_off(&self, site: &Fixture) {
        self.0.eval(HOLD).await;
        for live in site.app.hub.connections() {
            assert!(site.app.hub.disconnect(live.id));
        }
        self.is("waiting").await;
    }

    pub(crate) async fn may_come_back(&self) {
        self.0.eval("window.release()").await;
    }
}
