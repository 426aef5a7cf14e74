//! The clients.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

/// The time that all processes of this machine share.
pub(crate) fn now_ns() -> u64 {
    let now = clock_gettime(ClockId::Monotonic);
    u64::try_from(now.tv_sec).expect("a time") * 1_000_000_000
        + u64::try_from(now.tv_nsec).expect("a time")
}

async fn get(addr: SocketAddr, path: &str) -> TcpStream {
    let mut stream = TcpStream::connect(addr).await.expect("the forwarder listens");
    stream.set_nodelay(true).expect("TCP_NODELAY");
    let request = format!("GET {path} HTTP/1.1\r\nHost: {addr}\r\n\r\n");
    stream.write_all(request.as_bytes()).await.expect("it reads");
    stream
}

/// Microseconds from the upstream's write to the client's read, the median and the 99th of 100; and
/// how many events came.
pub(crate) async fn paced(
    addr: SocketAddr,
    streams: usize,
    every_ms: u64,
    time: Duration,
) -> ([f64; 2], usize) {
    let mut readers = JoinSet::new();
    for _ in 0..streams {
        readers.spawn(latencies(addr, every_ms, time));
    }
    let mut all: Vec<u64> = readers.join_all().await.concat();
    let events = all.len();
    // What came while connections still came about is not counted.
    all.retain(|it| *it > 0);
    all.sort_unstable();
    assert!(all.len() > 20, "too few events came");
    ([50, 99].map(|percent| all[all.len() * percent / 100] as f64 / 1000.0), events)
}

async fn latencies(addr: SocketAddr, every_ms: u64, time: Duration) -> Vec<u64> {
    let mut stream = get(addr, &format!("/?paced/{every_ms}")).await;
    let (mut buffer, mut found) = (Vec::new(), vec![]);
    let began = Instant::now();
    while began.elapsed() < time {
        stream.read_buf(&mut buffer).await.expect("the stream goes on");
        let now = now_ns();
        while let Some(end) = buffer.windows(2).position(|it| it == b"\n\n") {
            let event: Vec<u8> = buffer.drain(..end + 2).collect();
            let text = String::from_utf8_lossy(&event);
            let sent = text.split("data: ").nth(1).and_then(|it| it.split(' ').next());
            let sent: u64 = sent.and_then(|it| it.parse().ok()).expect("a time");
            found.push(if began.elapsed() > time / 3 { now - sent } else { 0 });
        }
    }
    found
}

/// Megabytes a second.
pub(crate) async fn bulk(addr: SocketAddr, megabytes: u64, write: usize) -> f64 {
    let bytes = megabytes * 1_000_000;
    let began = Instant::now();
    let mut stream = get(addr, &format!("/?bulk/{bytes}/{write}")).await;
    let mut buffer = vec![0; 256 * 1024];
    let (mut got, mut tail) = (0_u64, Vec::new());
    while !tail.ends_with(b"0\r\n\r\n") {
        let read = stream.read(&mut buffer).await.expect("the stream goes on");
        assert!(read > 0, "it was cut off after {got} bytes");
        got += read as u64;
        tail.extend_from_slice(&buffer[read.saturating_sub(8)..read]);
        let keep = tail.len().saturating_sub(8);
        tail.drain(..keep);
    }
    assert!(got >= bytes, "{got} of {bytes} bytes");
    megabytes as f64 / began.elapsed().as_secs_f64()
}

/// Streams that have had one event and will have no other.
pub(crate) async fn idle(addr: SocketAddr, count: usize) -> Vec<TcpStream> {
    let mut streams = vec![];
    for _ in 0..count {
        let mut stream = get(addr, "/?idle").await;
        let mut got = Vec::new();
        while !got.windows(2).any(|it| it == b"\n\n") {
            assert!(stream.read_buf(&mut got).await.expect("the stream") > 0);
        }
        streams.push(stream);
    }
    streams
}
