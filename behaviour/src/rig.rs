use sse_core::Lifecycle;
use testkit::BOUND;
use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::{App, Client, Feed, Framework, Middleware, Response, Server, Version};

/// A server that serves the application, and the feeds of its streams.
#[derive(Debug)]
pub struct Rig {
    /// The server.
    pub server: Server,
    feeds: mpsc::UnboundedReceiver<Feed>,
    version: Version,
}

impl Rig {
    /// Starts a server whose streams live as `lifecycle` says.
    pub async fn start<F: Framework>(
        version: Version,
        lifecycle: impl Fn() -> Lifecycle + Send + Sync + 'static,
    ) -> Self {
        let (app, feeds) = App::new(lifecycle, Middleware::None);
        Self { server: F::start(app).await, feeds, version }
    }

    /// The same, with silent streams, behind the framework's own middleware.
    pub async fn start_behind<F: Framework>(middleware: Middleware, version: Version) -> Self {
        let (app, feeds) = App::new(silent, middleware);
        Self { server: F::start(app).await, feeds, version }
    }

    /// A new connection.
    pub async fn connect(&self) -> Client {
        Client::connect(self.server.address, self.version).await
    }

    /// A stream on a connection of its own.
    pub async fn open(&mut self) -> (Client, Response, Feed) {
        let mut client = self.connect().await;
        let response = client.get("/events", &[("accept", "text/event-stream")]).await;
        assert_eq!(response.status(), 200);
        (client, response, self.feed().await)
    }

    /// The same, after its first byte.
    pub async fn open_and_read(&mut self) -> (Client, Response, Feed) {
        let (client, mut response, feed) = self.open().await;
        response.until("\n\n").await;
        (client, response, feed)
    }

    /// The feed of the next stream that is opened.
    pub async fn feed(&mut self) -> Feed {
        let feed = timeout(BOUND, self.feeds.recv()).await.expect("a stream in time");
        feed.expect("the application lives")
    }
}

/// A stream that says nothing of its own after its first byte.
pub(crate) fn silent() -> Lifecycle {
    Lifecycle::new().keep_alive(None)
}
