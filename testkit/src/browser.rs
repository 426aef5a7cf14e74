use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use fantoccini::{Client, ClientBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::json;
use tempfile::TempDir;
use tokio::sync::Mutex;

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
/// All of its pages share the profile, as the windows of one user do.
#[derive(Debug)]
pub struct Browser {
    client: Arc<Mutex<Client>>,
    port: u16,
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
        let driver = Service::Browser.find().unwrap();
        let mut driver = Process::spawn(Command::new(driver).arg("--port=0"));
        let printed = driver.line_after("ChromeDriver was started successfully on port ").await;
        let port = printed.trim_end_matches('.').parse().expect("a port");

        let profile = TempDir::with_prefix("testkit-browser-").unwrap();
        let mut flags: Vec<String> = FLAGS.iter().map(ToString::to_string).collect();
        flags.push(format!("--user-data-dir={}", profile.path().display()));
        let capabilities = json!({ "goog:chromeOptions": { "args": flags } });

        let client = ClientBuilder::new(HttpConnector::new())
            .capabilities(capabilities.as_object().unwrap().clone())
            .connect(&format!("http://127.0.0.1:{port}"))
            .await
            .expect("a browser");
        Self { client: Arc::new(Mutex::new(client)), port, _driver: driver, profile }
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

impl Drop for Browser {
    /// The driver ends the browser, which would outlive it otherwise.
    fn drop(&mut self) {
        let shutdown = || -> std::io::Result<()> {
            let mut connection = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port))?;
            connection.set_read_timeout(Some(Duration::from_secs(10)))?;
            write!(
                connection,
                "GET /shutdown HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"
            )?;
            // It answers when the browser has ended.
            connection.read_to_end(&mut Vec::new())?;
            Ok(())
        };
        if let Err(error) = shutdown() {
            eprintln!("the browser may still run: {error}");
        }
    }
}
