use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::thread;

use fantoccini::{Client, ClientBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::json;
use tempfile::TempDir;
use tokio::sync::Mutex;

use crate::driver::{last_look, shut_down};
use crate::{Page, Process, Service};

/// What keeps a headless browser to itself: no sandbox, as tests may run as root; nothing that
/// looks for a network.
const FLAGS: [&str; 9] = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--window-size=1440,900",
];

/// A headless Chromium with a profile of its own; both are gone when this is dropped.
///
/// All of its pages share the profile, as the windows of one user do. Where the test panics, what
/// they show and have logged is printed.
#[derive(Debug)]
pub struct Browser {
    client: Arc<Mutex<Client>>,
    port: u16,
    session: String,
    // Dropped in this order: the driver writes to the profile.
    _driver: Process,
    profile: TempDir,
}

impl Browser {
    /// Starts one.
    ///
    /// # Panics
    ///
    /// When there is none, or it does not start.
    pub async fn start() -> Self {
        let (driver, port) = driver().await;
        let profile = TempDir::with_prefix("testkit-browser-").unwrap();
        let mut flags: Vec<String> = FLAGS.iter().map(ToString::to_string).collect();
        flags.push(format!("--user-data-dir={}", profile.path().display()));
        let capabilities = json!({ "goog:chromeOptions": { "args": flags } });

        let client = ClientBuilder::new(HttpConnector::new())
            .capabilities(capabilities.as_object().unwrap().clone())
            .connect(&format!("http://127.0.0.1:{port}"))
            .await
            .expect("a browser");
        let session = client.session_id().await.unwrap().expect("a session");
        Self { client: Arc::new(Mutex::new(client)), port, session, _driver: driver, profile }
    }

    /// The folder that its profile is in.
    pub fn profile(&self) -> &Path {
        self.profile.path()
    }

    /// Opens a page in a window of its own.
    ///
    /// # Panics
    ///
    /// When nothing answers at `url`.
    pub async fn open(&self, url: &str) -> Page {
        Page::open(Arc::clone(&self.client), url).await
    }
}

/// Starts the driver. It takes a free port of IPv6, and ends where somebody has that of IPv4: then it
/// is started again.
async fn driver() -> (Process, u16) {
    let program = Service::Browser.find().unwrap();
    loop {
        let mut driver = Process::spawn(Command::new(&program).arg("--port=0"));
        let started = driver.line_or_end("ChromeDriver was started successfully on port ").await;
        if let Some(printed) = started {
            return (driver, printed.trim_end_matches('.').parse().expect("a port"));
        }
        let printed = driver.lines().join("\n");
        assert!(printed.contains("IPv4 port not available"), "no driver: {printed}");
    }
}

impl Drop for Browser {
    /// The driver ends the browser, which would outlive it otherwise.
    fn drop(&mut self) {
        if thread::panicking() {
            match last_look(self.port, &self.session) {
                Ok(told) => eprintln!("{told}"),
                Err(error) => eprintln!("the pages cannot be looked at: {error}"),
            }
        }
        if let Err(error) = shut_down(self.port) {
            eprintln!("the browser may still run: {error}");
        }
    }
}
