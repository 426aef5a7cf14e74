//! The code of the guide on moving, and what the guide says of it.

use std::panic::catch_unwind;

use axum::response::IntoResponse;
use futures_util::stream;
use http_body_util::BodyExt as _;
use sse_core::Decoder;
use testkit::Conn;

const GUIDE: &str = include_str!("../../docs/moving.md");
const STEPS: [&str; 3] = ["fetched", "resized", "stored"];

mod axum_before {
    use super::STEPS;
    include!("moving/axum_before.rs");

    pub(super) fn router() -> axum::Router {
        axum::Router::new().route("/job", axum::routing::get(job))
    }
}

mod axum_after {
    use super::STEPS;
    include!("moving/axum_after.rs");

    pub(super) fn router() -> axum::Router {
        axum::Router::new().route("/job", axum::routing::get(job))
    }
}

mod actix_before {
    use super::STEPS;
    include!("moving/actix_before.rs");

    pub(super) fn routes(routes: &mut actix_web::web::ServiceConfig) {
        routes.route("/job", actix_web::web::get().to(job));
    }
}

mod actix_after {
    use super::STEPS;
    include!("moving/actix_after.rs");

    pub(super) fn routes(routes: &mut actix_web::web::ServiceConfig) {
        routes.route("/job", actix_web::web::get().to(job));
    }
}

/// What a client makes of a stream: type, data and id of each event.
fn dispatched(bytes: &[u8]) -> Vec<[String; 3]> {
    let mut decoder = Decoder::new();
    decoder.feed(bytes);
    let mut events = Vec::new();
    while let Some(event) = decoder.next_message().unwrap() {
        events.push([event.event_type.to_string(), event.data, event.last_event_id.to_string()]);
    }
    events
}

/// What the clients get that left off nowhere, at 1, at the last event: a status and events each.
type Visits = [(u16, Vec<[String; 3]>); 3];
const LAST: [Option<&str>; 3] = [None, Some("1"), Some("4")];

async fn visits_axum(mut router: axum::Router) -> Visits {
    let mut visits = Visits::default();
    for (visit, last) in visits.iter_mut().zip(LAST) {
        let mut request = http::Request::get("/job").header("accept", "text/event-stream");
        if let Some(last) = last {
            request = request.header("last-event-id", last);
        }
        let request = request.body(axum::body::Body::empty()).unwrap();
        let response = tower_service::Service::call(&mut router, request).await.unwrap();
        let status = response.status().as_u16();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        *visit = (status, dispatched(&body));
    }
    visits
}

async fn visits_actix(routes: fn(&mut actix_web::web::ServiceConfig)) -> Visits {
    use actix_web::test::{TestRequest, call_service, init_service, read_body};
    let app = init_service(actix_web::App::new().configure(routes)).await;
    let mut visits = Visits::default();
    for (visit, last) in visits.iter_mut().zip(LAST) {
        let mut request = TestRequest::get().uri("/job").insert_header(("accept", "*/*"));
        if let Some(last) = last {
            request = request.insert_header(("last-event-id", last));
        }
        let response = call_service(&app, request.to_request()).await;
        *visit = (response.status().as_u16(), dispatched(&read_body(response).await));
    }
    visits
}

fn expect(visits: &Visits, to_the_last: u16) {
    let event = |event_type: &str, data: &str, id: &str| [event_type, data, id].map(str::to_owned);
    let all = [
        event("progress", "fetched", "1"),
        event("progress", "resized", "2"),
        event("progress", "stored", "3"),
        event("done", "3 steps", "4"),
    ];
    assert_eq!(visits[0], (200, all.to_vec()));
    assert_eq!(visits[1], (200, all[1..].to_vec()));
    assert_eq!(visits[2], (to_the_last, vec![]));
}

#[tokio::test(start_paused = true)]
async fn a_page_sees_the_same_on_axum_until_it_comes_back_to_the_end() {
    expect(&visits_axum(axum_before::router()).await, 200);
    expect(&visits_axum(axum_after::router()).await, 204);
}

#[actix_web::test]
async fn a_page_sees_the_same_on_actix_until_it_comes_back_to_the_end() {
    tokio::time::pause();
    expect(&visits_actix(actix_before::routes).await, 200);
    expect(&visits_actix(actix_after::routes).await, 204);
}

#[test]
fn the_guide_shows_the_code_that_runs_here() {
    for (name, code) in [
        ("axum_before", include_str!("moving/axum_before.rs")),
        ("axum_after", include_str!("moving/axum_after.rs")),
        ("actix_before", include_str!("moving/actix_before.rs")),
        ("actix_after", include_str!("moving/actix_after.rs")),
    ] {
        assert!(GUIDE.contains(&format!("```rust\n{code}```")), "{name} is not in docs/moving.md");
    }
    assert!(GUIDE.contains(&format!("const STEPS: [&str; 3] = {STEPS:?};")));
}

/// The stream that axum makes of one event.
async fn of_axum(event: axum::response::sse::Event) -> Vec<u8> {
    let events = stream::iter([Ok::<_, std::convert::Infallible>(event)]);
    let body = axum::response::sse::Sse::new(events).into_response().into_body();
    body.collect().await.unwrap().to_bytes().to_vec()
}

#[tokio::test]
async fn what_the_guide_says_of_axums_events_is_so() {
    let event = axum::response::sse::Event::default;
    assert_eq!(dispatched(&of_axum(event().data("a\r\nb")).await)[0][1], "a\n\nb");
    assert_eq!(dispatched(&sse_core::Event::new("a\r\nb").to_frame().into_bytes())[0][1], "a\nb");

    assert!(dispatched(&of_axum(event().event("x").data("")).await).is_empty());
    assert_eq!(dispatched(&sse_core::Event::new("").to_frame().into_bytes()).len(), 1);

    assert!(catch_unwind(|| event().id("a\nb")).is_err());
    assert!(catch_unwind(|| event().event("a\nb")).is_err());
    assert!(sse_core::EventId::new("a\nb").is_err());
}

#[actix_web::test]
async fn what_the_guide_says_of_actix_web_labs_events_is_so() {
    use actix_web_lab::sse::{Data, Sse};
    let of_lab = async |data: Data| {
        let events = Sse::from_infallible_stream(stream::iter([data.into()]));
        actix_web::body::to_bytes(events).await
    };
    assert!(of_lab(Data::new("x").id("a\nb")).await.is_err());
    assert!(of_lab(Data::new("x").event("a\nb")).await.is_err());
    assert_eq!(dispatched(&of_lab(Data::new("a\r\nb")).await.unwrap())[0][1], "a\nb");
}

#[tokio::test]
async fn what_was_ready_before_a_failure_is_lost_with_both() {
    let failing = async || {
        let event = axum::response::sse::Event::default().data("ready");
        let events = [Ok(event), Err(std::io::Error::other("a failure"))];
        axum::response::sse::Sse::new(stream::iter(events))
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let router = axum::Router::new().route("/", axum::routing::get(failing));
    tokio::spawn(axum::serve(listener, router).into_future());
    let got = Conn::get(address, "/").await.rest().await;
    assert!(got.is_empty(), "{:?}", String::from_utf8_lossy(&got));

    let failing = async || {
        let event = actix_web_lab::sse::Event::Data(actix_web_lab::sse::Data::new("ready"));
        let events = [Ok(event), Err(std::io::Error::other("a failure"))];
        actix_web_lab::sse::Sse::from_stream(stream::iter(events))
    };
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let app = move || actix_web::App::new().route("/", actix_web::web::get().to(failing));
    let server =
        actix_web::HttpServer::new(app).workers(1).disable_signals().listen(listener).unwrap();
    tokio::spawn(server.run());
    let got = Conn::get(address, "/").await.rest().await;
    assert!(got.is_empty(), "{:?}", String::from_utf8_lossy(&got));
}
