//! What a server writes of a body that fails, read off the wire.

use std::future::ready;
use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

use super::*;
use crate::close::Closing;
use crate::pace::{Limits, Pace};

const CHUNK: &[u8] = b"data: 1\n\ndata: 2";

/// An upstream's body whose chunk and end came in one read: both are there at once.
struct OneRead {
    chunk: Option<Bytes>,
    is_broken: bool,
}

impl Body for OneRead {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        Poll::Ready(match self.chunk.take() {
            Some(chunk) => Some(Ok(Frame::data(chunk))),
            None => self.is_broken.then(|| Err(io::ErrorKind::ConnectionReset.into())),
        })
    }
}

fn one_read(is_broken: bool) -> ResponseBody {
    let body = OneRead { chunk: Some(Bytes::from_static(CHUNK)), is_broken };
    let response = http::Response::new(reqwest::Body::wrap(body));
    ResponseBody::of(response.into(), true).into_body()
}

/// A stream from an upstream whose connection's end is the body's.
fn stream(upstream: ResponseBody) -> ProxyBody {
    let limits = Limits {
        keep_alive: None,
        first_event_timeout: None,
        idle_timeout: None,
        max_lifetime: None,
        drain_timeout: Duration::ZERO,
        shutdown_retry: Duration::ZERO..=Duration::ZERO,
    };
    ProxyBody::stream(Pass::new(
        upstream,
        true,
        Pace::new(limits, None),
        Closing::new("/".into(), None),
    ))
}

/// All that a client gets of a response with this body.
async fn answer(body: ProxyBody) -> Vec<u8> {
    let body = Arc::new(Mutex::new(Some(axum::body::Body::new(body))));
    let answer = move || ready(body.lock().unwrap().take().unwrap());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    let router = Router::new().fallback(answer);
    let serving = tokio::spawn(async move { axum::serve(listener, router).await });
    client.write_all(b"GET / HTTP/1.1\r\nHost: f\r\n\r\n").await.unwrap();
    let mut got = vec![];
    let read = timeout(Duration::from_secs(10), client.read_to_end(&mut got)).await;
    read.expect("the connection stays open").unwrap();
    serving.abort();
    got
}

#[tokio::test]
async fn what_came_in_one_read_with_a_failure_is_written_before_the_abort() {
    for (what, body) in [
        ("the end of the connection in an event", stream(one_read(false))),
        ("a lost upstream", stream(one_read(true))),
        ("a plain route's", ProxyBody::plain(Source::new(one_read(true), None))),
    ] {
        let got = answer(body).await;
        let head = got.windows(4).position(|it| it == b"\r\n\r\n").expect(what);
        // The chunk, and no last one.
        assert_eq!(&got[head + 4..], [b"10\r\n", CHUNK, b"\r\n"].concat(), "{what}");
    }
}
