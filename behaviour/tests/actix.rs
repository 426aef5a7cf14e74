//! The suite, on Actix.

use std::net::TcpListener;

use actix_cors::Cors;
use actix_web::middleware::{Compress, Condition};
use actix_web::{App as ActixApp, HttpServer, web};
use behaviour::{App, Framework, Middleware, Server, Source, Version};
use sse_actix::{LastEventId, Refused, Sse, StreamRequest};

#[derive(Debug)]
struct Actix;

impl Framework for Actix {
    async fn start(app: App) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let server = HttpServer::new(move || {
            let middleware = app.middleware();
            let is_open = middleware == Middleware::CorsForAny;
            let is_cors = is_open || middleware == Middleware::CorsForOne;
            ActixApp::new()
                .app_data(web::Data::new(app.clone()))
                .wrap(Condition::new(middleware == Middleware::Compression, Compress::default()))
                .wrap(Condition::new(is_cors, cors(is_open)))
                .service(
                    web::resource("/events")
                        .route(web::get().to(events))
                        .route(web::head().to(events)),
                )
                .route("/last", web::get().to(last))
                .route("/plain", web::get().to(async || App::PLAIN))
        })
        .workers(2)
        .disable_signals()
        .h1_allow_half_closed(false)
        .tcp_nodelay(true)
        .listen_auto_h2c(listener)
        .unwrap()
        .run();
        let handle = server.handle();
        let served = tokio::spawn(server);
        Server::new(address, async move {
            handle.stop(true).await;
            served.await.unwrap().unwrap();
        })
    }

    /// Over HTTP/2 Actix looks at a stream only to write to it.
    fn tells_of_a_reset(version: Version) -> bool {
        version == Version::Http1
    }

    fn tells_of_a_cut(version: Version) -> bool {
        version == Version::Http1
    }
}

fn cors(is_open: bool) -> Cors {
    let cors = Cors::default()
        .allowed_methods(["GET"])
        .allowed_header("last-event-id")
        .expose_headers(["retry-after"]);
    if is_open {
        cors.allow_any_origin().send_wildcard()
    } else {
        cors.allowed_origin(App::ORIGIN).supports_credentials()
    }
}

async fn events(
    app: web::Data<App>,
    request: StreamRequest,
    LastEventId(last): LastEventId,
) -> Result<Sse<Source>, Refused> {
    if let Some(refusal) = app.refusal(last.as_ref()) {
        return Err(request.refuse(refusal));
    }
    let (source, lifecycle) = app.open();
    Ok(Sse::new(source).lifecycle(lifecycle))
}

async fn last(LastEventId(id): LastEventId) -> String {
    format!("{id:?}")
}

behaviour::suite!(super::Actix);
