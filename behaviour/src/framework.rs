use std::fmt;
use std::net::SocketAddr;
use std::pin::Pin;

use crate::{App, Version};

/// A framework that can serve the application.
pub trait Framework {
    /// Serves the application at a free port of the loopback, over HTTP/1.1 and over HTTP/2 with
    /// prior knowledge:
    ///
    /// | path | answer |
    /// |---|---|
    /// | `/events` | with `StreamRequest` and `LastEventId`: what [`App::refusal`] says, else a stream of [`App::open`] |
    /// | `/last` | the last event id, as `{:?}` says it |
    /// | `/plain` | [`App::PLAIN`] |
    ///
    /// All of it stands behind [`App::middleware`], the framework's own.
    fn start(app: App) -> impl Future<Output = Server> + Send;

    /// Whether the server learns, without writing, that the client has hung up on one stream.
    fn tells_of_a_reset(version: Version) -> bool;

    /// Whether the server learns, without writing, that a connection was cut.
    fn tells_of_a_cut(version: Version) -> bool;
}

/// What runs.
pub struct Server {
    /// Where it listens.
    pub address: SocketAddr,
    stop: Pin<Box<dyn Future<Output = ()> + Send>>,
}

impl Server {
    /// A server; `stop` stops it gracefully, and is ready when it has ended.
    pub fn new(address: SocketAddr, stop: impl Future<Output = ()> + Send + 'static) -> Self {
        Self { address, stop: Box::pin(stop) }
    }

    /// Takes no more connections, lets the open ones finish, and returns when there is none.
    pub async fn stop(self) {
        self.stop.await;
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server").field("address", &self.address).finish_non_exhaustive()
    }
}
