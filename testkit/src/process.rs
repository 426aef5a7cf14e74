use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

use rustix::process::{Pid, Signal, kill_process};

use crate::{BOUND, until};

/// A running program whose output is read; killed when dropped.
///
/// Where the test panics, what the program printed is printed too.
#[derive(Debug)]
pub struct Process {
    name: String,
    child: Child,
    lines: Arc<Mutex<Vec<String>>>,
    readers: Vec<JoinHandle<()>>,
}

impl Process {
    /// Starts `command`, such as `Command::new(env!("CARGO_BIN_EXE_flow"))` with its arguments.
    ///
    /// # Panics
    ///
    /// When it cannot be started.
    pub fn spawn(command: &mut Command) -> Self {
        let name = command.get_program().to_string_lossy().into_owned();
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{name} does not start: {error}"));
        let lines = Arc::new(Mutex::new(Vec::new()));
        let readers = vec![
            collect(child.stdout.take().unwrap(), &lines),
            collect(child.stderr.take().unwrap(), &lines),
        ];
        Self { name, child, lines, readers }
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// The lines that it has printed so far, on standard output and standard error.
    pub fn lines(&self) -> Vec<String> {
        locked(&self.lines).clone()
    }

    /// Waits for a line that begins with `prefix`; gives the rest of it.
    ///
    /// # Panics
    ///
    /// When the program has ended without such a line, or after [`BOUND`].
    pub async fn line_after(&mut self, prefix: &str) -> String {
        let found = self.line_or_end(prefix).await;
        found.unwrap_or_else(|| {
            panic!("{} prints a line with {prefix:?}: it ended before", self.name)
        })
    }

    /// The same; `None` when the program has ended without such a line.
    ///
    /// # Panics
    ///
    /// After [`BOUND`].
    pub async fn line_or_end(&mut self, prefix: &str) -> Option<String> {
        let what = format!("{} prints a line with {prefix:?}", self.name);
        let mut found = None;
        until(BOUND, &what, async || {
            // In this order: nothing is printed after the end.
            let ended = self.has_ended();
            found = locked(&self.lines)
                .iter()
                .find_map(|line| line.strip_prefix(prefix).map(str::to_owned));
            found.is_some() || ended
        })
        .await;
        found
    }

    /// Waits until it ends by itself; all of its output is in [`lines`](Self::lines) then.
    ///
    /// # Panics
    ///
    /// When it still runs after [`BOUND`].
    pub async fn exit(&mut self) -> ExitStatus {
        let what = format!("{} ends", self.name);
        until(BOUND, &what, async || self.has_ended()).await;
        self.child.wait().unwrap()
    }

    /// Asks it to end, as Ctrl-C does (SIGINT).
    pub fn interrupt(&self) {
        let id = Pid::from_child(&self.child);
        kill_process(id, Signal::INT).unwrap();
    }

    /// Ends it here and now, as a crash does (SIGKILL), and waits for the end.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Whether it has ended and its output has been read to the end.
    fn has_ended(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some() && self.readers.iter().all(JoinHandle::is_finished)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Nothing to be done where that fails: it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if thread::panicking() {
            for line in locked(&self.lines).iter() {
                eprintln!("{}: {line}", self.name);
            }
        }
    }
}

/// Reads lines on a thread of its own: a program whose pipe is full stands still.
fn collect(output: impl Read + Send + 'static, lines: &Arc<Mutex<Vec<String>>>) -> JoinHandle<()> {
    let lines = Arc::clone(lines);
    thread::spawn(move || {
        for line in BufReader::new(output).split(b'\n').map_while(Result::ok) {
            locked(&lines).push(String::from_utf8_lossy(&line).into_owned());
        }
    })
}

/// The lines stay whole whatever panicked: each is pushed at once.
fn locked(lines: &Mutex<Vec<String>>) -> MutexGuard<'_, Vec<String>> {
    lines.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Process {
        Process::spawn(Command::new("sh").args(["-c", script]))
    }

    #[tokio::test]
    async fn a_printed_address_is_found_and_the_exit_status_told() {
        let mut process = shell("echo noise; echo 'page: here'; echo oops >&2; exit 3");
        assert_eq!(process.line_after("page: ").await, "here");
        assert_eq!(process.exit().await.code(), Some(3));
        assert!(process.lines().contains(&"oops".to_owned()));
    }

    #[tokio::test]
    #[should_panic = "it ended before"]
    async fn an_end_without_the_line_is_told_at_once() {
        shell("echo 'pag: here'").line_after("page: ").await;
    }

    #[tokio::test]
    async fn an_interrupt_can_be_handled() {
        let mut process = shell("trap 'exit 7' INT; echo ready; while :; do sleep 0.01; done");
        process.line_after("ready").await;
        process.interrupt();
        assert_eq!(process.exit().await.code(), Some(7));
    }

    #[tokio::test]
    async fn a_dropped_process_is_gone() {
        let process = shell("exec sleep 1000");
        let id = Pid::from_child(&process.child);
        drop(process);
        assert!(rustix::process::test_kill_process(id).is_err());
    }
}
