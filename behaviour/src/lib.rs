//! What a stream does on the wire, said once and held against the adapter of every framework, over
//! HTTP/1.1 and HTTP/2. Not published.
//!
//! A framework serves the [`App`] by its own means ([`Framework`]); [`suite!`] makes a test of each
//! case. A case drives the server over a real socket ([`Client`]) and holds the other end of each
//! stream's source in its hand ([`Feed`]).

#![forbid(unsafe_code)]
// A failed expectation of a tool is a failed test, and tests fail by panicking.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

mod app;
pub mod cases;
mod client;
mod framework;
mod rig;

pub use app::{App, Feed, Middleware, Source};
pub use client::{Client, Response, Version};
pub use framework::{Framework, Server};
pub use rig::Rig;

/// Compiles the code of the guide.
#[cfg(doctest)]
#[doc = include_str!("../../docs/serving.md")]
struct Serving;

/// Compiles the code of the guide.
#[cfg(doctest)]
#[doc = include_str!("../../docs/platforms.md")]
struct Platforms;

/// Makes a test of every case, for both versions of HTTP, with this framework.
#[macro_export]
macro_rules! suite {
    ($framework:ty) => {
        $crate::suite!(@versions $framework:
            headers::a_stream_has_these_headers_and_no_others,
            headers::a_head_has_the_headers_and_runs_no_stream,
            headers::a_client_that_takes_no_stream_gets_406,
            headers::compression_leaves_a_stream_alone,
            resume::the_last_event_id_is_the_headers_before_the_querys,
            resume::a_hostile_last_event_id_gets_400,
            resume::a_refusal_is_given_so_that_the_client_understands,
            resume::a_head_is_refused_by_the_status,
            resume::a_client_that_had_it_all_gets_204,
            cors::a_page_that_is_let_in_reads_the_stream_with_its_credentials,
            cors::any_page_reads_the_stream_without_credentials,
            cors::a_page_that_is_not_let_in_reads_nothing,
            cors::a_refusal_can_be_read_by_the_page_too,
            cors::a_preflight_lets_a_page_send_its_last_event_id,
            flow::the_first_byte_comes_before_any_event,
            flow::a_comment_keeps_a_silent_stream_alive,
            flow::what_is_ready_leaves_in_one_chunk,
            flow::a_client_that_does_not_read_costs_bounded_memory_and_loses_nothing,
            end::completion_drops_the_source_and_lets_the_client_hang_up_first,
            end::a_completed_stream_ends_after_the_linger,
            end::the_end_of_the_source_is_a_clean_end,
            end::a_lifetime_ends_with_its_event_and_a_retry,
            end::a_failed_source_is_a_truncated_stream_after_all_its_events,
            gone::a_client_that_hangs_up_is_found_out_by_the_next_keep_alive,
            gone::a_client_that_hangs_up_is_found_out_at_once_where_the_server_tells,
            gone::a_connection_that_is_cut_is_found_out_at_once_where_the_server_tells,
            stop::a_stop_ends_a_hundred_streams_within_the_grace_and_spreads_their_return,
        );
        mod http1_only {
            $crate::suite!(@tests $framework, Http1:
                headers::a_client_of_http_1_0_gets_no_chunks,
            );
        }
    };
    (@versions $framework:ty: $($case:tt)*) => {
        mod http1 {
            $crate::suite!(@tests $framework, Http1: $($case)*);
        }
        mod http2 {
            $crate::suite!(@tests $framework, Http2: $($case)*);
        }
    };
    (@tests $framework:ty, $version:ident: $($group:ident :: $case:ident,)*) => {$(
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $case() {
            $crate::cases::$group::$case::<$framework>($crate::Version::$version).await;
        }
    )*};
}
