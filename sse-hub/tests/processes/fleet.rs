//! The instances, and the proxy in front of them.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::http::Method;
use axum::response::Response;
use axum::serve::ListenerExt as _;
use sse_proxy::{Backoff, Forward, Resume, Upstream};
use testkit::Process;
use tokio::net::TcpListener;
use tower_service::Service as _;

use crate::{instance, spawn};

/// The instances: those that run, and those that were just killed.
pub(crate) struct Fleet {
    url: String,
    processes: Vec<Process>,
    upstreams: Arc<Upstreams>,
    /// Where the proxy listens.
    pub(crate) front: SocketAddr,
    pub(crate) kills: usize,
}

/// Where each instance is, or was.
#[derive(Default)]
struct Upstreams(Mutex<Vec<(SocketAddr, Upstream)>>);

impl Fleet {
    /// So many instances on one database, and the proxy.
    pub(crate) async fn start(url: &str, instances: usize) -> Self {
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        let start = || spawn(url, &format!("instance {any}"));
        let mut processes: Vec<Process> = (0..instances).map(|_| start()).collect();
        let upstreams = Arc::new(Upstreams::default());
        for (number, process) in processes.iter_mut().enumerate() {
            upstreams.put(number, address(process).await);
        }
        let front = front(upstreams.clone()).await;
        Self { url: url.to_owned(), processes, upstreams, front, kills: 0 }
    }

    /// Kills an instance by chance, every fourth time all of them at once, and starts them again, where they were or
    /// elsewhere.
    pub(crate) async fn kill_some(&mut self) {
        self.kills += 1;
        let some = match self.kills % 4 {
            0 => 0..self.processes.len(),
            _ => {
                let one = fastrand::usize(..self.processes.len());
                one..one + 1
            }
        };
        for number in some.clone() {
            self.processes[number].kill();
        }
        for number in some.clone() {
            let mut at = self.upstreams.address(number);
            if fastrand::bool() {
                at.set_port(0);
            }
            self.processes[number] = spawn(&self.url, &format!("instance {at}"));
        }
        for number in some {
            self.upstreams.put(number, address(&mut self.processes[number]).await);
        }
    }
}

async fn address(process: &mut Process) -> SocketAddr {
    process.line_after(instance::LISTENS).await.parse().unwrap()
}

impl Upstreams {
    fn put(&self, number: usize, address: SocketAddr) {
        let upstream = Upstream::builder(format!("http://{address}")).build().unwrap();
        let mut all = self.0.lock().unwrap();
        match all.get_mut(number) {
            Some(old) => *old = (address, upstream),
            None => all.push((address, upstream)),
        }
    }

    fn address(&self, number: usize) -> SocketAddr {
        self.0.lock().unwrap()[number].0
    }

    /// Any of them, also one that is dead and not known to be.
    fn any(&self) -> Upstream {
        fastrand::choice(self.0.lock().unwrap().iter()).unwrap().1.clone()
    }
}

/// The proxy. By `/events` each request comes to any instance; by `/resumed` it goes on at any when its own is lost.
async fn front(upstreams: Arc<Upstreams>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let wait = Backoff::new().bounds(Duration::from_millis(10), Duration::from_millis(50));
    let itself = Upstream::builder(format!("http://{address}")).build().unwrap();
    let resumed = itself.stream("/events").resume(Resume::new().backoff(wait));
    let events = {
        let upstreams = upstreams.clone();
        move |request| forward(upstreams.any().stream("/events"), request)
    };
    let publish =
        move |request| forward(upstreams.any().plain("/publish").methods([Method::POST]), request);
    let router = Router::new()
        .route("/events", axum::routing::get(events))
        .route("/publish", axum::routing::post(publish))
        .route_service("/resumed", resumed);
    let listener = listener.tap_io(|stream| _ = stream.set_nodelay(true));
    tokio::spawn(async move { axum::serve(listener, router).await });
    address
}

async fn forward(mut forward: Forward, request: Request) -> Response {
    let answer: Result<_, Infallible> = forward.call(request).await;
    match answer {
        Ok(answer) => answer.map(Body::new),
        Err(never) => match never {},
    }
}
