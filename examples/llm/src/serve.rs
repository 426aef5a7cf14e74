//! Serves a router so that it ends within a grace, whatever its clients do: the guide's way
//! (`docs/serving.md`).

use std::io;
use std::time::Duration;

use axum::Router;
use axum::serve::ListenerExt as _;
use socket2::SockRef;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

/// How long what was sent may stay unacknowledged: a client whose cable was pulled stops its model
/// after this.
const USER_TIMEOUT: Duration = Duration::from_secs(30);

/// Serves until the token is cancelled, and then no longer than `grace`.
pub(crate) async fn serve(
    listener: TcpListener,
    router: Router,
    shutdown: CancellationToken,
    grace: Duration,
) -> io::Result<()> {
    // A connection that has just been closed takes no options, and needs none.
    let listener = listener.tap_io(|stream| drop(set_options(stream)));
    let server = axum::serve(listener, router.into_make_service())
        .with_graceful_shutdown(shutdown.clone().cancelled_owned());
    let deadline = async {
        shutdown.cancelled().await;
        tokio::time::sleep(grace).await;
    };
    tokio::select! {
        ended = server => ended,
        () = deadline => Ok(()), // those that are left are cut when the runtime ends
    }
}

/// A token must not wait for a full segment, nor the model go on for a client that is gone.
fn set_options(stream: &TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    #[cfg(any(target_os = "android", target_os = "fuchsia", target_os = "linux"))]
    SockRef::from(stream).set_tcp_user_timeout(Some(USER_TIMEOUT))?;
    Ok(())
}
