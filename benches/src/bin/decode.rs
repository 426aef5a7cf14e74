//! Prints the table of decoding: each contender beside the others in one run, and the allocations
//! of each, which another program counts.

#![allow(clippy::print_stdout, clippy::expect_used)]

use std::collections::HashMap;
use std::process::Command;
use std::time::{Duration, Instant};

use benches::decoders::{self, Contender, Kind, Tally};
use benches::streams::{self, Stream};

const ROUNDS: usize = 25;

fn main() {
    let allocations = allocations();
    let contenders = decoders::all();
    for stream in streams::all() {
        let events = check(&stream, &contenders);
        let best = measure(&stream, &contenders);
        let fastest_peer = best_of(&contenders, &best, Kind::Peer);
        println!("\n{} ({} events, {} bytes)", stream.name, events, stream.len);
        println!(
            "  {:<20} {:>9} {:>7} {:>14} {:>15} {:>12}",
            "", "ns/event", "GB/s", "of sse-stream", "of fastest peer", "allocations"
        );
        let reference = contenders
            .iter()
            .position(|contender| contender.name == "sse-stream")
            .map(|at| best[at]);
        for (contender, time) in contenders.iter().zip(&best) {
            let ratio = |other: Option<Duration>| {
                other.map_or(String::new(), |other| {
                    format!("{:.2}x", other.as_secs_f64() / time.as_secs_f64())
                })
            };
            let per_event = allocations
                .get(&(stream.name.to_owned(), contender.name.to_owned()))
                .filter(|_| contender.kind != Kind::Floor)
                .map_or(String::new(), |count| format!("{count:.2}"));
            println!(
                "  {:<20} {:>9.1} {:>7.2} {:>14} {:>15} {:>12}",
                contender.name,
                time.as_secs_f64() * 1e9 / events as f64,
                stream.len as f64 / time.as_secs_f64() / 1e9,
                ratio(reference),
                ratio(fastest_peer),
                per_event,
            );
        }
    }
}

/// Sees to it that all find the same events; says how many (or blocks, where there are none).
fn check(stream: &Stream, contenders: &[Contender]) -> usize {
    let mut expected = None::<Tally>;
    for contender in contenders {
        if contender.kind == Kind::Floor {
            continue;
        }
        let tally = (contender.run)(&stream.chunks);
        let expected = *expected.get_or_insert(tally);
        assert_eq!(tally, expected, "{} of {}", contender.name, stream.name);
    }
    match expected.map_or(0, |tally| tally.events) {
        0 => stream.len / 14,
        events => events,
    }
}

/// The best time of each, the contenders taking turns.
fn measure(stream: &Stream, contenders: &[Contender]) -> Vec<Duration> {
    let mut best = vec![Duration::MAX; contenders.len()];
    for _ in 0..ROUNDS {
        for (contender, best) in contenders.iter().zip(&mut best) {
            let start = Instant::now();
            std::hint::black_box((contender.run)(&stream.chunks));
            *best = start.elapsed().min(*best);
        }
    }
    best
}

fn best_of(contenders: &[Contender], best: &[Duration], kind: Kind) -> Option<Duration> {
    let times = contenders.iter().zip(best);
    times.filter(|(contender, _)| contender.kind == kind).map(|(_, time)| *time).min()
}

/// The allocations per event, by stream and contender, from a program with a counting allocator:
/// in this one it would be measured too.
fn allocations() -> HashMap<(String, String), f64> {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["run", "--quiet", "--release", "-p", "benches", "--bin", "decode-allocations"]);
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
