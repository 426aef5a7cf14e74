//! The memory store under the conformance suite.

use std::sync::Arc;

use sse_store::testing::{Harness, Store};
use sse_store::{MemoryStore, StoreFuture};

struct Memory(MemoryStore);

impl Harness for Memory {
    fn open(&self) -> StoreFuture<'_, Store> {
        let handle = Arc::new(self.0.clone());
        Box::pin(async move { Ok(handle as Store) })
    }
}

sse_store::conformance_tests!(Memory(MemoryStore::new()));
