//! The SeaORM store on SQLite under the conformance suite, each handle with connections of its own.

use std::sync::Arc;

use sse_store::testing::{Harness, Store};
use sse_store::{SeaOrmStore, StoreFuture};
use tempfile::TempDir;

struct Sqlite(TempDir);

impl Sqlite {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn url(&self) -> String {
        format!("sqlite://{}", self.0.path().join("log.db").display())
    }
}

impl Harness for Sqlite {
    fn open(&self) -> StoreFuture<'_, Store> {
        Box::pin(async move {
            let store = SeaOrmStore::connect(&self.url()).await?;
            Ok(Arc::new(store) as Store)
        })
    }
}

sse_store::conformance_tests!(Sqlite::new());
