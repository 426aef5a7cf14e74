//! Tools for the tests of this workspace: wait for a condition, run a program, find a service,
//! drive a browser, play a server. Not published.
//!
//! | to | use |
//! |---|---|
//! | wait for something without sleeping for it | [`until`] |
//! | run a program, read what it prints, end it | [`Process`] |
//! | list tests that need a service, ignored with a reason where it is missing | [`run`], [`test!`], [`Service`] |
//! | look at the server's end of a connection, on Linux | `other_end` |
//! | serve what a script says, and see what was asked | [`Scripted`], [`Answer`], [`Gate`], [`Request`] |
//! | be one end of a connection, byte by byte | [`Conn`], [`Listener`], [`unchunked`] |
//! | serve streams over HTTP/2 that are reset | [`by_http2`] |
//! | cut the connections to a server in mid-flow | [`Relay`] |
//! | see a page as its user does | [`Browser`], [`Page`] |
//! | ask where nobody listens | [`NOWHERE`] |
//! | send more than the sockets take that nobody reads | [`MORE_THAN_SOCKETS_HOLD`] |
//! | serve by TLS | [`CERTIFICATE`], [`PRIVATE_KEY`] |
//! | have a disk that is soon full, on Linux | [`Disk`] |
//! | see what is counted, with the feature `metrics` | `Metrics` |
//! | have a database of one's own, with the feature `scratch` | `Scratch` |
//!
//! All of it panics when something does not happen: that is how a test fails.

#![forbid(unsafe_code)]
// A failed expectation of a tool is a failed test, and tests fail by panicking and by printing.
#![allow(clippy::expect_used, clippy::panic, clippy::print_stderr, clippy::unwrap_used)]

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

mod browser;
mod disk;
mod driver;
#[cfg(feature = "metrics")]
mod metrics;
#[cfg(target_os = "linux")]
mod other_end;
mod page;
mod process;
#[cfg(feature = "scratch")]
mod scratch;
mod service;
mod suite;
mod until;
mod wire;

pub use browser::Browser;
pub use disk::Disk;
pub use fantoccini::key::Key;
#[cfg(feature = "metrics")]
pub use metrics::Metrics;
#[cfg(target_os = "linux")]
pub use other_end::other_end;
pub use page::Page;
pub use process::Process;
#[cfg(feature = "scratch")]
pub use scratch::Scratch;
pub use service::Service;
pub use suite::{Test, run};
pub use until::{BOUND, until};
pub use wire::{Answer, Conn, Gate, Listener, Relay, Request, Scripted, by_http2, unchunked};

/// Where nobody listens: a port that no program is given.
pub const NOWHERE: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 1);

/// More bytes than the sockets of two connections hold of what nobody reads. Linux lets the ends of each grow to the third numbers of
/// `tcp_rmem` and `tcp_wmem`: 6 and 4 MiB, or 32 and 4 on larger machines.
pub const MORE_THAN_SOCKETS_HOLD: usize = 128 << 20;

/// A certificate for `127.0.0.1` and `localhost` that nobody vouches for but itself, as PEM.
pub const CERTIFICATE: &str = include_str!("certificate.pem");

/// The private key of [`CERTIFICATE`], as PEM.
pub const PRIVATE_KEY: &str = include_str!("key.pem");
