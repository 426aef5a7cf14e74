//! Logs as streams, and streams that are logged.

use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use futures_util::{FutureExt, Stream, StreamExt, stream};
use sse_core::Event;
use sse_store::{
    EventStore, MemoryStore, NewEntry, PageStatus, Position, StoreError, Topic, TopicSet, follow,
    record,
};
use tokio::sync::mpsc;

fn store() -> Arc<dyn EventStore> {
    Arc::new(MemoryStore::new())
}

fn topic(name: &str) -> Topic {
    Topic::new(name).unwrap()
}

fn new(name: &str, data: &str) -> NewEntry {
    NewEntry::new(topic(name), Event::new(data))
}

async fn stored(store: &Arc<dyn EventStore>) -> Vec<Event> {
    let page = store.read(Position::START, &TopicSet::All, 10_000).await.unwrap();
    page.entries.into_iter().filter_map(|entry| entry.into_event()).collect()
}

fn events(count: usize) -> impl Stream<Item = Result<Event, StoreError>> {
    stream::iter(0..count).map(|number| Ok(Event::new(number.to_string())))
}

/// A stream of what is sent to it.
fn channel() -> (mpsc::UnboundedSender<Event>, impl Stream<Item = Result<Event, StoreError>>) {
    let (sender, mut receiver) = mpsc::unbounded_channel();
    (sender, stream::poll_fn(move |cx| receiver.poll_recv(cx).map(|event| event.map(Ok))))
}

#[tokio::test]
async fn what_a_recording_gives_is_what_is_stored() {
    let store = store();
    for count in [0, 1, 99, 100, 101, 250] {
        store.clear(&topic("t")).await.unwrap();
        let given: Vec<Event> =
            record(store.clone(), topic("t"), events(count)).map(Result::unwrap).collect().await;
        assert_eq!(given.len(), count);
        assert!(given.iter().all(|event| event.id().is_some()));
        assert_eq!(given, stored(&store).await);
    }
}

#[tokio::test]
async fn an_event_is_passed_on_without_waiting_for_the_next() {
    let store = store();
    let (sender, source) = channel();
    let mut recording = record(store.clone(), topic("t"), source);
    assert!(recording.next().now_or_never().is_none());
    for number in 0..3 {
        sender.send(Event::new(number.to_string())).unwrap();
        let event = recording.next().await.unwrap().unwrap();
        assert_eq!(Some(&event), stored(&store).await.last());
        assert!(recording.next().now_or_never().is_none());
    }
    drop(sender);
    assert!(recording.next().await.is_none());
}

#[tokio::test]
async fn a_recording_ends_where_a_newer_run_has_cleared_its_topic() {
    let store = store();
    let fence = store.clear(&topic("t")).await.unwrap().position;
    let (sender, source) = channel();
    let mut recording = record(store.clone(), topic("t"), source).fenced_by(fence);
    sender.send(Event::new("a")).unwrap();
    assert!(recording.next().await.unwrap().is_ok());
    store.clear(&topic("t")).await.unwrap();
    sender.send(Event::new("b")).unwrap();
    assert!(recording.next().await.unwrap().unwrap_err().is_fenced());
    assert!(sender.is_closed(), "the source is dropped");
    assert!(recording.next().await.is_none());
    assert!(stored(&store).await.is_empty());
}

#[tokio::test]
async fn an_error_of_the_source_comes_after_what_was_before_it() {
    let store = store();
    let failed = || Err(StoreError::other("the source has failed"));
    let source = stream::iter([Ok(Event::new("a")), failed(), failed(), Ok(Event::new("b"))]);
    let given: Vec<_> = record(store.clone(), topic("t"), source).collect().await;
    let given: Vec<Option<&str>> = given.iter().map(|item| item.as_ref().ok()?.data()).collect();
    assert_eq!(given, [Some("a"), None, None, Some("b")]);
    assert_eq!(stored(&store).await.len(), 2);
}

#[tokio::test]
async fn an_event_with_an_id_ends_the_recording() {
    let source = stream::iter([Ok(Event::new("a").with_id(1)), Ok(Event::new("b"))]);
    let mut recording = record(store(), topic("t"), source);
    let error: StoreError = recording.next().await.unwrap().unwrap_err();
    assert!(error.is_refused());
    assert!(recording.next().await.is_none());
}

#[tokio::test]
async fn following_gives_what_is_there_and_what_comes() {
    let store = store();
    let batch = |numbers: std::ops::Range<i32>| {
        numbers.map(|number| new(["t", "u"][number as usize % 2], &number.to_string())).collect()
    };
    store.append(batch(0..1700)).await.unwrap();
    let mut pages = follow(store.clone(), Position::START, topic("t").into());
    let mut seen = Vec::new();
    for round in 0..5 {
        while seen.len() < 850 + round * 10 {
            let page = pages.next().await.unwrap().unwrap();
            assert!(page.status.is_exact() && !page.entries.is_empty());
            seen.extend(page.entries);
        }
        let mut cx = Context::from_waker(Waker::noop());
        assert!(matches!(pages.poll_next_unpin(&mut cx), Poll::Pending));
        store.append(batch(0..20)).await.unwrap();
    }
    let all = store.read(Position::START, &topic("t").into(), 10_000).await.unwrap().entries;
    assert_eq!(seen, all[..seen.len()]);
}

#[tokio::test]
async fn following_tells_a_gap_once() {
    let store = store();
    let first = store.append(vec![new("t", "a"), new("t", "b")]).await.unwrap()[0];
    let later = std::time::SystemTime::now() + std::time::Duration::from_secs(60);
    store.purge(later).await.unwrap();
    let mut pages = follow(store.clone(), first, topic("t").into());
    let page = pages.next().await.unwrap().unwrap();
    assert!(matches!(page.status, PageStatus::Gap { .. }) && page.entries.is_empty());
    store.append(vec![new("t", "c")]).await.unwrap();
    let page = pages.next().await.unwrap().unwrap();
    assert_eq!((page.status, page.entries.len()), (PageStatus::Exact, 1));
    assert_eq!(pages.position(), page.next);
}
