//! Our response through hyper, with a choice of its options.

use std::time::Duration;

use axum::Router;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::service::TowerToHyperService;
use tokio::sync::broadcast::Sender;

use super::axum::{publish, routes};
use crate::server::{CAPACITY, Server, obey, tokio_listener};

/// The least that hyper takes for a buffer.
const LEAST: usize = 8 * 1024;

/// As it is.
pub(super) fn as_it_is(server: Server) {
    serve(server, |builder| builder);
}

/// For HTTP/1.1 alone: it need not look at the first bytes.
pub(super) fn http1_only(server: Server) {
    serve(server, auto::Builder::http1_only);
}

/// With the least buffer.
pub(super) fn max_buf_size(server: Server) {
    serve(server, |mut builder| {
        builder.http1().max_buf_size(LEAST);
        builder
    });
}

/// With a time limit for the head of a request.
pub(super) fn header_read_timeout(server: Server) {
    serve(server, |mut builder| {
        let timeout = Duration::from_secs(10);
        builder.http1().timer(TokioTimer::new()).header_read_timeout(timeout);
        builder
    });
}

/// Copying what is written into one buffer.
pub(super) fn no_writev(server: Server) {
    serve(server, |mut builder| {
        builder.http1().writev(false);
        builder
    });
}

/// Blind for a client that hangs up.
pub(super) fn half_close(server: Server) {
    serve(server, |mut builder| {
        builder.http1().max_buf_size(LEAST).half_close(true);
        builder
    });
}

type Builder = auto::Builder<TokioExecutor>;

#[tokio::main(flavor = "current_thread")]
async fn serve(server: Server, set: fn(Builder) -> Builder) {
    let frames = Sender::new(CAPACITY);
    let router: Router = routes(&frames);
    let listener = tokio_listener(server.clients);
    let builder = set(auto::Builder::new(TokioExecutor::new()));
    let serving = async {
        loop {
            let (stream, _) = listener.accept().await.expect("a client");
            stream.set_nodelay(true).expect("TCP_NODELAY");
            let service = TowerToHyperService::new(router.clone());
            let connection = builder.serve_connection(TokioIo::new(stream), service);
            tokio::spawn(connection.into_owned());
        }
    };
    tokio::join!(serving, obey(server.orders, publish(&frames)));
}
