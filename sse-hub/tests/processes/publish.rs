//! Those who publish: by any instance, which may die before it answers, or by the store from a process of their own. Each
//! tries again until it knows, and by its key a batch is there once.

use std::net::SocketAddr;

use sse_client::reqwest;
use sse_store::{EventStore as _, SeaOrmStore};
use testkit::{BOUND, Process, until};

use crate::progress::when;
use crate::{program, spawn};

/// What a process prints before the number of a batch that is published.
const PUBLISHED: &str = "published ";

/// Publishes so many batches by whatever instance the proxy comes to.
pub(crate) async fn by_front(front: SocketAddr, publisher: usize, batches: usize) {
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    for number in 0..batches {
        let url = format!("http://{front}/publish?publisher={publisher}&number={number}");
        until(BOUND, "a batch is published", async || {
            let Ok(answer) = client.post(&url).send().await else { return false };
            assert!(!answer.status().is_client_error(), "{answer:?}");
            answer.status().is_success()
        })
        .await;
    }
}

/// What a process of its own does: the same without an instance, from some batch on.
pub(crate) async fn by_store(url: &str, publisher: usize, from: usize, batches: usize) {
    let store = SeaOrmStore::connect(url).await.unwrap();
    for number in from..batches {
        let (key, batch) = (program::key(publisher, number), program::batch(publisher, number));
        until(BOUND, "a batch is published", async || {
            match store.append_once(&key, batch.clone()).await {
                Ok(_) => true,
                Err(error) if error.is_unavailable() || error.is_outcome_unknown() => false,
                Err(error) => panic!("{error}"),
            }
        })
        .await;
        println!("{PUBLISHED}{number}");
    }
    store.close().await;
}

/// Such a process, which is killed after a third of its work and started again.
pub(crate) async fn by_process(url: &str, publisher: usize, batches: usize) {
    let start = |from| spawn(url, &format!("publisher {publisher} {from} {batches}"));
    let mut process = start(0);
    let published = |process: &Process| {
        process.lines().iter().filter(|line| line.starts_with(PUBLISHED)).count()
    };
    when(|| published(&process) >= batches / 3).await;
    process.kill();
    // What it was at when it died, it does again.
    let from = published(&process);
    process = start(from);
    when(|| published(&process) == batches - from).await;
    assert!(process.exit().await.success());
}
