//! A tower service, mounted, as a client and as the service see it.

use std::convert::Infallible;
use std::net::{SocketAddr, TcpListener};
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use actix_web::{App, HttpServer};
use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use http_body::{Body as _, Frame};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Empty, Full, StreamBody};
use sse_actix::RequestBody;
use testkit::{BOUND, until};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tower_service::Service;

type BoxError = Box<dyn std::error::Error + Send + Sync>;
type Body = BoxBody<Bytes, BoxError>;

/// What the service was seen to do.
type Notes = Arc<Mutex<Vec<String>>>;

#[derive(Clone)]
struct Tested(Notes);

impl Service<http::Request<RequestBody>> for Tested {
    type Response = http::Response<Body>;
    type Error = BoxError;
    // As sse-proxy wants it: Actix's own payload could not be in such a future.
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<RequestBody>) -> Self::Future {
        let notes = self.0.clone();
        Box::pin(async move {
            let note = |text: String| notes.lock().unwrap().push(text);
            let (parts, body) = request.into_parts();
            match parts.uri.path() {
                "/echo" => Ok(http::Response::new(body.boxed())),
                "/facts" => {
                    let tags: Vec<_> = parts.headers.get_all("x-tag").iter().collect();
                    let (method, version, uri) = (parts.method, parts.version, parts.uri);
                    let (ended, length) = (body.is_end_stream(), body.size_hint().exact());
                    let text =
                        format!("{method} {uri} {version:?} {tags:?} ended={ended} {length:?}");
                    let text = Full::from(text).map_err(|error| match error {}).boxed();
                    let mut response = http::Response::new(text);
                    *response.status_mut() = http::StatusCode::IM_A_TEAPOT;
                    let tag = |value| http::HeaderValue::from_static(value);
                    response.headers_mut().append("x-answer", tag("1"));
                    response.headers_mut().append("x-answer", tag("2"));
                    Ok(response)
                }
                "/head" => {
                    let body = Empty::new().map_err(|error: Infallible| match error {}).boxed();
                    Ok(http::Response::builder().header("content-length", 1234).body(body)?)
                }
                "/fails" => Err("a secret".into()),
                "/streams" => {
                    let chunks = ["one", "two"].map(|text| Ok(Frame::data(Bytes::from(text))));
                    Ok(http::Response::new(BodyExt::boxed(StreamBody::new(stream::iter(chunks)))))
                }
                "/breaks" => {
                    let chunks = ["one", "two"].map(|text| Ok(Frame::data(Bytes::from(text))));
                    let broken = stream::iter([Err(BoxError::from("broken"))]);
                    let body = StreamBody::new(stream::iter(chunks).chain(broken));
                    Ok(http::Response::new(BodyExt::boxed(body)))
                }
                "/hangs" => {
                    let _gone = Gone(notes.clone());
                    std::future::pending().await
                }
                "/reads" => {
                    match body.collect().await {
                        Ok(whole) => note(format!("{} bytes", whole.to_bytes().len())),
                        Err(error) => note(format!("error: {error}")),
                    }
                    Ok(http::Response::new(
                        Empty::new().map_err(|it: Infallible| match it {}).boxed(),
                    ))
                }
                // The body is read by somebody else, who may live longer than the request.
                "/hands-over" => {
                    let notes = notes.clone();
                    tokio::spawn(async move {
                        let read = body.collect().await.map(|whole| whole.to_bytes().len());
                        notes.lock().unwrap().push(format!("handed over: {read:?}"));
                    });
                    std::future::pending().await
                }
                path => Err(format!("no {path}").into()),
            }
        })
    }
}

/// Notes that it was dropped.
struct Gone(Notes);

impl Drop for Gone {
    fn drop(&mut self) {
        self.0.lock().unwrap().push("gone".into());
    }
}

async fn serve() -> (SocketAddr, Notes) {
    let notes = Notes::default();
    let service = Tested(notes.clone());
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let app = move || App::new().default_service(sse_actix::tower(service.clone()));
    let server = HttpServer::new(app)
        .workers(1)
        .disable_signals()
        .h1_allow_half_closed(false)
        .listen(listener)
        .unwrap();
    tokio::spawn(server.run());
    (address, notes)
}

#[actix_web::test]
async fn what_actix_knows_is_told() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let prepare = |from: &actix_web::HttpRequest, to: &mut http::Request<RequestBody>| {
        let peer = from.peer_addr().unwrap().ip().to_string();
        to.headers_mut().insert("x-tag", peer.parse().unwrap());
    };
    let app = move || {
        let service = sse_actix::tower_with(Tested(Notes::default()), prepare);
        App::new().default_service(service)
    };
    let server = HttpServer::new(app).workers(1).disable_signals().listen(listener).unwrap();
    tokio::spawn(server.run());
    let request = "GET /facts HTTP/1.1\r\nHost: h\r\nX-Tag: 1\r\nConnection: close\r\n\r\n";
    let text = answer(address, request).await;
    assert!(text.contains(r#" ["127.0.0.1"] "#), "{text}");
}

/// A connection on which this was sent.
async fn sent(address: SocketAddr, request: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    stream
}

/// All that comes until the server hangs up.
async fn answer(address: SocketAddr, request: &str) -> String {
    let mut text = String::new();
    let mut stream = sent(address, request).await;
    timeout(BOUND, stream.read_to_string(&mut text)).await.expect("an end in time").unwrap();
    text
}

/// Reads until what was read ends like this.
async fn read_until(stream: &mut TcpStream, end: &str) -> String {
    let mut text = Vec::new();
    while !text.ends_with(end.as_bytes()) {
        let read = timeout(BOUND, stream.read_buf(&mut text)).await;
        let read = read.unwrap_or_else(|_| panic!("no {end:?} in {text:?}")).unwrap();
        assert_ne!(read, 0, "the server hung up after {text:?}");
    }
    String::from_utf8(text).unwrap()
}

async fn noted(notes: &Notes, expected: &str) {
    let is_noted = async || notes.lock().unwrap().iter().any(|note| note.contains(expected));
    until(BOUND, &format!("the note {expected:?}"), is_noted).await;
}

#[tokio::test]
async fn a_request_and_its_answer_cross_whole() {
    let (address, _) = serve().await;
    let request = "OPTIONS /facts?a=%20b HTTP/1.1\r\nHost: h\r\nX-Tag: 1\r\nX-Tag: 2\r\n\
                   Connection: close\r\n\r\n";
    let text = answer(address, request).await;
    assert!(text.starts_with("HTTP/1.1 418 "), "{text}");
    assert!(text.contains("x-answer: 1\r\n") && text.contains("x-answer: 2\r\n"), "{text}");
    let facts = r#"OPTIONS /facts?a=%20b HTTP/1.1 ["1", "2"] ended=true Some(0)"#;
    assert!(text.ends_with(facts), "{text}");
    assert!(text.contains(&format!("content-length: {}\r\n", facts.len())), "{text}");
}

#[tokio::test]
async fn a_body_keeps_its_length_or_that_it_has_none() {
    let (address, _) = serve().await;
    let head = "POST /facts HTTP/1.1\r\nHost: h\r\nConnection: close\r\n";
    let text = answer(address, &format!("{head}Content-Length: 3\r\n\r\nabc")).await;
    assert!(text.ends_with("ended=false Some(3)"), "{text}");
    let chunked = format!("{head}Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n");
    let mut stream = sent(address, &chunked).await;
    let mut text = String::new();
    timeout(BOUND, stream.read_to_string(&mut text)).await.expect("in time").unwrap();
    assert!(text.ends_with("ended=true Some(0)") || text.ends_with("ended=false None"), "{text}");
}

#[tokio::test]
async fn both_bodies_flow_at_once_chunk_by_chunk() {
    let (address, _) = serve().await;
    let head = "POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n";
    let mut stream = sent(address, head).await;
    read_until(&mut stream, "\r\n\r\n").await;
    for chunk in ["3\r\none\r\n", "3\r\ntwo\r\n", "5\r\nthree\r\n"] {
        stream.write_all(chunk.as_bytes()).await.unwrap();
        assert_eq!(read_until(&mut stream, chunk).await, chunk);
    }
    stream.write_all(b"0\r\n\r\n").await.unwrap();
    assert_eq!(read_until(&mut stream, "0\r\n\r\n").await, "0\r\n\r\n");
}

#[tokio::test]
async fn a_large_upload_arrives_whole() {
    let (address, notes) = serve().await;
    let body = "x".repeat(1 << 20);
    let head = "POST /reads HTTP/1.1\r\nHost: h\r\nConnection: close\r\n";
    answer(address, &format!("{head}Content-Length: {}\r\n\r\n{body}", body.len())).await;
    noted(&notes, "1048576 bytes").await;
}

#[tokio::test]
async fn a_request_cut_short_never_looks_whole_to_the_service() {
    let (address, notes) = serve().await;
    let chunked = "HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n";
    drop(sent(address, &format!("POST /hands-over {chunked}")).await);
    noted(&notes, "handed over: Err(").await;
}

#[tokio::test]
async fn the_service_is_dropped_when_the_client_goes_before_the_answer() {
    let (address, notes) = serve().await;
    let stream = sent(address, "GET /hangs HTTP/1.1\r\nHost: h\r\n\r\n").await;
    drop(stream);
    noted(&notes, "gone").await;
}

#[tokio::test]
async fn an_error_of_the_body_cuts_the_answer_after_what_came_before() {
    let (address, _) = serve().await;
    let text = answer(address, "GET /breaks HTTP/1.1\r\nHost: h\r\n\r\n").await;
    assert!(text.ends_with("\r\n\r\n3\r\none\r\n3\r\ntwo\r\n"), "{text}");
}

#[tokio::test]
async fn an_error_of_the_service_is_a_500_that_tells_nothing() {
    let (address, _) = serve().await;
    let text = answer(address, "GET /fails HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n").await;
    assert!(text.starts_with("HTTP/1.1 500 ") && text.contains("content-length: 0\r\n"), "{text}");
    assert!(!text.contains("secret"), "{text}");
}

#[tokio::test]
async fn the_answer_to_a_head_keeps_its_length() {
    let (address, _) = serve().await;
    let text = answer(address, "HEAD /head HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n").await;
    assert!(text.contains("content-length: 1234\r\n") && text.ends_with("\r\n\r\n"), "{text}");
}

#[tokio::test]
async fn a_client_of_http_1_0_gets_no_chunks() {
    let (address, _) = serve().await;
    let text = answer(address, "GET /streams HTTP/1.0\r\n\r\n").await;
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    assert!(!head.to_ascii_lowercase().contains("transfer-encoding"), "{head}");
    assert_eq!(body, "onetwo");

    // What has a length keeps it, and the connection.
    let mut stream = sent(address, "GET /facts HTTP/1.0\r\nConnection: keep-alive\r\n\r\n").await;
    let text = read_until(&mut stream, "Some(0)").await;
    assert!(text.contains("content-length: ") && text.contains("keep-alive\r\n"), "{text}");
}
