//! What follows when the upstream is lost.

use super::*;

const ONE: &str = "id: 1\ndata: one\n\n";
const TWO: &str = "id: 2\ndata: two\n\n";

/// How a stream ends whose upstream is lost after `first` and answers so from then on.
async fn lost(setup: Setup, first: Vec<Part>, then: Answer) -> (String, ForwardCloseReason) {
    let mut stream = setup.open(first, move |_, _| then.clone());
    let (_, code) = error(&stream.rest().await);
    let reason = stream.reasons()[0];
    (code, reason)
}

#[tokio::test(start_paused = true)]
async fn a_loss_goes_on_after_the_last_id_and_the_client_sees_nothing_of_it() {
    for loss in [vec![Cut], vec![], vec![Stall], vec![chunk("id: 2\ndata: tw"), Cut]] {
        let first = [vec![chunk(ONE)], loss].concat();
        let mut stream = Setup::default().open(first, |number, id| {
            assert_eq!((number, id), (1, Some("1")));
            Answer::Stream(vec![chunk(TWO), Stall])
        });
        let began = Instant::now();
        assert_eq!(stream.bytes().await, ONE);
        assert_eq!(stream.bytes().await, TWO);
        // The idle timeout, and twice the reconnection time, at most.
        assert!(began.elapsed() >= secs(1) && began.elapsed() <= secs(52));
    }
}

#[tokio::test(start_paused = true)]
async fn attempts_go_on_until_one_succeeds() {
    let answers = [
        Answer::Unreachable,
        Answer::Failed,
        Answer::Never,
        Answer::Status(503),
        Answer::Stream(vec![Cut]),
        Answer::Stream(vec![chunk("id: 2\ndata: tw"), Cut]),
        Answer::Stream(vec![chunk(TWO), Stall]),
    ];
    let resume = Resume::new().backoff(Backoff::new().bounds(secs(1), secs(1)));
    let setup = Setup { resume, ..Setup::default() };
    let parts = vec![chunk(ONE), Cut];
    let mut stream = setup.open(parts, move |number, _| answers[number - 1].clone());
    assert_eq!(stream.bytes().await, ONE);
    assert_eq!(stream.bytes().await, TWO);
    assert_eq!(stream.ids(), vec![Some("1".to_owned()); 7]);
    let times: Vec<_> = stream.asked.lock().unwrap().iter().map(|(_, at)| *at).collect();
    let waits: Vec<_> = times.windows(2).map(|it| (it[1] - it[0]).as_secs()).collect();
    // Never sooner than allowed; the one that says nothing has its 30 s.
    assert_eq!(waits, [1, 1, 31, 1, 1, 1]);
}

#[tokio::test(start_paused = true)]
async fn what_came_while_the_client_did_not_read_is_not_taken_for_silence() {
    let mut setup = Setup::default();
    setup.limits.first_event_timeout = Some(secs(10));
    let mut stream = setup.open(vec![chunk("data: a\n\n"), Stall], unasked);
    tokio::time::advance(secs(60)).await;
    assert_eq!(stream.bytes().await, "data: a\n\n");
    assert!(stream.is_silent_for(49).await);
}

#[tokio::test(start_paused = true)]
async fn the_upstreams_own_time_to_reconnect_is_kept_to() {
    let first = vec![chunk("retry: 7000\nid: 1\ndata: one\n\n"), Cut];
    let mut stream = Setup::default().open(first, |_, _| Answer::Stream(vec![chunk(TWO), Stall]));
    let began = Instant::now();
    stream.bytes().await;
    stream.bytes().await;
    assert!((secs(7)..=secs(14)).contains(&began.elapsed()), "{:?}", began.elapsed());
}

#[tokio::test(start_paused = true)]
async fn the_clients_own_id_is_one_to_go_on_from() {
    let setup = Setup { last_event_id: Some("0"), ..Setup::default() };
    let mut stream = setup.open(vec![Cut], |_, id| {
        assert_eq!(id, Some("0"));
        Answer::Stream(vec![chunk(ONE), Stall])
    });
    assert_eq!(stream.bytes().await, ONE);
}

#[tokio::test(start_paused = true)]
async fn without_an_id_the_loss_is_told_and_the_end() {
    let lost = ("upstream_lost", ForwardCloseReason::UpstreamLost);
    let silent = ("upstream_timeout", ForwardCloseReason::IdleTimeout);
    for (first, (expected, reason)) in [
        (vec![chunk("data: a\n\n"), Cut], lost),
        (vec![Cut], lost),
        (vec![chunk("id: 1\ndata: a\n\nid\ndata: b\n\n"), Cut], lost),
        (vec![chunk("data: a\n\n"), Stall], silent),
        // An end in an event is no end.
        (vec![chunk("data: a\n\ndata: half")], lost),
    ] {
        let mut stream = Setup::default().open(first, unasked);
        assert_eq!(error(&stream.rest().await).1, expected);
        assert_eq!(stream.reasons(), [reason]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_request_that_may_do_something_twice_is_never_sent_again() {
    for (method, has_body) in [(Method::POST, true), (Method::POST, false), (Method::GET, true)] {
        let setup = || Setup { method: method.clone(), has_body, ..Setup::default() };
        for loss in [vec![Cut], vec![Stall], vec![chunk("data: half")]] {
            let mut stream = setup().open([vec![chunk(ONE)], loss].concat(), unasked);
            let (before, _) = error(&stream.rest().await);
            assert_eq!(before.len(), 1);
        }
        let mut stream = setup().open(vec![chunk(ONE)], unasked);
        assert_eq!(stream.rest().await, ONE.as_bytes(), "an end is an end");
    }
}

#[tokio::test(start_paused = true)]
async fn an_end_before_the_completing_event_is_a_loss() {
    let resume = || Resume::new().complete_on(Completion::data("[DONE]"));
    for (method, text) in [(Method::POST, ONE), (Method::GET, "data: a\n\n")] {
        let setup = Setup { resume: resume(), method, ..Setup::default() };
        let (code, reason) = lost(setup, vec![chunk(text)], Answer::Never).await;
        assert_eq!(code, "upstream_incomplete");
        assert_eq!(reason, ForwardCloseReason::UpstreamLost);
    }
    let setup = Setup { resume: resume(), ..Setup::default() };
    let done = Answer::Stream(vec![chunk("data: [DONE]\n\n"), Stall]);
    let mut stream = setup.open(vec![chunk(ONE)], move |_, _| done.clone());
    assert_eq!(stream.rest().await, [ONE.as_bytes(), b"data: [DONE]\n\n"].concat());
    assert_eq!(stream.reasons(), [ForwardCloseReason::Completed]);
}

#[tokio::test(start_paused = true)]
async fn an_end_without_an_id_is_an_end() {
    let mut stream = Setup::default().open(vec![chunk("data: a\n\n")], unasked);
    assert_eq!(stream.rest().await, b"data: a\n\n");
    assert_eq!(stream.reasons(), [ForwardCloseReason::UpstreamEnded]);
}

#[tokio::test(start_paused = true)]
async fn an_upstream_that_has_no_more_ends_the_stream() {
    let mut stream = Setup::default().open(vec![chunk(ONE), Cut], |_, _| Answer::Status(204));
    assert_eq!(stream.rest().await, ONE.as_bytes());
    assert_eq!(stream.reasons(), [ForwardCloseReason::UpstreamEnded]);
}

#[tokio::test(start_paused = true)]
async fn an_upstream_that_refuses_to_go_on_is_told_of() {
    for (then, expected) in [
        (Answer::Status(403), "upstream_unexpected_status"),
        (Answer::Status(302), "upstream_unexpected_status"),
        (Answer::Html, "upstream_not_event_stream"),
    ] {
        let (code, _) = lost(Setup::default(), vec![chunk(ONE), Cut], then).await;
        assert_eq!(code, expected);
    }
}

#[tokio::test(start_paused = true)]
async fn an_upstream_that_stays_away_is_given_up() {
    for (then, expected) in [
        (Answer::Unreachable, "upstream_unreachable"),
        (Answer::Failed, "upstream_lost"),
        (Answer::Never, "upstream_timeout"),
        (Answer::Status(503), "upstream_unexpected_status"),
        (Answer::Stream(vec![Cut]), "upstream_lost"),
    ] {
        let began = Instant::now();
        let (code, reason) = lost(Setup::default(), vec![chunk(ONE), Cut], then).await;
        assert_eq!((code.as_str(), reason), (expected, ForwardCloseReason::UpstreamLost));
        assert!((secs(30)..=secs(160)).contains(&began.elapsed()), "{:?}", began.elapsed());
    }
}

#[tokio::test(start_paused = true)]
async fn the_first_event_is_waited_for_from_each_upstreams_headers_on() {
    let resume = Resume::new().backoff(Backoff::new().bounds(secs(30), secs(30)).budget(2));
    let mut setup = Setup { resume, last_event_id: Some("0"), ..Setup::default() };
    setup.limits.first_event_timeout = Some(secs(10));
    // Lost before its first event; then one that has none, then one that has and is silent again.
    let mut stream = setup.open(vec![Cut], |number, _| match number {
        1 => Answer::Stream(vec![Stall]),
        _ => Answer::Stream(vec![chunk(ONE), Stall]),
    });
    let began = Instant::now();
    assert_eq!(stream.bytes().await, ONE);
    assert_eq!(began.elapsed(), secs(30 + 10 + 30));
    assert!(stream.is_silent_for(49).await);
    assert_eq!(stream.ids().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_first_event_that_came_after_all_is_not_why_the_stream_ends() {
    let mut setup = Setup { last_event_id: Some("0"), ..Setup::default() };
    setup.limits.first_event_timeout = Some(secs(10));
    let mut stream = setup.open(vec![Stall], |number, _| match number {
        1 => Answer::Stream(vec![chunk(ONE), Cut]),
        _ => Answer::Status(403),
    });
    assert_eq!(error(&stream.rest().await).1, "upstream_unexpected_status");
    assert_eq!(stream.reasons(), [ForwardCloseReason::UpstreamLost]);
}

#[tokio::test(start_paused = true)]
async fn a_first_event_that_does_not_come_is_a_loss() {
    for (last_event_id, goes_on) in [(None, false), (Some("0"), true)] {
        let mut setup = Setup { last_event_id, ..Setup::default() };
        setup.limits.first_event_timeout = Some(secs(10));
        let began = Instant::now();
        let first = vec![chunk(":\n\nretry: 100\n\n"), Stall];
        let then = Answer::Stream(vec![chunk(ONE), Stall]);
        let mut stream = setup.open(first, move |_, _| then.clone());
        assert_eq!(stream.bytes().await, ": \n\nretry: 100\n\n");
        if goes_on {
            assert_eq!(stream.bytes().await, ONE);
            assert!(stream.is_silent_for(49).await, "only the first is waited for");
        } else {
            assert_eq!(error(&stream.rest().await).1, "upstream_lost");
            assert_eq!(began.elapsed(), secs(10));
            assert_eq!(stream.reasons(), [ForwardCloseReason::FirstEventTimeout]);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_that_leaves_while_the_upstream_is_away_asks_for_nothing_more() {
    let mut stream = Setup::default().open(vec![chunk(ONE), Cut], unasked);
    stream.bytes().await;
    assert!(poll_fn(|cx| Poll::Ready(stream.resumed.poll_bytes(cx).is_pending())).await);
    let closed = stream.closed.clone();
    drop(stream);
    tokio::time::sleep(secs(100)).await;
    assert_eq!(closed.lock().unwrap()[0].0, ForwardCloseReason::ClientGone);
}
