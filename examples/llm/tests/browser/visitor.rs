//! Somebody at the page.

use testkit::{BOUND, Browser, Page, until};

/// Somebody at the page.
#[derive(Debug)]
pub(crate) struct Visitor {
    pub(crate) page: Page,
}

impl Visitor {
    pub(crate) async fn open(browser: &Browser, url: &str) -> Self {
        Self { page: browser.open(url).await }
    }

    pub(crate) async fn state(&self) -> String {
        self.page.data("body", "state").await
    }

    pub(crate) async fn is(&self, state: &str) {
        let what = format!("the page is {state}");
        until(BOUND, &what, async || self.state().await == state).await;
    }

    /// The text of the answer so far.
    pub(crate) async fn answer(&self) -> String {
        self.page.text("#answer").await
    }

    /// Waits until so many tokens have come.
    pub(crate) async fn has_received(&self, tokens: u64) {
        let what = format!("{tokens} tokens on the page");
        until(BOUND, &what, async || self.page.text("#received").await == tokens.to_string()).await;
    }

    /// Waits until the model's own count is shown.
    pub(crate) async fn counts(&self, made: u64, of: u64) {
        let expected = format!("{made} made by the model, {} not made, of {of}.", of - made);
        until(BOUND, &expected, async || {
            self.page.text("#count p").await == expected && self.is_counted().await
        })
        .await;
    }

    async fn is_counted(&self) -> bool {
        self.page.eval("return !document.querySelector('#count').hidden").await == true
    }

    pub(crate) async fn chooses(&self, model: &str) {
        self.page.eval(&format!("document.querySelector('#model').value = '{model}'")).await;
    }

    /// What the page says is wrong; empty: nothing.
    pub(crate) async fn alert(&self) -> String {
        self.page.text("#alert").await
    }
}
