//! What passes, and what the hook makes of it.

use super::*;

/// All of what an upstream that ends its answer to a POST says.
async fn passed(resume: Resume, chunks: &[&str]) -> String {
    let setup = Setup { resume, method: Method::POST, ..Setup::default() };
    let mut stream = setup.open(chunks.iter().map(chunk).collect(), unasked);
    let got = String::from_utf8(stream.rest().await).unwrap();
    assert_eq!(stream.reasons(), [ForwardCloseReason::UpstreamEnded]);
    got
}

#[tokio::test(start_paused = true)]
async fn events_comments_ids_and_times_to_reconnect_pass() {
    let chunks = [
        "\u{FEFF}:hi\r\nevent:t\rid:7\rda",
        "ta:one\rdata\r\r",
        "retry:5\n\nid\n\n: c\n\ndata:x\n\n",
    ];
    assert_eq!(
        passed(Resume::new(), &chunks).await,
        ": hi\nevent: t\nid: 7\ndata: one\ndata: \n\nretry: 5\n\nid: \n\n: c\n\ndata: x\n\n"
    );
}

#[tokio::test(start_paused = true)]
async fn what_is_ready_leaves_as_one_chunk() {
    let chunks = ["data: 1\n\n", "data: 2\n\nda", "ta: 3\n\n"].map(chunk);
    let mut stream = Setup::default().open([&chunks[..], &[Stall]].concat(), unasked);
    assert_eq!(stream.bytes().await, "data: 1\n\ndata: 2\n\ndata: 3\n\n");
    assert!(stream.is_silent_for(49).await);
}

#[tokio::test(start_paused = true)]
async fn a_chunk_that_holds_much_leaves_in_parts() {
    // Each event is two bytes longer than it was.
    let many = "data\n\n".repeat(100_000);
    let mut stream = Setup::default().open(vec![chunk(&many), Stall], unasked);
    let mut events = 0;
    while events < 100_000 {
        let bytes = stream.bytes().await;
        assert!(bytes.len() < CHUNK + 9, "{}", bytes.len());
        events += bytes.len() / "data: \n\n".len();
    }
    assert_eq!(events, 100_000);
    assert!(stream.resumed.out.capacity() <= 4 * CHUNK, "{}", stream.resumed.out.capacity());
}

#[tokio::test(start_paused = true)]
async fn an_event_that_is_too_large_is_told_and_the_end() {
    let setup = Setup { resume: Resume::new().max_event_size(1000), ..Setup::default() };
    let long = vec![chunk("id: 1\ndata: a\n\ndata: "), chunk("x".repeat(2000)), Stall];
    let mut stream = setup.open(long, unasked);
    let (before, code) = error(&stream.rest().await);
    assert_eq!((before.len(), code.as_str()), (1, "event_too_large"));
    assert_eq!(stream.reasons(), [ForwardCloseReason::EventTooLarge]);
}

#[tokio::test(start_paused = true)]
async fn the_hook_sees_changes_and_drops() {
    let resume = Resume::new().on_event(|mut message| {
        message.data = match message.data.as_str() {
            "secret" => return None,
            data => data.to_uppercase(),
        };
        Some(message)
    });
    let chunks = ["data: a\n\ndata: secret\n\nevent: t\nid: 1\nretry: 9\ndata: ä\n\n"];
    assert_eq!(passed(resume, &chunks).await, "data: A\n\nevent: t\nid: 1\nretry: 9\ndata: Ä\n\n");
}

fn drops_x(message: MessageEvent) -> Option<MessageEvent> {
    (message.data != "x").then_some(message)
}

#[tokio::test(start_paused = true)]
async fn the_id_of_a_dropped_event_is_sent_alone_or_with_the_next_event_without_one() {
    for (upstream, expected) in [
        ("id: 1\ndata: x\n\n", "id: 1\n\n"),
        // Only the last, and only if no other came to be in force.
        ("id: 1\ndata: x\n\nid: 2\ndata: x\n\n", "id: 2\n\n"),
        ("id: 1\ndata: x\n\nid: 2\ndata: a\n\n", "id: 2\ndata: a\n\n"),
        ("id: 1\ndata: x\n\nid: 2\n\n", "id: 2\n\n"),
        ("id: 1\ndata: x\n\ndata: a\n\ndata: b\n\n", "id: 1\ndata: a\n\ndata: b\n\n"),
        ("data: x\n\n", ""),
        ("id: 1\ndata: x\n\ndata: x\n\n", "id: 1\n\n"),
        ("id\ndata: x\n\n", "id: \n\n"),
    ] {
        assert_eq!(passed(Resume::new().on_event(drops_x), &[upstream]).await, expected);
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_that_takes_no_id_without_data_gets_it_with_the_next_event() {
    let setup = Setup { resume: Resume::new().on_event(drops_x), ..Setup::default() };
    let parts = vec![chunk("id: 1\ndata: x\n\n"), Cut];
    let mut stream = setup.open(parts, |_, id| {
        assert_eq!(id, Some("1"));
        Answer::Stream(vec![chunk("data: a\n\ndata: b\n\n"), Stall])
    });
    assert_eq!(stream.bytes().await, "id: 1\n\n");
    assert_eq!(stream.bytes().await, "id: 1\ndata: a\n\ndata: b\n\n");
}

#[tokio::test(start_paused = true)]
async fn the_hook_has_no_say_in_the_id() {
    let resume = Resume::new().on_event(|mut message| {
        message.last_event_id = "hook".parse().unwrap();
        Some(message)
    });
    assert_eq!(
        passed(resume, &["data: a\n\nid: 1\ndata: b\n\ndata: c\n\n"]).await,
        "data: a\n\nid: 1\ndata: b\n\ndata: c\n\n"
    );
}

#[tokio::test(start_paused = true)]
async fn the_completing_event_is_the_last_and_its_client_may_hang_up_first() {
    for (method, lingers) in [(Method::GET, true), (Method::POST, false)] {
        let resume = Resume::new().complete_on(Completion::data("[DONE]"));
        let setup = Setup { resume, method, ..Setup::default() };
        let parts = vec![chunk("data: a\n\ndata: [DONE]\n\ndata: never\n\n"), Stall];
        let mut stream = setup.open(parts, unasked);
        let began = Instant::now();
        assert_eq!(stream.bytes().await, "data: a\n\ndata: [DONE]\n\n");
        assert!(matches!(stream.resumed.link, Link::Down), "the upstream is let go");
        assert!(stream.next().await.is_none());
        assert_eq!(began.elapsed(), if lingers { secs(5) } else { Duration::ZERO });
        assert_eq!(stream.reasons(), [ForwardCloseReason::Completed]);
        let (_, stats) = stream.closed.lock().unwrap()[0];
        assert_eq!((stats.events, stats.bytes), (2, 23));
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_that_hangs_up_after_the_last_event_completes_the_stream() {
    let resume = Resume::new().complete_on(Completion::data("[DONE]"));
    let setup = Setup { resume, ..Setup::default() };
    let mut stream = setup.open(vec![chunk("data: [DONE]\n\n"), Stall], unasked);
    stream.bytes().await;
    assert!(stream.is_silent_for(4).await);
    let closed = stream.closed.clone();
    drop(stream);
    assert_eq!(closed.lock().unwrap()[0].0, ForwardCloseReason::Completed);
}

#[tokio::test(start_paused = true)]
async fn a_completing_event_that_the_hook_drops_completes_all_the_same() {
    let resume = Resume::new().complete_on(Completion::data("x")).on_event(drops_x);
    let setup = Setup { resume, method: Method::POST, ..Setup::default() };
    let mut stream = setup.open(vec![chunk("data: a\n\ndata: x\n\n"), Stall], unasked);
    assert_eq!(stream.rest().await, b"data: a\n\n");
    assert_eq!(stream.reasons(), [ForwardCloseReason::Completed]);
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_ends_at_once_with_a_retry_also_while_the_upstream_is_away() {
    for is_away in [false, true] {
        let (shut_down, shutdown) = tokio::sync::oneshot::channel::<()>();
        let shutdown: Shutdown = shutdown.map(|_| ()).boxed().shared();
        let setup = Setup { shutdown: Some(shutdown), ..Setup::default() };
        let parts = vec![chunk("id: 1\ndata: a\n\ndata: half"), if is_away { Cut } else { Stall }];
        let mut stream = setup.open(parts, |_, _| Answer::Never);
        assert_eq!(stream.bytes().await, "id: 1\ndata: a\n\n");
        assert!(stream.is_silent_for(20).await);
        shut_down.send(()).unwrap();
        let rest = String::from_utf8(stream.rest().await).unwrap();
        assert!(rest.starts_with("retry: ") && rest.ends_with("\n\n"), "{rest:?}");
        assert_eq!(stream.reasons(), [ForwardCloseReason::Shutdown]);
    }
}

#[tokio::test(start_paused = true)]
async fn the_longest_lifetime_is_that_of_the_whole_stream() {
    let mut setup = Setup::default();
    let lifetime = MaxLifetime::new(secs(60)).jitter(Duration::ZERO);
    setup.limits.max_lifetime = Some(lifetime.last_event(Event::new("late")));
    setup.limits.idle_timeout = Some(secs(20));
    let began = Instant::now();
    let parts = vec![chunk("id: 1\ndata: a\n\n"), Stall];
    let mut stream = setup.open(parts, |_, _| Answer::Stream(vec![Stall]));
    stream.bytes().await;
    assert!(stream.rest().await.starts_with(b"data: late\n\nretry: "));
    assert_eq!(began.elapsed(), secs(60));
    assert_eq!(stream.reasons(), [ForwardCloseReason::MaxLifetime]);
}

#[tokio::test(start_paused = true)]
async fn a_keep_alive_comes_also_while_the_upstream_is_away() {
    let mut setup = Setup::default();
    setup.limits.keep_alive = Some(KeepAlive::every(secs(5)));
    let parts = vec![chunk("id: 1\ndata: a\n\ndata: half"), Cut];
    let mut stream = setup.open(parts, |_, _| Answer::Never);
    stream.bytes().await;
    let began = Instant::now();
    for _ in 0..10 {
        assert_eq!(stream.bytes().await, ":\n\n");
    }
    assert_eq!(began.elapsed(), secs(50));
}
