//! Prints what it costs a server to bring each event to very many clients, and to hold them: CPU time
//! and latency of a delivery, and resident memory of an idle connection.
//!
//! The server is a process of its own, with one thread for its clients. It publishes when this
//! process, which has all the clients, says so: one event when every client has had the one before,
//! and 16 at a time. The contenders take turns; of each the least counts.

#![allow(clippy::print_stdout, clippy::expect_used, clippy::panic)]

mod contenders;
mod server;
mod session;
mod table;

use std::time::Duration;

use clap::Parser;

use crate::contenders::{CONTENDERS, Contender, WITH_OPTIONS};
use crate::server::Server;
use crate::session::{Figures, Session};

/// How many events are published at a time.
const DEPTHS: [u8; 2] = [1, 16];

#[derive(Parser)]
struct Options {
    /// How many clients there are, in turn.
    #[arg(long, value_delimiter = ',', default_value = "1000,5000")]
    clients: Vec<usize>,
    /// How often each contender has its turn.
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// How many seconds a turn publishes at each depth.
    #[arg(long, default_value_t = 1.0)]
    seconds: f64,
    /// Only contenders with this in their name.
    #[arg(long, default_value = "")]
    only: String,
    /// Measures the memory of a connection alone, and how the servers' options change it.
    #[arg(long)]
    memory: bool,
    /// Is the server of this contender.
    #[arg(long, hide = true)]
    serve: Option<String>,
}

impl Options {
    fn chosen(&self, contenders: &'static [Contender]) -> Vec<&'static Contender> {
        contenders.iter().filter(|it| it.name.contains(&self.only)).collect()
    }
}

fn main() {
    let options = Options::parse();
    match &options.serve {
        Some(name) => serve(name),
        None if options.memory => weigh(&options),
        None => compare(&options),
    }
}

fn serve(name: &str) {
    let mut contenders = CONTENDERS.iter().chain(WITH_OPTIONS);
    let contender = contenders.find(|it| it.name == name).expect("a contender");
    let server = Server::bind();
    let [clients, orders] = server.addresses();
    println!("{clients} {orders}");
    (contender.serve)(server);
}

fn compare(options: &Options) {
    let contenders = options.chosen(CONTENDERS);
    let time = Duration::from_secs_f64(options.seconds);
    let mut tables = Vec::new();
    for &clients in &options.clients {
        let mut best = vec![Figures::WORST; contenders.len()];
        for _ in 0..options.rounds {
            for (contender, best) in contenders.iter().zip(&mut best) {
                let mut session = Session::start(contender.name, clients);
                let deliveries = DEPTHS.map(|depth| session.publish(depth, time));
                best.improve(&Figures { idle: session.idle(), deliveries });
            }
        }
        let names = contenders.iter().map(|it| it.name);
        tables.push(table::of_figures(clients, names.zip(&best)));
    }
    println!("{}", tables.join("\n"));
}

fn weigh(options: &Options) {
    let mut contenders = options.chosen(CONTENDERS);
    contenders.extend(options.chosen(WITH_OPTIONS));
    let idle = |contender: &Contender, clients| {
        let turns = (0..options.rounds).map(|_| Session::start(contender.name, clients).idle());
        turns.fold(f64::INFINITY, f64::min)
    };
    let rows = contenders.iter().map(|contender| {
        let idle = options.clients.iter().map(|&clients| idle(contender, clients));
        (contender.name, idle.collect())
    });
    println!("{}", table::of_memory(&options.clients, rows));
}
