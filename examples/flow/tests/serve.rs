//! A server that ends, whatever its clients do. The clock is paused: it goes on when nothing else
//! does, so that no test waits for a time to pass.

use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::routing::get;
use flow::serve::{OpenConnections, Serving, serve};
use futures_util::stream;
use testkit::{BOUND, until};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

struct Server {
    address: SocketAddr,
    connections: OpenConnections,
    shutdown: CancellationToken,
    ended: JoinHandle<()>,
}

/// A server with a body that never ends and is always ready.
async fn start(grace: Duration) -> Server {
    let endless = || async {
        let chunks =
            stream::repeat_with(|| Ok::<_, std::io::Error>(Bytes::from_static(&[b'x'; 65_536])));
        Body::from_stream(chunks)
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (connections, shutdown) = (OpenConnections::default(), CancellationToken::new());
    let router = Router::new().route("/", get(endless));
    let serving = Serving { connections: connections.clone(), shutdown: shutdown.clone(), grace };
    let ended = tokio::spawn(serve(listener, router, serving));
    Server { address, connections, shutdown, ended }
}

#[tokio::test(start_paused = true)]
async fn a_client_that_never_reads_is_cut_after_the_grace() {
    let server = start(Duration::from_secs(5)).await;
    let mut client = TcpStream::connect(server.address).await.unwrap();
    client.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    client.readable().await.unwrap();

    server.shutdown.cancel();
    server.ended.await.unwrap();
    assert_eq!(server.connections.count(), 0);
    drop(client);
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_says_nothing_is_closed() {
    let server = start(Duration::ZERO).await;
    let mut client = TcpStream::connect(server.address).await.unwrap();
    assert_eq!(client.read(&mut [0]).await.unwrap(), 0);
    until(BOUND, "it is not counted any more", async || server.connections.count() == 0).await;
}

#[tokio::test]
async fn a_connection_that_says_nothing_does_not_hold_up_the_end() {
    let server = start(Duration::from_secs(3600)).await;
    let client = TcpStream::connect(server.address).await.unwrap();
    until(BOUND, "it is accepted", async || server.connections.count() == 1).await;
    server.shutdown.cancel();
    tokio::time::timeout(BOUND, server.ended).await.expect("before the grace").unwrap();
    drop(client);
}

#[tokio::test]
async fn the_head_of_a_request_is_bounded() {
    let server = start(Duration::ZERO).await;
    for (cookie, status) in [(7000, "200"), (9000, "431")] {
        let mut client = TcpStream::connect(server.address).await.unwrap();
        let cookie = "x".repeat(cookie);
        let request = format!("GET / HTTP/1.1\r\nhost: x\r\ncookie: {cookie}\r\n\r\n");
        client.write_all(request.as_bytes()).await.unwrap();
        let mut answer = [0; 12];
        client.read_exact(&mut answer).await.unwrap();
        assert_eq!(answer, format!("HTTP/1.1 {status}").as_bytes());
    }
    server.shutdown.cancel();
    server.ended.await.unwrap();
}
