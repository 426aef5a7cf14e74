//! A server of HTTP/2, frame by frame, that gives its streams up.

use std::io;
use std::net::SocketAddr;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// What a client says first. Source: RFC 9113 §3.4.
const PREFACE: usize = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".len();

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;

const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

/// Answers each request over HTTP/2, not by TLS, with an event stream that says `text` and is then reset
/// with this code (RFC 9113 §7), or ends where there is none. It runs as long as its runtime.
///
/// # Panics
///
/// When there is no port for it.
pub async fn by_http2(text: &'static str, reset: Option<u32>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let addr = listener.local_addr().expect("a bound socket has an address");
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(stream, text, reset));
        }
    });
    addr
}

async fn serve(mut conn: TcpStream, text: &str, reset: Option<u32>) -> io::Result<()> {
    conn.read_exact(&mut [0; PREFACE]).await?;
    conn.write_all(&frame(SETTINGS, 0, 0, b"")).await?;
    loop {
        let mut head = [0; 9];
        conn.read_exact(&mut head).await?;
        let [a, b, c, kind, _, stream @ ..] = head;
        let mut payload = vec![0; u32::from_be_bytes([0, a, b, c]) as usize];
        conn.read_exact(&mut payload).await?;
        if kind != HEADERS {
            continue;
        }
        let stream = u32::from_be_bytes(stream);
        // `:status: 200` and `content-type`, by their places in the table of RFC 7541, Appendix A.
        let fields = b"\x88\x0f\x10\x11text/event-stream";
        let mut answer = frame(HEADERS, END_HEADERS, stream, fields);
        let flags = if reset.is_none() { END_STREAM } else { 0 };
        answer.extend(frame(DATA, flags, stream, text.as_bytes()));
        if let Some(code) = reset {
            answer.extend(frame(RST_STREAM, 0, stream, &code.to_be_bytes()));
        }
        conn.write_all(&answer).await?;
    }
}

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).expect("a small frame").to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}
