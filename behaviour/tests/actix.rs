//! The suite, on Actix.

use std::net::TcpListener;

use actix_cors::Cors;
use actix_web::middleware::{Compress, Condition};
use actix_web::{App as ActixApp, HttpServer, web};
use behaviour::cases::gone;
use behaviour::{App, Framework, Middleware, Rig, Server, Source, Version};
use sse_actix::{LastEventId, Lifecycle, Refused, Sse, StreamRequest};
use testkit::{BOUND, until};
use tokio::net::TcpStream;
use tokio::time::timeout;

#[derive(Debug)]
struct Actix;

/// With half-closed connections, as Actix has them by default.
#[derive(Debug)]
struct HalfClosed;

impl Framework for Actix {
    async fn start(app: App) -> Server {
        serve(app, false)
    }

    /// Over HTTP/2 Actix looks at a stream only to write to it.
    fn tells_of_a_reset(version: Version) -> bool {
        version == Version::Http1
    }

    fn tells_of_a_cut(version: Version) -> bool {
        version == Version::Http1
    }
}

impl Framework for HalfClosed {
    async fn start(app: App) -> Server {
        serve(app, true)
    }

    fn tells_of_a_reset(_: Version) -> bool {
        false
    }

    fn tells_of_a_cut(_: Version) -> bool {
        false
    }
}

fn serve(app: App, half_closed: bool) -> Server {
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
                web::resource("/events").route(web::get().to(events)).route(web::head().to(events)),
            )
            .route("/last", web::get().to(last))
            .route("/plain", web::get().to(async || App::PLAIN))
    })
    .workers(2)
    .disable_signals()
    .h1_allow_half_closed(half_closed)
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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_half_closed_connections_only_a_write_finds_out_that_a_client_has_gone() {
    gone::a_client_that_hangs_up_is_found_out_at_once_where_the_server_tells::<HalfClosed>(
        Version::Http1,
    )
    .await;
    gone::a_connection_that_is_cut_is_found_out_at_once_where_the_server_tells::<HalfClosed>(
        Version::Http1,
    )
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn at_a_stop_a_client_of_http_2_is_not_told_to_go_and_is_waited_for() {
    let rig = Rig::start::<Actix>(Version::Http2, Lifecycle::new).await;
    let mut client = rig.connect().await;
    assert_eq!(client.get("/last", &[]).await.status(), 200);
    let address = rig.server.address;
    let stopped = tokio::spawn(rig.server.stop());
    let is_closed = async || TcpStream::connect(address).await.is_err();
    until(BOUND, "no more connections are taken", is_closed).await;
    assert_eq!(client.get("/last", &[]).await.status(), 200);
    assert!(!stopped.is_finished());
    drop(client);
    timeout(BOUND, stopped).await.expect("an end when it has gone").unwrap();
}
