//! The rules of the hub, each with a test that fails when it is broken. The clock is paused in all of them.

mod complete;
mod failures;
mod limits;
mod live;
mod model;
mod overload;
mod resume;
mod support;
