//! The tools themselves, with a real browser; also what a missing service looks like.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::env;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Command, ExitCode};

use serde_json::json;
use testkit::{BOUND, Browser, Process, Service, test, until};

/// Set in a process whose test is to fail.
const FAILS: &str = "TESTKIT_FAILS";

fn main() -> ExitCode {
    if env::var_os(FAILS).is_some() {
        return testkit::run([test!(one_that_fails, Browser)]);
    }
    testkit::run([
        test!(windows_of_one_browser_share_what_a_user_has, Browser),
        test!(a_dropped_browser_leaves_nothing_behind, Browser),
        test!(a_test_that_fails_shows_its_pages_and_what_they_logged, Browser),
        test!(a_driver_that_finds_its_port_taken_is_started_again, Browser),
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

async fn one_that_fails() {
    let browser = Browser::start().await;
    let page = browser.open("data:text/html,<body data-state='lost'><p>a sentence</p>").await;
    page.eval("console.error('a complaint')").await;
    panic!("as it must");
}

/// Runs this very test program again.
async fn a_test_that_fails_shows_its_pages_and_what_they_logged() {
    let program = env::current_exe().unwrap();
    let mut failed = Process::spawn(Command::new(program).env(FAILS, "1"));
    assert!(!failed.exit().await.success());
    let told = failed.lines().join("\n");
    for part in ["as it must", r#"{"state":"lost"}"#, "a sentence", "a complaint"] {
        assert!(told.contains(part), "{part} is not in\n{told}");
    }
}

fn processes_that_name(text: &str) -> usize {
    let entries = fs::read_dir("/proc").unwrap();
    entries
        .filter_map(|entry| fs::read(entry.ok()?.path().join("cmdline")).ok())
        .filter(|line| String::from_utf8_lossy(line).contains(text))
        .count()
}

/// Runs this very test program again, with a driver in the path that ends the first time.
async fn a_driver_that_finds_its_port_taken_is_started_again() {
    let folder = tempfile::tempdir().unwrap();
    let driver = Service::Browser.find().unwrap();
    let script = format!(
        "#!/bin/sh\nif mkdir $0.once; then echo 'IPv4 port not available. Exiting...'; exit 1; fi\nexec {driver} \"$@\"\n"
    );
    let stand_in = folder.path().join("chromedriver");
    fs::write(&stand_in, script).unwrap();
    fs::set_permissions(&stand_in, fs::Permissions::from_mode(0o755)).unwrap();
    let path = format!("{}:{}", folder.path().display(), env::var("PATH").unwrap());
    let name = "windows_of_one_browser_share_what_a_user_has";
    let program = env::current_exe().unwrap();
    let mut again = Process::spawn(Command::new(program).args(["--exact", name]).env("PATH", path));
    assert!(again.exit().await.success());
    assert!(stand_in.with_extension("once").exists(), "the first one has ended");
}

/// Runs this very test program again, in an environment without a browser.
async fn a_missing_service_ignores_the_test_or_fails_it() {
    let name = "windows_of_one_browser_share_what_a_user_has";
    let rerun = |require: &str| {
        let program = env::current_exe().unwrap();
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
        let mut command = Command::new(env::current_exe().unwrap());
        let mut program = Process::spawn(command.args(["--exact", name, argument]));
        assert!(program.exit().await.success());
        let told = format!("test {name} ... {told}");
        assert!(program.lines().contains(&told), "{:?}", program.lines());
    }
}
