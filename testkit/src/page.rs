use std::sync::Arc;

use fantoccini::key::Key;
use fantoccini::wd::WindowHandle;
use fantoccini::{Client, Locator};
use serde_json::{Value, json};
use tokio::sync::{Mutex, MutexGuard};

use crate::{BOUND, until};

/// A page in a window of a [`Browser`](crate::Browser).
///
/// Several pages may be used at once, also from several tasks: each step first turns to its
/// window. All methods panic when the browser refuses.
#[derive(Debug)]
pub struct Page {
    client: Arc<Mutex<Client>>,
    window: WindowHandle,
}

impl Page {
    pub(crate) async fn open(client: Arc<Mutex<Client>>, url: &str) -> Self {
        let window = client.lock().await.new_window(false).await.unwrap().handle;
        let page = Self { client, window };
        page.turn_to().await.goto(url).await.unwrap();
        page
    }

    /// Opens the same address again as "duplicate tab" does: the new page is given a copy of this
    /// one's `sessionStorage`, beside the cookies that all share.
    pub async fn duplicate(&self) -> Self {
        let client = self.turn_to().await;
        let before = client.windows().await.unwrap();
        // Not `noopener`, which would leave `sessionStorage` behind.
        let open = "window.open(location.href)";
        client.execute(open, Vec::new()).await.unwrap();
        let after = client.windows().await.unwrap();
        drop(client);
        let window = after.into_iter().find(|window| !before.contains(window));
        let page = Self { client: Arc::clone(&self.client), window: window.expect("a new window") };
        let loaded = "return location.href !== 'about:blank' && document.readyState === 'complete'";
        until(BOUND, "the duplicated page is loaded", async || {
            page.eval(loaded).await == json!(true)
        })
        .await;
        page
    }

    /// Clicks the element that `selector` finds, as a user does: it must be there to be seen.
    pub async fn click(&self, selector: &str) {
        let client = self.turn_to().await;
        let element = client.find(Locator::Css(selector)).await;
        element.unwrap().click().await.unwrap();
    }

    /// Presses a key where the keyboard's focus is.
    pub async fn press(&self, key: Key) {
        self.write(&key).await;
    }

    /// Writes a text where the keyboard's focus is; its keys may be [`Key`]s, too.
    pub async fn write(&self, text: &str) {
        let client = self.turn_to().await;
        client.active_element().await.unwrap().send_keys(text).await.unwrap();
    }

    /// The text of the element that `selector` finds.
    pub async fn text(&self, selector: &str) -> String {
        self.read("textContent", selector).await
    }

    /// The value of a `data-` attribute of the element that `selector` finds; empty without one.
    pub async fn data(&self, selector: &str, name: &str) -> String {
        self.read(&format!("dataset[{}]", json!(name)), selector).await
    }

    async fn read(&self, property: &str, selector: &str) -> String {
        let selector = json!(selector);
        let script = format!("return document.querySelector({selector}).{property} ?? ''");
        let value = self.eval(&script).await;
        value.as_str().expect("a text").to_owned()
    }

    /// Runs the body of a function in the page; gives what it returns.
    pub async fn eval(&self, script: &str) -> Value {
        let client = self.turn_to().await;
        client.execute(script, Vec::new()).await.unwrap()
    }

    /// A picture of what is to be seen, as PNG.
    pub async fn screenshot(&self) -> Vec<u8> {
        self.turn_to().await.screenshot().await.unwrap()
    }

    /// Goes to another address in the same window.
    pub async fn go(&self, url: &str) {
        self.turn_to().await.goto(url).await.unwrap();
    }

    /// Goes back in the window's history, as the user's button does.
    pub async fn back(&self) {
        self.turn_to().await.back().await.unwrap();
    }

    /// Closes the window, as a user does who has seen enough.
    pub async fn close(self) {
        self.turn_to().await.close_window().await.unwrap();
    }

    async fn turn_to(&self) -> MutexGuard<'_, Client> {
        let client = self.client.lock().await;
        client.switch_to_window(self.window.clone()).await.unwrap();
        client
    }
}
