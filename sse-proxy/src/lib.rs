//! Forwards event streams, and the plain routes beside them: a tower service.

#![forbid(unsafe_code)]

mod alarm;
mod body;
mod client;
mod close;
mod error;
mod exchange;
mod forward;
mod headers;
mod late_mark;
mod pass;
mod refusal;
mod request_body;
mod source;
mod upstream;

pub use body::ProxyBody;
pub use close::{CloseReason, ForwardStats};
pub use error::Error;
pub use forward::Forward;
pub use upstream::{Upstream, UpstreamBuilder};
