//! HTTP as bytes: a server that does what a script says, and connections by hand.

mod answer;
mod conn;
mod http2;
mod relay;
mod request;
mod scripted;

pub use answer::{Answer, Gate};
pub use conn::{Conn, Listener, unchunked};
pub use http2::by_http2;
pub use relay::Relay;
pub use request::Request;
pub use scripted::Scripted;
