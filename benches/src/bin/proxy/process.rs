//! A part that is played by another process.

use std::env;
use std::fs;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};

/// What the kernel counts processor time in, a second (`sysconf(_SC_CLK_TCK)`, the same on every
/// Linux).
const TICKS: f64 = 100.0;

pub(crate) struct Process {
    child: Child,
    pub(crate) addr: SocketAddr,
}

impl Process {
    /// This program, in another role. It prints its address.
    pub(crate) fn role(name: &str, upstream: &str) -> Self {
        let program = env::current_exe().expect("this program");
        let mut child = Command::new(program)
            .args(["--role", name, "--upstream", upstream])
            .stdout(Stdio::piped())
            .spawn()
            .expect("another process");
        let mut line = String::new();
        let output = child.stdout.take().expect("its output");
        BufReader::new(output).read_line(&mut line).expect("a line");
        Self { child, addr: line.trim().parse().expect("an address") }
    }

    pub(crate) fn of(child: Child, addr: SocketAddr) -> Self {
        Self { child, addr }
    }

    /// The processor time that it has used, in milliseconds.
    pub(crate) fn cpu_ms(&self) -> f64 {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.child.id())).expect("its stat");
        let after_name = stat.rsplit(')').next().expect("fields");
        let fields: Vec<_> = after_name.split_ascii_whitespace().collect();
        let ticks = |at: usize| fields[at].parse::<f64>().expect("ticks");
        (ticks(11) + ticks(12)) * 1000.0 / TICKS
    }

    /// Its resident memory.
    pub(crate) fn rss_kib(&self) -> f64 {
        let path = format!("/proc/{}/status", self.child.id());
        let status = fs::read_to_string(path).expect("its status");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("its size");
        line.trim().trim_end_matches(" kB").parse().expect("a number")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Nothing to be done where that fails: it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
