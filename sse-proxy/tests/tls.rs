//! Upstreams by `https`, with certificates of an authority that the test makes.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::response::Response;
use futures_util::{StreamExt, stream};
use http::{Request, StatusCode, Version, header};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use hyper_util::service::TowerToHyperService;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;
use sse_proxy::{Forward, ProxyBody, Upstream};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tower_service::Service;

/// An authority: its certificate in PEM, and what signs.
fn authority() -> (String, Issuer<'static, KeyPair>) {
    let mut params = CertificateParams::new([]).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().unwrap();
    let pem = params.self_signed(&key).unwrap().pem();
    (pem, Issuer::new(params, key))
}

/// A server by TLS that says what HTTP it was asked by, in a stream that then breaks off.
async fn serve(issuer: &Issuer<'_, KeyPair>, name: &str, protocols: &[&[u8]]) -> SocketAddr {
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new([name.to_owned()]).unwrap();
    let certificate = params.signed_by(&key, issuer).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![certificate.der().clone()],
            PrivateKeyDer::Pkcs8(key.serialize_der().into()),
        )
        .unwrap();
    config.alpn_protocols = protocols.iter().map(|it| it.to_vec()).collect();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let router = Router::new().fallback(async |request: Request<Body>| {
        let event = match request.version() {
            Version::HTTP_2 => "data: HTTP/2\n\n",
            Version::HTTP_11 => "data: HTTP/1.1\n\n",
            other => panic!("{other:?}"),
        };
        let first = stream::iter([Ok::<_, std::io::Error>(Bytes::from_static(event.as_bytes()))]);
        let body = Body::from_stream(first.chain(stream::pending()));
        Response::builder().header(header::CONTENT_TYPE, "text/event-stream").body(body).unwrap()
    });
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let (acceptor, router) = (acceptor.clone(), router.clone());
            tokio::spawn(async move {
                // Fails where the client does not trust it.
                let Ok(stream) = acceptor.accept(stream).await else { return };
                let service = TowerToHyperService::new(router);
                let http = auto::Builder::new(TokioExecutor::new());
                let _ = http.serve_connection(TokioIo::new(stream), service).await;
            });
        }
    });
    addr
}

async fn ask(addr: SocketAddr, pem: &str) -> Response<ProxyBody> {
    let upstream = Upstream::builder(format!("https://{addr}")).root_certificates(pem);
    let mut forward: Forward = upstream.build().unwrap().stream("/sse");
    forward.call(Request::new(Body::empty())).await.unwrap()
}

async fn first_event(response: Response<ProxyBody>) -> Bytes {
    assert_eq!(response.status(), StatusCode::OK);
    let mut chunks = Body::new(response.into_body()).into_data_stream();
    let next = tokio::time::timeout(testkit::BOUND, chunks.next()).await;
    next.expect("an event").unwrap().unwrap()
}

const HTTP2: &[u8] = b"h2";
const HTTP1: &[u8] = b"http/1.1";

#[tokio::test]
async fn http2_is_agreed_on_where_the_upstream_has_it() {
    let (pem, issuer) = authority();
    for (protocols, expected) in [
        (&[HTTP2, HTTP1][..], "data: HTTP/2\n\n"),
        (&[HTTP1], "data: HTTP/1.1\n\n"),
        (&[], "data: HTTP/1.1\n\n"),
    ] {
        let addr = serve(&issuer, "127.0.0.1", protocols).await;
        assert_eq!(first_event(ask(addr, &pem).await).await, expected);
    }
}

#[tokio::test]
async fn one_of_several_authorities_will_do() {
    let (first, _) = authority();
    let (second, issuer) = authority();
    let addr = serve(&issuer, "127.0.0.1", &[HTTP2]).await;
    first_event(ask(addr, &[first, second].concat()).await).await;
}

#[tokio::test]
async fn an_authority_that_is_not_trusted_and_another_name_are_502() {
    let (trusted, issuer) = authority();
    let (_, other) = authority();
    for addr in [
        serve(&other, "127.0.0.1", &[HTTP2]).await,
        serve(&issuer, "upstream.example", &[HTTP2]).await,
    ] {
        let response = ask(addr, &trusted).await;
        assert_eq!(response.status(), StatusCode::BAD_GATEWAY);
        let body = axum::body::to_bytes(Body::new(response.into_body()), 999).await.unwrap();
        let text = String::from_utf8(body.to_vec()).unwrap();
        assert!(text.contains("upstream_unreachable"), "{text}");
    }
}
