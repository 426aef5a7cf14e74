//! A front before two instances that knows of no connections, as a balancer may be.

use std::net::SocketAddr;

use axum::Router;
use axum::extract::Request;
use axum::http::Method;
use axum::http::header::AUTHORIZATION;
use sse_proxy::Upstream;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tower_service::Service as _;

/// Streams go to the one instance, and all else to the other.
pub(crate) struct Front {
    address: SocketAddr,
    _server: JoinSet<()>,
}

impl Front {
    pub(crate) async fn start(streams: SocketAddr, others: SocketAddr) -> Self {
        let upstream = |address| Upstream::builder(format!("http://{address}")).build();
        let streams = upstream(streams).expect("an upstream").stream("/api/stream");
        let others = upstream(others).expect("an upstream");
        let forward = async move |request: Request| {
            let forward = others.plain(request.uri().path()).methods([Method::GET, Method::POST]);
            forward.pass_request_header(AUTHORIZATION).call(request).await
        };
        let router = Router::new().route_service("/api/stream", streams).fallback(forward);
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
        let address = listener.local_addr().expect("a bound socket has an address");
        let mut server = JoinSet::new();
        server.spawn(async { axum::serve(listener, router).await.expect("it serves") });
        Self { address, _server: server }
    }

    pub(crate) fn page(&self) -> String {
        format!("http://{}/", self.address)
    }
}
