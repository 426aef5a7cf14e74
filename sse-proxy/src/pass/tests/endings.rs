//! How a stream ends: by its upstream, by the proxy, by its client.

use super::*;

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
async fn a_shutdown_that_may_take_for_ever_waits_for_the_end_of_the_event() {
    let (shut_down, shutdown) = shutdown();
    let mut setup = Setup { shutdown, ..Setup::default() };
    setup.limits.drain_timeout = Duration::MAX;
    let mut stream = setup.open();
    stream.says(b"data: a");
    assert_eq!(stream.bytes().await, "data: a");
    shut_down.send(()).unwrap();
    assert!(stream.is_silent_for(100_000).await);
    stream.says(b"\n\n");
    retry(stream.bytes().await.strip_prefix(b"\n\n").unwrap());
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
