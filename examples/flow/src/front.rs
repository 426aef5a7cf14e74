//! The front: serves the page and forwards `/api` to the backend, which the browser never talks to.

use axum::Router;
use axum::response::IntoResponse;
use axum::routing::{MethodRouter, get};
use serde_json::json;
use sse_proxy::Upstream;

use crate::problem::{method_not_allowed, not_found};

/// The routes of the front, over this backend.
pub fn router(backend: &Upstream) -> Router {
    let router =
        PAGE.iter().fold(Router::new(), |router, file| router.route(file.path, page(file)));
    router
        .route_service("/api/sse", backend.stream("/sse"))
        .route_service("/api/events", backend.plain("/events"))
        .route("/health", get(async || axum::Json(json!({ "status": "ok" }))))
        .fallback(not_found)
        .method_not_allowed_fallback(method_not_allowed)
}

/// A file of the page.
pub(crate) struct File {
    pub(crate) path: &'static str,
    pub(crate) content: &'static str,
    content_type: &'static str,
}

impl File {
    /// The page needs nothing from elsewhere, and says so.
    pub(crate) fn headers(&self) -> [(&'static str, &'static str); 3] {
        [
            ("content-type", self.content_type),
            ("cache-control", "no-cache"),
            ("content-security-policy", "default-src 'self'"),
        ]
    }
}

/// The page.
pub(crate) const PAGE: [File; 5] = [
    File {
        path: "/",
        content: include_str!("../page/index.html"),
        content_type: "text/html; charset=utf-8",
    },
    File {
        path: "/style.css",
        content: include_str!("../page/style.css"),
        content_type: "text/css; charset=utf-8",
    },
    File {
        path: "/app.js",
        content: include_str!("../page/app.js"),
        content_type: "text/javascript; charset=utf-8",
    },
    File {
        path: "/sse.js",
        content: sse_js::MODULE,
        content_type: "text/javascript; charset=utf-8",
    },
    File {
        path: "/icon.svg",
        content: include_str!("../page/icon.svg"),
        content_type: "image/svg+xml",
    },
];

fn page(file: &'static File) -> MethodRouter {
    get(async || (file.headers(), file.content).into_response())
}
