//! The conformance suite: what every [`EventStore`] must do, as tests that anyone's store can run.
//!
//! A [`Harness`] opens handles on one log that is empty at first; [`conformance_tests!`](crate::conformance_tests) makes
//! a test of each case, each with a harness of its own. The tests run on tokio, with its features `macros` and
//! `rt-multi-thread`.
//!
//! ```
//! use std::sync::Arc;
//! use sse_store::testing::Harness;
//! use sse_store::{EventStore, MemoryStore, StoreFuture};
//!
//! struct Memory(MemoryStore);
//!
//! impl Harness for Memory {
//!     fn open(&self) -> StoreFuture<'_, Arc<dyn EventStore>> {
//!         let handle = Arc::new(self.0.clone());
//!         Box::pin(async move { Ok(handle as Arc<dyn EventStore>) })
//!     }
//! }
//!
//! mod memory {
//!     use super::*;
//!     sse_store::conformance_tests!(Memory(MemoryStore::new()));
//! }
//! ```

// A test that fails panics.
#![allow(clippy::panic, clippy::unwrap_used, clippy::expect_used)]
#![allow(clippy::missing_panics_doc)]

pub mod data;
pub mod fences;
pub mod keys;
pub mod loss;
pub mod order;
pub mod people;
pub mod topics;
pub mod waiting;

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use sse_core::Event;

use crate::{
    Entry, EventStore, NewEntry, Page, PageStatus, Position, StoreFuture, Topic, TopicSet,
};

/// A handle on the log under test.
pub type Store = Arc<dyn EventStore>;

/// One log, empty at first, that can be opened several times.
pub trait Harness: Send + Sync {
    /// A handle on the log, as far from the other handles as can be: such as another process would have.
    fn open(&self) -> StoreFuture<'_, Store>;
}

type Running<'a> = Pin<Box<dyn Future<Output = ()> + Send + 'a>>;

/// A case of the suite.
#[derive(Clone, Copy)]
pub struct Case {
    name: &'static str,
    run: for<'a> fn(&'a dyn Harness) -> Running<'a>,
}

impl Case {
    /// What it claims.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Runs it on a log that is empty; it panics if the claim does not hold.
    pub async fn run(&self, harness: &dyn Harness) {
        (self.run)(harness).await;
    }
}

impl fmt::Debug for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

/// Every case, for those who run them by other means than [`conformance_tests!`](crate::conformance_tests).
pub fn cases() -> Vec<Case> {
    crate::__sse_store_cases! { list () }
}

/// Makes a test of each case of the suite; the expression gives a new [`Harness`] for each.
///
/// [`Harness`]: crate::testing::Harness
#[macro_export]
macro_rules! conformance_tests {
    ($harness:expr) => {
        $crate::__sse_store_cases! { tests ($harness) }
    };
}

/// The one list of the cases.
#[doc(hidden)]
#[macro_export]
macro_rules! __sse_store_cases {
    ($way:ident ($($harness:expr)?)) => {
        $crate::__sse_store_cases! { @$way ($($harness)?)
            data: whole_events_are_kept, any_text_is_kept, an_event_with_an_id_is_refused,
                an_event_that_is_too_long_is_refused,
                a_batch_may_be_longer_than_a_statement, an_empty_batch_is_nothing;
            fences: a_clear_fences_what_came_before, a_fenced_entry_refuses_its_whole_batch,
                a_fence_of_another_log_is_too_old, a_refused_append_harms_no_other,
                the_last_of_racing_runs_wins;
            keys: a_retry_gives_the_positions_of_the_first, a_key_outlives_its_records,
                a_failed_append_leaves_its_key_free, a_key_of_a_batch_of_another_length_is_refused,
                hostile_keys_are_apart, of_racing_appends_with_a_key_one_is_done,
                every_key_of_many_appends_at_once_is_remembered, appends_with_and_without_a_key_mix;
            loss: gap_is_told_when_purged_past_cursor, gap_is_told_when_cleared_past_cursor,
                a_gap_is_not_forgotten_for_a_later_deletion,
                no_gap_is_told_falsely, position_of_another_log_is_a_reset,
                a_position_to_come_is_a_reset, a_purge_takes_the_old_and_leaves_the_young,
                a_trim_keeps_the_newest_positions, a_purge_while_a_reader_pages_is_never_a_hole, a_purged_completion_is_a_gap,
                very_many_purged_topics_withhold_no_gap_and_pass_no_fence;
            order: positions_are_dense_and_in_order, every_page_size_gives_the_same,
                a_page_is_full_by_its_bytes,
                a_follower_sees_all_of_concurrent_writers_once_and_in_order,
                a_dropped_append_is_whole_or_nothing;
            people: the_newest_of_each_topic_is_told, newest_and_oldest_first_are_mirrors, a_listing_pages_without_gap_or_double,
                a_listing_is_full_by_its_bytes,
                a_listing_is_filtered_by_type_time_and_kind, a_listing_after_another_log_is_refused;
            topics: hostile_names_are_apart, several_topics_have_one_cursor,
                quiet_topics_advance_the_cursor, very_many_topics_have_one_cursor,
                a_clear_is_a_record, a_completion_is_a_record;
            waiting: wait_returns_at_once_if_there_is_more, wait_is_woken_by_this_handle,
                wait_is_woken_by_another_handle, wait_does_not_return_without_cause;
        }
    };
    (@list () $($module:ident: $($case:ident),*;)*) => {
        vec![$($($crate::testing::Case {
            name: stringify!($case),
            run: |harness| Box::pin($crate::testing::$module::$case(harness)),
        }),*),*]
    };
    (@tests ($harness:expr) $($module:ident: $($case:ident),*;)*) => {
        $($(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $case() {
                $crate::testing::$module::$case(&$harness).await;
            }
        )*)*
    };
}

/// How long a thing may take that must happen.
const PATIENCE: Duration = Duration::from_secs(30);

async fn open(harness: &dyn Harness) -> Store {
    harness.open().await.expect("the store opens")
}

fn topic(name: &str) -> Topic {
    Topic::new(name).expect("the name is a topic")
}

fn only<const N: usize>(names: [&str; N]) -> TopicSet {
    names.into_iter().map(topic).collect()
}

fn new(name: &str, data: impl Into<String>) -> NewEntry {
    NewEntry::new(topic(name), Event::new(data))
}

async fn append(store: &Store, name: &str, data: &str) -> Position {
    let positions = store.append(vec![new(name, data)]).await;
    positions.expect("the event is appended")[0]
}

async fn read(store: &Store, after: Position, topics: &TopicSet, limit: usize) -> Page {
    let page = store.read(after, topics, limit).await;
    page.expect("the page is read")
}

/// What is there of these topics, read from the start.
async fn all(store: &Store, topics: &TopicSet) -> Vec<Entry> {
    let mut after = Position::START;
    let mut entries = Vec::new();
    loop {
        let page = read(store, after, topics, 10_000).await;
        assert_eq!(page.status, PageStatus::Exact);
        if page.entries.is_empty() {
            return entries;
        }
        entries.extend(page.entries);
        after = page.next;
    }
}

/// Events of a mebibyte, of more than half of one and small ones, of two topics; the log has no other. All the names
/// are more than one statement of any database takes.
async fn fill_with_large(store: &Store) -> (Vec<Position>, TopicSet) {
    const SIZES: [usize; 12] =
        [1 << 20, 1, 1 << 20, 600_000, 1, 600_000, 600_000, 1, 1, (1 << 20) - 40, 1, 1 << 20];
    let mut positions = Vec::new();
    for (number, size) in SIZES.into_iter().enumerate() {
        let entry = new(["t7", "t277"][number % 2], "x".repeat(size));
        positions.extend(store.append(vec![entry]).await.expect("appended"));
    }
    let names = (0..300).map(|number| topic(&format!("t{number}")));
    (positions, names.collect())
}

/// Whether so many entries are all that one page holds.
fn is_full(entries: &[Entry], limit: usize) -> bool {
    entries.len() == limit || entries.iter().map(Entry::size).sum::<usize>() >= Page::FULL_BYTES
}

/// Whether a page has no more than it may.
fn is_within_limits(entries: &[Entry], limit: usize) -> bool {
    entries.split_last().is_none_or(|(_, before)| !is_full(before, limit))
}

fn data(entries: &[Entry]) -> Vec<&str> {
    let events = entries.iter().filter_map(Entry::event);
    events.map(|event| event.data().unwrap_or("none")).collect()
}

async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    match tokio::time::timeout(PATIENCE, future).await {
        Ok(value) => value,
        Err(_) => panic!("{what}: not within {PATIENCE:?}"),
    }
}

/// Waits until the clock shows a later millisecond than the entry's.
async fn later_than(entry: &Entry) -> SystemTime {
    let time = UNIX_EPOCH + Duration::from_millis(entry.time + 1);
    within("the clock goes on", async {
        while SystemTime::now() < time {
            tokio::task::yield_now().await;
        }
    })
    .await;
    time
}
