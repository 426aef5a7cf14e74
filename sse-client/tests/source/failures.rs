//! What went wrong in other clients (DESIGN §11), one test for each.

use testkit::{Answer, Scripted};

use crate::support::*;

#[tokio::test]
async fn the_last_event_id_is_not_forgotten_after_an_event_without_one() {
    let server = Scripted::start([
        Answer::stream().chunk("id: 7\ndata: a\n\ndata: b\n\n: c\n\nretry: 5\n\n").end(),
        Answer::stream().chunk("data: d\n\n").close(),
        Answer::status(503),
        Answer::status(204),
    ])
    .await;
    all(&mut source(&server)).await;
    let requests = server.requests();
    assert_eq!(requests.len(), 4);
    for request in &requests[1..] {
        assert_eq!(request.header("last-event-id"), Some("7"));
    }
}

#[tokio::test]
async fn a_204_is_not_asked_again_for_ever() {
    let server = Scripted::start([Answer::status(204)]).await;
    let mut at_once = source(&server);
    assert_eq!(all(&mut at_once).await, [Seen::End]);
    assert_eq!(server.requests().len(), 1);

    let server = Scripted::start([Answer::stream().end(), Answer::status(204)]).await;
    let mut later = source(&server);
    assert_eq!(all(&mut later).await, [Seen::Open, lost("the stream ended"), Seen::End]);
    assert_eq!(server.requests().len(), 2);
}

#[tokio::test]
async fn retries_are_counted_over_streams_that_open_and_break_at_once() {
    let breaks = || Answer::stream().chunk("data: x\n\n").close();
    let server = Scripted::start((0..9).map(|_| breaks())).await;
    let mut source = builder(&server).backoff(quick().budget(3)).build().unwrap();
    assert!(error(&mut source).await.is_budget_spent());
    assert_eq!(server.requests().len(), 4);
}

#[tokio::test]
async fn credentials_are_not_sent_across_origins() {
    let there = Scripted::start([Answer::status(204)]).await;
    // The same host at another port is another origin, and so is the same machine by another name.
    for location in [there.url("/"), there.url("/").replace("127.0.0.1", "localhost")] {
        there.push(Answer::status(204));
        let here = Scripted::start([Answer::redirect(307, location)]).await;
        let builder = builder(&here).header("authorization", "Bearer foo");
        all(&mut builder.header("x-token", "foo").build().unwrap()).await;
    }
    assert_eq!(there.requests().len(), 2);
    for request in there.requests() {
        assert_eq!((request.header("authorization"), request.header("x-token")), (None, None));
    }
}

#[tokio::test]
async fn a_bom_is_no_panic_and_no_part_of_the_stream() {
    let server = Scripted::start([
        Answer::stream().chunk("\u{feff}data: a\n\n").end(),
        Answer::stream().chunk(b"\xef").chunk(b"\xbb").chunk("data: cut off").end(),
        Answer::stream().chunk(b"\xef\xbb").chunk(b"\xbf").chunk("data: \u{feff}b\n\n").end(),
        Answer::status(204),
    ])
    .await;
    let items = all(&mut source(&server)).await;
    let messages: Vec<_> =
        items.into_iter().filter(|item| matches!(item, Seen::Message(..))).collect();
    assert_eq!(messages, [message("a"), message("\u{feff}b")]);
}

#[tokio::test]
async fn invalid_utf_8_does_not_stall_the_stream() {
    let server = Scripted::start([Answer::stream()
        .chunk(b"data: \xff\xfe")
        .chunk(b"\xe2\x82\n\ndata: b\n\n")])
    .await;
    let mut source = source(&server);
    opened(&mut source).await;
    assert_eq!(seen(&mut source).await, message("\u{fffd}\u{fffd}\u{fffd}"));
    assert_eq!(seen(&mut source).await, message("b"), "while the stream is still open");
}

#[tokio::test]
async fn a_wait_that_a_server_asks_for_is_not_for_ever() {
    let answer = Answer::stream().chunk("retry: 99999999999999999999\ndata: x\n\n").end();
    let server = Scripted::start([answer, Answer::status(204)]).await;
    let (after, _) = loss(&mut source(&server)).await;
    assert!(after <= 10 * MILLI, "{after:?}");
}
