//! Prints the table: the contenders of each row take turns in one run, and the best time of each
//! counts. Another program counts the allocations: in this one that would be measured too.

#![allow(clippy::print_stdout, clippy::expect_used, clippy::panic)]

use std::collections::HashMap;
use std::process::Command;
use std::time::{Duration, Instant};

use benches::{Kind, Row, rows};

/// How long each row is measured.
const TIME: Duration = Duration::from_secs(2);

fn main() {
    let allocations = allocations();
    for row in rows() {
        check(&row);
        let best = measure(&row);
        let time_of = |wanted: &dyn Fn(usize) -> bool| {
            (0..best.len()).filter(|at| wanted(*at)).map(|at| best[at]).min()
        };
        let sse_stream = time_of(&|at| row.contenders[at].name == "sse-stream");
        let fastest_peer = time_of(&|at| row.contenders[at].kind == Kind::Peer);
        println!("\n{}", row.name);
        println!(
            "  {:<26} {:>9} {:>7} {:>14} {:>15} {:>12}",
            "", "ns/event", "GB/s", "of sse-stream", "of fastest peer", "allocations"
        );
        for (contender, time) in row.contenders.iter().zip(&best) {
            let ratio = |other: Option<Duration>| {
                other.map_or(String::new(), |other| {
                    format!("{:.2}x", other.as_secs_f64() / time.as_secs_f64())
                })
            };
            let per_event = allocations
                .get(&(row.name.clone(), contender.name.to_owned()))
                .filter(|_| contender.kind != Kind::Floor)
                .map_or(String::new(), |count| format!("{count:.2}"));
            println!(
                "  {:<26} {:>9.1} {:>7.2} {:>14} {:>15} {:>12}",
                contender.name,
                time.as_secs_f64() * 1e9 / row.events as f64,
                row.bytes as f64 / time.as_secs_f64() / 1e9,
                ratio(sse_stream),
                ratio(fastest_peer),
                per_event,
            );
        }
    }
}

/// Sees to it that as much comes of each.
fn check(row: &Row) {
    let mut expected = None;
    for contender in row.contenders.iter().filter(|contender| contender.kind != Kind::Floor) {
        let done = (contender.prepare)()();
        let expected = *expected.get_or_insert(done);
        assert_eq!(done, expected, "{} of {}", contender.name, row.name);
    }
}

/// The best time of each, the contenders taking turns.
fn measure(row: &Row) -> Vec<Duration> {
    let mut best = vec![Duration::MAX; row.contenders.len()];
    let start = Instant::now();
    while start.elapsed() < TIME {
        for (contender, best) in row.contenders.iter().zip(&mut best) {
            let mut run = (contender.prepare)();
            let start = Instant::now();
            std::hint::black_box(run());
            *best = start.elapsed().min(*best);
        }
    }
    best
}

/// The allocations per event, by row and contender.
fn allocations() -> HashMap<(String, String), f64> {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["run", "--quiet", "--release", "-p", "benches", "--bin", "allocations"]);
    if cfg!(feature = "peers") {
        cargo.args(["--features", "peers"]);
    }
    let output = cargo.output().expect("cargo runs");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.lines()
        .filter_map(|line| {
            let mut parts = line.split('\t');
            let key = (parts.next()?.to_owned(), parts.next()?.to_owned());
            Some((key, parts.next()?.parse().ok()?))
        })
        .collect()
}
