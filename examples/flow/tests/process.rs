//! The program as whoever runs it sees it.

mod support;

use std::net::TcpListener;
use std::process::Command;

use support::{Stream, framework, listing};
use tempfile::TempDir;
use testkit::Process;

struct Flow {
    process: Process,
    backend: std::net::SocketAddr,
}

fn command(directory: &TempDir, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_flow"));
    for variable in ["BACKEND_URL", "CORS_ORIGINS", "RUST_LOG"] {
        command.env_remove(variable);
    }
    let database = format!("sqlite:{}", directory.path().join("flow.db").display());
    command.envs([("DATABASE_URL", &*database), ("PORT", "0"), ("BACKEND_PORT", "0")]);
    command.args(["--framework", framework()]).args(arguments);
    command
}

impl Flow {
    async fn start(directory: &TempDir, arguments: &[&str]) -> Self {
        let mut process = Process::spawn(&mut command(directory, arguments));
        let backend = process.line_after("backend: http://").await.parse().unwrap();
        Self { process, backend }
    }
}

/// What the program says where it cannot start: one line, and exit code 1.
async fn complaint(command: &mut Command) -> String {
    let mut process = Process::spawn(command);
    assert_eq!(process.exit().await.code(), Some(1));
    let lines = process.lines();
    assert_eq!(lines.len(), 1, "{lines:?}");
    lines[0].clone()
}

#[tokio::test]
async fn a_taken_port_is_one_clear_line_and_exit_code_1() {
    let holder = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = holder.local_addr().unwrap();
    let directory = TempDir::new().unwrap();
    let port = taken.port().to_string();
    for arguments in [["--port", &port], ["--backend-port", &port]] {
        let line = complaint(&mut command(&directory, &arguments)).await;
        assert!(line.contains(&format!("cannot listen at {taken}")), "{line}");
    }
}

#[tokio::test]
async fn an_unwritable_database_is_one_clear_line_and_exit_code_1() {
    let directory = TempDir::new().unwrap();
    for database in ["sqlite:/proc/flow.db", "sqlite:/nowhere/at/all/flow.db"] {
        let line = complaint(command(&directory, &[]).env("DATABASE_URL", database)).await;
        assert!(line.contains(database.trim_start_matches("sqlite:")), "{line}");
    }
    // A database that is there, and may only be read.
    let mut flow = Flow::start(&directory, &["--role=backend"]).await;
    flow.process.interrupt();
    flow.process.exit().await;
    let database = format!("sqlite:{}?mode=ro", directory.path().join("flow.db").display());
    let line = complaint(command(&directory, &[]).env("DATABASE_URL", &database)).await;
    assert!(line.contains("flow.db"), "{line}");
    let line = complaint(command(&directory, &[]).env("DATABASE_URL", "redis://x")).await;
    assert!(line.contains("redis"), "{line}");
}

#[tokio::test]
async fn a_wrong_setting_is_named_and_nothing_is_started() {
    let directory = TempDir::new().unwrap();
    for (variable, value) in
        [("PORT", "80000"), ("BACKEND_URL", "ftp://x"), ("CORS_ORIGINS", "http://a/b")]
    {
        let mut process =
            Process::spawn(command(&directory, &[]).args(["--role=front"]).env(variable, value));
        assert!(!process.exit().await.success(), "{variable}={value}");
        let said = process.lines().join("\n");
        assert!(said.contains(value), "{said}");
    }
}

#[tokio::test]
async fn ctrl_c_with_a_stream_open_ends_it_well_and_waits_for_no_grace() {
    let directory = TempDir::new().unwrap();
    let mut flow = Flow::start(&directory, &["--interval-ms=600000", "--grace=3600"]).await;
    let mut stream = Stream::open(flow.backend, "/sse?sessionId=s").await;
    stream.message().await;
    flow.process.interrupt();
    assert!(stream.next().await.expect("not cut short").is_none());
    drop(stream);
    assert!(flow.process.exit().await.success());
    let wal = directory.path().join("flow.db-wal");
    assert!(!wal.exists(), "the store is closed: one file has it all");
}

#[tokio::test]
async fn a_restart_keeps_what_was_stored_also_after_a_kill() {
    let directory = TempDir::new().unwrap();
    let mut flow = Flow::start(&directory, &["--interval-ms=600000"]).await;
    let mut stream = Stream::open(flow.backend, "/sse?sessionId=s").await;
    let (event, _) = stream.message().await;
    flow.process.kill();
    assert!(stream.next().await.is_err(), "a killed backend must not look like a clean end");

    let again = Flow::start(&directory, &[]).await;
    let stored = listing(again.backend, "/events?sessionId=s").await;
    assert_eq!(stored["events"].as_array().unwrap().len(), 1);
    assert_eq!(stored["events"][0]["id"], event.last_event_id.as_str());
}
