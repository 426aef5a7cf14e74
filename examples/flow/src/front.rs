//! The front: serves the page and forwards `/api` to the backend, which the browser never talks to.

use axum::Router;
use axum::http::HeaderValue;
use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use axum::response::IntoResponse;
use axum::routing::{MethodRouter, get};
use serde_json::json;
use sse_proxy::Upstream;

use crate::problem::{method_not_allowed, not_found};

/// The routes of the front, over this backend.
pub fn router(backend: &Upstream) -> Router {
    Router::new()
        .route("/", file("text/html; charset=utf-8", include_str!("../page/index.html")))
        .route("/style.css", file("text/css; charset=utf-8", include_str!("../page/style.css")))
        .route("/app.js", file("text/javascript; charset=utf-8", include_str!("../page/app.js")))
        .route("/icon.svg", file("image/svg+xml", include_str!("../page/icon.svg")))
        .route_service("/api/sse", backend.stream("/sse"))
        .route_service("/api/events", backend.plain("/events"))
        .route("/health", get(async || axum::Json(json!({ "status": "ok" }))))
        .fallback(not_found)
        .method_not_allowed_fallback(method_not_allowed)
}

/// A file of the page. The page needs nothing from elsewhere, and says so.
fn file(content_type: &'static str, content: &'static str) -> MethodRouter {
    get(async move || {
        let headers = [
            (CONTENT_TYPE, HeaderValue::from_static(content_type)),
            (CACHE_CONTROL, HeaderValue::from_static("no-cache")),
            (CONTENT_SECURITY_POLICY, HeaderValue::from_static("default-src 'self'")),
        ];
        (headers, content).into_response()
    })
}
