//! What is said, and what is given up, when nothing comes.

use super::*;

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
async fn a_keep_alive_says_what_it_was_told() {
    let mut setup = Setup::default();
    let ping = KeepAlive::every(secs(5)).sending(Event::new("ping"));
    setup.limits.keep_alive = Some(ping);
    let mut stream = setup.open();
    assert_eq!(stream.bytes().await, "data: ping\n\n");
    stream.says(b"\xEF\xBB\xBFdata: x\n\n");
    assert_eq!(stream.bytes().await, "data: x\n\n");
}
