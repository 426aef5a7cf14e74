use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex};

use futures_util::FutureExt;
use futures_util::future::poll_fn;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode};
use http_body::Frame;
use proptest::prelude::*;
use sse_core::{Backoff, Completion, Decoder, KeepAlive, LastEventId, MaxLifetime, MessageEvent};
use tokio::time::timeout;

use super::*;
use crate::ForwardStats;
use crate::link::{Connecting, Lost};
use crate::pace::{Limits, Shutdown};

/// What an upstream does with one request.
#[derive(Debug, Clone)]
enum Answer {
    Unreachable,
    Failed,
    Never,
    Status(u16),
    Html,
    Stream(Vec<Part>),
}

#[derive(Debug, Clone)]
enum Part {
    Chunk(Bytes),
    /// Nothing more, ever.
    Stall,
    Cut,
}

use Part::{Cut, Stall};

fn chunk(bytes: impl AsRef<[u8]>) -> Part {
    Part::Chunk(Bytes::copy_from_slice(bytes.as_ref()))
}

struct Parts(VecDeque<Part>);

impl Body for Parts {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        match self.0.front() {
            Some(Stall) => return Poll::Pending,
            Some(Cut) => return Poll::Ready(Some(Err(io::ErrorKind::ConnectionReset.into()))),
            _ => {}
        }
        Poll::Ready(self.0.pop_front().map(|part| match part {
            Part::Chunk(bytes) => Ok(Frame::data(bytes)),
            _ => unreachable!(),
        }))
    }
}

/// Answers each request as the test says, and remembers the id that it had, and when.
struct Scripted {
    answer: Say,
    asked: Asked,
}

/// What is said to a request, by its number from 1 on and its id.
type Say = Box<dyn Fn(usize, Option<&str>) -> Answer + Send>;

type Asked = Arc<Mutex<Vec<(Option<String>, Instant)>>>;

impl Scripted {
    fn body(parts: Vec<Part>) -> Parts {
        Parts(parts.into())
    }
}

impl Connect for Scripted {
    type Body = Parts;

    fn connect(&self, last_event_id: Option<HeaderValue>) -> Connecting<Parts> {
        let id = last_event_id.map(|id| String::from_utf8(id.as_bytes().to_vec()).unwrap());
        let mut asked = self.asked.lock().unwrap();
        asked.push((id.clone(), Instant::now()));
        assert!(asked.len() < 10_000, "it never ends");
        let answer = (self.answer)(asked.len(), id.as_deref());
        let response = |status, content_type: &'static str, parts| {
            let mut response = Response::new(Self::body(parts));
            *response.status_mut() = status;
            response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
            response
        };
        async move {
            match answer {
                Answer::Unreachable => Err(Lost::Unreachable),
                Answer::Failed => Err(Lost::Failed),
                Answer::Never => std::future::pending().await,
                Answer::Status(status) => {
                    Ok(response(StatusCode::from_u16(status).unwrap(), "text/plain", vec![]))
                }
                Answer::Html => Ok(response(StatusCode::OK, "text/html", vec![])),
                Answer::Stream(parts) => Ok(response(StatusCode::OK, sse_core::MIME, parts)),
            }
        }
        .boxed()
    }
}

struct Setup {
    resume: Resume,
    method: Method,
    has_body: bool,
    last_event_id: Option<&'static str>,
    limits: Limits,
    shutdown: Option<Shutdown>,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            resume: Resume::new(),
            method: Method::GET,
            has_body: false,
            last_event_id: None,
            limits: Limits {
                keep_alive: None,
                first_event_timeout: None,
                idle_timeout: Some(secs(50)),
                max_lifetime: None,
                drain_timeout: secs(2),
                shutdown_retry: secs(2)..=secs(10),
            },
            shutdown: None,
        }
    }
}

struct Stream {
    resumed: Resumed<Scripted>,
    asked: Asked,
    closed: Arc<Mutex<Vec<(ForwardCloseReason, ForwardStats)>>>,
}

impl Setup {
    /// The stream whose first response has these parts, and whose others are these.
    fn open(
        self,
        first: Vec<Part>,
        answer: impl Fn(usize, Option<&str>) -> Answer + Send + 'static,
    ) -> Stream {
        let asked = Asked::default();
        let connect = Scripted { answer: Box::new(answer), asked: asked.clone() };
        let mut headers = HeaderMap::new();
        if let Some(id) = self.last_event_id {
            headers.insert(LastEventId::HEADER, HeaderValue::from_static(id));
        }
        let idle_timeout = self.limits.idle_timeout;
        let mut machine =
            self.resume.machine(&self.method, &headers, self.has_body, secs(30), idle_timeout);
        let now = Instant::now().into_std();
        machine.step(now);
        let head = HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static(sse_core::MIME))]);
        machine.responded(StatusCode::OK, &head, now, std::time::SystemTime::now());
        let closed = Arc::new(Mutex::new(vec![]));
        let told = closed.clone();
        let on_close: crate::close::OnClose =
            Arc::new(move |reason, stats| told.lock().unwrap().push((reason, stats)));
        let resumed = Resumed::new(
            Link::up(Scripted::body(first)),
            connect,
            machine,
            &self.resume,
            self.method == Method::GET,
            Pace::new(self.limits, self.shutdown),
            Closing::new("/".into(), Some(on_close)),
        );
        Stream { resumed, asked, closed }
    }
}

impl Stream {
    async fn next(&mut self) -> Option<Bytes> {
        let next = poll_fn(|cx| self.resumed.poll_bytes(cx));
        let next = timeout(secs(1_000_000), next).await.expect("nothing ever comes");
        next.map(|result| result.unwrap())
    }

    async fn bytes(&mut self) -> Bytes {
        self.next().await.expect("the end")
    }

    async fn is_silent_for(&mut self, seconds: u64) -> bool {
        let next = poll_fn(|cx| self.resumed.poll_bytes(cx));
        timeout(secs(seconds), next).await.is_err()
    }

    /// All that comes up to the end.
    async fn rest(&mut self) -> Vec<u8> {
        let mut got = vec![];
        while let Some(bytes) = self.next().await {
            got.extend_from_slice(&bytes);
            // Time is not real here: what never ends would take all memory.
            assert!(got.len() < 1 << 20, "it never ends");
        }
        got
    }

    fn reasons(&self) -> Vec<ForwardCloseReason> {
        let closed = self.closed.lock().unwrap();
        closed.iter().map(|(reason, _)| *reason).collect()
    }

    fn ids(&self) -> Vec<Option<String>> {
        self.asked.lock().unwrap().iter().map(|(id, _)| id.clone()).collect()
    }
}

fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn messages(bytes: &[u8]) -> Vec<MessageEvent> {
    let mut decoder = Decoder::new();
    decoder.feed(bytes);
    std::iter::from_fn(|| decoder.next_message().unwrap()).collect()
}

/// The code of the `stream-error` that these bytes end with, and what comes before it.
fn error(bytes: &[u8]) -> (Vec<MessageEvent>, String) {
    let mut messages = messages(bytes);
    let last = messages.pop().expect("an event");
    assert_eq!(last.event_type, Resume::ERROR, "{}", String::from_utf8_lossy(bytes));
    let rest = last.data.strip_prefix(r#"{"code":""#).expect("a code");
    (messages, rest.split('"').next().unwrap().to_owned())
}

fn unasked(_: usize, _: Option<&str>) -> Answer {
    panic!("nothing is to be asked for")
}

mod decode;
mod faults;
mod loss;
