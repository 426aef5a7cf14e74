//! Publish to topics, subscribe to any set of them, resume anywhere: fan-out over one ordered log.

#![forbid(unsafe_code)]
#![warn(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

mod connection;
mod connections;
mod core;
mod cursor;
mod error;
mod feed;
mod hub;
mod live;
mod metrics;
mod overload;
mod page;
mod pages;
mod resume;
mod settings;
mod subscribe;
mod subscription;
mod sweep;
mod sync;
mod tell;
pub mod to;
pub mod told;
mod window;

#[cfg(test)]
mod checked;

pub use connection::{Connection, ConnectionId, ConnectionIdError, EndReason, Notice};
pub use connections::Notices;
pub use error::HubError;
pub use hub::Hub;
pub use overload::Overload;
pub use resume::ResumeFrom;
pub use settings::HubBuilder;
pub use subscribe::Subscribe;
pub use subscription::Subscription;
