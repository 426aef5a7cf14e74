//! The server behind the forwarders: writes as it is told, and nothing between it and its socket.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{MissedTickBehavior, interval};

use crate::load::now_ns;

const HEAD: &str =
    "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";

/// As a language model's token.
pub(crate) const EVENT: usize = 210;

pub(crate) async fn serve() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    println!("{}", listener.local_addr().expect("its address"));
    loop {
        let (stream, _) = listener.accept().await.expect("a connection");
        stream.set_nodelay(true).expect("TCP_NODELAY");
        tokio::spawn(answer(stream));
    }
}

async fn answer(mut stream: TcpStream) -> Option<()> {
    let mut got = Vec::new();
    loop {
        while !got.windows(4).any(|it| it == b"\r\n\r\n") {
            if stream.read_buf(&mut got).await.ok()? == 0 {
                return None;
            }
        }
        let text = String::from_utf8_lossy(&got).into_owned();
        got.clear();
        let query = text.split_ascii_whitespace().nth(1)?.split_once('?')?.1;
        let mut parts = query.split('/');
        let kind = parts.next()?.to_owned();
        let numbers: Vec<u64> = parts.filter_map(|it| it.parse().ok()).collect();
        stream.write_all(HEAD.as_bytes()).await.ok()?;
        match (&*kind, &numbers[..]) {
            ("paced", [every_ms]) => paced(&mut stream, *every_ms).await?,
            ("bulk", [bytes, write]) => {
                bulk(&mut stream, *bytes, usize::try_from(*write).ok()?).await?;
            }
            _ => {
                stream.write_all(&chunk(&event(0))).await.ok()?;
                while stream.read_buf(&mut got).await.ok()? > 0 {}
                return None;
            }
        }
    }
}

/// One event that says when it was sent.
fn event(at: u64) -> Vec<u8> {
    let mut event = format!("data: {at} ").into_bytes();
    event.resize(EVENT - 2, b'x');
    event.extend_from_slice(b"\n\n");
    event
}

fn chunk(bytes: &[u8]) -> Vec<u8> {
    [format!("{:x}\r\n", bytes.len()).as_bytes(), bytes, b"\r\n"].concat()
}

async fn paced(stream: &mut TcpStream, every_ms: u64) -> Option<()> {
    let mut ticks = interval(Duration::from_millis(every_ms));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        stream.write_all(&chunk(&event(now_ns()))).await.ok()?;
    }
}

/// So many bytes, each event in a write and a chunk of its own, or as many as go into `write`.
async fn bulk(stream: &mut TcpStream, bytes: u64, write: usize) -> Option<()> {
    let events = (write / EVENT).max(1);
    let chunk = chunk(&event(0).repeat(events));
    let mut left = bytes;
    while left > 0 {
        stream.write_all(&chunk).await.ok()?;
        left = left.saturating_sub((events * EVENT) as u64);
    }
    stream.write_all(b"0\r\n\r\n").await.ok()
}
