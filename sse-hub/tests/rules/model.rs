//! The hub against a model: the log as a list, and what each client may then be told.
//!
//! Of two events that a client is given, one after the other, each event of its topics between them must have been deleted,
//! and a gap told of its topic. Gaps and resets are told for a reason. When it has read all there is, nothing is left over.
//! Where a client asks for the latest of each topic, an event may be missing that a newer one of its topic has overtaken; where
//! it skips when more than some wait, what waited when a gap was told, if that were more. Either is given no more than
//! it asked for.

mod begin;
mod counts;
mod log;
mod reader;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;
use proptest::test_runner::{TestRunner, contextualize_config};
use sse_core::Event;
use sse_hub::{Hub, Overload};
use sse_store::{EventStore as _, NewEntry};

use crate::support::{TestStore, settle, topic};
use counts::Counts;
use log::{Kind, Logs};
use reader::Reader;

pub(crate) const TOPICS: [&str; 4] = ["a", "b", "c", "d"];

/// How often quiet clients are told where they are: seldom, since each look of the hubs at them costs the test time.
const INTERVAL: Duration = Duration::from_secs(100);

/// What happens. Hubs, topics and clients are numbers, those of clients counted round.
#[derive(Debug, Clone)]
enum Step {
    /// By a hub, to these topics.
    Publish(usize, Vec<usize>),
    Complete(usize, usize),
    Clear(usize, usize),
    /// All but the newest so many records go.
    Purge(u64),
    /// The log is another one.
    Exchange,
    Subscribe(usize, Vec<usize>, From, How),
    /// A client takes so many of what is ready.
    Take(usize, usize),
    /// A client takes all there is.
    Read(usize),
    /// A client goes, and comes back with its last event id to a hub.
    Reconnect(usize, usize),
    Leave(usize),
    Add(usize, usize),
    Remove(usize, usize),
    /// The feeds stand still, or go on.
    HoldFeeds(bool),
    /// Every task does what it can.
    Settle,
    /// So much time passes that quiet clients are told where they are, and pages are kept no longer.
    Wait,
}

#[derive(Debug, Clone)]
pub(crate) enum From {
    Now,
    Start,
    Last(usize),
    /// After a record of the log, counted round, or before the first.
    After(usize),
    /// After the record that is to come next but so many.
    Future(u64),
    /// After the start of no log in particular.
    Zero,
    /// After a record of a log that never was.
    Elsewhere,
    Garbage,
}

/// How a client takes what there is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct How {
    pub(crate) overload: Overload,
    pub(crate) in_batches: bool,
}

fn how() -> impl Strategy<Value = How> {
    let overload = prop_oneof![
        4 => Just(Overload::KeepAll),
        2 => Just(Overload::LatestByTopic),
        2 => (1usize..4).prop_map(Overload::SkipWhenBehind),
    ];
    (overload, any::<bool>()).prop_map(|(overload, in_batches)| How { overload, in_batches })
}

fn step() -> impl Strategy<Value = Step> {
    let topic = || 0..TOPICS.len();
    let topics = |most| prop::collection::vec(0..TOPICS.len(), most);
    let (hub, client) = (|| 0..2usize, || 0..8usize);
    let from = prop_oneof![
        6 => Just(From::Now),
        2 => Just(From::Start),
        2 => (0usize..6).prop_map(From::Last),
        8 => (0usize..40).prop_map(From::After),
        2 => (0u64..3).prop_map(From::Future),
        1 => Just(From::Zero),
        1 => Just(From::Elsewhere),
        1 => Just(From::Garbage),
    ];
    prop_oneof![
        12 => (hub(), topics(1..5)).prop_map(|(hub, topics)| Step::Publish(hub, topics)),
        4 => (hub(), topic()).prop_map(|(hub, topic)| Step::Complete(hub, topic)),
        2 => (hub(), topic()).prop_map(|(hub, topic)| Step::Clear(hub, topic)),
        2 => (0u64..12).prop_map(Step::Purge),
        1 => Just(Step::Exchange),
        6 => (hub(), topics(0..4), from, how())
            .prop_map(|(hub, topics, from, how)| Step::Subscribe(hub, topics, from, how)),
        5 => (client(), 1usize..5).prop_map(|(client, most)| Step::Take(client, most)),
        4 => client().prop_map(Step::Read),
        3 => (client(), hub()).prop_map(|(client, hub)| Step::Reconnect(client, hub)),
        1 => client().prop_map(Step::Leave),
        2 => (client(), topic()).prop_map(|(client, topic)| Step::Add(client, topic)),
        2 => (client(), topic()).prop_map(|(client, topic)| Step::Remove(client, topic)),
        2 => any::<bool>().prop_map(Step::HoldFeeds),
        4 => Just(Step::Settle),
        1 => Just(Step::Wait),
    ]
}

/// How large the window is, and what is kept of pages, in bytes.
fn limits() -> impl Strategy<Value = (usize, usize)> {
    let sizes = [0, 700, 2_000, 1 << 20];
    (prop::sample::select(sizes.to_vec()), prop::sample::select(sizes.to_vec()))
}

struct Scene<'a> {
    store: Arc<TestStore>,
    hubs: [Hub; 2],
    logs: Logs,
    readers: Vec<Reader>,
    counts: &'a Counts,
}

impl<'a> Scene<'a> {
    async fn new((window, kept): (usize, usize), counts: &'a Counts) -> Self {
        let store = Arc::new(TestStore::new());
        let hub = || {
            let hub = Hub::builder(store.clone()).window(window).catch_up_memory(kept);
            let hub = hub.max_connections(usize::MAX).stall(Duration::MAX);
            hub.position_interval(INTERVAL).build()
        };
        let hubs = [hub(), hub()];
        settle().await;
        let epoch = store.head().await.unwrap().epoch();
        Self { store, hubs, logs: Logs::new(epoch), readers: Vec::new(), counts }
    }

    async fn run(&mut self, step: Step) {
        match step {
            Step::Publish(hub, topics) => {
                let mut batch = Vec::new();
                for at in topics {
                    let data = self.logs.push(TOPICS[at], Kind::Event);
                    batch.push(NewEntry::new(topic(TOPICS[at]), Event::new(data.to_string())));
                }
                let positions = self.hubs[hub].append(batch).await.unwrap();
                assert_eq!(positions.last(), Some(&self.logs.head()));
            }
            Step::Complete(hub, at) => {
                self.logs.push(TOPICS[at], Kind::Completion);
                let position = self.hubs[hub].complete(TOPICS[at]).await.unwrap();
                assert_eq!(position, self.logs.head());
            }
            Step::Clear(hub, at) => {
                self.logs.clear(TOPICS[at]);
                let cleared = self.hubs[hub].clear(TOPICS[at]).await.unwrap();
                assert_eq!(cleared.position, self.logs.head());
            }
            Step::Purge(keep) => {
                self.logs.purge(keep);
                self.store.trim(keep).await.unwrap();
            }
            Step::Exchange => {
                self.store.exchange();
                self.logs.exchange(self.store.head().await.unwrap().epoch());
            }
            Step::Subscribe(hub, topics, from, how) => {
                let topics: BTreeSet<&str> = topics.into_iter().map(|at| TOPICS[at]).collect();
                let (hub, counts) = (&self.hubs[hub], self.counts);
                let reader = Reader::subscribe(hub, topics, (from, how), &self.logs, counts).await;
                self.readers.extend(reader);
            }
            Step::HoldFeeds(holds) => _ = self.store.holds_feed.send_replace(holds),
            Step::Settle => settle().await,
            Step::Wait => tokio::time::sleep(INTERVAL + Duration::from_secs(1)).await,
            of_client => self.run_client(of_client).await,
        }
    }

    async fn run_client(&mut self, step: Step) {
        let (Step::Take(client, _)
        | Step::Read(client)
        | Step::Reconnect(client, _)
        | Step::Leave(client)
        | Step::Add(client, _)
        | Step::Remove(client, _)) = step
        else {
            unreachable!("it is no client's");
        };
        if self.readers.is_empty() {
            return;
        }
        let at = client % self.readers.len();
        let (reads, given) = (self.store.reads(), self.counts.given.get());
        let (reader, logs, counts) = (&mut self.readers[at], &self.logs, self.counts);
        match step {
            Step::Take(_, most) => reader.take(most, logs, counts),
            Step::Read(_) => {
                reader.read(logs, counts).await;
                if !*self.store.holds_feed.borrow() {
                    reader.check_end(logs, counts);
                }
            }
            Step::Reconnect(_, hub) => reader.reconnect(&self.hubs[hub], logs, counts).await,
            Step::Leave(_) => drop(self.readers.swap_remove(at)),
            Step::Add(_, at) => reader.add(TOPICS[at], logs, counts).await,
            Step::Remove(_, at) => reader.remove(TOPICS[at]),
            _ => unreachable!("it is no client's"),
        }
        let is_paged = self.store.reads() > reads;
        let by = if is_paged { &counts.while_read } else { &counts.unread };
        by.set(by.get() + counts.given.get() - given);
    }

    async fn finish(&mut self) {
        self.store.holds_feed.send_replace(false);
        // No page is kept any more that was read before.
        tokio::time::sleep(INTERVAL).await;
        for reader in &mut self.readers {
            reader.read_last(&self.logs, self.counts).await;
            reader.check_end(&self.logs, self.counts);
        }
        let left = self.readers.iter().filter(|reader| reader.is_open()).count();
        let count: usize = self.hubs.iter().map(Hub::connection_count).sum();
        assert_eq!(count, left);
        self.readers.clear();
        for hub in &self.hubs {
            assert!(hub.subscriber_counts().is_empty());
        }
    }
}

fn run(limits: (usize, usize), steps: Vec<Step>, counts: &Counts) {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_time().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let mut scene = Scene::new(limits, counts).await;
        for step in steps {
            scene.run(step).await;
        }
        scene.finish().await;
    });
}

#[test]
fn every_subscriber_gets_the_log_or_is_told() {
    let config = ProptestConfig {
        failure_persistence: None,
        max_shrink_iters: 4000,
        source_file: Some(file!()),
        ..ProptestConfig::with_cases(512)
    };
    let counts = Counts::default();
    let steps = prop::collection::vec(step(), 0..80);
    let result = TestRunner::new(contextualize_config(config)).run(&(limits(), steps), |case| {
        run(case.0, case.1, &counts);
        Ok(())
    });
    if let Err(failure) = result {
        panic!("{failure}");
    }
    println!("{counts}");
    counts.check();
}
