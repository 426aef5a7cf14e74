//! The tools themselves, with a real browser; also what a missing service looks like.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::fs;
use std::process::{Command, ExitCode};

use serde_json::json;
use testkit::{BOUND, Browser, Process, test, until};

fn main() -> ExitCode {
    testkit::run([
        test!(windows_of_one_browser_share_what_a_user_has, Browser),
        test!(a_dropped_browser_leaves_nothing_behind, Browser),
        test!(a_missing_service_ignores_the_test_or_fails_it),
        test!(a_long_test_is_run_only_when_it_is_asked_for),
        test!(one_that_takes_long).long("an hour"),
    ])
}

const PAGE: &str = "data:text/html,<title>a page</title><button data-kind='x' onclick='this.textContent=1'>0</button>";

async fn windows_of_one_browser_share_what_a_user_has() {
    let browser = Browser::start().await;
    let (one, two) = (browser.open(PAGE).await, browser.open(PAGE).await);
    one.click("button").await;
    assert_eq!(one.text("button").await, "1");
    assert_eq!(two.text("button").await, "0");
    assert_eq!(two.data("button", "kind").await, "x");
    assert_eq!(two.eval("return document.title").await, json!("a page"));
    assert!(two.screenshot().await.starts_with(b"\x89PNG"));
    two.close().await;
    assert_eq!(one.text("button").await, "1");
}

async fn a_dropped_browser_leaves_nothing_behind() {
    let browser = Browser::start().await;
    browser.open(PAGE).await;
    let profile = browser.profile().to_owned();
    assert!(processes_that_name(&profile.to_string_lossy()) > 0);
    drop(browser);
    assert!(!profile.exists());
    until(BOUND, "all of the browser has ended", async || {
        processes_that_name(&profile.to_string_lossy()) == 0
    })
    .await;
}

fn processes_that_name(text: &str) -> usize {
    let entries = fs::read_dir("/proc").unwrap();
    entries
        .filter_map(|entry| fs::read(entry.ok()?.path().join("cmdline")).ok())
        .filter(|line| String::from_utf8_lossy(line).contains(text))
        .count()
}

/// Runs this very test program again, in an environment without a browser.
async fn a_missing_service_ignores_the_test_or_fails_it() {
    let name = "windows_of_one_browser_share_what_a_user_has";
    let rerun = |require: &str| {
        let program = std::env::current_exe().unwrap();
        Process::spawn(
            Command::new(program)
                .args(["--exact", name])
                .env("PATH", "")
                .env("SSE_REQUIRE_SERVICES", require),
        )
    };
    let reason = "needs a browser: no chromium in the path";

    let mut ignored = rerun("0");
    assert!(ignored.exit().await.success());
    let told = format!("test {name} ... ignored ({reason})");
    assert!(ignored.lines().contains(&told), "{:?}", ignored.lines());

    let mut failed = rerun("1");
    assert!(!failed.exit().await.success());
    let told = format!("{reason}, and SSE_REQUIRE_SERVICES is set");
    assert!(failed.lines().iter().any(|line| line.contains(&told)), "{:?}", failed.lines());
}

async fn one_that_takes_long() {}

/// Runs this very test program again.
async fn a_long_test_is_run_only_when_it_is_asked_for() {
    let name = "[an hour] one_that_takes_long";
    for (argument, told) in [("--nocapture", "ignored"), ("--ignored", "ok")] {
        let mut command = Command::new(std::env::current_exe().unwrap());
        let mut program = Process::spawn(command.args(["--exact", name, argument]));
        assert!(program.exit().await.success());
        let told = format!("test {name} ... {told}");
        assert!(program.lines().contains(&told), "{:?}", program.lines());
    }
}
