//! Serves a router so that it ends within a grace, whatever its clients do.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use socket2::SockRef;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

/// How long a new connection may say nothing, and how long a request's head may take.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);

/// The least that hyper takes, and the longest head of a request: an idle stream holds little else.
const BUFFER: usize = 8 * 1024;

/// How long what was sent may stay unacknowledged: a client whose cable was pulled holds its stream
/// no longer.
pub const USER_TIMEOUT: Duration = Duration::from_secs(30);

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
    let mut http1 = server.http1();
    http1.timer(TokioTimer::new()).header_read_timeout(HEAD_TIMEOUT).max_buf_size(BUFFER);
    server.http2().timer(TokioTimer::new());
    let graceful = GracefulShutdown::new();
    let mut tasks = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            Some(_) = tasks.join_next() => continue,
            () = shutdown.cancelled() => break,
        };
        let stream = match accepted {
            Ok((stream, _)) => stream,
            Err(error) => {
                // With no file descriptor left, accepting fails at once and again.
                tracing::warn!(%error, "a connection could not be accepted");
                sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        let counted = Counted::new(connections.clone());
        let (server, router) = (server.clone(), router.clone());
        let (watcher, shutdown) = (graceful.watcher(), shutdown.clone());
        tasks.spawn(async move {
            let _counted = counted;
            tokio::select! {
                // The timers of the server begin with the first byte.
                spoken = timeout(HEAD_TIMEOUT, first_byte(&stream)) => match spoken {
                    Ok(Ok(())) => {}
                    Ok(Err(_)) | Err(_) => return,
                },
                () = shutdown.cancelled() => return,
            }
            let service = TowerToHyperService::new(router);
            let connection = server.serve_connection(TokioIo::new(stream), service);
            if let Err(error) = watcher.watch(connection.into_owned()).await {
                tracing::debug!(%error, "a connection ended early");
            }
        });
    }
    drop(listener);
    if timeout(grace, graceful.shutdown()).await.is_err() {
        tracing::warn!(connections = connections.count(), "cut after the grace");
    }
    tasks.shutdown().await;
}

/// Waits for the first byte of a new connection, which stays where it is; an error where it ends
/// without one.
async fn first_byte(stream: &TcpStream) -> io::Result<()> {
    set_options(stream)?;
    match stream.peek(&mut [0]).await? {
        0 => Err(io::ErrorKind::UnexpectedEof.into()),
        _ => Ok(()),
    }
}

/// An event must not wait for a full segment, nor a stream for a client that is gone.
pub(crate) fn set_options(stream: &TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    #[cfg(any(target_os = "android", target_os = "fuchsia", target_os = "linux"))]
    SockRef::from(stream).set_tcp_user_timeout(Some(USER_TIMEOUT))?;
    Ok(())
}
