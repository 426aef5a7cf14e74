//! The hub, model-checked: the scheduler of shuttle runs the feed, those who publish and those who read in many orders, one
//! step at a time. A wake-up that is lost is a deadlock, which it finds.
//!
//! These are nearly all the unit tests of this crate, since in them the locks, atomics, tasks and timers are the model
//! checker's. Tokio's semaphores and channels, and the locks of the memory store, are what they always are: nothing else
//! runs while one of them is at work, so what is checked is how they are used. The sweep is not checked: it is a matter of
//! time alone.

mod connections;
mod hub;
mod pages;
mod walk;

use futures_util::FutureExt as _;
use shuttle::scheduler::{PctScheduler, RandomScheduler, Scheduler};
use sse_store::Topic;

/// How many orders are tried, for each of two ways to choose them.
const ORDERS: usize = 250;

fn check(test: impl Fn() + Send + Sync + Copy + 'static) {
    run(RandomScheduler::new(ORDERS), test);
    run(PctScheduler::new(3, ORDERS), test);
}

fn run(scheduler: impl Scheduler + 'static, test: impl Fn() + Send + Sync + 'static) {
    let mut config = shuttle::Config::new();
    // All orderings are taken for the strictest; the lib's own rest on its locks besides.
    config.silence_warnings = true;
    shuttle::Runner::new(scheduler, config).run(test);
}

fn topic(name: &str) -> Topic {
    Topic::new(name).unwrap()
}

/// The outcome of a call to the memory store, which never waits.
fn now<T, E: std::fmt::Debug>(future: impl Future<Output = Result<T, E>>) -> T {
    future.now_or_never().expect("the memory store does not wait").unwrap()
}
