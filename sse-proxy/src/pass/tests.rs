use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::poll_fn;
use http_body::Frame;
use proptest::prelude::*;
use sse_core::{Event, KeepAlive, MaxLifetime};
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

use super::*;
use crate::ForwardStats;
use crate::pace::{Limits, Shutdown};

type Item = Result<Bytes, io::Error>;

/// An upstream's body that is fed by hand, and tells when it is let go.
struct Hand {
    items: mpsc::UnboundedReceiver<Item>,
    let_go: Arc<AtomicBool>,
}

impl Body for Hand {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        let polled = self.items.poll_recv(cx);
        polled.map(|item| item.map(|result| result.map(Frame::data)))
    }
}

impl Drop for Hand {
    fn drop(&mut self) {
        self.let_go.store(true, Ordering::SeqCst);
    }
}

struct Setup {
    limits: Limits,
    close_delimited: bool,
    shutdown: Option<Shutdown>,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            limits: Limits {
                keep_alive: None,
                first_event_timeout: None,
                idle_timeout: None,
                max_lifetime: None,
                drain_timeout: secs(2),
                shutdown_retry: secs(2)..=secs(10),
            },
            close_delimited: false,
            shutdown: None,
        }
    }
}

struct Stream {
    pass: Pass<Hand>,
    upstream: Option<mpsc::UnboundedSender<Item>>,
    closed: Arc<Mutex<Vec<(ForwardCloseReason, ForwardStats)>>>,
}

impl Setup {
    fn open(self) -> Stream {
        let (upstream, items) = mpsc::unbounded_channel();
        let let_go = Arc::new(AtomicBool::new(false));
        let closed = Arc::new(Mutex::new(vec![]));
        let (hand, told) = (let_go.clone(), closed.clone());
        let on_close: crate::close::OnClose = Arc::new(move |reason, stats| {
            assert!(let_go.load(Ordering::SeqCst), "the upstream is still held");
            told.lock().unwrap().push((reason, stats));
        });
        let body = Hand { items, let_go: hand };
        let closing = Closing::new("/".into(), Some(on_close));
        Stream {
            pass: Pass::new(
                body,
                self.close_delimited,
                Pace::new(self.limits, self.shutdown),
                closing,
            ),
            upstream: Some(upstream),
            closed,
        }
    }
}

impl Stream {
    fn says(&self, bytes: &[u8]) {
        let bytes = Ok(Bytes::copy_from_slice(bytes));
        self.upstream.as_ref().unwrap().send(bytes).unwrap();
    }

    fn breaks(&self) {
        let error = Err(io::ErrorKind::ConnectionReset.into());
        self.upstream.as_ref().unwrap().send(error).unwrap();
    }

    fn ends(&mut self) {
        self.upstream = None;
    }

    /// What the client gets next; `None` for a clean end.
    async fn next(&mut self) -> Option<Result<Bytes, Error>> {
        let next = poll_fn(|cx| self.pass.poll_bytes(cx));
        timeout(secs(1_000_000), next).await.expect("nothing ever comes")
    }

    async fn bytes(&mut self) -> Bytes {
        self.next().await.expect("the end").expect("an error")
    }

    async fn is_silent_for(&mut self, seconds: u64) -> bool {
        let next = poll_fn(|cx| self.pass.poll_bytes(cx));
        timeout(secs(seconds), next).await.is_err()
    }

    fn reasons(&self) -> Vec<ForwardCloseReason> {
        let closed = self.closed.lock().unwrap();
        closed.iter().map(|(reason, _)| *reason).collect()
    }
}

fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn shutdown() -> (oneshot::Sender<()>, Option<Shutdown>) {
    let (sender, receiver) = oneshot::channel();
    let shutdown = receiver.map(|_| ()).boxed().shared();
    (sender, Some(shutdown))
}

/// The milliseconds of a block that is nothing but a `retry:`.
fn retry(block: &[u8]) -> u64 {
    let text = std::str::from_utf8(block).unwrap();
    let number = text.strip_prefix("retry: ").unwrap().strip_suffix("\n\n");
    number.unwrap().parse().unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_keep_alive_comes_after_silence_and_only_between_events() {
    let mut setup = Setup::default();
    setup.limits.keep_alive = Some(KeepAlive::every(secs(20)));
    let mut stream = setup.open();
    let began = Instant::now();

    stream.says(b"data: a\n\n");
    assert_eq!(stream.bytes().await, "data: a\n\n");
    assert_eq!(stream.bytes().await, ":\n\n");
    assert_eq!(began.elapsed(), secs(20));
    assert!(stream.is_silent_for(19).await);
    assert_eq!(stream.bytes().await, ":\n\n");
    assert_eq!(began.elapsed(), secs(40));

    assert!(stream.is_silent_for(10).await);
    stream.says(b"data: b\n\n");
    assert_eq!(stream.bytes().await, "data: b\n\n");
    assert!(stream.is_silent_for(19).await, "measured from the last byte");

    stream.says(b"data: c\n");
    assert_eq!(stream.bytes().await, "data: c\n");
    assert!(stream.is_silent_for(1000).await, "split an event");
    stream.says(b"\n");
    assert_eq!(stream.bytes().await, "\n");
    assert_eq!(stream.bytes().await, ":\n\n");
}

#[tokio::test(start_paused = true)]
async fn a_byte_order_mark_after_a_keep_alive_is_taken_off() {
    let mut setup = Setup::default();
    setup.limits.keep_alive = Some(KeepAlive::every(secs(20)));
    let mut stream = setup.open();
    assert_eq!(stream.bytes().await, ":\n\n");
    stream.says(b"\xEF\xBB");
    stream.says(b"\xBFdata: x\n\n");
    assert_eq!(stream.bytes().await, "data: x\n\n");
}

#[tokio::test(start_paused = true)]
async fn a_byte_order_mark_at_the_start_stays() {
    let mut stream = Setup::default().open();
    stream.says(b"\xEF\xBB\xBFdata: x\n\n");
    assert_eq!(stream.bytes().await, &b"\xEF\xBB\xBFdata: x\n\n"[..]);
}

#[tokio::test(start_paused = true)]
async fn a_silent_upstream_is_aborted_whatever_the_proxy_said_meanwhile() {
    let mut setup = Setup::default();
    setup.limits.keep_alive = Some(KeepAlive::every(secs(20)));
    setup.limits.idle_timeout = Some(secs(50));
    let mut stream = setup.open();
    let began = Instant::now();
    stream.says(b"data: a\n\n");
    assert_eq!(stream.bytes().await, "data: a\n\n");
    assert_eq!(stream.bytes().await, ":\n\n");
    assert_eq!(stream.bytes().await, ":\n\n");
    let error = stream.next().await.unwrap().unwrap_err();
    assert!(error.is_idle_timeout());
    assert_eq!(began.elapsed(), secs(50));
    assert_eq!(stream.reasons(), [ForwardCloseReason::IdleTimeout]);
}

#[tokio::test(start_paused = true)]
async fn each_byte_puts_the_idle_timeout_off() {
    let mut setup = Setup::default();
    setup.limits.idle_timeout = Some(secs(50));
    let mut stream = setup.open();
    for _ in 0..10 {
        assert!(stream.is_silent_for(49).await);
        stream.says(b"d");
        assert_eq!(stream.bytes().await, "d");
    }
}

#[tokio::test(start_paused = true)]
async fn what_came_while_the_client_did_not_read_came_in_time() {
    let mut setup = Setup::default();
    setup.limits.first_event_timeout = Some(secs(10));
    let mut stream = setup.open();
    stream.says(b"data: a\n\n");
    tokio::time::advance(secs(60)).await;
    assert_eq!(stream.bytes().await, "data: a\n\n");

    let (shut_down, shutdown) = shutdown();
    let mut stream = Setup { shutdown, ..Setup::default() }.open();
    stream.says(b"data: a");
    assert_eq!(stream.bytes().await, "data: a");
    shut_down.send(()).unwrap();
    assert!(stream.is_silent_for(1).await);
    stream.says(b"bc\n\n");
    tokio::time::advance(secs(60)).await;
    retry(stream.bytes().await.strip_prefix(b"bc\n\n").unwrap());
}

#[tokio::test(start_paused = true)]
async fn the_longest_lifetime_ends_between_two_events_with_the_last_one() {
    let mut setup = Setup::default();
    let lifetime = MaxLifetime::new(secs(60)).jitter(Duration::ZERO);
    setup.limits.max_lifetime = Some(lifetime.last_event(Event::new("late")));
    let mut stream = setup.open();
    let began = Instant::now();
    stream.says(b"data: a\n\n");
    assert_eq!(stream.bytes().await, "data: a\n\n");
    let end = stream.bytes().await;
    let block = end.strip_prefix(b"data: late\n\n").unwrap();
    assert!((2_000..=10_000).contains(&retry(block)));
    assert_eq!(began.elapsed(), secs(60));
    assert!(stream.next().await.is_none());
    assert_eq!(stream.reasons(), [ForwardCloseReason::MaxLifetime]);
}

#[tokio::test(start_paused = true)]
async fn streams_that_began_together_do_not_end_together() {
    let mut times = std::collections::HashSet::new();
    for _ in 0..20 {
        let mut setup = Setup::default();
        setup.limits.max_lifetime = Some(secs(100).into());
        let mut stream = setup.open();
        let began = Instant::now();
        retry(&stream.bytes().await);
        assert!((secs(90)..=secs(101)).contains(&began.elapsed()));
        times.insert(began.elapsed());
    }
    assert!(times.len() > 10);
}

#[tokio::test(start_paused = true)]
async fn a_keep_alive_says_what_it_was_told() {
    let mut setup = Setup::default();
    let ping = KeepAlive::every(secs(5)).sending(Event::new("ping"));
    setup.limits.keep_alive = Some(ping);
    let mut stream = setup.open();
    assert_eq!(stream.bytes().await, "data: ping\n\n");
    stream.says(b"\xEF\xBB\xBFdata: x\n\n");
    assert_eq!(stream.bytes().await, "data: x\n\n");
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_between_events_ends_at_once_with_a_retry() {
    let (shut_down, shutdown) = shutdown();
    let mut stream = Setup { shutdown, ..Setup::default() }.open();
    stream.says(b"data: a\n\n");
    assert_eq!(stream.bytes().await, "data: a\n\n");
    assert!(stream.is_silent_for(5).await);
    let began = Instant::now();
    let block = tokio::join!(stream.next(), async { shut_down.send(()).unwrap() }).0;
    assert!((2_000..=10_000).contains(&retry(&block.unwrap().unwrap())));
    assert_eq!(began.elapsed(), Duration::ZERO);
    assert!(stream.next().await.is_none());
    assert_eq!(stream.reasons(), [ForwardCloseReason::Shutdown]);
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_in_an_event_waits_for_its_end_and_takes_nothing_after_it() {
    let (shut_down, shutdown) = shutdown();
    let mut stream = Setup { shutdown, ..Setup::default() }.open();
    stream.says(b"data: a");
    assert_eq!(stream.bytes().await, "data: a");
    shut_down.send(()).unwrap();
    assert!(stream.is_silent_for(1).await);
    stream.says(b"bc\n");
    assert_eq!(stream.bytes().await, "bc\n");
    stream.says(b"\ndata: next\n\ndata: half");
    let last = stream.bytes().await;
    let block = last.strip_prefix(b"\ndata: next\n\n").unwrap();
    retry(block);
    assert!(stream.next().await.is_none());
    assert_eq!(stream.reasons(), [ForwardCloseReason::Shutdown]);
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_in_an_event_that_never_ends_aborts() {
    let (shut_down, shutdown) = shutdown();
    let mut stream = Setup { shutdown, ..Setup::default() }.open();
    stream.says(b"data: a");
    assert_eq!(stream.bytes().await, "data: a");
    shut_down.send(()).unwrap();
    let began = Instant::now();
    let error = stream.next().await.unwrap().unwrap_err();
    assert!(error.is_cut_short());
    assert_eq!(began.elapsed(), secs(2));
    assert_eq!(stream.reasons(), [ForwardCloseReason::Shutdown]);
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_comes_through_an_upstream_that_never_pauses() {
    let (shut_down, shutdown) = shutdown();
    let mut stream = Setup { shutdown, ..Setup::default() }.open();
    // So much that each goes on alone.
    let event = format!("data: {}\n\n", "x".repeat(64 * 1024));
    for _ in 0..10 {
        stream.says(event.as_bytes());
    }
    assert_eq!(stream.bytes().await, event);
    shut_down.send(()).unwrap();
    retry(&stream.bytes().await);
    assert!(stream.next().await.is_none());
}

#[tokio::test(start_paused = true)]
async fn clients_of_a_shutdown_come_back_at_different_times() {
    let limits = Setup::default().limits;
    let times: std::collections::HashSet<_> = (0..100).map(|_| limits.come_back()).collect();
    assert!(times.len() > 50);
    assert!(times.iter().all(|time| limits.shutdown_retry.contains(time)));
}

#[tokio::test(start_paused = true)]
async fn a_clean_end_is_a_clean_end() {
    let mut stream = Setup::default().open();
    stream.says(b"data: a\n\ndata: never dispatched");
    stream.ends();
    stream.bytes().await;
    assert!(stream.next().await.is_none());
    assert!(stream.pass.is_end_stream());
    let closed = stream.closed.lock().unwrap().clone();
    assert_eq!(closed.len(), 1);
    assert_eq!(closed[0].0, ForwardCloseReason::UpstreamEnded);
    assert_eq!(closed[0].1.bytes, 31);
}

#[tokio::test(start_paused = true)]
async fn a_body_that_only_the_connection_ends_is_whole_only_between_events() {
    for (text, is_whole) in [("data: a\n\n", true), ("data: a\n", false), ("", true)] {
        let mut stream = Setup { close_delimited: true, ..Setup::default() }.open();
        if !text.is_empty() {
            stream.says(text.as_bytes());
            stream.bytes().await;
        }
        stream.ends();
        match stream.next().await {
            None => assert!(is_whole, "{text:?}"),
            Some(result) => assert!(result.unwrap_err().is_upstream_lost() && !is_whole),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_that_leaves_is_told_of_once_and_the_upstream_is_let_go() {
    let stream = Setup::default().open();
    let closed = stream.closed.clone();
    drop(stream.pass);
    assert_eq!(closed.lock().unwrap()[0].0, ForwardCloseReason::ClientGone);
    assert!(stream.upstream.unwrap().is_closed());

    let mut stream = Setup::default().open();
    stream.ends();
    assert!(stream.next().await.is_none());
    let closed = stream.closed.clone();
    drop(stream);
    assert_eq!(closed.lock().unwrap().len(), 1);
}

proptest! {
    #[test]
    fn bytes_are_the_same_under_any_chunking(
        bytes in proptest::collection::vec(
            prop_oneof![any::<u8>(), Just(b'\n'), Just(b'\r'), Just(b':')], 0..300),
        cuts in proptest::collection::vec(any::<proptest::sample::Index>(), 0..12),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time().start_paused(true).build().unwrap();
        runtime.block_on(async {
            let mut stream = Setup::default().open();
            let mut cuts: Vec<_> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
            cuts.extend([0, bytes.len()]);
            cuts.sort_unstable();
            for cut in cuts.windows(2) {
                stream.says(&bytes[cut[0]..cut[1]]);
            }
            stream.ends();
            let mut got = vec![];
            while let Some(chunk) = stream.next().await {
                got.extend_from_slice(&chunk.unwrap());
            }
            assert_eq!(got, bytes);
        });
    }
}

mod faults;
