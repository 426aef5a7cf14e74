//! One life of a stream, as bytes say, and the rules that hold in each.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use sse_core::{
    Boundary, CloseReason, Completion, Decoder, Event, KeepAlive, Lifecycle, MaxLifetime, SseBody,
};
use tokio::time::advance;

const SECOND: Duration = Duration::from_secs(1);
const LAST: &str = "[DONE]";

/// What the source gives next, and whether it still lives. The source needs no waker: whoever changes
/// it polls the body afterwards. A shutdown is polled only when it has woken.
#[derive(Default)]
struct Shared {
    items: VecDeque<Option<Result<Event, &'static str>>>,
    source_is_dropped: bool,
    shuts_down: bool,
    asks_for_shutdown: Option<Waker>,
    closed: Vec<CloseReason>,
}

struct Source(Arc<Mutex<Shared>>);

impl futures_core::Stream for Source {
    type Item = Result<Event, &'static str>;

    fn poll_next(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        match self.0.lock().unwrap().items.pop_front() {
            Some(item) => Poll::Ready(item),
            None => Poll::Pending,
        }
    }
}

impl Drop for Source {
    fn drop(&mut self) {
        self.0.lock().unwrap().source_is_dropped = true;
    }
}

/// The first byte says how the stream lives, each further one what happens next.
pub(crate) fn live(input: &[u8]) {
    let Some((options, happenings)) = input.split_first() else { return };
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    runtime.unwrap().block_on(async {
        let mut life = Life::begin(*options);
        for happening in happenings {
            life.happen(*happening).await;
        }
        life.end();
    });
}

struct Life {
    shared: Arc<Mutex<Shared>>,
    body: Pin<Box<SseBody<Source>>>,
    /// Whether there is an event that completes it.
    completes: bool,
    boundary: Boundary,
    decoder: Decoder,
    /// The data of all events that the source was given, up to its end.
    sent: Vec<String>,
    source_has_ended: bool,
    received: Vec<String>,
    failed: bool,
    over: bool,
}

impl Life {
    fn begin(options: u8) -> Self {
        let shared = Arc::new(Mutex::new(Shared::default()));
        let (asked, told) = (shared.clone(), shared.clone());
        let mut lifecycle = Lifecycle::new()
            .on_close(move |reason, _| told.lock().unwrap().closed.push(reason))
            .linger(if options & 1 == 0 { 5 * SECOND } else { Duration::ZERO })
            .max_chunk(if options & 2 == 0 { 64 } else { 0 });
        if options & 4 != 0 {
            lifecycle = lifecycle.complete_on(Completion::data(LAST));
        }
        if options & 8 != 0 {
            lifecycle = lifecycle.max_lifetime(MaxLifetime::new(60 * SECOND));
        }
        if options & 16 != 0 {
            lifecycle = lifecycle.shutdown(std::future::poll_fn(move |cx| {
                let mut asked = asked.lock().unwrap();
                asked.asks_for_shutdown = Some(cx.waker().clone());
                if asked.shuts_down { Poll::Ready(()) } else { Poll::Pending }
            }));
        }
        if options & 32 != 0 {
            lifecycle = lifecycle.keep_alive(None::<KeepAlive>);
        }
        Self {
            body: Box::pin(lifecycle.body(Source(shared.clone()))),
            shared,
            completes: options & 4 != 0,
            boundary: Boundary::new(),
            decoder: Decoder::new(),
            sent: Vec::new(),
            source_has_ended: false,
            received: Vec::new(),
            failed: false,
            over: false,
        }
    }

    async fn happen(&mut self, happening: u8) {
        match happening % 8 {
            0 => self.send(format!("{}", self.sent.len())),
            1 => self.send(LAST.to_owned()),
            2 => self.send(format!("two\nlines {}", "x".repeat(usize::from(happening)))),
            3 => self.give(Some(Err("failed"))),
            4 => self.give(None),
            5 => self.shut_down(),
            6 => advance(Duration::from_millis(u64::from(happening) * 50)).await,
            _ => self.poll(),
        }
    }

    fn shut_down(&self) {
        let mut shared = self.shared.lock().unwrap();
        shared.shuts_down = true;
        let waker = shared.asks_for_shutdown.take();
        drop(shared);
        waker.into_iter().for_each(Waker::wake);
    }

    fn send(&mut self, data: String) {
        if !self.source_has_ended {
            self.sent.push(data.clone());
            self.give(Some(Ok(Event::new(data))));
        }
    }

    fn give(&mut self, item: Option<Result<Event, &'static str>>) {
        if !self.source_has_ended {
            self.source_has_ended = !matches!(item, Some(Ok(_)));
            self.shared.lock().unwrap().items.push_back(item);
        }
    }

    /// Polls once, and holds what comes against the rules.
    fn poll(&mut self) {
        let mut context = Context::from_waker(Waker::noop());
        match futures_core::Stream::poll_next(self.body.as_mut(), &mut context) {
            Poll::Pending => assert!(!self.over, "an end does not pend"),
            Poll::Ready(None) => {
                self.over = true;
                let shared = self.shared.lock().unwrap();
                assert!(shared.source_is_dropped, "no source outlives its stream");
                assert_eq!(shared.closed.len(), 1, "a close is told once");
            }
            Poll::Ready(Some(Err(_))) => {
                assert!(!self.over && !self.failed, "an error is told once, and before the end");
                self.failed = true;
            }
            Poll::Ready(Some(Ok(chunk))) => {
                assert!(!self.over && !self.failed, "nothing follows an end");
                assert!(!chunk.is_empty());
                self.boundary.feed(&chunk);
                assert!(self.boundary.is_between_events(), "a chunk is whole events");
                self.decoder.feed(&chunk);
                while let Some(message) = self.decoder.next_message().unwrap() {
                    self.received.push(message.data);
                }
            }
        }
    }

    /// Drops the body, and holds the whole life against the rules.
    fn end(self) {
        let Self { body, shared, completes, sent, received, failed, over, .. } = self;
        drop(body);
        let shared = shared.lock().unwrap();
        assert!(shared.source_is_dropped);
        let [reason] = shared.closed[..] else { panic!("closed {:?}", shared.closed) };

        assert!(sent.starts_with(&received), "{received:?} of {sent:?}");
        let completed = completes && received.last().is_some_and(|data| data == LAST);
        assert_eq!(reason == CloseReason::Completed, completed);
        if completes {
            let last = received.iter().position(|data| data == LAST);
            assert!(last.is_none_or(|at| at + 1 == received.len()), "nothing follows the last");
        }
        match reason {
            CloseReason::SourceEnded => assert_eq!(received, sent, "an end loses nothing"),
            CloseReason::SourceFailed => assert_eq!(received, sent, "nor does a failure"),
            CloseReason::ClientGone => assert!(!over),
            _ => {}
        }
        assert!(!failed || reason == CloseReason::SourceFailed);
    }
}
