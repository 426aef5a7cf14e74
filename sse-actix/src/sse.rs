use actix_web::body::{BodySize, BoxBody, MessageBody as _};
use actix_web::http::header::{HeaderName, HeaderValue};
use actix_web::http::{Method, StatusCode};
use actix_web::{HttpRequest, HttpResponse, Responder};
use futures_core::Stream;
use sse_core::{HEADERS, Lifecycle, StreamItem};

use crate::body::{NoBody, StreamBody, chunk_for};

/// A response that is an event stream.
///
/// The stream may give [`Event`](sse_core::Event)s, [`Frame`](sse_core::Frame)s, or a `Result` of
/// either; an error cuts the response short, so that the client comes back. The source is dropped
/// when the stream ends or the client goes, or at once where the request is a HEAD. It need not be
/// `Send`: Actix keeps a connection on the thread that took it.
///
/// A route of `web::get()` takes no HEAD; give it to `web::head()` too, as the
/// [crate](crate#head) says.
///
/// ```
/// use actix_web::Responder;
/// use futures_util::stream;
/// use sse_actix::{Event, Sse};
///
/// async fn hello() -> impl Responder {
///     Sse::new(stream::iter([Event::new("hello")]))
/// }
/// ```
#[derive(Debug)]
#[must_use]
pub struct Sse<S> {
    source: S,
    lifecycle: Lifecycle,
}

impl<S> Sse<S>
where
    S: Stream + 'static,
    S::Item: StreamItem,
{
    /// A response of the events of `source`, living as [`Lifecycle::new`] says.
    pub fn new(source: S) -> Self {
        Self { source, lifecycle: Lifecycle::new() }
    }

    /// The same, living as `lifecycle` says.
    pub fn lifecycle(mut self, lifecycle: Lifecycle) -> Self {
        self.lifecycle = lifecycle;
        self
    }
}

impl<S> Responder for Sse<S>
where
    S: Stream + 'static,
    S::Item: StreamItem,
{
    type Body = BoxBody;

    fn respond_to(self, request: &HttpRequest) -> HttpResponse {
        let body = self.lifecycle.body(self.source);
        // Actix would poll the body that answers a HEAD for ever, and write nothing of it.
        let body = if request.method() == Method::HEAD {
            NoBody(BodySize::Stream).boxed()
        } else {
            StreamBody { body }.boxed()
        };
        let mut response = HttpResponse::with_body(StatusCode::OK, body);
        for (name, value) in HEADERS {
            let name = HeaderName::from_static(name);
            response.headers_mut().insert(name, HeaderValue::from_static(value));
        }
        chunk_for(&mut response, request.version());
        response
    }
}
