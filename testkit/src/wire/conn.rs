use std::future::Future;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

use crate::BOUND;
use crate::wire::Request;

/// Waits, but not for ever.
async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    let result = timeout(BOUND, future).await;
    result.unwrap_or_else(|_| panic!("{what}: not within {BOUND:?}"))
}

/// A port whose connections a test serves by hand.
#[derive(Debug)]
pub struct Listener {
    listener: TcpListener,
    addr: SocketAddr,
}

impl Listener {
    /// Listens on a free port of this machine.
    pub async fn bind() -> Self {
        Self::bind_to(([127, 0, 0, 1], 0).into()).await
    }

    /// Listens on this address: one that a client already knows.
    pub async fn bind_to(addr: SocketAddr) -> Self {
        let listener = TcpListener::bind(addr).await.expect("the port is free");
        let addr = listener.local_addr().expect("a bound socket has an address");
        Self { listener, addr }
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// The next connection, of which nothing has been read.
    pub async fn accept(&self) -> Conn {
        let (stream, _) = within("a connection", self.listener.accept()).await.expect("accepting");
        Conn::new(stream)
    }

    /// Waits for the next connection without a bound.
    pub(super) async fn next(&self) -> std::io::Result<Conn> {
        self.listener.accept().await.map(|(stream, _)| Conn::new(stream))
    }

    /// Whether a connection waits to be accepted, or comes within 50 ms; it is dropped.
    pub async fn has_caller(&self) -> bool {
        timeout(Duration::from_millis(50), self.listener.accept()).await.is_ok()
    }
}

/// One end of a connection, as bytes. What it waits for, it waits for at most [`BOUND`].
#[derive(Debug)]
pub struct Conn {
    stream: TcpStream,
    got: Vec<u8>,
}

impl Conn {
    fn new(stream: TcpStream) -> Self {
        stream.set_nodelay(true).expect("TCP_NODELAY");
        Self { stream, got: vec![] }
    }

    /// A client that has sent this.
    pub async fn client(addr: SocketAddr, request: impl AsRef<[u8]>) -> Self {
        let stream = within("connecting", TcpStream::connect(addr)).await;
        let mut conn = Self::new(stream.expect("a server listens"));
        conn.send(request).await;
        conn
    }

    /// A client that has asked for this path.
    pub async fn get(addr: SocketAddr, path: &str) -> Self {
        Self::client(addr, format!("GET {path} HTTP/1.1\r\nHost: {addr}\r\n\r\n")).await
    }

    /// Sends this.
    pub async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        within("writing", self.try_send(bytes.as_ref())).await.expect("the other end reads");
    }

    pub(super) async fn try_send(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.stream.write_all(bytes).await
    }

    /// Sends this as one chunk of a chunked body.
    pub async fn chunk(&mut self, bytes: impl AsRef<[u8]>) {
        self.send(chunk(bytes.as_ref())).await;
    }

    /// Reads on; false at the end of the connection, and when it is broken.
    pub(super) async fn more(&mut self) -> bool {
        matches!(self.stream.read_buf(&mut self.got).await, Ok(1..))
    }

    /// Everything up to and with `text`; `None` when the connection ends first.
    pub(super) async fn try_until(&mut self, text: &[u8]) -> Option<Vec<u8>> {
        let mut searched = 0;
        loop {
            let found = self.got[searched..].windows(text.len()).position(|it| it == text);
            if let Some(at) = found {
                return Some(self.take(searched + at + text.len()));
            }
            searched = self.got.len().saturating_sub(text.len() - 1);
            if !self.more().await {
                return None;
            }
        }
    }

    /// This many bytes; `None` when the connection ends first.
    pub(super) async fn try_exactly(&mut self, length: usize) -> Option<Vec<u8>> {
        while self.got.len() < length {
            if !self.more().await {
                return None;
            }
        }
        Some(self.take(length))
    }

    fn take(&mut self, length: usize) -> Vec<u8> {
        let rest = self.got.split_off(length);
        std::mem::replace(&mut self.got, rest)
    }

    /// Everything up to and with `text`.
    pub async fn until(&mut self, text: &str) -> String {
        let found = within(text, self.try_until(text.as_bytes())).await;
        let bytes = found.unwrap_or_else(|| panic!("no {text:?} in {}", self.text()));
        String::from_utf8(bytes).expect("text")
    }

    /// The next message's head, in lower case.
    pub async fn head(&mut self) -> String {
        self.until("\r\n\r\n").await.to_ascii_lowercase()
    }

    /// The next request, with its body; for a server's end.
    pub async fn request(&mut self) -> Request {
        let request = within("a request", Request::read(self)).await;
        request.unwrap_or_else(|| panic!("no whole request in {}", self.text()))
    }

    /// The body of an answer whose `head` tells its length.
    pub async fn body(&mut self, head: &str) -> String {
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
        let length = length.unwrap_or_else(|| panic!("no length in {head}"));
        let body = within("a body", self.try_exactly(length.parse().expect("a length"))).await;
        String::from_utf8(body.expect("the body is whole")).expect("text")
    }

    /// Everything up to the end of the connection.
    pub async fn rest(&mut self) -> Vec<u8> {
        within("the end of the connection", async { while self.more().await {} }).await;
        std::mem::take(&mut self.got)
    }

    /// Waits until the other end has closed the connection, having said nothing more.
    pub async fn is_closed(&mut self) {
        let rest = self.rest().await;
        assert!(rest.is_empty(), "{:?}", String::from_utf8_lossy(&rest));
    }

    /// Writes this again and again; how many bytes went before nothing moved for half a second.
    pub async fn flood(&mut self, bytes: &[u8]) -> usize {
        let mut sent = 0;
        loop {
            let write = self.stream.write(&bytes[sent % bytes.len()..]);
            match timeout(Duration::from_millis(500), write).await {
                Ok(result) => sent += result.expect("the other end is there"),
                Err(_) => return sent,
            }
            assert!(sent < 64 << 20, "nothing ever stops the writer");
        }
    }

    /// Ends the connection by a reset.
    pub fn reset(self) {
        self.stream.set_zero_linger().expect("SO_LINGER");
    }

    fn text(&self) -> String {
        format!("{:?}", String::from_utf8_lossy(&self.got))
    }
}

/// This as one chunk of a chunked body (RFC 9112 §7.1).
pub(super) fn chunk(bytes: &[u8]) -> Vec<u8> {
    let mut chunk = format!("{:x}\r\n", bytes.len()).into_bytes();
    chunk.extend_from_slice(bytes);
    chunk.extend_from_slice(b"\r\n");
    chunk
}

/// What a chunked body says, and whether it is whole.
pub fn unchunked(mut bytes: &[u8]) -> (Vec<u8>, bool) {
    let mut body = vec![];
    loop {
        let Some(end) = bytes.windows(2).position(|it| it == b"\r\n") else {
            return (body, false);
        };
        let size = std::str::from_utf8(&bytes[..end]).expect("the size of a chunk");
        let size = usize::from_str_radix(size, 16).expect("the size of a chunk");
        let rest = &bytes[end + 2..];
        if size == 0 {
            return (body, rest == b"\r\n");
        }
        if rest.len() < size + 2 {
            body.extend_from_slice(&rest[..size.min(rest.len())]);
            return (body, false);
        }
        body.extend_from_slice(&rest[..size]);
        bytes = &rest[size + 2..];
    }
}
