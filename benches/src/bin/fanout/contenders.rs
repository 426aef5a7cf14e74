//! Who takes part. To take part, serve the clients of [`Server`] with event streams and publish by
//! [`obey`](crate::server::obey), on one thread; then stand in [`CONTENDERS`].

mod actix;
mod axum;
mod bare;

use crate::server::Server;

/// One way of bringing what is published to every client.
pub(crate) struct Contender {
    /// Its name in the table.
    pub(crate) name: &'static str,
    /// Serves until the process is killed.
    pub(crate) serve: fn(Server),
}

/// Those whose CPU time, latency and memory are measured.
pub(crate) const CONTENDERS: &[Contender] = &[
    Contender { name: "sse-axum", serve: axum::ours },
    Contender { name: AXUM_SHARED, serve: axum::shared },
    Contender { name: AXUM_STRINGS, serve: axum::strings },
    Contender { name: "axum, a body of shared bytes", serve: axum::bytes },
    Contender { name: "sse-actix", serve: actix::ours },
    Contender { name: "actix-web-lab, shared data", serve: actix::shared },
    Contender { name: "actix-web-lab, strings", serve: actix::strings },
    Contender { name: "actix, a body of shared bytes", serve: actix::bytes },
    Contender { name: "bare, a write for each event", serve: bare::each },
    Contender { name: "bare, a write for all that is ready", serve: bare::together },
];

/// What others are compared with, one event at a time.
pub(crate) const AXUM_SHARED: &str = "axum, an event made once";
/// What others are compared with, 16 at a time.
pub(crate) const AXUM_STRINGS: &str = "axum, strings";
