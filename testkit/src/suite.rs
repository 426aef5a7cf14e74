use std::env;
use std::fmt;
use std::process::ExitCode;

use libtest_mimic::{Arguments, Completion, Failed, Trial};
use tokio::runtime::Builder;

use crate::Service;

/// The variable that makes a missing service a failure instead of a reason to ignore a test.
const REQUIRE: &str = "SSE_REQUIRE_SERVICES";

/// An async test that needs services; made by [`test!`](crate::test!), run by [`run`].
pub struct Test {
    name: &'static str,
    needs: Vec<Service>,
    time: Option<&'static str>,
    body: Box<dyn FnOnce() + Send>,
}

impl Test {
    /// A test with a runtime of its own, with two threads.
    pub fn new<F>(name: &'static str, needs: impl Into<Vec<Service>>, body: F) -> Self
    where
        F: AsyncFnOnce() + Send + 'static,
    {
        let body = || {
            let runtime = Builder::new_multi_thread()
                .worker_threads(2)
                .enable_all()
                .build()
                .expect("a runtime");
            runtime.block_on(body());
        };
        Self { name, needs: needs.into(), time: None, body: Box::new(body) }
    }

    /// The same test, which takes so much time that it is run only where `--ignored` or `--include-ignored` asks for it.
    pub fn long(mut self, time: &'static str) -> Self {
        self.time = Some(time);
        self
    }

    fn trial(self, is_required: bool) -> Trial {
        let (name, time) = (self.name, self.time);
        let trial = Trial::ignorable_test(name, move || self.run(is_required));
        trial.with_kind(time.unwrap_or_default()).with_ignored_flag(time.is_some())
    }

    fn run(self, is_required: bool) -> Result<Completion, Failed> {
        for service in &self.needs {
            if let Err(reason) = service.find() {
                let reason = format!("needs {service}: {reason}");
                return if is_required && service.can_be_required() {
                    Err(format!("{reason}, and {REQUIRE} is set").into())
                } else {
                    Ok(Completion::ignored_with(reason))
                };
            }
        }
        (self.body)();
        Ok(Completion::Completed)
    }
}

impl fmt::Debug for Test {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Test")
            .field("name", &self.name)
            .field("needs", &self.needs)
            .field("time", &self.time)
            .finish_non_exhaustive()
    }
}

/// Makes a [`Test`] of an async function, under its name, with the services that it needs.
///
/// ```
/// use testkit::test;
///
/// async fn a_page_opens() {}
///
/// let tests = [test!(a_page_opens, Browser)];
/// ```
#[macro_export]
macro_rules! test {
    ($function:ident $(, $service:ident)* $(,)?) => {
        $crate::Test::new(stringify!($function), [$($crate::Service::$service),*], $function)
    };
}

/// Runs the tests as `cargo test` does and takes its arguments: for a test target with
/// `harness = false`, whose `main` returns what this returns.
///
/// A test whose service is missing is *ignored* and says why; where the environment has
/// `SSE_REQUIRE_SERVICES=1`, it fails.
pub fn run(tests: impl IntoIterator<Item = Test>) -> ExitCode {
    let is_required = env::var(REQUIRE).is_ok_and(|value| value == "1");
    let trials = tests.into_iter().map(|test| test.trial(is_required)).collect();
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}
