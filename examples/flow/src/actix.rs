//! The same application on Actix: its routes, and what serves them.

use std::io;
use std::time::Duration;

use actix_cors::Cors;
use actix_web::middleware::Condition;
use actix_web::web::{self, Data, Json, ServiceConfig};
use actix_web::{App, Either, HttpRequest, HttpResponse, HttpServer, Resource, Responder};
use serde_json::json;
use sse_actix::{LastEventId, LastEventIdRejection, Refused, Sse, StreamRequest, tower};
use sse_proxy::Upstream;
use tokio::net::TcpListener;

use crate::backend::{Backend, Listing};
use crate::front::PAGE;
use crate::problem::{self, NoStream, Problem};
use crate::serve::{Counted, Serving, set_options};
use crate::session::SessionId;

impl Backend {
    /// Its routes: `/sse`, `/events` and `/health`.
    pub(crate) fn actix(&self, routes: &mut ServiceConfig) {
        let cors = self.cors_origins.iter().filter_map(|origin| origin.to_str().ok());
        let cors = cors.fold(Cors::default(), Cors::allowed_origin);
        let cors = cors.allowed_methods(["GET"]).supports_credentials();
        let scope = web::scope("")
            .app_data(Data::new(self.clone()))
            .wrap(Condition::new(!self.cors_origins.is_empty(), cors))
            // A HEAD must not begin a run.
            .service(get_only("/sse").route(web::get().to(sse)))
            .service(get_only("/events").route(web::get().to(events)).route(web::head().to(events)))
            .service(get_only("/health").route(web::get().to(health)).route(web::head().to(health)))
            .default_service(web::to(not_found));
        routes.service(scope);
    }
}

async fn sse(
    backend: Data<Backend>,
    session: SessionId,
    last: Result<LastEventId, LastEventIdRejection>,
    request: StreamRequest,
) -> Result<Either<impl Responder, Refused>, Problem> {
    let LastEventId(last) = last.map_err(|error| Problem::last_event_id(&error))?;
    match Backend::clone(&backend).stream(session, last).await {
        Ok((events, lifecycle)) => Ok(Either::Left(Sse::new(events).lifecycle(lifecycle))),
        Err(NoStream::Refused(refusal)) => Ok(Either::Right(request.refuse(refusal))),
        Err(NoStream::Problem(problem)) => Err(problem),
    }
}

async fn events(
    backend: Data<Backend>,
    session: SessionId,
    request: HttpRequest,
) -> Result<Json<Listing>, Problem> {
    backend.list(session, Some(request.query_string())).await.map(Json)
}

async fn health(backend: Data<Backend>) -> impl Responder {
    Json(backend.health())
}

/// The routes of the front, over this backend.
pub(crate) fn front(backend: &Upstream, routes: &mut ServiceConfig) {
    for file in &PAGE {
        let page = async || {
            let mut response = HttpResponse::Ok();
            file.headers().into_iter().for_each(|header| {
                response.insert_header(header);
            });
            response.body(file.content)
        };
        routes.service(get_only(file.path).route(web::get().to(page)).route(web::head().to(page)));
    }
    let health = async || Json(json!({ "status": "ok" }));
    routes
        .route("/api/sse", tower(backend.stream("/sse")))
        .route("/api/events", tower(backend.plain("/events")))
        .service(get_only("/health").route(web::get().to(health)).route(web::head().to(health)))
        .default_service(web::to(not_found));
}

/// A path that takes no method yet.
fn get_only(path: &str) -> Resource {
    web::resource(path).default_service(web::to(method_not_allowed))
}

async fn not_found() -> Result<HttpResponse, Problem> {
    Err(problem::not_found().await)
}

async fn method_not_allowed() -> Result<HttpResponse, Problem> {
    Err(problem::method_not_allowed().await)
}

/// Serves the routes until the shutdown is cancelled; then takes no new connection, lets each open
/// one finish what it is at, and after the grace cuts those that are still there.
///
/// # Errors
///
/// The listener cannot be used.
pub(crate) fn serve(
    listener: TcpListener,
    routes: impl Fn(&mut ServiceConfig) + Clone + Send + 'static,
    Serving { connections, shutdown, grace }: Serving,
) -> io::Result<impl Future<Output = ()>> {
    let server = HttpServer::new(move || App::new().configure(routes.clone()))
        .disable_signals()
        // A stream whose client has gone is dropped at once.
        .h1_allow_half_closed(false)
        .client_request_timeout(Duration::from_secs(10))
        .shutdown_timeout(grace.as_secs())
        .on_connect(move |connection, data| {
            data.insert(Counted::new(connections.clone()));
            // One that has just been closed takes no options, and needs none.
            let _ = connection.downcast_ref().map(set_options);
        })
        .listen(listener.into_std()?)?
        .run();
    let handle = server.handle();
    Ok(async move {
        let stop = async {
            shutdown.cancelled().await;
            handle.stop(true).await;
        };
        if let (Err(error), ()) = tokio::join!(server, stop) {
            tracing::error!(%error, "a server ended badly");
        }
    })
}
