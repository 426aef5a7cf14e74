//! The processes that have the clients.

use std::net::SocketAddr;

use benches::process::Process;

/// How many there are, each with a loopback address of its own.
const PROCESSES: usize = 4;

pub(crate) struct Fleet(Vec<Process>);

impl Fleet {
    /// So many clients, who connect when they are told to.
    pub(crate) fn start(to: SocketAddr, count: usize, arguments: &[&str]) -> Self {
        let of = |at: usize| count * at / PROCESSES;
        let start = |at: usize| {
            let (to, from) = (to.to_string(), format!("127.0.0.{}", at + 2));
            let (first, count) = (of(at).to_string(), (of(at + 1) - of(at)).to_string());
            let own = ["visit", "--to", &to, "--from", &from, "--first", &first, "--count", &count];
            Process::start(&[&own, arguments].concat())
        };
        Self((0..PROCESSES).map(start).collect())
    }

    /// Has them connect, and waits until each has a response that has begun.
    pub(crate) fn connect(&mut self) {
        self.0.iter_mut().for_each(|process| process.tell("connect"));
        self.0.iter_mut().for_each(|process| _ = process.line());
    }

    /// Has them read until each has had so many events.
    pub(crate) fn expect(&mut self, events: usize) {
        self.0.iter_mut().for_each(|process| process.tell(&events.to_string()));
    }

    /// The same, and how long each event takes is wanted.
    pub(crate) fn expect_aged(&mut self, events: usize) {
        self.0.iter_mut().for_each(|process| process.tell(&format!("{events} aged")));
    }

    /// Waits until they have, and says how many microseconds each event took, where that is wanted.
    pub(crate) fn ages(&mut self) -> Vec<u64> {
        let age = |text: &str| text.parse().expect("a number");
        let lines = self.0.iter_mut().map(Process::line);
        lines.flat_map(|line| line.split_whitespace().map(age).collect::<Vec<u64>>()).collect()
    }
}
