//! Frames that are put together say what each of them says; what lies side by side is not copied.
#![cfg(feature = "tokio")]

use std::cell::RefCell;
use std::collections::VecDeque;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use allocation_counter::measure;
use bytes::Bytes;
use futures_util::FutureExt as _;
use futures_util::stream::{self, Stream, StreamExt as _};
use sse_core::{Completion, Event, EventType, Frame, Frames, Lifecycle};

/// The frames of these events, side by side.
fn together<'a>(events: impl IntoIterator<Item = &'a Event>) -> Vec<Frame> {
    let mut frames = Frames::new();
    events.into_iter().for_each(|event| frames.encode(event));
    frames.into_iter().collect()
}

fn concat(frames: &[Frame]) -> Vec<u8> {
    frames.iter().flat_map(|frame| frame.as_bytes()).copied().collect()
}

/// The chunks of a response that is past its first byte, and is given each of these when it has written what came before.
async fn chunks<T: sse_core::StreamItem>(bursts: Vec<Vec<T>>) -> Vec<Vec<Bytes>> {
    let ready = RefCell::new(VecDeque::new());
    let source = stream::poll_fn(|_| {
        ready.borrow_mut().pop_front().map_or(Poll::Pending, |it| Poll::Ready(Some(it)))
    });
    let mut body = pin!(Lifecycle::new().body(source));
    let mut chunks = Vec::new();
    let mut drain = || {
        let mut all = Vec::new();
        while let Some(chunk) = body.next().now_or_never() {
            all.push(chunk.unwrap().unwrap());
        }
        all
    };
    drain();
    for burst in bursts {
        ready.borrow_mut().extend(burst);
        chunks.push(drain());
    }
    chunks
}

#[tokio::test]
async fn whatever_is_put_together_says_what_each_says_and_nothing_is_lost_between() {
    let event = |data: &str| Event::new(data).with_id(1);
    let mut all = together(&[event("a"), Event::default(), event("b\nb")]);
    all.extend(together(&[Event::default().with_comment("c"), event("")]));
    all.push(event("lone").to_frame());
    // All sequences of up to five of them.
    let mut sequences = vec![vec![]];
    for _ in 0..5 {
        let longer = |sequence: &Vec<usize>| {
            let sequence = sequence.clone();
            (0..all.len()).map(move |next| [&sequence[..], &[next]].concat())
        };
        let longer: Vec<_> = sequences.iter().flat_map(longer).collect();
        sequences.extend(longer);
    }
    sequences.sort_unstable();
    sequences.dedup();
    assert_eq!(sequences.len(), 1 + 6 + 36 + 216 + 1_296 + 7_776);
    for sequence in sequences {
        let frames: Vec<Frame> = sequence.iter().map(|at| all[*at].clone()).collect();
        let expected = concat(&frames);
        let collected: Frames = frames.iter().cloned().collect();
        let mut pushed = Frames::new();
        frames.iter().for_each(|frame| pushed.push(frame));
        for put in [collected, pushed] {
            assert_eq!(put.as_bytes(), expected, "{sequence:?}");
            assert_eq!((put.len(), put.is_empty()), (frames.len(), frames.is_empty()));
            assert_eq!(put.clone().into_bytes(), expected, "{sequence:?}");
            assert_eq!(put.into_iter().collect::<Vec<_>>(), frames, "{sequence:?}");
        }
        if !frames.is_empty() {
            let chunks = chunks(vec![frames]).await;
            assert_eq!(chunks, [[expected]], "{sequence:?}");
        }
    }
}

#[test]
fn only_what_lies_right_behind_the_last_one_joins() {
    let abc = together(&["a", "b", "c"].map(Event::new));
    let same = together(&["a", "b", "c"].map(Event::new));
    let mut frames = Frames::from(abc[0].clone());
    for other in [&abc[0], &abc[2], &same[1], &Event::new("b").to_frame()] {
        assert!(!frames.join(other), "{other:?}");
    }
    assert!(frames.join(&abc[1]) && frames.join(&abc[2]));
    assert_eq!((frames.len(), frames.as_bytes()), (3, &concat(&abc)[..]));
    frames.push(&abc[0]);
    assert!(!frames.join(&abc[1]), "a copy has nothing behind it");
    assert_eq!(frames.len(), 4);
    assert!(!Frames::new().join(&abc[1]), "nothing is before it");
}

#[tokio::test]
async fn what_lies_side_by_side_leaves_as_a_part_of_its_buffer_however_it_is_given() {
    let events: Vec<_> = (0..16).map(|number| Event::new("x".repeat(92)).with_id(number)).collect();
    let frames = together(&events);
    for (from, to) in [(0, 16), (3, 16), (0, 9), (5, 7)] {
        let part = &frames[from..to];
        let one_by_one = chunks(vec![part.to_vec()]).await;
        let at_once = chunks(vec![vec![part.iter().cloned().collect::<Frames>()]]).await;
        let halves = [&part[..1], &part[1..]].map(|half| half.iter().cloned().collect::<Frames>());
        let in_parts = chunks(vec![halves.to_vec()]).await;
        for chunks in [one_by_one, at_once, in_parts] {
            let [chunk] = chunks.concat().try_into().unwrap();
            assert_eq!(chunk, concat(part), "{from}..{to}");
            assert_eq!(chunk.as_ptr(), part[0].as_bytes().as_ptr(), "{from}..{to}");
        }
    }
    // One that somebody has left out: what is beside it lies apart.
    let left_out = [&frames[..3], &frames[4..]].concat();
    let [chunk] = chunks(vec![left_out.clone()]).await.concat().try_into().unwrap();
    assert_eq!(chunk, concat(&left_out));
    assert_ne!(chunk.as_ptr(), frames[0].as_bytes().as_ptr());
}

#[tokio::test]
async fn much_that_is_shared_leaves_by_itself_and_is_not_copied() {
    let events = [5_000, 5_000, 5_000, 5_000, 5_000].map(|len| Event::new("x".repeat(len)));
    let frames = together(&events);
    let lone = Event::new("lone").to_frame();
    let given =
        [&frames[..4], std::slice::from_ref(&lone), &frames[4..], std::slice::from_ref(&lone)];
    let chunks = chunks(vec![given.concat()]).await.concat();
    let expected = [concat(&frames[..4]), concat(&[lone.clone(), frames[4].clone(), lone])];
    assert_eq!(chunks, expected);
    assert_eq!(chunks[0].as_ptr(), frames[0].as_bytes().as_ptr());
}

#[test]
fn events_are_encoded_together_without_room_to_spare_and_taken_apart_without_an_allocation() {
    let events: Vec<_> = (0..100).map(|_| Event::new("x".repeat(92))).collect();
    let mut frames = Vec::with_capacity(events.len());
    let kept = measure(|| frames.extend(together(&events)));
    // What is shared has a count beside it.
    assert!((10_000..10_100).contains(&kept.bytes_current), "{kept:?}");
    let apart = measure(|| {
        let all: Frames = frames.iter().cloned().collect();
        assert_eq!(all.into_iter().count(), 100);
    });
    assert_eq!(apart.count_total, 0, "{apart:?}");
    let one = frames.swap_remove(50);
    let freed = measure(|| drop(frames));
    assert!(freed.bytes_current > -10_000, "one keeps them all: {freed:?}");
    drop(one);
}

#[tokio::test(start_paused = true)]
async fn one_among_others_of_its_buffer_completes_the_stream_and_is_the_last() {
    let done = Event::new("").with_type(EventType::from_static("done"));
    let events = [Event::new("1"), Event::new("2"), done, Event::new("3")];
    let lifecycle = || {
        let completion = Completion::event_type(EventType::from_static("done"));
        Lifecycle::new().complete_on(completion).linger(Duration::ZERO)
    };
    async fn all(body: impl Stream<Item = Result<Bytes, impl std::fmt::Debug>>) -> Vec<u8> {
        body.map(|chunk| chunk.unwrap().to_vec()).concat().await
    }
    let expected = b":\n\ndata: 1\n\ndata: 2\n\nevent: done\ndata: \n\n";
    let frames = stream::iter(together(&events)).chain(stream::pending());
    assert_eq!(all(lifecycle().body(frames)).await, expected);
    let at_once: Frames = together(&events).into_iter().collect();
    let at_once = stream::iter([at_once]).chain(stream::pending());
    assert_eq!(all(lifecycle().body(at_once)).await, expected);
}
