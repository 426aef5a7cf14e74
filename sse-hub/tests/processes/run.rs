//! One run of it all.

use std::sync::Arc;
use std::time::Instant;

use futures_util::future::join_all;
use sse_store::{EventStore as _, SeaOrmStore};
use testkit::{Scratch, Service};
use tokio::task::JoinSet;

use crate::client::Client;
use crate::fleet::Fleet;
use crate::program::{self, Begin, Plan};
use crate::progress::Progress;
use crate::{check, publish};

/// How large it is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Form {
    pub(crate) service: Option<Service>,
    pub(crate) instances: usize,
    pub(crate) clients: usize,
    /// Every other of them publishes by the instances, the rest by processes of their own.
    pub(crate) publishers: usize,
    /// Of each publisher; four of them have ten events.
    pub(crate) batches: usize,
    pub(crate) kills: usize,
}

impl Form {
    fn events(&self) -> u64 {
        (self.publishers * self.batches / 4 * 10) as u64
    }
}

/// Every client ends with exactly its sequence: the log from its beginning on, restricted to its topics.
pub(crate) async fn every_client_ends_with_its_sequence(form: Form) {
    let began = Instant::now();
    let scratch = Scratch::new(form.service).await;
    let url = scratch.url();
    let store = SeaOrmStore::connect(&url).await.unwrap();
    let mut fleet = Fleet::start(&url, form.instances).await;

    let progress = Arc::new(Progress::of(form.events()));
    let mut tasks = JoinSet::new();
    tasks.spawn(progress.clone().follow(store.clone()));
    let client = |number| Client::new(number, Plan::of(number, form.events()));
    let clients: Vec<Client> = (0..form.clients).map(client).collect();

    let everything = async {
        let mut reading = JoinSet::new();
        for client in &clients {
            reading.spawn(client.clone().run(fleet.front, store.clone(), progress.clone()));
        }
        let by_front = (0..form.publishers).step_by(2);
        let by_front = by_front.map(|it| publish::by_front(fleet.front, it, form.batches));
        let by_front = join_all(by_front.collect::<Vec<_>>());
        let by_process = (1..form.publishers).step_by(2);
        let by_process = join_all(by_process.map(|it| publish::by_process(&url, it, form.batches)));
        let step = certain(&clients, form) / (form.kills as u64 + 1);
        let killing = async {
            for kill in 1..=form.kills as u64 {
                progress.has_delivered(kill * step).await;
                fleet.kill_some().await;
            }
        };
        tokio::join!(by_front, by_process, killing);
        store.append(program::last()).await.unwrap();
        reading.join_all().await;
    };
    tokio::select! {
        () = everything => {}
        () = progress.stands_still() => {}
    }

    let log = check::read(&store).await;
    let complaints = clients.iter().filter_map(|client| check::complaint(client, &log));
    let complaints: Vec<String> = complaints.collect();
    assert!(
        complaints.is_empty(),
        "{} of {} clients, among them:\n{}",
        complaints.len(),
        form.clients,
        complaints[..complaints.len().min(5)].join("\n"),
    );
    check::is_as_published(&log, form.publishers, form.batches);
    assert_eq!(fleet.kills, form.kills);

    let (mut delivered, mut streams) = (0, 0);
    for client in &clients {
        let seen = client.seen.lock().unwrap();
        delivered += seen.events();
        streams += seen.streams;
    }
    // Half of them were there when all the instances were killed.
    assert!(streams > form.clients * 5 / 4, "{streams} streams");
    println!(
        "{} clients: {} events published, {delivered} delivered by {streams} streams, {} kills, {:.1?}",
        form.clients,
        log.len(),
        fleet.kills,
        began.elapsed(),
    );
}

/// How many events are delivered in any case, before the last ones: those to clients that want all there is.
fn certain(clients: &[Client], form: Form) -> u64 {
    let counts = program::counts(form.publishers, form.batches);
    let from_start = clients.iter().filter(|client| client.plan.begin == Begin::Start);
    from_start.flat_map(|client| &client.plan.topics).map(|topic| counts[*topic]).sum()
}
