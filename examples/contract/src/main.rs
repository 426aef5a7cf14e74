//! Runs the test service: `contract --port 8000`, then the suite with `--url http://127.0.0.1:8000`.

#![forbid(unsafe_code)]

mod params;
mod service;
mod stream;

use std::io;

use clap::Parser;
use tokio::net::TcpListener;

/// A test service for black-box suites of event-source clients.
#[derive(Debug, Parser)]
struct Options {
    /// The port on 127.0.0.1 to listen at; 0 for a free one.
    #[arg(long, default_value_t = 8000)]
    port: u16,
}

#[tokio::main]
#[allow(clippy::print_stdout)] // For the scripts that start it.
async fn main() -> io::Result<()> {
    let options = Options::parse();
    let listener = TcpListener::bind(("127.0.0.1", options.port)).await?;
    println!("service: http://{}", listener.local_addr()?);
    service::serve(listener).await
}
