//! How a stream lives and ends, on simulated time.
#![cfg(feature = "tokio")]

use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Wake};
use std::time::Duration;

use futures_util::stream::{self, BoxStream};
use futures_util::{FutureExt as _, StreamExt as _};
use http_body::Body as _;
use sse_core::{
    CloseReason, Completion, Event, EventType, Frame, Frames, KeepAlive, Lifecycle, MaxLifetime,
    SseBody, StreamStats,
};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, advance};

type Item = Result<Event, &'static str>;
type Closed = Arc<Mutex<Vec<(CloseReason, StreamStats)>>>;

const SECOND: Duration = Duration::from_secs(1);

/// A source fed by hand, the body that reads it, and what `on_close` was told.
struct Rig {
    source: Option<mpsc::UnboundedSender<Item>>,
    body: Pin<Box<SseBody<BoxStream<'static, Item>>>>,
    closed: Closed,
}

fn rig(lifecycle: Lifecycle) -> Rig {
    let (source, events) = mpsc::unbounded_channel();
    let events = stream::unfold(events, |mut events| async move {
        events.recv().await.map(|event| (event, events))
    });
    let closed = Closed::default();
    let told = closed.clone();
    let lifecycle =
        lifecycle.on_close(move |reason, stats| told.lock().unwrap().push((reason, stats)));
    Rig { source: Some(source), body: Box::pin(lifecycle.body(events.boxed())), closed }
}

/// The same, after its first chunk.
fn opened(lifecycle: Lifecycle) -> Rig {
    let mut rig = rig(lifecycle);
    rig.now().expect("the first byte is ready at once");
    rig
}

impl Rig {
    fn send(&self, event: Event) {
        let source = self.source.as_ref().expect("the source has not ended");
        source.send(Ok(event)).expect("the body reads its source");
    }

    fn fail(&self, error: &'static str) {
        let source = self.source.as_ref().expect("the source has not ended");
        source.send(Err(error)).expect("the body reads its source");
    }

    /// The chunk that is ready now, as text; `None` where there is none yet.
    fn now(&mut self) -> Option<Option<String>> {
        self.body.next().now_or_never().map(text)
    }

    /// The next chunk, and how long it took to come.
    async fn next(&mut self) -> (Duration, Option<String>) {
        let from = Instant::now();
        let chunk = text(self.body.next().await);
        (from.elapsed(), chunk)
    }

    fn source_is_dropped(&self) -> bool {
        self.source.as_ref().expect("the source has not ended").is_closed()
    }

    fn reasons(&self) -> Vec<CloseReason> {
        self.closed.lock().unwrap().iter().map(|(reason, _)| *reason).collect()
    }
}

fn text(chunk: Option<Result<bytes::Bytes, impl std::fmt::Display>>) -> Option<String> {
    chunk.map(|chunk| match chunk {
        Ok(bytes) => String::from_utf8(bytes.to_vec()).expect("a stream is text"),
        Err(error) => format!("error: {error}"),
    })
}

fn some(text: &str) -> Option<Option<String>> {
    Some(Some(text.into()))
}

fn done() -> Event {
    Event::new("[DONE]")
}

fn completing() -> Lifecycle {
    Lifecycle::new().complete_on(Completion::data("[DONE]"))
}

/// The milliseconds of a chunk that is one `retry`.
fn retry_of(chunk: &str) -> u64 {
    let retry = chunk.strip_prefix("retry: ").and_then(|rest| rest.strip_suffix("\n\n"));
    retry.unwrap_or_else(|| panic!("not a lone retry: {chunk:?}")).parse().unwrap()
}

#[tokio::test(start_paused = true)]
async fn the_first_byte_leaves_at_once() {
    let mut rig = rig(Lifecycle::new());
    assert_eq!(rig.now(), some(":\n\n"));
    assert_eq!(rig.now(), None);
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_may_say_retry_at_its_end_opens_with_the_ordinary_one() {
    for lifecycle in [
        Lifecycle::new().shutdown(std::future::pending()),
        Lifecycle::new().max_lifetime(SECOND),
        Lifecycle::new().retry(3 * SECOND),
    ] {
        assert_eq!(rig(lifecycle).now(), some("retry: 3000\n\n"));
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_ready_leaves_in_one_chunk_with_the_first_byte() {
    let mut rig = rig(Lifecycle::new());
    rig.send(Event::new("1"));
    rig.send(Event::new("2"));
    assert_eq!(rig.now(), some(":\n\ndata: 1\n\ndata: 2\n\n"));
}

#[tokio::test(start_paused = true)]
async fn a_chunk_is_bounded_and_the_rest_follows() {
    let mut rig = opened(Lifecycle::new().max_chunk(20));
    for number in 0..5 {
        rig.send(Event::new(number.to_string()));
    }
    assert_eq!(rig.now(), some("data: 0\n\ndata: 1\n\ndata: 2\n\n"));
    assert_eq!(rig.now(), some("data: 3\n\ndata: 4\n\n"));
    assert_eq!(rig.now(), None);
}

#[tokio::test(start_paused = true)]
async fn at_least_one_event_leaves_whatever_the_bound_of_a_chunk() {
    let mut rig = opened(Lifecycle::new().max_chunk(0));
    rig.send(Event::new("1"));
    rig.send(Event::new("2"));
    assert_eq!(rig.now(), some("data: 1\n\n"));
    assert_eq!(rig.now(), some("data: 2\n\n"));
}

#[tokio::test(start_paused = true)]
async fn a_lone_frame_leaves_without_a_copy() {
    let frame = Event::new("shared").to_frame();
    let (source, frames) = mpsc::unbounded_channel::<Frame>();
    let frames = stream::unfold(frames, |mut frames| async move {
        frames.recv().await.map(|frame| (frame, frames))
    });
    let mut body = pin!(Lifecycle::new().body(frames.boxed()));
    body.next().await.unwrap().unwrap();
    source.send(frame.clone()).unwrap();
    let chunk = body.next().await.unwrap().unwrap();
    assert_eq!(chunk.as_ptr(), frame.as_bytes().as_ptr());
}

#[tokio::test(start_paused = true)]
async fn keep_alive_is_measured_from_the_last_byte() {
    let mut rig = opened(Lifecycle::new());
    advance(10 * SECOND).await;
    rig.send(Event::new("1"));
    assert_eq!(rig.now(), some("data: 1\n\n"));
    assert_eq!(rig.next().await, (15 * SECOND, Some(":\n\n".into())));
    assert_eq!(rig.next().await, (15 * SECOND, Some(":\n\n".into())));
}

#[tokio::test(start_paused = true)]
async fn keep_alive_may_be_an_event_or_nothing() {
    let ping = Event::new("").with_type(EventType::from_static("ping"));
    let mut rig = opened(Lifecycle::new().keep_alive(KeepAlive::every(SECOND).sending(ping)));
    assert_eq!(rig.next().await, (SECOND, Some("event: ping\ndata: \n\n".into())));
    let mut rig = opened(Lifecycle::new().keep_alive(None));
    let silent = tokio::time::timeout(1_000_000 * SECOND, rig.body.next()).await;
    assert!(silent.is_err());
}

#[tokio::test(start_paused = true)]
async fn a_keep_alive_that_is_due_as_an_event_leaves_is_not_sent() {
    let mut rig = opened(Lifecycle::new());
    advance(15 * SECOND).await;
    rig.send(Event::new("1"));
    assert_eq!(rig.now(), some("data: 1\n\n"));
    assert_eq!(rig.now(), None);
}

#[tokio::test(start_paused = true)]
async fn on_completion_the_source_is_dropped_and_the_client_may_hang_up_first() {
    let mut rig = opened(completing());
    rig.send(done());
    rig.send(Event::new("never sent"));
    assert_eq!(rig.now(), some("data: [DONE]\n\n"));
    assert!(rig.source_is_dropped());
    assert_eq!(rig.now(), None);
    assert!(!rig.body.is_end_stream());
    let Rig { body, closed, .. } = rig;
    drop(body);
    let closed = closed.lock().unwrap();
    assert_eq!(closed.len(), 1);
    assert_eq!((closed[0].0, closed[0].1.events), (CloseReason::Completed, 1));
}

#[tokio::test(start_paused = true)]
async fn a_completed_stream_ends_by_itself_after_linger_without_a_keep_alive() {
    let mut rig = opened(completing().linger(60 * SECOND));
    rig.send(done());
    rig.now();
    assert_eq!(rig.next().await, (60 * SECOND, None));
    assert_eq!(rig.reasons(), [CloseReason::Completed]);
}

#[tokio::test(start_paused = true)]
async fn a_linger_does_not_wait_for_the_keep_alive_that_was_due() {
    let mut rig = opened(completing().linger(5 * SECOND));
    assert!(rig.now().is_none());
    rig.send(done());
    rig.now();
    assert_eq!(rig.next().await, (5 * SECOND, None));
}

#[tokio::test(start_paused = true)]
async fn without_linger_a_completed_stream_ends_at_once() {
    let mut rig = opened(completing().linger(Duration::ZERO));
    rig.send(done());
    assert_eq!(rig.now(), some("data: [DONE]\n\n"));
    assert!(rig.body.is_end_stream());
    assert_eq!(rig.reasons(), [CloseReason::Completed]);
    assert_eq!(rig.now(), Some(None));
}

#[tokio::test(start_paused = true)]
async fn completion_wins_over_an_end_or_a_failure_in_the_same_poll() {
    for fails in [false, true] {
        let mut rig = opened(completing());
        rig.send(done());
        if fails {
            rig.fail("late");
        }
        rig.source = None;
        assert_eq!(rig.now(), some("data: [DONE]\n\n"));
        assert_eq!(rig.next().await, (5 * SECOND, None));
        assert_eq!(rig.reasons(), [CloseReason::Completed]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_frame_completes_as_its_event_does() {
    let frames = stream::iter([Frame::from(done())]).chain(stream::pending());
    let mut body = pin!(completing().linger(Duration::ZERO).body(frames));
    assert_eq!(text(body.next().await), Some(":\n\ndata: [DONE]\n\n".into()));
    assert!(body.next().await.is_none());
}

#[tokio::test(start_paused = true)]
async fn frames_of_one_item_leave_in_order_up_to_the_completing_one_and_each_is_counted() {
    let frames = |data: &[&str]| data.iter().map(|data| Event::new(*data).to_frame()).collect();
    let items: [Frames; 4] =
        [frames(&["1", "2", "3"]), frames(&[]), frames(&["4"]), frames(&["5", "[DONE]", "6"])];
    let closed = Closed::default();
    let told = closed.clone();
    let lifecycle = completing().linger(Duration::ZERO);
    let lifecycle =
        lifecycle.on_close(move |reason, stats| told.lock().unwrap().push((reason, stats)));
    let mut body = pin!(lifecycle.body(stream::iter(items).chain(stream::pending())));
    let all = ":\n\ndata: 1\n\ndata: 2\n\ndata: 3\n\ndata: 4\n\ndata: 5\n\ndata: [DONE]\n\n";
    assert_eq!(text(body.next().await), Some(all.into()));
    assert!(body.next().await.is_none());
    let closed = closed.lock().unwrap();
    assert_eq!((closed[0].0, closed[0].1.events), (CloseReason::Completed, 6));
}

#[tokio::test(start_paused = true)]
async fn the_end_of_the_source_is_the_end_of_the_stream() {
    let mut rig = opened(Lifecycle::new());
    rig.send(Event::new("last"));
    rig.source = None;
    assert_eq!(rig.now(), some("data: last\n\n"));
    assert!(rig.body.is_end_stream());
    assert_eq!(rig.now(), Some(None));
    assert_eq!(rig.now(), Some(None));
    assert_eq!(rig.reasons(), [CloseReason::SourceEnded]);
}

#[tokio::test(start_paused = true)]
async fn a_failed_source_is_told_after_its_events_and_a_moment_to_write_them() {
    let mut rig = opened(Lifecycle::new());
    rig.send(Event::new("before"));
    rig.fail("broken");
    assert_eq!(rig.now(), some("data: before\n\n"));
    assert!(!rig.body.is_end_stream(), "an end without the error would look clean");
    assert_eq!(rig.next().await, (SECOND / 10, some("error: broken").flatten()));
    assert_eq!(rig.now(), Some(None));
    assert_eq!(rig.reasons(), [CloseReason::SourceFailed]);
}

#[tokio::test(start_paused = true)]
async fn at_the_end_of_its_lifetime_a_stream_says_so_and_when_to_return() {
    let timeout = Event::new("").with_type(EventType::from_static("timeout"));
    let lifetime = MaxLifetime::new(100 * SECOND).jitter(20 * SECOND).last_event(timeout);
    let mut ends = Vec::new();
    for _ in 0..50 {
        let mut rig = opened(Lifecycle::new().keep_alive(None).max_lifetime(lifetime.clone()));
        let (after, chunk) = rig.next().await;
        let chunk = chunk.unwrap();
        let retry = retry_of(chunk.strip_prefix("event: timeout\ndata: \n\n").unwrap());
        assert!((1500..=3000).contains(&retry), "{retry}");
        assert!((80 * SECOND..=101 * SECOND).contains(&after), "{after:?}");
        assert!(rig.body.is_end_stream());
        assert_eq!(rig.reasons(), [CloseReason::MaxLifetime]);
        ends.push(after);
    }
    ends.sort();
    assert!(ends[49] - ends[0] > 5 * SECOND, "ends are spread: {ends:?}");
}

#[tokio::test(start_paused = true)]
async fn a_lifetime_that_ends_between_keep_alives_does_not_wait_for_one() {
    let lifetime = MaxLifetime::new(20 * SECOND).jitter(Duration::ZERO);
    let mut rig = opened(Lifecycle::new().max_lifetime(lifetime));
    assert_eq!(rig.next().await, (15 * SECOND, Some(":\n\n".into())));
    let (after, chunk) = rig.next().await;
    retry_of(&chunk.unwrap());
    assert_eq!(after, 5 * SECOND);
    assert_eq!(rig.now(), Some(None));
}

#[tokio::test(start_paused = true)]
async fn a_source_that_is_always_ready_cannot_outlive_its_lifetime_or_a_shutdown() {
    let endless = || stream::repeat_with(|| Event::new("x"));
    let lifetime = MaxLifetime::new(SECOND).jitter(Duration::ZERO);
    let mut body = pin!(Lifecycle::new().max_lifetime(lifetime).body(endless()));
    body.next().await.unwrap().unwrap();
    advance(SECOND).await;
    body.next().await.unwrap().unwrap();
    assert!(body.next().await.is_none());
    let mut body = pin!(Lifecycle::new().shutdown(std::future::ready(())).body(endless()));
    body.next().await.unwrap().unwrap();
    assert!(body.next().await.is_none());
}

#[tokio::test(start_paused = true)]
async fn on_shutdown_what_is_ready_is_sent_and_the_clients_are_spread() {
    let mut retries = Vec::new();
    for _ in 0..50 {
        let (shut_down, shutdown) = oneshot::channel::<()>();
        let mut rig = opened(Lifecycle::new().shutdown(shutdown.map(|_| ())));
        assert_eq!(rig.now(), None);
        rig.send(Event::new("ready"));
        shut_down.send(()).unwrap();
        let chunk = rig.now().unwrap().unwrap();
        let retry = retry_of(chunk.strip_prefix("data: ready\n\n").unwrap());
        assert!((2000..=10_000).contains(&retry), "{retry}");
        assert!(rig.source_is_dropped());
        assert!(rig.body.is_end_stream());
        assert_eq!(rig.reasons(), [CloseReason::Shutdown]);
        retries.push(retry);
    }
    retries.sort_unstable();
    assert!(retries[49] - retries[0] > 2000, "the clients are spread: {retries:?}");
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_while_lingering_ends_a_completed_stream_at_once() {
    let (shut_down, shutdown) = oneshot::channel::<()>();
    let mut rig = opened(completing().shutdown(shutdown.map(|_| ())));
    rig.send(done());
    rig.now();
    shut_down.send(()).unwrap();
    retry_of(&rig.now().unwrap().unwrap());
    assert_eq!(rig.now(), Some(None));
    assert_eq!(rig.reasons(), [CloseReason::Completed]);
}

#[tokio::test(start_paused = true)]
async fn a_lifetime_that_ends_while_lingering_waits_for_the_linger() {
    let lifetime = MaxLifetime::new(2 * SECOND).jitter(Duration::ZERO);
    let mut rig = opened(completing().max_lifetime(lifetime));
    rig.send(done());
    rig.now();
    assert_eq!(rig.next().await, (5 * SECOND, None));
    assert_eq!(rig.reasons(), [CloseReason::Completed]);
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_in_the_poll_in_which_the_source_ends_adds_nothing() {
    let (shut_down, shutdown) = oneshot::channel::<()>();
    let mut rig = opened(Lifecycle::new().shutdown(shutdown.map(|_| ())));
    rig.source = None;
    shut_down.send(()).unwrap();
    assert_eq!(rig.now(), Some(None));
    assert_eq!(rig.reasons(), [CloseReason::SourceEnded]);
}

#[tokio::test(start_paused = true)]
async fn a_lifetime_and_a_shutdown_at_once_say_one_retry() {
    let (shut_down, shutdown) = oneshot::channel::<()>();
    let lifetime = MaxLifetime::new(SECOND).jitter(Duration::ZERO);
    let lifecycle = Lifecycle::new().max_lifetime(lifetime).shutdown(shutdown.map(|_| ()));
    let mut rig = opened(lifecycle);
    shut_down.send(()).unwrap();
    advance(SECOND).await;
    retry_of(&rig.now().unwrap().unwrap());
    assert_eq!(rig.reasons(), [CloseReason::Shutdown]);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_goes_takes_the_source_with_it() {
    let mut rig = opened(Lifecycle::new());
    rig.send(Event::new("1"));
    rig.now();
    advance(SECOND).await;
    let Rig { source, body, closed } = rig;
    drop(body);
    assert!(source.unwrap().is_closed());
    let closed = closed.lock().unwrap();
    let (reason, stats) = closed[0];
    assert_eq!(closed.len(), 1);
    assert_eq!(reason, CloseReason::ClientGone);
    assert_eq!((stats.events, stats.bytes, stats.duration), (1, 12, SECOND));
}

#[tokio::test(start_paused = true)]
async fn a_body_that_is_never_polled_still_tells_its_close_once() {
    let Rig { body, closed, .. } = rig(Lifecycle::new());
    drop(body);
    assert_eq!(closed.lock().unwrap().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_is_not_asked_again_with_each_event() {
    let (shut_down, shutdown) = oneshot::channel::<()>();
    let asked = Arc::new(AtomicUsize::new(0));
    let counted = asked.clone();
    let mut shutdown = shutdown;
    let shutdown = std::future::poll_fn(move |cx| {
        counted.fetch_add(1, Ordering::Relaxed);
        Pin::new(&mut shutdown).poll(cx).map(drop)
    });
    let mut rig = opened(Lifecycle::new().shutdown(shutdown));
    for _ in 0..100 {
        rig.send(Event::new("x"));
        assert!(rig.now().is_some());
        assert!(rig.now().is_none());
    }
    assert!(asked.load(Ordering::Relaxed) <= 2, "asked {asked:?} times");
    shut_down.send(()).unwrap();
    retry_of(&rig.now().unwrap().unwrap());
    assert_eq!(rig.reasons(), [CloseReason::Shutdown]);
}

/// A waker that counts.
#[derive(Default)]
struct Woken(AtomicUsize);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

#[tokio::test(start_paused = true)]
async fn a_timer_and_a_shutdown_wake_whoever_polled_last() {
    let (shut_down, shutdown) = oneshot::channel::<()>();
    let mut rig = opened(Lifecycle::new().shutdown(async { drop(shutdown.await) }));
    let tasks = [Arc::new(Woken::default()), Arc::new(Woken::default())];
    let woken = || tasks.each_ref().map(|task| task.0.swap(0, Ordering::Relaxed));
    let poll = |rig: &mut Rig, task: usize| {
        let waker = tasks[task].clone().into();
        rig.body.poll_next_unpin(&mut Context::from_waker(&waker))
    };

    // The first task has them registered, the second only takes over.
    assert!(poll(&mut rig, 0).is_pending());
    assert!(poll(&mut rig, 1).is_pending());
    advance(15 * SECOND).await;
    assert_eq!(woken(), [0, 1]);
    assert!(poll(&mut rig, 1).is_ready());
    assert!(poll(&mut rig, 1).is_pending());
    assert!(poll(&mut rig, 0).is_pending());
    shut_down.send(()).unwrap();
    assert_eq!(woken(), [1, 0]);
    assert!(poll(&mut rig, 0).is_ready());
}
