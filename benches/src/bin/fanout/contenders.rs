//! Who takes part. To take part, serve the clients of [`Server`] with event streams and publish by
//! [`obey`](crate::server::obey), on one thread; then stand in [`CONTENDERS`].

mod actix;
mod axum;
mod bare;
mod hub;
mod hyper;

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
    Contender { name: "hub, sse-axum", serve: hub::axum },
    Contender { name: "hub in batches, sse-axum", serve: hub::axum_in_batches },
    Contender { name: "hub, sse-axum, 10,000 idle topics", serve: hub::axum_beside_idle },
    Contender { name: AXUM_SHARED, serve: axum::shared },
    Contender { name: AXUM_STRINGS, serve: axum::strings },
    Contender { name: "axum, a body of shared bytes", serve: axum::bytes },
    Contender { name: "sse-actix", serve: actix::ours },
    Contender { name: "hub, sse-actix", serve: hub::actix },
    Contender { name: "hub in batches, sse-actix", serve: hub::actix_in_batches },
    Contender { name: "hub, sse-actix, 10,000 idle topics", serve: hub::actix_beside_idle },
    Contender { name: "actix-web-lab, shared data", serve: actix::shared },
    Contender { name: "actix-web-lab, strings", serve: actix::strings },
    Contender { name: "actix, a body of shared bytes", serve: actix::bytes },
    Contender { name: "bare, a write for each event", serve: bare::each },
    Contender { name: "bare, a write for all that is ready", serve: bare::together },
];

/// Ours by what the servers let one choose, of which the memory alone is measured.
pub(crate) const WITH_OPTIONS: &[Contender] = &[
    Contender { name: "axum::serve, into_make_service()", serve: axum::ours_made_once },
    Contender { name: "hyper, HTTP/1.1 and 2", serve: hyper::as_it_is },
    Contender { name: "hyper, max_buf_size(8 KiB)", serve: hyper::max_buf_size },
    Contender { name: "hyper, http1_only()", serve: hyper::http1_only },
    Contender { name: "hyper, header_read_timeout(10 s)", serve: hyper::header_read_timeout },
    Contender { name: "hyper, writev(false)", serve: hyper::no_writev },
    Contender { name: "hyper, half_close(true), max_buf_size(8 KiB)", serve: hyper::half_close },
    Contender { name: "Actix, h1_write_buffer_size(1 KiB)", serve: actix::small_write_buffer },
    Contender { name: "Actix, no timers", serve: actix::timeless },
    Contender { name: "Actix, h1_allow_half_closed(true)", serve: actix::half_closed },
];

/// What others are compared with, one event at a time.
pub(crate) const AXUM_SHARED: &str = "axum, an event made once";
/// What others are compared with, 16 at a time.
pub(crate) const AXUM_STRINGS: &str = "axum, strings";
