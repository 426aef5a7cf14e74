//! The SeaORM store on PostgreSQL, under the conformance suite.

mod support;

use std::process::ExitCode;

use testkit::Service;

fn main() -> ExitCode {
    testkit::run(support::tests(Service::Postgres))
}
