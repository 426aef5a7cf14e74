//! Runs the documented flow: `flow --help` lists the options.

#![forbid(unsafe_code)]

use std::io::{self, IsTerminal as _};
use std::process::ExitCode;

use clap::Parser as _;
use flow::app::{App, BoxError};
use flow::config::Config;
use flow::pace::Pace;
use tracing::Level;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

#[tokio::main]
#[allow(clippy::print_stderr)]
async fn main() -> ExitCode {
    match run(Config::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("flow: {error}");
            ExitCode::FAILURE
        }
    }
}

/// What has started is said on standard output, for people and for scripts; the log goes to
/// standard error.
#[allow(clippy::print_stdout)]
async fn run(config: Config) -> Result<(), BoxError> {
    let filter = match std::env::var("RUST_LOG") {
        Ok(filter) => filter.parse().map_err(|error| format!("RUST_LOG={filter}: {error}"))?,
        Err(_) => Targets::new().with_default(Level::WARN).with_targets([
            ("flow", Level::INFO),
            ("sse_hub", Level::INFO),
            ("sse_proxy", Level::INFO),
            ("sse_store", Level::INFO),
        ]),
    };
    let lines = fmt::layer().with_writer(io::stderr).with_ansi(io::stderr().is_terminal());
    tracing_subscriber::registry().with(lines).with(filter).init();

    let app = App::start(&config, Pace::Every(config.interval())).await?;
    if let Some(backend) = &app.backend {
        println!("backend: http://{}", backend.address);
    }
    if let Some(front) = &app.front {
        println!("page: http://{}/", front.address);
    }
    stop_signal().await?;
    tracing::info!("stopping");
    app.stop().await;
    Ok(())
}

/// Returns at Ctrl-C, or when the process is asked to end.
async fn stop_signal() -> io::Result<()> {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let mut terminate = signal(SignalKind::terminate())?;
        tokio::select! {
            ended = tokio::signal::ctrl_c() => ended,
            _ = terminate.recv() => Ok(()),
        }
    }
    #[cfg(not(unix))]
    tokio::signal::ctrl_c().await
}
