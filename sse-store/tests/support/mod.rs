//! Databases of their own for tests against a server.

pub(crate) mod outbox;

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use sea_orm::{ConnectionTrait, Database};
use sse_store::testing::{Case, Harness, Store, cases};
use sse_store::{SeaOrmStore, StoreFuture};
use testkit::{Service, Test};

/// A database on the server, dropped at the end.
pub(crate) struct Scratch {
    server: String,
    name: String,
}

impl Scratch {
    pub(crate) async fn new(service: Service) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let scratch = Self {
            server: service.find().unwrap(),
            name: format!("sse_store_test_{}_{number}", std::process::id()),
        };
        scratch.on_server(&format!("CREATE DATABASE {}", scratch.name)).await;
        scratch
    }

    /// The URL of the database.
    pub(crate) fn url(&self) -> String {
        let server = self.server.split('?').next().unwrap();
        let (server, _) = server.rsplit_once('/').unwrap();
        format!("{server}/{}", self.name)
    }

    async fn on_server(&self, sql: &str) {
        let server = Database::connect(&self.server).await.unwrap();
        server.execute_unprepared(sql).await.unwrap();
        server.close().await.unwrap();
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let force = match self.server.starts_with("postgres") {
            true => "WITH (FORCE)",
            false => "",
        };
        let drop = format!("DROP DATABASE {} {force}", self.name);
        // The test's own runtime cannot be waited for here.
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
                runtime.unwrap().block_on(self.on_server(&drop));
            });
        });
    }
}

impl Harness for Scratch {
    fn open(&self) -> StoreFuture<'_, Store> {
        Box::pin(async move {
            let store = SeaOrmStore::connect(&self.url()).await?;
            Ok(Arc::new(store) as Store)
        })
    }
}

/// The tests of every server.
pub(crate) fn tests(service: Service) -> Vec<Test> {
    let outbox = Test::new("rows_and_events_are_committed_together", [service], async move || {
        let scratch = Scratch::new(service).await;
        outbox::rows_and_events_are_committed_together(&scratch.url()).await;
    });
    conformance(service).chain([outbox]).collect()
}

/// The conformance suite against this server.
fn conformance(service: Service) -> impl Iterator<Item = Test> {
    cases().into_iter().map(move |case: Case| {
        Test::new(case.name(), [service], async move || {
            let scratch = Scratch::new(service).await;
            case.run(&scratch).await;
        })
    })
}
