//! The tests of every server.

pub(crate) mod application;
pub(crate) mod keys;
pub(crate) mod outbox;
pub(crate) mod restore;

use std::sync::Arc;

use sse_store::testing::{Case, Harness, Store, cases};
use sse_store::{SeaOrmStore, StoreFuture};
use testkit::{Scratch, Service, Test};

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
    macro_rules! on_a_scratch {
        ($module:ident::$test:ident) => {
            Test::new(stringify!($test), [service], async move || {
                let scratch = Scratch::new(Some(service)).await;
                $module::$test(&scratch.url()).await;
            })
        };
    }
    let more = [
        on_a_scratch!(application::an_application_migrates_and_shares_its_connection),
        on_a_scratch!(keys::old_keys_go_with_retention),
        on_a_scratch!(outbox::rows_and_events_are_committed_together),
        on_a_scratch!(outbox::a_nested_transaction_is_refused_and_the_outer_one_goes_on),
        on_a_scratch!(outbox::what_was_committed_since_a_transaction_began_counts),
        Test::new("a_head_that_moved_back_renews_the_epoch", [service], async move || {
            for first in restore::FIRST {
                let scratch = Scratch::new(Some(service)).await;
                restore::a_head_that_moved_back_renews_the_epoch(&scratch.url(), first).await;
            }
        }),
    ];
    let case = |case: Case| {
        Test::new(case.name(), [service], async move || {
            let scratch = Scratch::new(Some(service)).await;
            case.run(&Server(scratch)).await;
        })
    };
    cases().into_iter().map(case).chain(more).collect()
}
