//! The guide's `nginx.conf`, run by nginx: in front of a service, and of a front that forwards.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

#[path = "../frameworks/axum.rs"]
mod framework;
mod lines;
mod passing;
mod server;

use std::net::SocketAddr;
use std::process::ExitCode;

use ::axum::Router;
use ::axum::serve::ListenerExt as _;
use behaviour::cases::{end, flow, gone, resume};
use behaviour::{App, Framework, Server, Version};
use http::HeaderName;
use sse_proxy::{Upstream, UpstreamBuilder};
use testkit::{Service, Test, test};
use tokio::net::TcpListener;

use framework::Axum;
use server::Nginx;

/// The application behind nginx, which speaks this version of HTTP to clients; with a front of
/// `sse-proxy` between them, or not.
#[derive(Debug)]
struct Behind<const HTTP2: bool, const FRONT: bool>;

impl<const HTTP2: bool, const FRONT: bool> Framework for Behind<HTTP2, FRONT> {
    async fn start(app: App) -> Server {
        let service = Axum::start(app).await;
        let address = if FRONT { front(service.address, |it| it).await } else { service.address };
        let nginx = Nginx::start(address).await;
        let address = if HTTP2 { nginx.http2 } else { nginx.http1 };
        Server::new(address, async move {
            service.stop().await;
            drop(nginx);
        })
    }

    fn tells_of_a_reset(_: Version) -> bool {
        true
    }

    fn tells_of_a_cut(_: Version) -> bool {
        true
    }
}

/// A front that forwards the streams of a service, and its plain routes.
async fn front(
    service: SocketAddr,
    change: impl FnOnce(UpstreamBuilder) -> UpstreamBuilder,
) -> SocketAddr {
    let upstream = change(Upstream::builder(format!("http://{service}"))).build().unwrap();
    let last =
        upstream.plain("/last").pass_request_header(HeaderName::from_static("last-event-id"));
    let router = Router::new()
        .route_service("/events", upstream.stream("/events"))
        .route_service("/last", last)
        .route_service("/plain", upstream.plain("/plain"));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let listener = listener.tap_io(|stream| stream.set_nodelay(true).unwrap());
    tokio::spawn(async move { ::axum::serve(listener, router).await });
    address
}

/// A test of each case, for both versions of HTTP; behind a front too, or not.
macro_rules! suite {
    (service: $($case:tt)*) => {{
        let mut tests = suite!("http1::service::", false, false: $($case)*);
        tests.extend(suite!("http2::service::", true, false: $($case)*));
        tests
    }};
    (service and front: $($case:tt)*) => {{
        let mut tests = suite!(service: $($case)*);
        tests.extend(suite!("http1::front::", false, true: $($case)*));
        tests.extend(suite!("http2::front::", true, true: $($case)*));
        tests
    }};
    ($prefix:literal, $http2:literal, $front:literal: $($group:ident :: $case:ident,)*) => {
        vec![$(suite!(@test $prefix, $http2, $front, $group::$case)),*]
    };
    (@test $prefix:literal, $http2:literal, $front:literal, $group:ident :: $case:ident) => {
        Test::new(concat!($prefix, stringify!($case)), [Service::Nginx], async || {
            let version = if $http2 { Version::Http2 } else { Version::Http1 };
            $group::$case::<Behind<$http2, $front>>(version).await;
        })
    };
}

fn main() -> ExitCode {
    let everywhere = suite!(service and front:
        passing::events_arrive_one_at_a_time_as_they_are_sent,
        flow::the_first_byte_comes_before_any_event,
        resume::the_last_event_id_is_the_headers_before_the_querys,
        resume::a_client_that_had_it_all_gets_204,
        end::completion_drops_the_source_and_lets_the_client_hang_up_first,
        end::the_end_of_the_source_is_a_clean_end,
        end::a_lifetime_ends_with_its_event_and_a_retry,
        end::a_failed_source_is_a_truncated_stream_after_all_its_events,
        gone::a_client_that_hangs_up_is_found_out_at_once_where_the_server_tells,
        gone::a_connection_that_is_cut_is_found_out_at_once_where_the_server_tells,
    );
    // A front says `Accept: text/event-stream` for all of its clients, and has buffers of its own.
    let service = suite!(service:
        flow::a_client_that_does_not_read_costs_bounded_memory_and_loses_nothing,
        resume::a_refusal_is_given_so_that_the_client_understands,
    );
    use lines::*;
    use passing::*;
    let own = [
        test!(a_services_keep_alives_hold_a_stream_past_the_read_timeout, Nginx),
        test!(a_fronts_keep_alives_hold_a_stream_past_the_read_timeout, Nginx),
        test!(a_stream_without_keep_alives_is_cut_at_the_read_timeout, Nginx),
        test!(compression_that_is_on_for_others_leaves_a_stream_alone, Nginx),
        test!(a_request_body_streams_up, Nginx),
        test!(a_client_that_goes_in_its_own_body_is_found_out, Nginx),
        test!(who_asked_is_told, Nginx),
        test!(by_default_events_of_others_are_held_and_ours_are_not, Nginx),
        test!(with_buffering_the_head_of_a_stream_waits_for_its_first_event, Nginx),
        test!(with_request_buffering_a_body_is_held, Nginx),
        test!(with_http_1_0_a_lost_service_looks_like_an_end, Nginx),
        test!(with_gzip_a_stream_of_others_is_compressed_and_ours_is_not, Nginx),
    ];
    testkit::run(everywhere.into_iter().chain(service).chain(own))
}
