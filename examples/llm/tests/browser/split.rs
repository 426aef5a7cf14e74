//! The application as two processes.

use std::process::Command;

use testkit::Process;

/// Front and model in processes of their own.
#[derive(Debug)]
pub(crate) struct Split {
    model: Process,
    front: Process,
    page: String,
}

impl Split {
    /// Starts both; the arguments are the model's.
    pub(crate) async fn start(arguments: &[&str]) -> Self {
        let mut model = Process::spawn(llm("model").args(arguments));
        let url = model.line_after("model: ").await;
        let mut front = Process::spawn(llm("front").env("MODEL_URL", url));
        let page = front.line_after("page: ").await;
        Self { model, front, page }
    }

    pub(crate) fn page(&self) -> &str {
        &self.page
    }

    pub(crate) fn kill_model(&mut self) {
        self.model.kill();
    }

    pub(crate) fn kill_front(&mut self) {
        self.front.kill();
    }
}

fn llm(role: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_llm"));
    command.args(["--role", role, "--port=0"]).env("MODEL_API_KEY", "sk-shared");
    command
}
