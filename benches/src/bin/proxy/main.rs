//! Prints what a forwarder adds to an event stream: latency of each event, CPU time and speed in bulk,
//! memory of an idle stream. The contenders are nginx without buffering, a bare forwarder of hyper's
//! parts, and both modes of `sse-proxy`; none at all is the floor.
//!
//! Upstream, forwarder and clients are processes of their own, the first two with one thread. The
//! contenders take turns; of each the least counts.

#![allow(clippy::print_stdout, clippy::expect_used, clippy::panic)]

mod fronts;
mod load;
mod nginx;
mod process;
mod upstream;

use std::time::Duration;

use clap::Parser;

use crate::process::Process;

const CONTENDERS: [&str; 5] = ["none", "nginx", "bare", "pass", "resume"];

#[derive(Parser)]
struct Options {
    /// How often each contender has its turn.
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// How many seconds each measurement of latency takes.
    #[arg(long, default_value_t = 1.5)]
    seconds: f64,
    /// How many megabytes go through in bulk; a quarter of it where each event is written alone.
    #[arg(long, default_value_t = 256)]
    megabytes: u64,
    /// How many streams lie idle.
    #[arg(long, default_value_t = 500)]
    idle: usize,
    /// Only contenders with this in their name, and none.
    #[arg(long, default_value = "")]
    only: String,
    /// Plays this part.
    #[arg(long, hide = true)]
    role: Option<String>,
    /// In front of this server.
    #[arg(long, hide = true, default_value = "")]
    upstream: String,
}

/// The least of what was measured.
#[derive(Debug, Clone, Copy)]
struct Figures {
    /// Microseconds from the upstream to the client: the half of the events, and 99 of 100, with one
    /// stream and with many.
    latency: [[f64; 2]; 2],
    /// CPU microseconds of the forwarder for each of these events, of many streams.
    paced: f64,
    /// CPU milliseconds of the forwarder for each megabyte, where events are written one by one, and
    /// 16 KiB at once.
    cpu: [f64; 2],
    /// Megabytes a second, negative: the least is the best.
    slowness: [f64; 2],
    /// Kilobytes of the forwarder for each idle stream.
    memory: f64,
}

impl Figures {
    const WORST: Self = Self {
        latency: [[f64::MAX; 2]; 2],
        paced: f64::MAX,
        cpu: [f64::MAX; 2],
        slowness: [f64::MAX; 2],
        memory: f64::MAX,
    };

    fn improve(&mut self, other: &Self) {
        for (a, b) in self.latency.iter_mut().flatten().zip(other.latency.iter().flatten()) {
            *a = a.min(*b);
        }
        self.paced = self.paced.min(other.paced);
        for (a, b) in self.cpu.iter_mut().zip(other.cpu) {
            *a = a.min(b);
        }
        for (a, b) in self.slowness.iter_mut().zip(other.slowness) {
            *a = a.min(b);
        }
        self.memory = self.memory.min(other.memory);
    }
}

fn main() {
    let options = Options::parse();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.expect("a runtime");
    match options.role.as_deref() {
        Some("upstream") => runtime.block_on(upstream::serve()),
        Some(name) => runtime.block_on(fronts::serve(name, &options.upstream)),
        None => runtime.block_on(compare(&options)),
    }
}

async fn compare(options: &Options) {
    let upstream = Process::role("upstream", "");
    let is_wanted = |name: &&str| *name == "none" || name.contains(&options.only);
    let names: Vec<_> = CONTENDERS.into_iter().filter(is_wanted).collect();
    let mut best = vec![Figures::WORST; names.len()];
    for _ in 0..options.rounds {
        for (name, best) in names.iter().zip(&mut best) {
            best.improve(&measure(name, &upstream, options).await);
        }
    }
    print(&names, &best);
}

async fn measure(name: &str, upstream: &Process, options: &Options) -> Figures {
    let front = match name {
        "none" => None,
        "nginx" => Some(nginx::start(upstream.addr)),
        _ => Some(Process::role(name, &upstream.addr.to_string())),
    };
    let addr = front.as_ref().map_or(upstream.addr, |front| front.addr);
    let time = Duration::from_secs_f64(options.seconds);
    let cpu = || front.as_ref().map_or(0.0, Process::cpu_ms);
    // The first request is not counted: connections and buffers come about.
    load::bulk(addr, 1, 16 * 1024).await;
    let (one, _) = load::paced(addr, 1, 2, time).await;
    let before = cpu();
    let (many, events) = load::paced(addr, 200, 100, time).await;
    let paced = (cpu() - before) * 1000.0 / events as f64;
    let latency = [one, many];
    let (mut cost, mut slowness) = ([0.0; 2], [0.0; 2]);
    for (at, (megabytes, write)) in
        [(options.megabytes / 4, 0), (options.megabytes, 16 * 1024)].into_iter().enumerate()
    {
        let before = cpu();
        let speed = load::bulk(addr, megabytes, write).await;
        cost[at] = (cpu() - before) / megabytes as f64;
        slowness[at] = -speed;
    }
    let memory = match &front {
        None => 0.0,
        Some(front) => {
            let before = front.rss_kib();
            let streams = load::idle(addr, options.idle).await;
            let memory = (front.rss_kib() - before) / options.idle as f64;
            drop(streams);
            memory
        }
    };
    Figures { latency, paced, cpu: cost, slowness, memory }
}

fn print(names: &[&str], best: &[Figures]) {
    println!(
        "| | 1 stream p50, p99 | 200 streams p50, p99, CPU of an event | each event written | 16 K written | idle stream |"
    );
    println!("|---|---|---|---|---|---|");
    let floor = best[0];
    for (name, it) in names.iter().zip(best) {
        let latency = |of: usize| {
            let [p50, p99] = it.latency[of];
            if *name == "none" {
                format!("{p50:.0} µs, {p99:.0} µs")
            } else {
                let [base50, base99] = floor.latency[of];
                format!("+{:.0} µs, +{:.0} µs", p50 - base50, p99 - base99)
            }
        };
        let bulk = |of: usize| format!("{:.1} ms CPU/MB, {:.0} MB/s", it.cpu[of], -it.slowness[of]);
        println!(
            "| {name} | {} | {}, {:.0} µs | {} | {} | {:.1} KiB |",
            latency(0),
            latency(1),
            it.paced,
            bulk(0),
            bulk(1),
            it.memory
        );
    }
}
