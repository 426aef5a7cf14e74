//! The page as somebody sees it who also looks into the browser's own `EventSource`.

use serde_json::Value;
use testkit::{BOUND, Browser, Page, until};

/// Notes what happens to every `EventSource` of the page, apart from what the page makes of it.
const WATCH: &str = r"
    const Real = window.EventSource;
    window.watched = { sources: [], errors: 0, closes: 0, received: [], alerts: [] };
    const alert = document.querySelector('#alert');
    new MutationObserver(() => watched.alerts.push(alert.textContent))
        .observe(alert, { childList: true });
    window.EventSource = class extends Real {
        constructor(...given) {
            super(...given);
            watched.sources.push(this);
            this.addEventListener('error', () => watched.errors++);
            this.addEventListener('message', ({ lastEventId, data }) => {
                watched.received.push({ ...JSON.parse(data), id: lastEventId });
            });
        }
        close() {
            watched.closes++;
            super.close();
        }
    };";

/// The events that a list of the page shows, as their JSON was.
const LISTED: &str = r"
    return [...document.querySelectorAll(`${LIST} > li`)].map((item) => {
        const text = (selector) => item.querySelector(selector).textContent;
        const event = {
            type: text('.type'),
            message: text('.text'),
            timestamp: item.querySelector('time').dateTime,
            id: text('.id'),
        };
        return text('.data') ? { ...event, data: JSON.parse(text('.data')) } : event;
    });";

/// Somebody at the page.
#[derive(Debug)]
pub(crate) struct Visitor {
    pub(crate) page: Page,
}

impl Visitor {
    pub(crate) async fn open(browser: &Browser, url: &str) -> Self {
        Self::at(browser.open(url).await).await
    }

    /// At a page that is open already, and idle.
    pub(crate) async fn at(page: Page) -> Self {
        page.eval(WATCH).await;
        Self { page }
    }

    pub(crate) async fn state(&self) -> String {
        self.page.data("body", "state").await
    }

    pub(crate) async fn session(&self) -> String {
        let session = self.page.eval("return document.querySelector('#session').title").await;
        session.as_str().unwrap().to_owned()
    }

    /// The events of the list `timeline` or `stored`.
    pub(crate) async fn listed(&self, list: &str) -> Vec<Value> {
        let script = LISTED.replace("${LIST}", &format!("#{list}"));
        self.page.eval(&script).await.as_array().unwrap().clone()
    }

    pub(crate) async fn types(&self) -> Vec<String> {
        let listed = self.listed("timeline").await;
        listed.iter().map(|event| event["type"].as_str().unwrap().to_owned()).collect()
    }

    /// Waits until the timeline has `count` events.
    pub(crate) async fn sees(&self, count: usize) {
        let what = format!("{count} events on the page");
        until(BOUND, &what, async || self.listed("timeline").await.len() == count).await;
    }

    pub(crate) async fn is(&self, state: &str) {
        let what = format!("the page is {state}");
        until(BOUND, &what, async || self.state().await == state).await;
    }

    /// Waits until the stored events are listed; checks that they are what the browser received.
    pub(crate) async fn has_read_back(&self, count: usize) {
        let what = format!("{count} stored events on the page");
        until(BOUND, &what, async || self.listed("stored").await.len() == count).await;
        let received = self.received().await;
        let last = received.len().checked_sub(count).expect("as many received");
        assert_eq!(self.listed("stored").await, received[last..]);
        assert_eq!(self.listed("timeline").await, received[last..]);
        let verdict = self.page.text("#verdict").await;
        assert_eq!(verdict, "Identical to what was received, event by event.");
    }

    /// The events that the browser has received, of all streams and runs.
    pub(crate) async fn received(&self) -> Vec<Value> {
        let received = self.page.eval("return watched.received").await;
        received.as_array().unwrap().clone()
    }

    /// How often an `error` event came, as the browser counts and as the page does: one look at both, since another may
    /// come between two.
    pub(crate) async fn errors(&self) -> u64 {
        let script = "return [String(watched.errors), document.body.dataset.errors]";
        let counts = self.page.eval(script).await;
        assert_eq!(counts[0], counts[1]);
        counts[0].as_str().unwrap().parse().unwrap()
    }

    /// Whether the page itself has closed every stream that it opened.
    pub(crate) async fn has_hung_up(&self) -> bool {
        let script = "return watched.closes === watched.sources.length
            && watched.sources.every((source) => source.readyState === EventSource.CLOSED)";
        self.page.eval(script).await.as_bool().unwrap()
    }

    /// Waits until the page has said this is wrong, be it for a moment.
    pub(crate) async fn has_alerted(&self, alert: &str) {
        until(BOUND, alert, async || {
            let alerts = self.page.eval("return watched.alerts").await;
            alerts.as_array().unwrap().iter().any(|it| it == alert)
        })
        .await;
    }

    /// What the page says is wrong; empty: nothing.
    pub(crate) async fn alert(&self) -> String {
        self.page.text("#alert").await
    }
}
