//! The rules of the hub, each with a test that fails when it is broken. The clock is paused in all of them.

mod batches;
mod catch_up;
mod clear;
mod complete;
mod exchange;
mod failures;
mod gap;
mod health;
mod limits;
mod live;
mod logs;
#[cfg(feature = "metrics")]
mod metrics;
mod model;
mod overload;
mod publish;
mod resume;
mod support;
