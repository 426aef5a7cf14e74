//! Very many who come back at once.

use std::fmt::Write as _;
use std::time::Instant;

use crate::Options;
use crate::fleet::Fleet;
use crate::server::{self, Kind};

/// How many events each has missed at the most: ten pages of the store.
const MISSED: usize = 5_000;
/// The window of the hub, in bytes: little, so that who comes back has to be given pages of the store.
const WINDOW: usize = 256 << 10;

pub(crate) fn table(options: &Options) -> String {
    let clients = options.resuming;
    let mut table = format!(
        "| {clients} clients that missed up to {MISSED} events come back | pages read | listings | \
         s until all have all | CPU µs of a delivery |\n|---|---|---|---|---|"
    );
    for (name, kind) in [("in memory", Kind::Memory), ("SQLite", Kind::Sqlite)] {
        for (from, step) in [("all from one position", 0), ("each from its own", MISSED / clients)]
        {
            let line = come_back(kind, clients, step);
            let _ = write!(table, "\n| {name}, {from} | {line} |");
        }
    }
    table
}

fn come_back(kind: Kind, count: usize, step: usize) -> String {
    let folder = tempfile::tempdir_in(".").expect("a folder");
    let (mut server, address) = server::start(kind, WINDOW, folder.path());
    let before = server.ask(&format!("store {MISSED}")).replace(' ', ",");
    let resume = format!("{before},{step}");
    let mut fleet = Fleet::start(address, count, &["--resume", &resume]);
    let mut numbers = |order: &str| -> Vec<f64> {
        let answer = server.ask(order);
        answer.split(' ').map(|number| number.parse().expect("a number")).collect()
    };
    let (reads, cpu, start) = (numbers("reads"), numbers("cpu")[0], Instant::now());
    fleet.connect();
    fleet.expect(MISSED);
    fleet.ages();
    let (elapsed, cpu) = (start.elapsed(), numbers("cpu")[0] - cpu);
    let [pages, listings] = [0, 1].map(|at| numbers("reads")[at] - reads[at]);
    let deliveries: usize = (0..count).map(|number| MISSED - step * number).sum();
    let cpu = cpu / deliveries as f64 / 1e3;
    format!("{pages} | {listings} | {:.2} | {cpu:.2}", elapsed.as_secs_f64())
}
