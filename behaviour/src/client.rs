//! A client that sees what is on the wire.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::response::Parts;
use http::{HeaderMap, Request};
use http_body_util::{BodyExt as _, Empty};
use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};
use hyper::rt::Executor;
use hyper_util::rt::TokioIo;
use testkit::BOUND;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::timeout;

/// A version of HTTP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    /// HTTP/1.1.
    Http1,
    /// HTTP/2, with prior knowledge.
    Http2,
}

/// A connection, which is cut when this is dropped, whatever is on it.
#[derive(Debug)]
pub struct Client {
    sender: Sender,
    tasks: Tasks,
}

/// What drives the connection.
#[derive(Debug, Clone, Default)]
struct Tasks(Arc<Mutex<JoinSet<()>>>);

impl<F: Future<Output: Send> + Send + 'static> Executor<F> for Tasks {
    fn execute(&self, future: F) {
        let mut tasks = self.0.lock().expect("no task panics");
        tasks.spawn(async move { drop(future.await) });
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        self.tasks.0.lock().expect("no task panics").abort_all();
    }
}

#[derive(Debug)]
enum Sender {
    Http1(http1::SendRequest<Empty<Bytes>>),
    Http2(http2::SendRequest<Empty<Bytes>>),
}

impl Client {
    /// Connects to a server.
    pub async fn connect(address: SocketAddr, version: Version) -> Self {
        let stream = TcpStream::connect(address).await.expect("the server listens");
        let (io, tasks) = (TokioIo::new(stream), Tasks::default());
        let sender = match version {
            Version::Http1 => {
                let (sender, driver) = http1::handshake(io).await.expect("HTTP/1.1");
                tasks.execute(driver);
                Sender::Http1(sender)
            }
            Version::Http2 => {
                let handshake = http2::handshake(tasks.clone(), io);
                let (sender, driver) = handshake.await.expect("HTTP/2");
                tasks.execute(driver);
                Sender::Http2(sender)
            }
        };
        Self { sender, tasks }
    }

    /// Sends a request of this method, with these headers, and waits for the head of the answer.
    pub async fn send(&mut self, method: &str, path: &str, headers: &[(&str, &[u8])]) -> Response {
        let uri = match self.sender {
            Sender::Http1(_) => path.to_owned(),
            Sender::Http2(_) => format!("http://localhost{path}"),
        };
        let mut request = Request::builder().method(method).uri(uri);
        if let Sender::Http1(_) = self.sender {
            request = request.header("host", "localhost");
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Empty::new()).expect("a request");
        let answer = async {
            match &mut self.sender {
                Sender::Http1(sender) => {
                    sender.ready().await?;
                    sender.send_request(request).await
                }
                Sender::Http2(sender) => sender.send_request(request).await,
            }
        };
        let answer = timeout(BOUND, answer).await.expect("an answer in time");
        let (head, body) = answer.expect("an answer").into_parts();
        Response { head, body }
    }

    /// Sends a GET.
    pub async fn get(&mut self, path: &str, headers: &[(&str, &str)]) -> Response {
        let headers: Vec<_> = headers.iter().map(|(name, it)| (*name, it.as_bytes())).collect();
        self.send("GET", path, &headers).await
    }
}

/// An answer, whose body may still be coming.
#[derive(Debug)]
pub struct Response {
    head: Parts,
    body: Incoming,
}

impl Response {
    /// Its status.
    pub fn status(&self) -> u16 {
        self.head.status.as_u16()
    }

    /// Its headers.
    pub fn headers(&self) -> &HeaderMap {
        &self.head.headers
    }

    /// The next piece of the body; `None` at a clean end, an error where it was cut short.
    ///
    /// # Panics
    ///
    /// When nothing comes within [`BOUND`].
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, hyper::Error> {
        loop {
            let frame = timeout(BOUND, self.body.frame()).await.expect("a chunk in time");
            match frame.transpose()? {
                None => return Ok(None),
                Some(frame) => {
                    if let Ok(data) =
                        frame.into_data().map(|data| (!data.is_empty()).then_some(data))
                        && let Some(data) = data
                    {
                        return Ok(Some(data));
                    }
                }
            }
        }
    }

    /// The next piece, as text.
    pub async fn text(&mut self) -> String {
        let chunk = self.chunk().await.expect("the stream is whole").expect("the stream goes on");
        String::from_utf8(chunk.into()).expect("UTF-8")
    }

    /// Reads on until what was read ends like this, and gives it.
    pub async fn until(&mut self, end: &str) -> String {
        let mut text = String::new();
        while !text.ends_with(end) {
            text.push_str(&self.text().await);
        }
        text
    }

    /// All that is still to come, and whether it came to a clean end.
    pub async fn rest(&mut self) -> (String, bool) {
        let mut text = String::new();
        loop {
            match self.chunk().await {
                Ok(Some(chunk)) => text.push_str(std::str::from_utf8(&chunk).expect("UTF-8")),
                Ok(None) => return (text, true),
                Err(_) => return (text, false),
            }
        }
    }
}
