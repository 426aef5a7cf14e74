//! The front: serves the page and forwards `/api` to the model, which the browser never talks to.

use axum::Router;
use axum::extract::{Request, State};
use axum::http::header::{AUTHORIZATION, CONNECTION, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{MethodRouter, get, get_service, post_service};
use serde_json::json;
use sse_proxy::Upstream;

use crate::problem::{Problem, method_not_allowed, not_found};

/// The routes of the front, over this model, which is shown this as `Authorization`.
pub fn router(model: &Upstream, key: Option<HeaderValue>) -> Router {
    let chat = model
        .stream("/v1/chat/completions")
        .methods([Method::POST])
        .pass_request_header(AUTHORIZATION);
    let chat = post_service(chat).layer(from_fn_with_state(key, guard));
    let router =
        PAGE.iter().fold(Router::new(), |router, file| router.route(file.path, page(file)));
    router
        .route("/api/chat", chat)
        .route("/api/status", get_service(model.plain("/status")))
        .route("/health", get(async || axum::Json(json!({ "status": "ok" }))))
        .fallback(not_found)
        .method_not_allowed_fallback(method_not_allowed)
}

/// Puts the front's key in place of whatever the page may have sent, and keeps it from the page.
async fn guard(
    State(key): State<Option<HeaderValue>>,
    mut request: Request,
    next: Next,
) -> Result<Response, Problem> {
    if !is_json(request.headers()) {
        return Err(Problem::NOT_JSON);
    }
    let headers = request.headers_mut();
    // It could name `Authorization` as a matter of this connection, and the key would not pass on.
    headers.remove(CONNECTION);
    headers.remove(AUTHORIZATION);
    if let Some(key) = key {
        headers.insert(AUTHORIZATION, key);
    }
    let response = next.run(request).await;
    if response.status() == StatusCode::UNAUTHORIZED {
        tracing::error!("the model does not accept the key");
        return Err(Problem::KEY_REFUSED);
    }
    Ok(response)
}

fn is_json(headers: &HeaderMap) -> bool {
    let content_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let essence = content_type.and_then(|it| it.split(';').next()).unwrap_or_default();
    essence.trim().eq_ignore_ascii_case("application/json")
}

/// A file of the page.
struct File {
    path: &'static str,
    content: &'static str,
    content_type: &'static str,
}

impl File {
    /// The page needs nothing from elsewhere, and says so.
    fn headers(&self) -> [(&'static str, &'static str); 3] {
        [
            ("content-type", self.content_type),
            ("cache-control", "no-cache"),
            ("content-security-policy", "default-src 'self'"),
        ]
    }
}

/// The page.
const PAGE: [File; 5] = [
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
        path: "/event-stream.js",
        content: include_str!("../page/event-stream.js"),
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
