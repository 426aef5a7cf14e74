//! Faults, and words of the proxy's own, at every byte of a stream.

use super::*;

/// Each kind of line end, comments, an id alone, an event that the stream ends in.
const TEXT: &[u8] = "\u{FEFF}data: one\ndata: more\nid: 1\n\n: c\r\nevent: t\r\ndata: two\r\n\r\n\
    data: three\r\r:\r\rid: 4\n\n: c\ndata: fünf\n\ndata: half"
    .as_bytes();

fn messages(bytes: &[u8]) -> Vec<sse_core::MessageEvent> {
    let mut decoder = sse_core::Decoder::new();
    decoder.feed(bytes);
    std::iter::from_fn(|| decoder.next_message().unwrap()).collect()
}

async fn rest(stream: &mut Stream) -> (Vec<u8>, Option<Error>) {
    let mut got = vec![];
    loop {
        match stream.next().await {
            Some(Ok(chunk)) => got.extend_from_slice(&chunk),
            Some(Err(error)) => return (got, Some(error)),
            None => return (got, None),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_loss_at_any_byte_gives_what_came_and_then_an_abort() {
    for at in 0..=TEXT.len() {
        let mut stream = Setup::default().open();
        stream.says(&TEXT[..at]);
        stream.breaks();
        let (got, error) = rest(&mut stream).await;
        assert_eq!(got, &TEXT[..at]);
        assert!(error.unwrap().is_upstream_lost());
    }
}

#[tokio::test(start_paused = true)]
async fn a_keep_alive_at_any_byte_changes_no_event() {
    let mut comments = 0;
    for at in 0..=TEXT.len() {
        let mut setup = Setup::default();
        setup.limits.keep_alive = Some(KeepAlive::every(secs(20)));
        let mut stream = setup.open();
        stream.says(&TEXT[..at]);
        let mut got = vec![];
        while let Ok(chunk) = timeout(secs(50), stream.next()).await {
            let chunk = chunk.unwrap().unwrap();
            got.extend_from_slice(&chunk);
            if chunk == ":\n\n" && got.len() > 9 {
                break;
            }
        }
        stream.says(&TEXT[at..]);
        stream.ends();
        got.extend(rest(&mut stream).await.0);
        assert_eq!(messages(&got), messages(TEXT), "at {at}");
        comments += (got.len() - TEXT.len()) / 3;
    }
    assert!(comments > 10, "{comments}");
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_at_any_byte_splits_no_event() {
    for at in 0..=TEXT.len() {
        let (shut_down, shutdown) = shutdown();
        let mut stream = Setup { shutdown, ..Setup::default() }.open();
        let mut got = vec![];
        if at > 0 {
            stream.says(&TEXT[..at]);
            got.extend(stream.bytes().await);
        }
        shut_down.send(()).unwrap();
        for byte in &TEXT[at..] {
            stream.says(&[*byte]);
        }
        let (more, error) = rest(&mut stream).await;
        got.extend(more);
        if let Some(error) = error {
            // Only where the event on its way has no end.
            assert!(error.is_cut_short() && got == TEXT, "at {at}");
            continue;
        }
        let retry_at = got.windows(7).rposition(|it| it == b"retry: ").unwrap();
        let events = &got[..retry_at];
        assert!(TEXT.starts_with(events) && events.len() >= at, "at {at}");
        let mut boundary = Boundary::new();
        boundary.feed(events);
        assert!(boundary.is_between_events(), "at {at}");
        assert!(messages(TEXT).starts_with(&messages(&got)), "at {at}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_stall_at_any_byte_gives_what_came_and_then_an_abort() {
    for at in 0..=TEXT.len() {
        let mut setup = Setup::default();
        setup.limits.idle_timeout = Some(secs(50));
        setup.limits.keep_alive = Some(KeepAlive::every(secs(20)));
        let mut stream = setup.open();
        stream.says(&TEXT[..at]);
        let (got, error) = rest(&mut stream).await;
        assert!(error.unwrap().is_idle_timeout(), "at {at}");
        assert_eq!(stream.reasons(), [ForwardCloseReason::IdleTimeout]);
        // Nothing is dispatched by what the proxy said meanwhile.
        assert_eq!(messages(&got), messages(&TEXT[..at]), "at {at}");
        assert_eq!(
            messages(&[&got[..], b"\n\n"].concat()),
            messages(&[&TEXT[..at], b"\n\n"].concat())
        );
    }
}

#[tokio::test(start_paused = true)]
async fn an_end_at_any_byte_is_the_upstreams_own_or_a_loss() {
    for at in 0..=TEXT.len() {
        for close_delimited in [false, true] {
            let mut stream = Setup { close_delimited, ..Setup::default() }.open();
            stream.says(&TEXT[..at]);
            stream.ends();
            let (got, error) = rest(&mut stream).await;
            assert_eq!(got, &TEXT[..at]);
            let mut boundary = Boundary::new();
            boundary.feed(&TEXT[..at]);
            // The upstream said that this is all; where only its connection says so, that may be
            // a loss, and in an event it is one.
            let is_lost = close_delimited && !boundary.is_between_events();
            assert_eq!(error.is_some(), is_lost, "at {at}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_an_upstream_says_twice_passes_twice() {
    for at in 0..=TEXT.len() {
        for from in [0, at / 2, at] {
            let mut stream = Setup::default().open();
            stream.says(&TEXT[..at]);
            stream.says(&TEXT[from..]);
            stream.ends();
            let expected = [&TEXT[..at], &TEXT[from..]].concat();
            assert_eq!(rest(&mut stream).await.0, expected, "{at} {from}");
        }
    }
}
