//! What is logged.

use std::cell::RefCell;
use std::io;

use crate::support::{ByHand, Conn, END, STREAM, front, opened};

thread_local! {
    /// The log of this thread, which is that of one test and its front.
    static LOG: RefCell<Vec<u8>> = const { RefCell::new(vec![]) };
}

struct Log;

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        LOG.with_borrow_mut(|log| log.extend_from_slice(bytes));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The lines that are ours.
fn lines() -> Vec<String> {
    let text = String::from_utf8(LOG.take()).unwrap();
    text.lines().filter(|line| line.contains(" sse_proxy")).map(str::to_owned).collect()
}

#[tokio::test]
async fn all_that_is_logged_of_a_stream_is_in_its_span_and_names_no_query() {
    // For all threads: the other tests run at the same time, and what one thread hears of is
    // what all do.
    tracing_subscriber::fmt()
        .with_max_level(tracing::Level::DEBUG)
        .with_ansi(false)
        .with_writer(|| Log)
        .init();
    let upstream = ByHand::listen().await;
    let front = front(upstream.upstream().stream("/sse")).await;

    let mut client = Conn::get(front, "/?token=secret").await;
    let (mut server, _) = upstream.accept().await;
    server.send(STREAM).await;
    drop(server);
    client.head().await;
    client.rest().await;

    let mut client = Conn::get(front, "/?token=secret").await;
    drop(upstream.accept().await);
    client.head().await;

    let (mut client, mut server) = opened(&upstream, front).await;
    server.chunk("data: x\n\n").await;
    server.send(END).await;
    client.until(END).await;

    let lines = lines();
    let span = "forward{method=GET path=\"/sse\"}: ";
    assert!(lines.iter().all(|line| line.contains(span)), "{lines:#?}");
    assert!(lines.iter().all(|line| !line.contains("secret")), "{lines:#?}");
    for (level, text) in [
        ("DEBUG", "stream opened"),
        ("INFO", "stream closed path=\"/sse\" reason=\"upstream ended\" bytes=9 events=0 seconds="),
        ("INFO", "stream closed path=\"/sse\" reason=\"upstream lost\" bytes=0"),
        ("DEBUG", "stream aborted"),
        ("WARN", "upstream failed"),
        ("DEBUG", "refused path=\"/sse\" code=\"upstream_lost\""),
    ] {
        let is_there = |line: &String| line.contains(level) && line.contains(text);
        assert!(lines.iter().any(is_there), "{level} {text} in {lines:#?}");
    }
}
