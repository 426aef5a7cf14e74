//! The program as whoever runs it sees it.

mod support;

use std::net::TcpListener;
use std::process::Command;

use support::{Reply, Said, client, post, question};
use testkit::Process;

fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_llm"));
    for variable in ["MODEL_URL", "MODEL_API_KEY", "RUST_LOG"] {
        command.env_remove(variable);
    }
    command.envs([("PORT", "0"), ("MODEL_PORT", "0")]).args(arguments);
    command
}

async fn printed(process: &mut Process, what: &str) -> std::net::SocketAddr {
    let url = process.line_after(&format!("{what}: http://")).await;
    url.trim_end_matches('/').parse().expect("an address")
}

#[tokio::test]
async fn a_taken_port_is_one_clear_line_and_exit_code_1() {
    let holder = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = holder.local_addr().unwrap();
    let port = taken.port().to_string();
    for arguments in [["--port", &port], ["--model-port", &port]] {
        let mut process = Process::spawn(&mut command(&arguments));
        assert_eq!(process.exit().await.code(), Some(1));
        let lines = process.lines();
        assert_eq!(lines.len(), 1, "{lines:?}");
        assert!(lines[0].contains(&format!("cannot listen at {taken}")), "{lines:?}");
    }
}

#[tokio::test]
async fn a_wrong_setting_is_named_and_a_wrong_key_is_not_printed() {
    for (variable, value, named) in [
        ("PORT", "80000", "--port"),
        ("MODEL_URL", "ftp://x", "--model-url"),
        ("MODEL_API_KEY", "sk-secret\n", "the API key"),
    ] {
        let mut process = Process::spawn(command(&["--role=front"]).env(variable, value));
        assert!(!process.exit().await.success(), "{variable}={value}");
        let said = process.lines().join("\n");
        assert!(said.contains(named), "{said}");
        assert!(!said.contains("secret"), "{said}");
    }
}

#[tokio::test]
async fn ctrl_c_in_mid_answer_ends_it_well_and_waits_for_no_grace() {
    let arguments = ["--think-ms=0", "--token-ms=600000", "--grace=3600"];
    let mut both = Process::spawn(&mut command(&arguments));
    let front = printed(&mut both, "page").await;
    let client = client(false);
    let mut reply = Reply::to(post(&client, front, &question())).await;
    both.interrupt();
    assert_eq!(reply.rest().await, []);
    assert!(both.exit().await.success());
}

#[tokio::test]
async fn a_model_killed_in_mid_answer_is_a_truncated_answer_and_then_a_502() {
    let arguments = ["--role=model", "--think-ms=0", "--token-ms=100"];
    let key = ("MODEL_API_KEY", "sk-shared");
    let mut model = Process::spawn(command(&arguments).envs([key]));
    let address = printed(&mut model, "model").await;
    let url = format!("http://{address}");
    let mut front = Process::spawn(command(&["--role=front"]).envs([key, ("MODEL_URL", &url)]));
    let front = printed(&mut front, "page").await;

    for is_http2 in [false, true] {
        let client = client(is_http2);
        let mut reply = Reply::to(post(&client, front, &question())).await;
        for _ in 0..3 {
            reply.token().await;
        }
        model.kill();
        let end = loop {
            match reply.next().await {
                Ok(Some(Said::Token(_))) => {}
                other => break other,
            }
        };
        assert!(end.is_err(), "a killed model must not look like an end: {end:?}");
        let answer = post(&client, front, &question()).send().await.unwrap();
        assert_eq!(answer.status(), 502);

        let port = address.port().to_string();
        model = Process::spawn(command(&arguments).envs([key]).args(["--port", &port]));
        assert_eq!(printed(&mut model, "model").await, address);
    }
}
