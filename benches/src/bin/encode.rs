//! Prints the table of encoding: each contender beside the others in one run, and the allocations of
//! each, which another program counts.

#![allow(clippy::print_stdout, clippy::expect_used)]

use std::collections::HashMap;
use std::process::Command;
use std::time::{Duration, Instant};

use benches::Kind;
use benches::encoders::{self, Contender, Parts};

const ROUNDS: usize = 200;
const EVENTS: usize = 2000;

fn main() {
    let allocations = allocations();
    let groups = [
        ("frame", "a frame of each", encoders::frames()),
        ("buffer", "into one buffer", encoders::buffers()),
    ];
    for (group, title, contenders) in groups {
        for parts in encoders::all_parts() {
            print(&format!("{title}: {}", parts.name), group, &parts, &contenders, &allocations);
        }
    }
    let parts = &encoders::all_parts()[0];
    print("JSON into one buffer", "json", parts, &encoders::json(), &allocations);
}

fn print(
    title: &str,
    group: &str,
    parts: &Parts,
    contenders: &[Contender],
    allocations: &HashMap<(String, String), f64>,
) {
    let best = measure(parts, contenders);
    let ours = best[0].as_secs_f64();
    println!("\n{title}");
    println!("  {:<25} {:>9} {:>12} {:>12}", "", "ns/event", "of ours", "allocations");
    for (contender, time) in contenders.iter().zip(&best) {
        let key = (format!("{group}, {}", parts.name), contender.name.to_owned());
        let per_event = allocations
            .get(&key)
            .filter(|_| contender.kind != Kind::Floor)
            .map_or(String::new(), |count| format!("{count:.2}"));
        println!(
            "  {:<25} {:>9.1} {:>11.2}x {:>12}",
            contender.name,
            time.as_secs_f64() * 1e9 / EVENTS as f64,
            time.as_secs_f64() / ours,
            per_event,
        );
    }
}

/// The best time of each, the contenders taking turns.
fn measure(parts: &Parts, contenders: &[Contender]) -> Vec<Duration> {
    let mut best = vec![Duration::MAX; contenders.len()];
    for _ in 0..ROUNDS {
        for (contender, best) in contenders.iter().zip(&mut best) {
            let mut run = (contender.prepare)(parts, EVENTS);
            let start = Instant::now();
            std::hint::black_box(run());
            *best = start.elapsed().min(*best);
        }
    }
    best
}

/// The allocations per event, by group and contender, from a program with a counting allocator: in
/// this one it would be measured too.
fn allocations() -> HashMap<(String, String), f64> {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["run", "--quiet", "--release", "-p", "benches", "--bin", "encode-allocations"]);
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
