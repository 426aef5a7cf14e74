//! Both ends of the proxy, as bytes.

use std::future::Future;
use std::net::SocketAddr;

use axum::Router;
use axum::serve::ListenerExt;
use sse_proxy::{Forward, Upstream, UpstreamBuilder};
use testkit::{BOUND, Listener};
pub(crate) use testkit::{Conn, unchunked};
use tokio::time::timeout;

/// The head of an answer that is an event stream of unknown length.
pub(crate) const STREAM: &str =
    "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";

/// What ends a chunked body.
pub(crate) const END: &str = "0\r\n\r\n";

/// Waits, but not for ever.
pub(crate) async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    let result = timeout(BOUND, future).await;
    result.unwrap_or_else(|_| panic!("{what} did not happen"))
}

/// An upstream that the test plays by hand.
pub(crate) struct ByHand {
    pub(crate) listener: Listener,
    pub(crate) addr: SocketAddr,
}

impl ByHand {
    pub(crate) async fn listen() -> Self {
        Self::of(Listener::bind().await)
    }

    pub(crate) async fn listen_on(addr: SocketAddr) -> Self {
        Self::of(Listener::bind_to(addr).await)
    }

    fn of(listener: Listener) -> Self {
        Self { addr: listener.addr(), listener }
    }

    pub(crate) fn builder(&self) -> UpstreamBuilder {
        Upstream::builder(format!("http://{}", self.addr))
    }

    pub(crate) fn upstream(&self) -> Upstream {
        self.builder().build().unwrap()
    }

    /// The next connection; its request's head has been read.
    pub(crate) async fn accept(&self) -> (Conn, String) {
        let mut conn = self.listener.accept().await;
        let head = conn.head().await;
        (conn, head)
    }

    /// Whether a connection waits to be accepted.
    pub(crate) async fn has_caller(&self) -> bool {
        self.listener.has_caller().await
    }
}

/// A front that forwards everything under `/` by this.
pub(crate) async fn front(forward: Forward) -> SocketAddr {
    serve(Router::new().route_service("/", forward)).await
}

pub(crate) async fn serve(router: Router) -> SocketAddr {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let listener = listener.tap_io(|stream| stream.set_nodelay(true).unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    addr
}

/// A client's stream through a front, opened, and the upstream's end of it.
pub(crate) async fn opened(upstream: &ByHand, front: SocketAddr) -> (Conn, Conn) {
    opened_saying(upstream, front, &[]).await
}

/// The same, where the upstream says these chunks with its head: a short timer that the head starts may be over before
/// anything comes after it.
pub(crate) async fn opened_saying(
    upstream: &ByHand,
    front: SocketAddr,
    chunks: &[&str],
) -> (Conn, Conn) {
    let mut client = Conn::get(front, "/").await;
    let (mut server, _) = upstream.accept().await;
    let chunks = chunks.iter().map(|chunk| format!("{:x}\r\n{chunk}\r\n", chunk.len()));
    server.send(STREAM.to_owned() + &chunks.collect::<String>()).await;
    assert!(client.head().await.starts_with("http/1.1 200 "));
    (client, server)
}

/// The answer to a GET: its head and its body, which has a length.
pub(crate) async fn answer(forward: Forward) -> (String, String) {
    let mut client = Conn::get(front(forward).await, "/").await;
    let head = client.head().await;
    let body = client.body(&head).await;
    (head, body)
}
