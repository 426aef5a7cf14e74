//! One ordered log of events, in memory or in a database.
//!
//! ```
//! use sse_core::Event;
//! use sse_store::{EventStore, MemoryStore, NewEntry, Position, Topic, TopicSet};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let store = MemoryStore::new();
//! let topic = Topic::new("orders/42")?;
//! let run = store.clear(&topic).await?;
//! let shipped = NewEntry::new(topic.clone(), Event::new("shipped")).fenced_by(run.position);
//! store.append(vec![shipped]).await?;
//! let page = store.read(Position::START, &TopicSet::from(topic), 100).await?;
//! for event in page.entries.into_iter().filter_map(|entry| entry.into_event()) {
//!     println!("{:?} {:?}", event.id(), event.data());
//! }
//! # Ok(())
//! # }
//! ```
//!
//! The guide, `docs/store.md`, has what each database guarantees, following, listing, trying again, migrations and
//! retention.
//!
//! # Features
//!
//! | feature | gives | default |
//! |---|---|---|
//! | `sqlite`, `postgres`, `mysql` | `SeaOrmStore` on that database; `mysql` is MariaDB's too | no |
//! | `tls` | TLS to PostgreSQL and MySQL, by rustls with ring | no |
//! | `testing` | the suite that every store must pass | no |
//!
//! Without any there is the [`MemoryStore`] alone.

#![forbid(unsafe_code)]
#![warn(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

mod entry;
mod error;
mod follow;
mod key;
mod memory;
mod position;
mod query;
mod record;
mod retention;
#[cfg(feature = "_sea-orm")]
mod sea;
mod store;
#[cfg(feature = "testing")]
pub mod testing;
mod topic;

pub use entry::{Cleared, Entry, NewEntry, Newest, Page, PageStatus, Record};
pub use error::StoreError;
pub use follow::{Follow, follow};
pub use key::Key;
pub use memory::MemoryStore;
pub use position::{Position, PositionError};
pub use query::Query;
pub use record::{Recording, record};
pub use retention::Retention;
// By the databases' own features, which the compiler names to whoever has none of them.
#[cfg(any(feature = "sqlite", feature = "postgres", feature = "mysql"))]
pub use sea::{Migrator, SeaOrmStore};
pub use store::{EventStore, StoreFuture};
pub use topic::{Topic, TopicError, TopicSet};

// The guide's code compiles.
#[cfg(all(doctest, feature = "sqlite"))]
#[doc = include_str!("../../docs/store.md")]
mod guide {}
