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

mod endings;
mod faults;
mod silence;
