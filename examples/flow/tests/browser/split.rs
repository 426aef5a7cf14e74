//! The application as two processes.

use std::process::Command;

use testkit::{Process, Scratch, Service};

use super::support::framework;

/// Front and backend in processes of their own.
#[derive(Debug)]
pub(crate) struct Split {
    backend: Process,
    backend_url: String,
    _front: Process,
    page: String,
    database: Scratch,
}

impl Split {
    /// Starts both; the arguments are the backend's.
    pub(crate) async fn start(arguments: &[&str]) -> Self {
        Self::start_on(None, arguments).await
    }

    /// The same on the database of this service.
    pub(crate) async fn start_on(service: Option<Service>, arguments: &[&str]) -> Self {
        let database = Scratch::new(service).await;
        let mut backend = backend(&database, "0", arguments);
        let backend_url = backend.line_after("backend: ").await;
        let mut front =
            Process::spawn(flow("front").arg("--port=0").env("BACKEND_URL", &backend_url));
        let page = front.line_after("page: ").await;
        Self { backend, backend_url, _front: front, page, database }
    }

    pub(crate) fn page(&self) -> &str {
        &self.page
    }

    pub(crate) fn kill_backend(&mut self) {
        self.backend.kill();
    }

    /// Starts the backend again where it was, with the database that it had.
    pub(crate) async fn restart_backend(&mut self, arguments: &[&str]) {
        let (_, port) = self.backend_url.rsplit_once(':').unwrap();
        self.backend = backend(&self.database, port, arguments);
        assert_eq!(self.backend.line_after("backend: ").await, self.backend_url);
    }
}

fn backend(database: &Scratch, port: &str, arguments: &[&str]) -> Process {
    let mut command = flow("backend");
    Process::spawn(
        command.args(["--port", port]).args(arguments).env("DATABASE_URL", database.url()),
    )
}

fn flow(role: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_flow"));
    command.args(["--role", role, "--framework", framework()]);
    command
}
