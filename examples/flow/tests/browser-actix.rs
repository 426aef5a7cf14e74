//! The flow on Actix, as a real browser has it: those of the same tests that meet the server's ends.

#[path = "browser/main.rs"]
mod browser;

fn main() -> std::process::ExitCode {
    browser::main()
}
