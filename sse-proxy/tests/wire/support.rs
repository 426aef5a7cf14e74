//! Both ends of the proxy, as bytes.

use std::future::Future;
use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::serve::ListenerExt;
use sse_proxy::{Forward, Upstream, UpstreamBuilder};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

/// The head of an answer that is an event stream of unknown length.
pub(crate) const STREAM: &str =
    "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";

/// What ends a chunked body.
pub(crate) const END: &str = "0\r\n\r\n";

/// Waits, but not for ever.
pub(crate) async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    let result = timeout(Duration::from_secs(10), future).await;
    result.unwrap_or_else(|_| panic!("{what} did not happen"))
}

/// An upstream that does what the test says.
pub(crate) struct Scripted {
    listener: TcpListener,
    pub(crate) addr: SocketAddr,
}

impl Scripted {
    pub(crate) async fn listen() -> Self {
        Self::listen_on(([127, 0, 0, 1], 0).into()).await
    }

    pub(crate) async fn listen_on(addr: SocketAddr) -> Self {
        let listener = TcpListener::bind(addr).await.unwrap();
        let addr = listener.local_addr().unwrap();
        Self { listener, addr }
    }

    pub(crate) fn builder(&self) -> UpstreamBuilder {
        Upstream::builder(format!("http://{}", self.addr))
    }

    pub(crate) fn upstream(&self) -> Upstream {
        self.builder().build().unwrap()
    }

    /// The next connection; its request's head has been read.
    pub(crate) async fn accept(&self) -> (Conn, String) {
        let (stream, _) = within("a connection", self.listener.accept()).await.unwrap();
        let mut conn = Conn::new(stream);
        let head = conn.head().await;
        (conn, head)
    }

    /// Whether a connection waits to be accepted.
    pub(crate) async fn has_caller(&self) -> bool {
        timeout(Duration::from_millis(50), self.listener.accept()).await.is_ok()
    }
}

/// One end of a connection.
pub(crate) struct Conn {
    stream: TcpStream,
    got: Vec<u8>,
}

impl Conn {
    fn new(stream: TcpStream) -> Self {
        stream.set_nodelay(true).unwrap();
        Self { stream, got: vec![] }
    }

    /// A client that has sent this.
    pub(crate) async fn client(addr: SocketAddr, request: impl AsRef<[u8]>) -> Self {
        let stream = within("connecting", TcpStream::connect(addr)).await;
        let mut conn = Self::new(stream.unwrap());
        conn.send(request).await;
        conn
    }

    /// A client that has asked for this path.
    pub(crate) async fn get(addr: SocketAddr, path: &str) -> Self {
        Self::client(addr, format!("GET {path} HTTP/1.1\r\nHost: front\r\n\r\n")).await
    }

    pub(crate) async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        let sent = self.stream.write_all(bytes.as_ref());
        within("writing", sent).await.unwrap();
    }

    /// Sends this as one chunk of a chunked body.
    pub(crate) async fn chunk(&mut self, bytes: impl AsRef<[u8]>) {
        let bytes = bytes.as_ref();
        let mut chunk = format!("{:x}\r\n", bytes.len()).into_bytes();
        chunk.extend_from_slice(bytes);
        chunk.extend_from_slice(b"\r\n");
        self.send(chunk).await;
    }

    /// Reads on; false at the end of the connection.
    async fn more(&mut self) -> bool {
        let read = within("reading", self.stream.read_buf(&mut self.got)).await;
        matches!(read, Ok(1..))
    }

    /// Everything up to and with `text`.
    pub(crate) async fn until(&mut self, text: &str) -> String {
        loop {
            let found = self.got.windows(text.len()).position(|it| it == text.as_bytes());
            if let Some(at) = found {
                let rest = self.got.split_off(at + text.len());
                let bytes = std::mem::replace(&mut self.got, rest);
                return String::from_utf8(bytes).unwrap();
            }
            if !self.more().await {
                panic!("no {text:?} in {:?}", String::from_utf8_lossy(&self.got));
            }
        }
    }

    /// The next message's head, in lower case.
    pub(crate) async fn head(&mut self) -> String {
        self.until("\r\n\r\n").await.to_ascii_lowercase()
    }

    /// Everything up to the end of the connection.
    pub(crate) async fn rest(&mut self) -> Vec<u8> {
        while self.more().await {}
        std::mem::take(&mut self.got)
    }

    /// Waits until the other end has closed the connection, having said nothing more.
    pub(crate) async fn is_closed(&mut self) {
        let rest = self.rest().await;
        assert!(rest.is_empty(), "{:?}", String::from_utf8_lossy(&rest));
    }

    /// Writes this again and again; how many bytes went before nothing moved any more.
    pub(crate) async fn flood(&mut self, bytes: &[u8]) -> usize {
        let mut sent = 0;
        loop {
            let write = self.stream.write(&bytes[sent % bytes.len()..]);
            match timeout(Duration::from_millis(500), write).await {
                Ok(result) => sent += result.unwrap(),
                Err(_) => return sent,
            }
            assert!(sent < 64 << 20, "nothing ever stops the upstream");
        }
    }

    /// Ends the connection by a reset.
    pub(crate) fn reset(self) {
        self.stream.set_zero_linger().unwrap();
    }
}

/// What a chunked body says, and whether it is whole.
pub(crate) fn unchunked(mut bytes: &[u8]) -> (Vec<u8>, bool) {
    let mut body = vec![];
    loop {
        let Some(end) = bytes.windows(2).position(|it| it == b"\r\n") else {
            return (body, false);
        };
        let size = std::str::from_utf8(&bytes[..end]).unwrap();
        let size = usize::from_str_radix(size, 16).unwrap();
        if size == 0 {
            return (body, &bytes[end..] == b"\r\n\r\n");
        }
        body.extend_from_slice(&bytes[end + 2..end + 2 + size]);
        bytes = &bytes[end + 2 + size + 2..];
    }
}

/// The body of an answer that has told its length.
pub(crate) async fn body(conn: &mut Conn, head: &str) -> String {
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "))
        .unwrap_or_else(|| panic!("no length in {head}"));
    let length: usize = length.parse().unwrap();
    while conn.got.len() < length {
        assert!(conn.more().await, "the body is cut off");
    }
    let rest = conn.got.split_off(length);
    String::from_utf8(std::mem::replace(&mut conn.got, rest)).unwrap()
}

/// A front that forwards everything under `/` by this.
pub(crate) async fn front(forward: Forward) -> SocketAddr {
    serve(Router::new().route_service("/", forward)).await
}

pub(crate) async fn serve(router: Router) -> SocketAddr {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let addr = listener.local_addr().unwrap();
    let listener = listener.tap_io(|stream| stream.set_nodelay(true).unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    addr
}

/// A client's stream through a front, opened, and the upstream's end of it.
pub(crate) async fn opened(upstream: &Scripted, front: SocketAddr) -> (Conn, Conn) {
    let mut client = Conn::get(front, "/").await;
    let (mut server, _) = upstream.accept().await;
    server.send(STREAM).await;
    assert!(client.head().await.starts_with("http/1.1 200 "));
    (client, server)
}

/// The answer to a GET: its head and its body, which has a length.
pub(crate) async fn answer(forward: Forward) -> (String, String) {
    let mut client = Conn::get(front(forward).await, "/").await;
    let head = client.head().await;
    let body = body(&mut client, &head).await;
    (head, body)
}
