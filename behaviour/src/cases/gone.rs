//! Clients that go.

use std::time::Duration;

use sse_core::{CloseReason, KeepAlive};

use crate::rig::silent;
use crate::{Framework, Rig, Version};

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
    if !F::tells_of_a_reset(version) {
        return;
    }
    // Nothing is ever written, so that nothing but the server can have told.
    let mut rig = Rig::start::<F>(version, silent).await;
    let (_client, response, feed) = rig.open_and_read().await;
    drop(response);
    feed.is_dropped().await;
    assert_eq!(feed.closed().await.0, CloseReason::ClientGone);
}

pub async fn a_connection_that_is_cut_is_found_out_at_once_where_the_server_tells<F: Framework>(
    version: Version,
) {
    if !F::tells_of_a_cut(version) {
        return;
    }
    let mut rig = Rig::start::<F>(version, silent).await;
    let (client, _response, feed) = rig.open_and_read().await;
    drop(client);
    feed.is_dropped().await;
    assert_eq!(feed.closed().await.0, CloseReason::ClientGone);
}
