//! The response as a client gets it.

use std::convert::Infallible;

use axum::Router;
use axum::body::Body;
use axum::routing::get;
use futures_util::{FutureExt as _, stream};
use http::{Request, Response, StatusCode};
use http_body_util::BodyExt as _;
use sse_axum::{Event, LastEventId, Sse};
use tower_service::Service as _;

async fn hello() -> Sse<stream::Iter<std::array::IntoIter<Result<Event, Infallible>, 1>>> {
    Sse::new(stream::iter([Ok(Event::new("hello"))]))
}

async fn last(LastEventId(id): LastEventId) -> String {
    format!("{id:?}")
}

async fn call(request: http::request::Builder) -> Response<Body> {
    let mut app = Router::new().route("/hello", get(hello)).route("/last", get(last));
    app.call(request.body(Body::empty()).unwrap()).await.unwrap()
}

async fn text(response: Response<Body>) -> String {
    let bytes = response.into_body().collect().await.unwrap().to_bytes();
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[tokio::test]
async fn the_headers_are_those_of_an_event_stream() {
    let response = call(Request::get("/hello")).await;
    assert_eq!(response.status(), StatusCode::OK);
    let mut headers: Vec<_> = response
        .headers()
        .iter()
        .map(|(name, value)| format!("{name}: {}", value.to_str().unwrap()))
        .collect();
    headers.sort();
    assert_eq!(
        headers,
        [
            "cache-control: no-cache, no-transform",
            "content-encoding: identity",
            "content-type: text/event-stream",
            "x-accel-buffering: no"
        ]
    );
    assert_eq!(text(response).await, ":\n\ndata: hello\n\n");
}

#[tokio::test]
async fn the_first_byte_is_ready_at_once() {
    let mut response = call(Request::get("/hello")).await;
    let frame = response.body_mut().frame().now_or_never().unwrap().unwrap().unwrap();
    assert!(frame.into_data().unwrap().starts_with(b":\n\n"));
}

#[tokio::test]
async fn the_last_event_id_is_extracted_or_refused_with_a_reason() {
    let header = Request::get("/last?lastEventId=2").header("Last-Event-ID", "1");
    assert_eq!(text(call(header).await).await, r#"Some("1")"#);
    let query = call(Request::get("/last?lastEventId=2")).await;
    assert_eq!(text(query).await, r#"Some("2")"#);
    assert_eq!(text(call(Request::get("/last")).await).await, "None");
    let refused = call(Request::get("/last?lastEventId=a%0Adata:b")).await;
    assert_eq!(refused.status(), StatusCode::BAD_REQUEST);
    let reason = text(refused).await;
    assert_eq!(reason, "Last-Event-ID: the value of `id` has a line feed at byte 1");
}
