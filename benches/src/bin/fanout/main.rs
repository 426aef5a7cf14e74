//! Prints what it costs a server to bring each event to very many clients, and to hold them: CPU time
//! and latency of a delivery, and resident memory of an idle connection.
//!
//! The server is a process of its own, with one thread for its clients. It publishes when this
//! process, which has all the clients, says so: one event when every client has had the one before,
//! and 16 at a time. The contenders take turns; of each the least counts.

#![allow(clippy::print_stdout, clippy::expect_used, clippy::panic)]

mod clients;
mod contenders;
mod server;
mod session;
mod table;

use std::time::Duration;

use clap::Parser;

use crate::contenders::{CONTENDERS, Contender};
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
    /// Is the server of this contender.
    #[arg(long, hide = true)]
    serve: Option<String>,
}

fn main() {
    let options = Options::parse();
    match &options.serve {
        Some(name) => serve(name),
        None => compare(&options),
    }
}

fn serve(name: &str) {
    let contender = CONTENDERS.iter().find(|it| it.name == name).expect("a contender");
    let server = Server::bind();
    let [clients, orders] = server.addresses();
    println!("{clients} {orders}");
    (contender.serve)(server);
}

fn compare(options: &Options) {
    let contenders: Vec<&Contender> =
        CONTENDERS.iter().filter(|it| it.name.contains(&options.only)).collect();
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
        tables.push(table::of(clients, names.zip(&best)));
    }
    println!("{}", tables.join("\n"));
}
