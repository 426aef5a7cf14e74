//! Several instances of a service on one database, behind the proxy; clients that come again at any of them; and
//! `kill -9`.

// The processes say where they listen and what they have published, and a run says what it came to.
#![allow(clippy::print_stdout)]

mod check;
mod client;
mod fleet;
mod instance;
mod program;
mod progress;
mod publish;
mod run;

use std::env;
use std::process::{Command, ExitCode};

use run::{Form, every_client_ends_with_its_sequence};
use testkit::{Process, Service, Test};

/// Set in a process of its own: what it is, and the database's URL.
const ROLE: &str = "SSE_HUB_PROCESS_ROLE";
const URL: &str = "SSE_HUB_PROCESS_URL";

/// Starts this program again, as something else.
fn spawn(url: &str, role: &str) -> Process {
    let mut command = Command::new(env::current_exe().unwrap());
    Process::spawn(command.env(ROLE, role).env(URL, url))
}

async fn play(role: &str, url: &str) {
    tokio::spawn(instance::end_with_parent());
    match role.split(' ').collect::<Vec<_>>()[..] {
        ["instance", at] => instance::serve(url, at.parse().unwrap()).await,
        ["publisher", publisher, from, batches] => {
            let [publisher, from, batches] =
                [publisher, from, batches].map(|number| number.parse().unwrap());
            publish::by_store(url, publisher, from, batches).await;
        }
        _ => panic!("no such role: {role}"),
    }
}

fn main() -> ExitCode {
    if let (Ok(role), Ok(url)) = (env::var(ROLE), env::var(URL)) {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
        runtime.block_on(play(&role, &url));
        return ExitCode::SUCCESS;
    }
    let row = |name, form: Form| {
        Test::new(name, Vec::from_iter(form.service), async move || {
            every_client_ends_with_its_sequence(form).await;
        })
    };
    let small = |service| Form {
        service,
        instances: if service.is_none() { 2 } else { 3 },
        clients: 20,
        publishers: 6,
        batches: 100,
        kills: 8,
    };
    let large = Form {
        service: Some(Service::Postgres),
        instances: 3,
        clients: 200,
        publishers: 8,
        batches: 1000,
        kills: 40,
    };
    testkit::run([
        row("every_client_ends_with_its_sequence_on_sqlite", small(None)),
        row("every_client_ends_with_its_sequence_on_postgres", small(Some(Service::Postgres))),
        row("every_client_ends_with_its_sequence_on_mysql", small(Some(Service::MariaDb))),
        row("two_hundred_clients_end_with_their_sequences_on_postgres", large)
            .long("one to three minutes"),
    ])
}
