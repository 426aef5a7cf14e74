//! The forwarders that are ours, and one of hyper's parts alone.

use std::convert::Infallible;

use axum::Router;
use axum::serve::ListenerExt;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response, Uri};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo};
use sse_proxy::{Resume, Upstream};
use tokio::net::TcpListener;

pub(crate) async fn serve(name: &str, upstream: &str) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    println!("{}", listener.local_addr().expect("its address"));
    if name == "bare" {
        return bare(listener, upstream).await;
    }
    let upstream = Upstream::builder(format!("http://{upstream}")).build().expect("an upstream");
    let forward = upstream.stream("/");
    let forward = match name {
        "resume" => forward.resume(Resume::new()),
        _ => forward,
    };
    let router = Router::new().route_service("/", forward);
    let listener = listener.tap_io(|stream| stream.set_nodelay(true).expect("TCP_NODELAY"));
    axum::serve(listener, router).await.expect("serving");
}

/// Every chunk of the upstream's body is the next of the client's; nothing else is looked at.
async fn bare(listener: TcpListener, upstream: &str) {
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    let client: Client<_, Incoming> = Client::builder(TokioExecutor::new()).build(connector);
    loop {
        let (stream, _) = listener.accept().await.expect("a connection");
        stream.set_nodelay(true).expect("TCP_NODELAY");
        let (client, upstream) = (client.clone(), upstream.to_owned());
        let forward = service_fn(move |mut request: Request<Incoming>| {
            let target = request.uri().path_and_query().expect("a path").as_str();
            let uri: Uri = format!("http://{upstream}{target}").parse().expect("a URI");
            *request.uri_mut() = uri;
            let answer = client.request(request);
            async move { Ok::<Response<Incoming>, Infallible>(answer.await.expect("an answer")) }
        });
        tokio::spawn(async move {
            // Fails when the client hangs up.
            let http = hyper::server::conn::http1::Builder::new();
            let _ = http.serve_connection(TokioIo::new(stream), forward).await;
        });
    }
}
