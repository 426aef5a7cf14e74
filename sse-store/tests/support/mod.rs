//! The tests of every server.

pub(crate) mod keys;
pub(crate) mod outbox;
pub(crate) mod scratch;

use std::sync::Arc;

use sse_store::testing::{Case, Harness, Store, cases};
use sse_store::{SeaOrmStore, StoreFuture};
use testkit::{Service, Test};

use self::scratch::Scratch;

struct Server(Scratch);

impl Harness for Server {
    fn open(&self) -> StoreFuture<'_, Store> {
        Box::pin(async move {
            let store = SeaOrmStore::connect(&self.0.url()).await?;
            Ok(Arc::new(store) as Store)
        })
    }
}

/// The conformance suite and more against this server.
pub(crate) fn tests(service: Service) -> Vec<Test> {
    let outbox = Test::new("rows_and_events_are_committed_together", [service], async move || {
        let scratch = Scratch::new(Some(service)).await;
        outbox::rows_and_events_are_committed_together(&scratch.url()).await;
    });
    let keys = Test::new("old_keys_go_with_retention", [service], async move || {
        let scratch = Scratch::new(Some(service)).await;
        keys::old_keys_go_with_retention(&scratch.url()).await;
    });
    let case = |case: Case| {
        Test::new(case.name(), [service], async move || {
            let scratch = Scratch::new(Some(service)).await;
            case.run(&Server(scratch)).await;
        })
    };
    cases().into_iter().map(case).chain([outbox, keys]).collect()
}
