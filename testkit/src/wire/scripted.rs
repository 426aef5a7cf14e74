use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::task::{JoinHandle, JoinSet};

use crate::wire::answer::Left;
use crate::wire::{Answer, Conn, Listener, Request};
use crate::{BOUND, until};

/// An HTTP/1.1 server that answers as a script says, and remembers what it was asked.
///
/// Each request takes the next answer of the script, on whichever connection it comes. When there is
/// none left, requests are noted and held without an answer. Dropped, it closes its connections and
/// its port.
///
/// ```
/// use testkit::{Answer, Conn, Gate, Scripted};
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// let gate = Gate::new();
/// let server = Scripted::start([
///     Answer::stream().chunk("data: one\n\n").pause(&gate).chunk("data: two\n\n").end(),
///     Answer::status(204),
/// ])
/// .await;
///
/// let mut client = Conn::get(server.addr(), "/a").await;
/// assert!(client.until("one\n\n").await.starts_with("HTTP/1.1 200 "));
/// gate.open();
/// client.until("two\n\n\r\n0\r\n\r\n").await;
/// client.send("GET /b HTTP/1.1\r\nLast-Event-ID: 7\r\n\r\n").await;
/// assert!(client.head().await.starts_with("http/1.1 204 "));
///
/// assert_eq!(server.request(0).await.target, "/a");
/// assert_eq!(server.request(1).await.header("last-event-id"), Some("7"));
/// drop(client);
/// server.gone(1).await;
/// # }
/// ```
#[derive(Debug)]
pub struct Scripted {
    addr: SocketAddr,
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

#[derive(Debug, Default)]
struct Shared(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    script: VecDeque<Answer>,
    connections: usize,
    /// Each with whether its client has closed the connection.
    requests: Vec<(Request, bool)>,
}

impl Scripted {
    /// Listens on a free port of this machine, with this script.
    pub async fn start(script: impl IntoIterator<Item = Answer>) -> Self {
        Self::start_on(Listener::bind().await, script)
    }

    /// The same on this port.
    pub fn start_on(listener: Listener, script: impl IntoIterator<Item = Answer>) -> Self {
        let addr = listener.addr();
        let shared = Arc::new(Shared::default());
        shared.state().script.extend(script);
        let task = tokio::spawn(serve(listener, shared.clone()));
        Self { addr, shared, task }
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// The URL of this path, which begins with a slash.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.addr)
    }

    /// Adds to the script.
    pub fn push(&self, answer: Answer) {
        self.shared.state().script.push_back(answer);
    }

    /// The requests so far, with their bodies, in the order in which they were whole.
    pub fn requests(&self) -> Vec<Request> {
        self.shared.state().requests.iter().map(|(request, _)| request.clone()).collect()
    }

    /// How many connections there were so far.
    pub fn connections(&self) -> usize {
        self.shared.state().connections
    }

    /// Waits for a request, counted from 0.
    pub async fn request(&self, number: usize) -> Request {
        let what = format!("request {number}");
        until(BOUND, &what, async || self.requests().len() > number).await;
        self.requests().swap_remove(number)
    }

    /// Waits until the client has closed the connection on which it sent a request, counted from 0.
    pub async fn gone(&self, number: usize) {
        let what = format!("the client of request {number} closes its connection");
        until(BOUND, &what, async || self.is_gone(number)).await;
    }

    /// Whether the client has closed the connection on which it sent a request, counted from 0.
    pub fn is_gone(&self, number: usize) -> bool {
        self.shared.state().requests.get(number).is_some_and(|(_, is_gone)| *is_gone)
    }
}

impl Drop for Scripted {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn serve(listener: Listener, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    while let Ok(conn) = listener.next().await {
        let number = {
            let mut state = shared.state();
            state.connections += 1;
            state.connections - 1
        };
        connections.spawn(converse(conn, number, shared.clone()));
    }
}

/// Answers the requests of one connection.
async fn converse(conn: Conn, number: usize, shared: Arc<Shared>) {
    let mut conn = Some(conn);
    let mut asked = vec![];
    let has_gone = loop {
        let Some(to) = conn.as_mut() else { break false };
        let Some(mut request) = Request::read(to).await else { break true };
        request.connection = number;
        let answer = {
            let mut state = shared.state();
            asked.push(state.requests.len());
            state.requests.push((request, false));
            state.script.pop_front().unwrap_or_else(Answer::raw)
        };
        match answer.play(&mut conn).await {
            Some(Left::Whole) => {}
            Some(Left::Over) => break false,
            None => break true,
        }
    };
    for request in asked {
        shared.state().requests[request].1 |= has_gone;
    }
}
