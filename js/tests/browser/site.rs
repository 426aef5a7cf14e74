use serde_json::{Value, json};
use testkit::{Answer, BOUND, Browser, Page, Request, Scripted, until};

/// A page that has the module, and the server that it listens to, in a browser of their own.
pub(crate) struct Site {
    server: Scripted,
    page: Page,
    _browser: Browser,
}

/// The page and the module are asked for first.
const FILES: usize = 2;

impl Site {
    /// A server with this script for the streams.
    pub(crate) async fn start(script: impl IntoIterator<Item = Answer>) -> Self {
        let file = |kind: &str, text: &str| {
            Answer::status(200).header("content-type", kind).chunk(text).end()
        };
        let html = file("text/html; charset=utf-8", include_str!("page.html"));
        let files = [html, file("text/javascript", sse_js::MODULE)];
        let server = Scripted::start(files.into_iter().chain(script)).await;
        let browser = Browser::start().await;
        let page = browser.open(&server.url("/")).await;
        Self { server, page, _browser: browser }
    }

    /// Runs this in the page.
    pub(crate) async fn run(&self, script: &str) {
        self.page.eval(script).await;
    }

    /// What this is in the page.
    pub(crate) async fn is(&self, expression: &str) -> Value {
        self.page.eval(&format!("return {expression}")).await
    }

    /// Waits until this is so in the page.
    pub(crate) async fn until(&self, expression: &str, expected: Value) {
        let mut last = Last { expression, value: Value::Null };
        until(BOUND, expression, async || {
            last.value = self.is(expression).await;
            last.value == expected
        })
        .await;
    }

    /// Waits until the page was dispatched these events, and no others.
    pub(crate) async fn sees(&self, expected: Value) {
        self.until("seen", expected).await;
    }

    /// Waits until an attempt is waited for, and gives for how many milliseconds.
    pub(crate) async fn wait(&self) -> u64 {
        until(BOUND, "an attempt is waited for", async || {
            self.is("clock.due()").await != json!(null)
        })
        .await;
        self.is("clock.due()").await.as_u64().expect("whole milliseconds")
    }

    /// Lets the time pass in the page.
    pub(crate) async fn pass(&self, milliseconds: u64) {
        self.run(&format!("clock.advance({milliseconds})")).await;
    }

    /// Waits for a request for a stream, counted from 0: its method and target.
    pub(crate) async fn asked(&self, number: usize) -> (Request, String) {
        let request = self.server.request(FILES + number).await;
        let line = format!("{} {}", request.method, request.target);
        (request, line)
    }

    /// Waits until the page has hung up on a request for a stream, counted from 0.
    pub(crate) async fn hung_up(&self, number: usize) {
        self.server.gone(FILES + number).await;
    }

    /// How many requests for streams there were.
    pub(crate) fn requests(&self) -> usize {
        self.server.requests().len() - FILES
    }

    pub(crate) fn page(&self) -> &Page {
        &self.page
    }
}

/// What was found last; told where that was not what was waited for.
struct Last<'a> {
    expression: &'a str,
    value: Value,
}

impl Drop for Last<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{}: {}", self.expression, self.value);
        }
    }
}
