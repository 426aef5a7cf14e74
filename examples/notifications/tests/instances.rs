//! Several processes on one database are one service, on each database that there is.

mod support;

use std::net::SocketAddr;
use std::process::{Command, ExitCode};

use futures_util::future::join_all;
use support::{KEY, User, ok, percents, problem, problem_of, text};
use testkit::{Process, Scratch, Service, test};

fn main() -> ExitCode {
    testkit::run([
        test!(two_processes_are_one_service_on_sqlite),
        test!(two_processes_are_one_service_on_postgres, Postgres),
        test!(two_processes_are_one_service_on_mariadb, MariaDb),
        test!(a_ticket_lets_one_in_at_one_process_on_sqlite),
        test!(a_ticket_lets_one_in_at_one_process_on_postgres, Postgres),
        test!(a_ticket_lets_one_in_at_one_process_on_mariadb, MariaDb),
        test!(a_stream_goes_on_at_another_process_when_its_own_is_killed_on_sqlite),
        test!(a_stream_goes_on_at_another_process_when_its_own_is_killed_on_postgres, Postgres),
        test!(a_connection_is_known_to_its_own_process_alone),
        test!(without_a_key_in_common_a_login_holds_at_one_process),
    ])
}

async fn two_processes_are_one_service_on_sqlite() {
    two_processes_are_one_service(None).await;
}

async fn two_processes_are_one_service_on_postgres() {
    two_processes_are_one_service(Some(Service::Postgres)).await;
}

async fn two_processes_are_one_service_on_mariadb() {
    two_processes_are_one_service(Some(Service::MariaDb)).await;
}

async fn a_ticket_lets_one_in_at_one_process_on_sqlite() {
    a_ticket_lets_one_in_at_one_process(None).await;
}

async fn a_ticket_lets_one_in_at_one_process_on_postgres() {
    a_ticket_lets_one_in_at_one_process(Some(Service::Postgres)).await;
}

async fn a_ticket_lets_one_in_at_one_process_on_mariadb() {
    a_ticket_lets_one_in_at_one_process(Some(Service::MariaDb)).await;
}

async fn a_stream_goes_on_at_another_process_when_its_own_is_killed_on_sqlite() {
    a_stream_goes_on_at_another_process_when_its_own_is_killed(None).await;
}

async fn a_stream_goes_on_at_another_process_when_its_own_is_killed_on_postgres() {
    a_stream_goes_on_at_another_process_when_its_own_is_killed(Some(Service::Postgres)).await;
}

/// Two processes that were started at the same time on an empty database.
struct Pair {
    one: Instance,
    two: Instance,
    _scratch: Scratch,
}

struct Instance {
    process: Process,
    address: SocketAddr,
}

impl Pair {
    async fn start(service: Option<Service>, key: Option<&str>) -> Self {
        let scratch = Scratch::new(service).await;
        let spawn = || {
            let mut command = Command::new(env!("CARGO_BIN_EXE_notifications"));
            command.args(["--step-ms=0", "--grace=1"]).env_remove("RUST_LOG");
            command.envs([("DATABASE_URL", &*scratch.url()), ("PORT", "0")]);
            match key {
                Some(key) => command.env("TOKEN_KEY", key),
                None => command.env_remove("TOKEN_KEY"),
            };
            Process::spawn(&mut command)
        };
        let (one, two) = (spawn(), spawn());
        let (one, two) = (Instance::ready(one).await, Instance::ready(two).await);
        Self { one, two, _scratch: scratch }
    }
}

impl Instance {
    async fn ready(mut process: Process) -> Self {
        let page = process.line_after("page: http://").await;
        Self { address: page.trim_end_matches('/').parse().expect("an address"), process }
    }
}

async fn two_processes_are_one_service(service: Option<Service>) {
    let pair = Pair::start(service, Some(KEY)).await;
    let ada = User::log_in(pair.one.address, "ada").await;
    let bob = User::log_in(pair.two.address, "bob").await;
    let mut adas = ada.open(&["channel/news"]).await;
    let mut bobs = bob.open(&["channel/news"]).await;
    let mut expected = Vec::new();
    for number in 0..10 {
        for (user, to) in [(&ada, "everyone"), (&bob, "channel/news"), (&ada, "user/cleo")] {
            let message = format!("{number} {to}");
            user.sent(to, &message).await;
            if to != "user/cleo" {
                expected.push(message);
            }
        }
    }
    assert_eq!(adas.notifications(expected.len()).await, expected);
    assert_eq!(bobs.notifications(expected.len()).await, expected);

    // A login holds at each, and so does who may hear what.
    ada.at(pair.two.address).sent("user/bob", "for bob").await;
    bob.at(pair.one.address).sent("user/ada", "for ada").await;
    assert_eq!(adas.notification().await, "for ada");
    assert_eq!(bobs.notification().await, "for bob");
}

async fn a_ticket_lets_one_in_at_one_process(service: Option<Service>) {
    let pair = Pair::start(service, Some(KEY)).await;
    let here = User::log_in(pair.one.address, "ada").await;
    let there = here.at(pair.two.address);
    let ticket = here.ticket(&[]).await;
    assert_eq!(there.show(&ticket).await.status(), 200);
    assert_eq!(problem_of(here.show(&ticket).await).await, (401, "ticket_refused".into()));
    for _ in 0..10 {
        let ticket = there.ticket(&[]).await;
        let shown = join_all([&here, &there, &here, &there].map(|user| user.show(&ticket))).await;
        let let_in = shown.iter().filter(|answer| answer.status() == 200);
        let refused = shown.iter().filter(|answer| answer.status() == 401);
        assert_eq!((let_in.count(), refused.count()), (1, 3));
    }
}

async fn a_stream_goes_on_at_another_process_when_its_own_is_killed(service: Option<Service>) {
    let mut pair = Pair::start(service, Some(KEY)).await;
    let ada = User::log_in(pair.one.address, "ada").await;
    let bob = User::log_in(pair.two.address, "bob").await;
    let mut stream = ada.open(&["channel/news"]).await;
    bob.sent("channel/news", "1").await;
    ada.sent("everyone", "2").await;
    assert_eq!(stream.notifications(2).await, ["1", "2"]);
    pair.one.process.kill();
    assert!(stream.next().await.is_err(), "a killed process must not look like a clean end");
    bob.sent("user/ada", "3").await;
    bob.sent("user/cleo", "not for ada").await;

    let ada = ada.at(pair.two.address);
    let mut again = ada.resume(&["channel/news"], &stream.last_event_id).await;
    bob.sent("channel/news", "4").await;
    assert_eq!(again.notifications(2).await, ["3", "4"]);
}

async fn a_connection_is_known_to_its_own_process_alone() {
    let pair = Pair::start(None, Some(KEY)).await;
    let here = User::log_in(pair.one.address, "ada").await;
    let there = here.at(pair.two.address);
    let stream = here.open(&[]).await;
    let unknown = (404, "no_such_connection".to_owned());
    assert_eq!(problem(there.join(&stream.connection, "channel/news")).await, unknown);
    assert_eq!(problem(there.start_task(Some(&stream.connection))).await, unknown);
    ok(here.join(&stream.connection, "channel/news")).await;

    // So the page comes again with what it wants: from before the start, a task is whole.
    let topic = text(&ok(there.start_task(None)).await["task"]);
    let mut again = there.resume(&[&topic], &stream.last_event_id).await;
    assert_eq!(again.task(&topic).await, (percents(), "finished".into()));
}

async fn without_a_key_in_common_a_login_holds_at_one_process() {
    let pair = Pair::start(None, None).await;
    let here = User::log_in(pair.one.address, "ada").await;
    ok(here.get("/api/me")).await;
    let there = here.at(pair.two.address);
    assert_eq!(problem(there.get("/api/me")).await, (401, "token_invalid".into()));
    // The ticket is the database's, whatever the key.
    assert_eq!(there.show(&here.ticket(&[]).await).await.status(), 200);
}
