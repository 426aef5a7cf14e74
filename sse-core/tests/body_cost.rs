//! What a body costs in memory for each chunk, counted by the allocator.
#![cfg(feature = "tokio")]

use std::cell::Cell;
use std::pin::pin;
use std::task::Poll;

use allocation_counter::measure;
use futures_util::FutureExt as _;
use futures_util::stream::{self, StreamExt as _};
use sse_core::{Event, Frame, Lifecycle, SseBody};

#[tokio::test]
async fn a_lone_frame_leaves_without_an_allocation_and_many_with_few() {
    let frame = Event::new("x".repeat(92)).to_frame();
    // Its bytes are made shareable with the first clone.
    let _shared = frame.clone();
    for (ready, expected) in [(1, 0), (2, 2), (16, 3)] {
        let left = Cell::new(0);
        let frames = stream::poll_fn(|_| match left.get() {
            0 => Poll::Pending,
            more => {
                left.set(more - 1);
                Poll::Ready(Some(frame.clone()))
            }
        });
        let mut body = pin!(Lifecycle::new().body(frames));
        let mut chunk = || body.next().now_or_never().map(|chunk| chunk.unwrap().unwrap().len());
        // After the first byte a timer is set.
        assert_eq!((chunk(), chunk()), (Some(3), None));
        let info = measure(|| {
            for _ in 0..100 {
                left.set(ready);
                assert_eq!((chunk(), chunk()), (Some(100 * ready), None));
            }
        });
        assert_eq!(info.count_total, 100 * expected, "{ready} at a time: {info:?}");
    }
}

#[test]
fn a_body_is_small_beside_the_buffers_of_a_connection() {
    let size = size_of::<SseBody<stream::Empty<Frame>>>();
    assert!(size <= 448, "{size} bytes");
}
