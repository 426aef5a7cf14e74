//! HTTP/2: known beforehand, or offered by TLS.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{Method, Request, Response, Version};
use http_body::{Body, Frame};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use sse_client::EventSource;
use testkit::{BOUND, until};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;

use crate::support::*;

/// What the server was asked by, and how many of its streams were let go.
#[derive(Debug, Default)]
struct Notes {
    versions: Vec<Version>,
    ids: Vec<Option<String>>,
    dropped: usize,
}

const CUT: &str = "the stream was cut off, and the request is not to be sent again";

type Shared = Arc<Mutex<Notes>>;

/// A stream that says one thing and then stays open.
struct One(Option<&'static str>, Shared);

impl Body for One {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        match self.0.take() {
            Some(text) => Poll::Ready(Some(Ok(Frame::data(text.into())))),
            None => Poll::Pending,
        }
    }
}

impl Drop for One {
    fn drop(&mut self) {
        self.1.lock().unwrap().dropped += 1;
    }
}

async fn serve(io: impl AsyncRead + AsyncWrite + Unpin + Send + 'static, notes: Shared) {
    let service = service_fn(|request: Request<Incoming>| {
        let id = request.headers().get("last-event-id").map(|id| id.to_str().unwrap().to_owned());
        let mut locked = notes.lock().unwrap();
        locked.versions.push(request.version());
        locked.ids.push(id);
        let body = One(Some("id: 1\ndata: x\n\n"), notes.clone());
        let response = Response::builder().header(CONTENT_TYPE, sse_core::MIME).body(body);
        async { response }
    });
    let _ =
        auto::Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(io), service).await;
}

#[tokio::test]
async fn http_2_that_is_known_beforehand_is_spoken_and_a_drop_lets_the_stream_go() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr: SocketAddr = listener.local_addr().unwrap();
    let notes = Shared::default();
    let server = notes.clone();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(stream, server.clone()));
        }
    });
    let builder = EventSource::builder(format!("http://{addr}/")).backoff(quick());
    let mut source = builder.http2_prior_knowledge(true).build().unwrap();
    assert_eq!(opened(&mut source).await.version(), Version::HTTP_2);
    assert_eq!(seen(&mut source).await, with_id("x", "1"));
    source.restart();
    let what = "the first stream is let go";
    until(BOUND, what, async || notes.lock().unwrap().dropped == 1).await;
    opened(&mut source).await;
    assert_eq!(notes.lock().unwrap().ids, [None, Some("1".to_owned())]);
    assert_eq!(notes.lock().unwrap().versions, [Version::HTTP_2; 2]);
    drop(source);
    let what = "the second stream is let go";
    until(BOUND, what, async || notes.lock().unwrap().dropped == 2).await;
}

#[tokio::test]
async fn a_stream_that_is_reset_is_cut_off_also_where_the_reset_is_no_error() {
    for (code, is_whole) in [(None, true), (Some(0), false), (Some(2), false), (Some(8), false)] {
        let addr = testkit::by_http2("data: x\n\n", code).await;
        let builder = EventSource::builder(format!("http://{addr}/")).method(Method::POST);
        let mut source = builder.http2_prior_knowledge(true).build().unwrap();
        let mut seen = all(&mut source).await;
        assert_eq!(seen.remove(1), message("x"));
        let end = if is_whole { Seen::End } else { Seen::Err(CUT.into()) };
        assert_eq!(seen, [Seen::Open, end], "{code:?}");
    }
}

#[cfg(feature = "tls")]
mod tls {
    use rustls::ServerConfig;
    use rustls::pki_types::pem::PemObject;
    use rustls::pki_types::{CertificateDer, PrivateKeyDer};
    use tokio_rustls::TlsAcceptor;

    use super::*;

    /// A server that offers these protocols.
    async fn server(protocols: &[&[u8]]) -> SocketAddr {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let certificate = CertificateDer::from_pem_slice(testkit::CERTIFICATE.as_bytes()).unwrap();
        let key = PrivateKeyDer::from_pem_slice(testkit::PRIVATE_KEY.as_bytes()).unwrap();
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate], key)
            .unwrap();
        config.alpn_protocols = protocols.iter().map(|it| it.to_vec()).collect();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let acceptor = acceptor.clone();
                tokio::spawn(async move {
                    if let Ok(stream) = acceptor.accept(stream).await {
                        serve(stream, Shared::default()).await;
                    }
                });
            }
        });
        addr
    }

    #[tokio::test]
    async fn over_tls_the_server_chooses_the_version() {
        for (protocols, version) in [
            (&[b"h2".as_slice(), b"http/1.1"][..], Version::HTTP_2),
            (&[b"http/1.1"], Version::HTTP_11),
            (&[], Version::HTTP_11),
        ] {
            let url = format!("https://{}/", server(protocols).await);
            let mut source =
                EventSource::builder(url).root_certificates(testkit::CERTIFICATE).build().unwrap();
            assert_eq!(opened(&mut source).await.version(), version);
            assert_eq!(seen(&mut source).await, with_id("x", "1"));
        }
    }

    #[tokio::test]
    async fn a_certificate_that_nobody_vouches_for_is_no_connection() {
        let url = format!("https://{}/", server(&[b"h2"]).await);
        let mut source = EventSource::builder(url).build().unwrap();
        assert!(loss(&mut source).await.1.is_connect());
    }
}
