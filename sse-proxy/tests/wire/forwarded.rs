//! The upstream is told who asked only where that is wanted.

use std::net::SocketAddr;

use actix_web::{App, HttpRequest, HttpServer};
use axum::Router;
use axum::extract::{ConnectInfo, Request};
use axum::middleware::map_request;
use sse_proxy::{Forward, Forwarded, Peer};

use crate::support::{ByHand, Conn};

const REQUEST: &str = "GET / HTTP/1.1\r\nHost: front.example\r\nX-Forwarded-For: 9.9.9.9\r\n\
    Forwarded: for=9.9.9.9\r\nX-Forwarded-Proto: https\r\n\r\n";

async fn axum(forward: Forward) -> SocketAddr {
    async fn tell(ConnectInfo(peer): ConnectInfo<SocketAddr>, mut request: Request) -> Request {
        request.extensions_mut().insert(Peer::new(peer.ip()));
        request
    }
    let router = Router::new().route_service("/", forward).layer(map_request(tell));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let service = router.into_make_service_with_connect_info::<SocketAddr>();
    tokio::spawn(async move { axum::serve(listener, service).await });
    addr
}

async fn actix(forward: Forward) -> SocketAddr {
    fn tell<B>(from: &HttpRequest, to: &mut http::Request<B>) {
        to.extensions_mut().insert(Peer::new(from.peer_addr().unwrap().ip()));
    }
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap();
    let app = move || App::new().route("/", sse_actix::tower_with(forward.clone(), tell));
    let server = HttpServer::new(app).workers(1).disable_signals().listen(listener).unwrap();
    tokio::spawn(server.run());
    addr
}

#[tokio::test]
async fn who_asked_is_told_as_configured() {
    let upstream = ByHand::listen().await;
    let nothing = upstream.upstream();
    let replacing =
        upstream.builder().x_forwarded(Forwarded::Replace).forwarded(Forwarded::Replace);
    let appending = upstream.builder().x_forwarded(Forwarded::Append).forwarded(Forwarded::Append);
    for (upstream_config, expected) in [
        (nothing, vec![]),
        (
            replacing.build().unwrap(),
            vec![
                "forwarded: for=127.0.0.1;host=\"front.example\";proto=http",
                "x-forwarded-for: 127.0.0.1",
                "x-forwarded-host: front.example",
                "x-forwarded-proto: http",
            ],
        ),
        (
            appending.build().unwrap(),
            vec![
                "forwarded: for=127.0.0.1;host=\"front.example\";proto=http",
                "forwarded: for=9.9.9.9",
                "x-forwarded-for: 127.0.0.1",
                "x-forwarded-for: 9.9.9.9",
                "x-forwarded-host: front.example",
                "x-forwarded-proto: https",
            ],
        ),
    ] {
        let forward = upstream_config.stream("/sse");
        for front in [axum(forward.clone()).await, actix(forward).await] {
            let _client = Conn::client(front, REQUEST).await;
            let (_, head) = upstream.accept().await;
            let mut told: Vec<_> = head.lines().filter(|line| line.contains("forwarded")).collect();
            told.sort_unstable();
            assert_eq!(told, expected);
        }
    }
}
