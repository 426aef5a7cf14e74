//! Clients that go.

use std::time::Duration;

use sse_core::{CloseReason, KeepAlive};

use crate::rig::silent;
use crate::{Client, Feed, Framework, Rig, Version};

pub async fn a_client_that_hangs_up_is_found_out_by_the_next_keep_alive<F: Framework>(
    version: Version,
) {
    let keep_alive = || silent().keep_alive(KeepAlive::every(Duration::from_millis(100)));
    let mut rig = Rig::start::<F>(version, keep_alive).await;
    let (_client, response, feed) = rig.open_and_read().await;
    drop(response);
    feed.is_dropped().await;
    assert_eq!(feed.closed().await.0, CloseReason::ClientGone);
}

pub async fn a_client_that_hangs_up_is_found_out_at_once_where_the_server_tells<F: Framework>(
    version: Version,
) {
    // Nothing is written of itself, so that nothing but the server can have told.
    let mut rig = Rig::start::<F>(version, silent).await;
    let (client, response, feed) = rig.open_and_read().await;
    drop(response);
    let other = match version {
        Version::Http1 => rig.connect().await,
        // What comes behind the reset is read after it.
        Version::Http2 => client,
    };
    found_out(other, feed, F::tells_of_a_reset(version)).await;
}

pub async fn a_connection_that_is_cut_is_found_out_at_once_where_the_server_tells<F: Framework>(
    version: Version,
) {
    let mut rig = Rig::start::<F>(version, silent).await;
    let (client, _response, feed) = rig.open_and_read().await;
    drop(client);
    found_out(rig.connect().await, feed, F::tells_of_a_cut(version)).await;
}

/// That the server has found out that the client of a silent stream is gone; or that it has not, while
/// it answers another, and does when it has to write.
async fn found_out(mut other: Client, feed: Feed, at_once: bool) {
    if !at_once {
        for _ in 0..20 {
            assert_eq!(other.get("/last", &[]).await.rest().await.0, "None");
        }
        assert!(!feed.was_dropped(), "the framework tells: say so in `Framework` and in the guide");
        feed.never_end();
    }
    feed.is_dropped().await;
    assert_eq!(feed.closed().await.0, CloseReason::ClientGone);
}
