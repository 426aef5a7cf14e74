//! Tower services as handlers.

mod request;
mod response;

use std::error::Error as StdError;
use std::fmt;
use std::future::poll_fn;
use std::pin::pin;

use actix_web::body::BoxBody;
use actix_web::http::StatusCode;
use actix_web::web::{self, Payload};
use actix_web::{HttpRequest, HttpResponse, ResponseError, Route};
use bytes::Buf;
use http_body::Body;
use tower_service::Service;

pub use request::RequestBody;

type BoxError = Box<dyn StdError + Send + Sync>;

/// Mounts a tower service: a route for every method, such as `sse-proxy`'s.
///
/// The request goes to the service as it came, its path whole, and its body as the service reads it.
/// Nothing of the response is held back: each chunk is written as the service gives it. An error of
/// the response's body cuts the response short. When the client goes, the service's future or its
/// response body is dropped, and with that the request's body ends in an error.
///
/// | of the service | on the wire |
/// |---|---|
/// | an error in place of a response | 500, without a body; the error is in Actix's log |
/// | `Content-Length`, `Transfer-Encoding`, `Connection` | as Actix frames the body; to a client of HTTP/1.0, which knows no chunks, up to the end of the connection |
/// | trailers | dropped: Actix has none |
/// | an upgrade, extensions of the response | not supported |
///
/// [`tower_with`] also tells the service what only Actix knows, such as where a request comes from.
///
/// ```
/// use actix_web::App;
/// use bytes::Bytes;
/// use http_body_util::Full;
///
/// #[derive(Clone)]
/// struct Hello;
///
/// impl<B> tower_service::Service<http::Request<B>> for Hello {
///     type Response = http::Response<Full<Bytes>>;
///     type Error = std::convert::Infallible;
///     type Future = std::future::Ready<Result<Self::Response, Self::Error>>;
/// #     fn poll_ready(
/// #         &mut self,
/// #         _: &mut std::task::Context<'_>,
/// #     ) -> std::task::Poll<Result<(), Self::Error>> {
/// #         std::task::Poll::Ready(Ok(()))
/// #     }
///
///     fn call(&mut self, _: http::Request<B>) -> Self::Future {
///         std::future::ready(Ok(http::Response::new("hello".into())))
///     }
/// #   /*
///     // ...
/// #   */
/// }
///
/// let app = App::new().route("/hello", sse_actix::tower(Hello));
/// # let _ = app;
/// ```
pub fn tower<S, B>(service: S) -> Route
where
    S: Service<http::Request<RequestBody>, Response = http::Response<B>> + Clone + 'static,
    S::Error: Into<BoxError>,
    B: Body + 'static,
    B::Data: Buf,
    B::Error: Into<BoxError>,
{
    tower_with(service, |_, _| {})
}

/// Mounts a tower service, as [`tower`], and tells it what only Actix knows: `prepare` sees each
/// request as Actix has it, and may change the one for the service, such as by an extension.
///
/// ```
/// use actix_web::HttpRequest;
///
/// /// Where a request comes from.
/// #[derive(Clone)]
/// struct From(std::net::IpAddr);
///
/// fn tell<B>(from: &HttpRequest, to: &mut http::Request<B>) {
///     if let Some(addr) = from.peer_addr() {
///         to.extensions_mut().insert(From(addr.ip()));
///     }
/// }
///
/// // App::new().route("/api/sse", sse_actix::tower_with(service, tell))
/// # let _ = tell::<()>;
/// ```
pub fn tower_with<S, B, F>(service: S, prepare: F) -> Route
where
    S: Service<http::Request<RequestBody>, Response = http::Response<B>> + Clone + 'static,
    S::Error: Into<BoxError>,
    B: Body + 'static,
    B::Data: Buf,
    B::Error: Into<BoxError>,
    F: Fn(&HttpRequest, &mut http::Request<RequestBody>) + Clone + 'static,
{
    web::to(move |request: HttpRequest, payload: Payload| {
        call(service.clone(), prepare.clone(), request, payload)
    })
}

async fn call<S, B>(
    mut service: S,
    prepare: impl Fn(&HttpRequest, &mut http::Request<RequestBody>),
    request: HttpRequest,
    payload: Payload,
) -> Result<HttpResponse, TowerError>
where
    S: Service<http::Request<RequestBody>, Response = http::Response<B>>,
    S::Error: Into<BoxError>,
    B: Body + 'static,
    B::Error: Into<BoxError>,
{
    let (body, mut pump) = request::body(&request, payload.into_inner()).await;
    let mut converted = request::convert(&request, body).map_err(TowerError::request)?;
    prepare(&request, &mut converted);
    poll_fn(|cx| service.poll_ready(cx)).await.map_err(TowerError::service)?;
    let mut future = pin!(service.call(converted));
    let response = poll_fn(|cx| {
        pump.poll(cx);
        future.as_mut().poll(cx)
    });
    let response = response.await.map_err(TowerError::service)?;
    response::convert(&request, response, pump).map_err(TowerError::service)
}

/// What kept a request from its answer.
#[derive(Debug)]
struct TowerError {
    status: StatusCode,
    source: BoxError,
}

impl TowerError {
    fn request(error: impl Into<BoxError>) -> Self {
        Self { status: StatusCode::BAD_REQUEST, source: error.into() }
    }

    fn service(error: impl Into<BoxError>) -> Self {
        Self { status: StatusCode::INTERNAL_SERVER_ERROR, source: error.into() }
    }
}

impl fmt::Display for TowerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a tower service: {}", self.source)
    }
}

impl ResponseError for TowerError {
    fn status_code(&self) -> StatusCode {
        self.status
    }

    /// The client is not told more than the status.
    fn error_response(&self) -> HttpResponse<BoxBody> {
        HttpResponse::new(self.status)
    }
}
