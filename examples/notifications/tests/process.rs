//! The program as whoever runs it sees it.

mod support;

use std::net::TcpListener;
use std::process::Command;

use support::{User, database, ok};
use tempfile::TempDir;
use testkit::Process;

fn command(directory: &TempDir) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_notifications"));
    for variable in ["DEMO_PASSWORD", "RUST_LOG", "TOKEN_KEY"] {
        command.env_remove(variable);
    }
    command.envs([("DATABASE_URL", &*database(directory)), ("PORT", "0")]);
    command
}

/// What the program says where it cannot start: in its last line, with exit code 1.
async fn complaint(command: &mut Command) -> String {
    let mut process = Process::spawn(command.env("RUST_LOG", "error"));
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
    let line = complaint(command(&directory).env("PORT", taken.port().to_string())).await;
    assert!(line.contains(&format!("cannot listen at {taken}")), "{line}");
}

#[tokio::test]
async fn an_unwritable_database_is_one_clear_line_and_exit_code_1() {
    let directory = TempDir::new().unwrap();
    for url in ["sqlite:/proc/notifications.db", "redis://x"] {
        let line = complaint(command(&directory).env("DATABASE_URL", url)).await;
        assert!(line.contains(url.trim_start_matches("sqlite:")), "{line}");
    }
}

#[tokio::test]
async fn a_wrong_setting_is_named_and_no_key_is_shown() {
    let directory = TempDir::new().unwrap();
    for (variable, value) in [("PORT", "80000"), ("TOKEN_KEY", "too short, but secret")] {
        let mut process = Process::spawn(command(&directory).env(variable, value));
        assert!(!process.exit().await.success(), "{variable}");
    }
    let mut process = Process::spawn(command(&directory).arg("--help").env("TOKEN_KEY", "s3cret"));
    process.exit().await;
    assert!(!process.lines().join("\n").contains("s3cret"));
}

#[tokio::test]
async fn ctrl_c_with_a_stream_and_a_task_open_ends_them_well_and_waits_for_no_grace() {
    let directory = TempDir::new().unwrap();
    let mut process =
        Process::spawn(command(&directory).args(["--step-ms=600000", "--grace=3600"]));
    let page = process.line_after("page: http://").await;
    let ada = User::log_in(page.trim_end_matches('/').parse().unwrap(), "ada").await;
    let mut stream = ada.open(&[]).await;
    ok(ada.start_task(Some(&stream.connection))).await;
    assert_eq!(stream.message().await.0, "progress");
    process.interrupt();
    while stream.next().await.expect("not cut short").is_some() {}
    drop((stream, ada));
    assert!(process.exit().await.success());
    let wal = directory.path().join("notifications.db-wal");
    assert!(!wal.exists(), "the database is closed: one file has it all");
}

#[tokio::test]
async fn no_token_and_no_ticket_is_in_the_log() {
    let directory = TempDir::new().unwrap();
    let mut process = Process::spawn(command(&directory).env("RUST_LOG", "trace"));
    let page = process.line_after("page: http://").await;
    let ada = User::log_in(page.trim_end_matches('/').parse().unwrap(), "ada").await;
    let ticket = ada.ticket(&[]).await;
    let stream = ada.show(&ticket).await;
    ok(ada.send("everyone", "hello")).await;
    drop(stream);
    drop(ada.get(&format!("/api/stream?ticket={}", ada.token)).send().await.unwrap());
    process.interrupt();
    process.exit().await;
    let log = process.lines().join("\n");
    assert!(log.contains("stream opened"), "{log}");
    assert!(!log.contains(&ticket) && !log.contains(&ada.token), "{log}");
}
