//! Serves a router so that it ends within a grace, whatever its clients do.

use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

/// How many connections are open.
#[derive(Debug, Clone, Default)]
pub struct OpenConnections(Arc<AtomicUsize>);

impl OpenConnections {
    /// The number, now.
    pub fn count(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

/// How a server runs and ends.
#[derive(Debug, Clone)]
pub struct Serving {
    /// Counts its connections.
    pub connections: OpenConnections,
    /// Ends it when it is cancelled.
    pub shutdown: CancellationToken,
    /// What open connections are given at the end.
    pub grace: Duration,
}

/// One connection, counted while it lives.
pub(crate) struct Counted(OpenConnections);

impl Counted {
    pub(crate) fn new(connections: OpenConnections) -> Self {
        connections.0.fetch_add(1, Ordering::SeqCst);
        Self(connections)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Serves `router` until the shutdown is cancelled; then takes no new connection, lets each open one
/// finish what it is at, and after the grace cuts those that are still there.
///
/// The grace is for clients that do not read: a server cannot end their stream in good form.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    Serving { connections, shutdown, grace }: Serving,
) {
    let mut server = auto::Builder::new(TokioExecutor::new());
    server.http1().timer(TokioTimer::new()).header_read_timeout(Duration::from_secs(10));
    server.http2().timer(TokioTimer::new());
    let graceful = GracefulShutdown::new();
    let mut tasks = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            Some(_) = tasks.join_next() => continue,
            () = shutdown.cancelled() => break,
        };
        match accepted {
            Ok((stream, _)) => {
                let counted = Counted::new(connections.clone());
                set_options(&stream);
                let service = TowerToHyperService::new(router.clone());
                let connection =
                    server.serve_connection(TokioIo::new(stream), service).into_owned();
                let connection = graceful.watch(connection);
                tasks.spawn(async move {
                    if let Err(error) = connection.await {
                        tracing::debug!(%error, "a connection ended early");
                    }
                    drop(counted);
                });
            }
            Err(error) => pause_after(&error).await,
        }
    }
    drop(listener);
    if timeout(grace, graceful.shutdown()).await.is_err() {
        tracing::warn!(connections = connections.count(), "cut after the grace");
    }
    tasks.shutdown().await;
}

/// An event must not wait for a full segment.
fn set_options(stream: &TcpStream) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "TCP_NODELAY could not be set");
    }
}

/// With no file descriptor left, accepting fails at once and again: wait for one to be closed.
async fn pause_after(error: &io::Error) {
    tracing::warn!(%error, "a connection could not be accepted");
    pin!(sleep(Duration::from_millis(100))).await;
}
