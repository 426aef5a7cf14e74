//! The application, on Axum.

use axum::Router;
use axum::extract::State;
use axum::http::header::RETRY_AFTER;
use axum::http::{HeaderName, HeaderValue, Method};
use axum::routing::get;
use axum::serve::ListenerExt as _;
use behaviour::{App, Framework, Middleware, Server, Source, Version};
use sse_axum::{LastEventId, Refused, Sse, StreamRequest};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tower_http::compression::CompressionLayer;
use tower_http::cors::{Any, CorsLayer};

#[derive(Debug)]
pub(crate) struct Axum;

impl Framework for Axum {
    async fn start(app: App) -> Server {
        let middleware = app.middleware();
        let router = Router::new()
            .route("/events", get(events))
            .route("/last", get(async |LastEventId(id): LastEventId| format!("{id:?}")))
            .route("/plain", get(async || App::PLAIN))
            .with_state(app);
        let cors = CorsLayer::new()
            .allow_methods([Method::GET])
            .allow_headers([HeaderName::from_static("last-event-id")])
            .expose_headers([RETRY_AFTER]);
        // Whatever is said of an event stream by default, a user may say otherwise.
        let always = |_, _, _: &_, _: &_| true;
        let router = match middleware {
            Middleware::None => router,
            Middleware::Compression => router.layer(CompressionLayer::new().compress_when(always)),
            Middleware::CorsForAny => router.layer(cors.allow_origin(Any)),
            Middleware::CorsForOne => {
                let origins = [HeaderValue::from_static(App::ORIGIN)];
                router.layer(cors.allow_origin(origins).allow_credentials(true))
            }
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let listener = listener.tap_io(|stream| stream.set_nodelay(true).unwrap());
        let stop = CancellationToken::new();
        let serve =
            axum::serve(listener, router).with_graceful_shutdown(stop.clone().cancelled_owned());
        let served = tokio::spawn(serve.into_future());
        Server::new(address, async move {
            stop.cancel();
            served.await.unwrap().unwrap();
        })
    }

    fn tells_of_a_reset(_: Version) -> bool {
        true
    }

    fn tells_of_a_cut(_: Version) -> bool {
        true
    }
}

async fn events(
    State(app): State<App>,
    request: StreamRequest,
    LastEventId(last): LastEventId,
) -> Result<Sse<Source>, Refused> {
    if let Some(refusal) = app.refusal(last.as_ref()) {
        return Err(request.refuse(refusal));
    }
    let (source, lifecycle) = app.open();
    Ok(Sse::new(source).lifecycle(lifecycle))
}
