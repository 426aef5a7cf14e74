//! The page, as it is served: no build step, nothing from elsewhere.

use axum::Router;
use axum::response::IntoResponse as _;
use axum::routing::get;

struct File {
    path: &'static str,
    content: &'static str,
    content_type: &'static str,
}

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const JS: &str = "text/javascript; charset=utf-8";

static FILES: [File; 8] = [
    File { path: "/", content: include_str!("../page/index.html"), content_type: HTML },
    File { path: "/style.css", content: include_str!("../page/style.css"), content_type: CSS },
    File { path: "/app.js", content: include_str!("../page/app.js"), content_type: JS },
    File { path: "/api.js", content: include_str!("../page/api.js"), content_type: JS },
    File { path: "/stream.js", content: include_str!("../page/stream.js"), content_type: JS },
    File { path: "/sse.js", content: sse_js::MODULE, content_type: JS },
    File { path: "/view.js", content: include_str!("../page/view.js"), content_type: JS },
    File {
        path: "/icon.svg",
        content: include_str!("../page/icon.svg"),
        content_type: "image/svg+xml",
    },
];

/// The routes of the page.
pub(crate) fn router() -> Router {
    FILES.iter().fold(Router::new(), |router, file| {
        let headers = [
            ("content-type", file.content_type),
            ("cache-control", "no-cache"),
            (
                "content-security-policy",
                "default-src 'self'; base-uri 'none'; frame-ancestors 'none'",
            ),
            ("referrer-policy", "no-referrer"),
            ("x-content-type-options", "nosniff"),
        ];
        router.route(file.path, get(async move || (headers, file.content).into_response()))
    })
}
