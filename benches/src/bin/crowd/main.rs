//! Prints what ten thousand clients cost the hub: CPU time and latency of a delivery, memory of the server and of the
//! kernel, with a tenth of the clients that do not read; how a thousand that come back at once catch up, and how often
//! the store is read for them; and what a publish costs beside others that it does not concern.
//!
//! The server and the clients are processes of their own: the server has one thread, and four processes have the
//! clients, each with a loopback address of its own.

#![allow(clippy::print_stdout, clippy::expect_used, clippy::panic)]

mod beside;
mod counted;
mod fleet;
mod kernel;
mod resume;
mod scene;
mod server;
mod visitors;

use std::path::PathBuf;

use clap::{Parser, Subcommand};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::server::Kind;
use crate::visitors::Visitors;

#[derive(Parser)]
struct Options {
    /// How many clients are connected.
    #[arg(long, default_value_t = 10_000)]
    clients: usize,
    /// How many come back at once.
    #[arg(long, default_value_t = 1_000)]
    resuming: usize,
    /// Only tables with this in their name: connected, resuming, beside.
    #[arg(long, default_value = "")]
    only: String,
    #[command(subcommand)]
    part: Option<Part>,
}

/// What the processes are that this one starts.
#[derive(Subcommand)]
enum Part {
    /// Serves.
    #[command(hide = true)]
    Serve {
        kind: Kind,
        /// Of the hub, in bytes.
        window: usize,
        /// Where a database may be.
        folder: PathBuf,
    },
    /// Is some of the clients.
    #[command(hide = true)]
    Visit(Visitors),
}

fn main() {
    raise_limit();
    let options = Options::parse();
    match &options.part {
        Some(Part::Serve { kind, window, folder }) => server::serve(*kind, *window, folder),
        Some(Part::Visit(visitors)) => visitors.run(),
        None => {
            let tables = [
                ("connected", scene::table as fn(&Options) -> String),
                ("resuming", resume::table),
                ("beside", beside::table),
            ];
            for (_, table) in tables.iter().filter(|(name, _)| name.contains(&options.only)) {
                println!("\n{}", table(&options));
            }
        }
    }
}

/// As many open files as the system lets a process have.
fn raise_limit() {
    let maximum = getrlimit(Resource::Nofile).maximum;
    setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }).expect("RLIMIT_NOFILE");
}
