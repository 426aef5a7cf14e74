//! One test for each thing that a source promises while it reads and asks again.

use futures_util::StreamExt;
use sse_client::{Completion, EventId, EventSource, EventType, Item, Overflow, ReadyState};
use testkit::{Answer, Gate, Listener, Scripted};

use crate::support::*;

#[tokio::test]
async fn the_items_say_what_happens_and_the_state_what_it_is() {
    let gate = Gate::new();
    let server = Scripted::start([
        Answer::stream().chunk("id: 7\nevent: greeting\ndata: a\n\n: hi\n").pause(&gate).end(),
        Answer::stream().chunk("data: b\n\n").end(),
        Answer::status(204),
    ])
    .await;
    let mut source = source(&server);
    assert_eq!(source.ready_state(), ReadyState::Connecting);
    assert_eq!(server.connections(), 0, "nothing happens before it is polled");
    assert_eq!(seen(&mut source).await, Seen::Open);
    assert_eq!(source.ready_state(), ReadyState::Open);
    assert_eq!(seen(&mut source).await, Seen::Message("greeting".into(), "a".into(), "7".into()));
    assert_eq!(source.last_event_id(), "7");
    gate.open();
    assert_eq!(seen(&mut source).await, lost("the stream ended"));
    assert_eq!(source.ready_state(), ReadyState::Connecting);
    assert_eq!(
        all(&mut source).await,
        [Seen::Open, with_id("b", "7"), lost("the stream ended"), Seen::End]
    );
    assert_eq!(source.ready_state(), ReadyState::Closed);
    let ids: Vec<_> =
        server.requests().iter().map(|it| it.header("last-event-id").map(str::to_owned)).collect();
    assert_eq!(ids, [None, Some("7".to_owned()), Some("7".to_owned())]);
}

#[tokio::test]
async fn a_stream_that_was_cut_off_is_asked_for_again_without_what_was_half_there() {
    let begun = || Answer::stream().chunk("id: 1\ndata: a\n\nid: 2\ndata: half");
    let gate = Gate::new();
    let server = Scripted::start([
        begun().close(),
        begun().pause(&gate).reset(),
        Answer::stream().chunk("data: b\n\n").end(),
        Answer::status(204),
    ])
    .await;
    let mut source = source(&server);
    for has_gate in [false, true] {
        assert_eq!(seen(&mut source).await, Seen::Open);
        assert_eq!(seen(&mut source).await, with_id("a", "1"));
        if has_gate {
            gate.open();
        }
        let (_, cause) = loss(&mut source).await;
        assert_eq!(cause.to_string(), "the stream was cut off");
        assert!(!cause.is_end_of_stream());
        assert!(std::error::Error::source(&cause).is_some(), "what reqwest says of it");
    }
    assert_eq!(all(&mut source).await[..2], [Seen::Open, with_id("b", "1")]);
}

#[tokio::test]
async fn the_completing_event_is_yielded_and_the_connection_closed_without_another_request() {
    for completion in [
        Completion::data("[DONE]"),
        Completion::event_type(EventType::from_static("done")),
        Completion::when(|message| message.id() == Some("9")),
    ] {
        let events = "data: a\n\nevent: done\nid: 9\ndata: [DONE]\n\ndata: after\n\n";
        let server = Scripted::start([Answer::stream().chunk(events)]).await;
        let mut source = builder(&server).complete_on(completion).build().unwrap();
        assert_eq!(seen(&mut source).await, Seen::Open);
        assert_eq!(seen(&mut source).await, message("a"));
        assert!(matches!(seen(&mut source).await, Seen::Message(_, data, _) if data == "[DONE]"));
        server.gone(0).await;
        assert_eq!(source.ready_state(), ReadyState::Closed);
        assert_eq!(all(&mut source).await, [Seen::End]);
        assert_eq!(server.requests().len(), 1);
    }
}

#[tokio::test]
async fn a_stored_position_is_where_it_begins() {
    let answers = || [Answer::stream().chunk("data: x\n\n").close(), Answer::status(204)];
    let by_method = Scripted::start(answers()).await;
    let by_header = Scripted::start(answers()).await;
    let sources = [
        (builder(&by_method).last_event_id(EventId::from(41)), &by_method),
        (builder(&by_header).header("Last-Event-ID", "41"), &by_header),
    ];
    for (source, server) in sources {
        all(&mut source.build().unwrap()).await;
        for request in server.requests() {
            assert_eq!(request.header("last-event-id"), Some("41"));
        }
    }
}

#[tokio::test]
async fn a_source_that_is_dropped_closes_its_connection_in_every_state() {
    let gate = Gate::new();
    let server = Scripted::start([
        Answer::raw(),
        Answer::stream().chunk("data: x\n\n"),
        Answer::stream().chunk("data: x\n\n").pause(&gate),
    ])
    .await;
    let mut asking = source(&server);
    let polled = tokio::spawn(async move { asking.next().await.is_some() });
    server.request(0).await;
    assert!(!server.is_gone(0));
    polled.abort();
    server.gone(0).await;

    let mut open = source(&server);
    opened(&mut open).await;
    assert!(!server.is_gone(1));
    drop(open);
    server.gone(1).await;

    let mut closed = source(&server);
    opened(&mut closed).await;
    closed.close();
    assert_eq!(closed.ready_state(), ReadyState::Closed);
    server.gone(2).await;
    assert_eq!(all(&mut closed).await, [Seen::End], "no event after close()");
}

#[tokio::test]
async fn a_source_that_is_closed_while_it_waits_asks_no_more() {
    let server = Scripted::start([Answer::stream().end(), Answer::stream()]).await;
    let mut source = builder(&server).backoff(quick().bounds(MILLI, MILLI)).build().unwrap();
    loss(&mut source).await;
    assert_eq!(source.ready_state(), ReadyState::Connecting);
    source.close();
    source.restart();
    assert_eq!(source.ready_state(), ReadyState::Closed);
    assert_eq!(all(&mut source).await, [Seen::End]);
    assert_eq!(server.connections(), 1);
}

#[tokio::test]
async fn a_restart_is_another_request_from_where_it_was() {
    let server = Scripted::start([
        Answer::stream().chunk("id: 1\ndata: a\n\n"),
        Answer::stream().chunk("data: b\n\n"),
    ])
    .await;
    let mut source = source(&server);
    opened(&mut source).await;
    assert_eq!(seen(&mut source).await, with_id("a", "1"));
    source.restart();
    server.gone(0).await;
    assert_eq!(seen(&mut source).await, lost("a restart was asked for"));
    source.restart();
    assert_eq!(seen(&mut source).await, Seen::Open);
    assert_eq!(seen(&mut source).await, with_id("b", "1"));
    assert_eq!(server.requests()[1].header("last-event-id"), Some("1"));
}

#[tokio::test]
async fn comments_come_where_they_are_asked_for() {
    let body = ":one\n: two\ndata: x\n:three\n\n";
    for wanted in [true, false] {
        let answers = [Answer::stream().chunk(body).end(), Answer::status(204)];
        let server = Scripted::start(answers).await;
        let mut source = builder(&server).comments(wanted).build().unwrap();
        let items = all(&mut source).await;
        let comments: Vec<_> = items
            .iter()
            .filter_map(|item| match item {
                Seen::Comment(comment) => Some(comment.as_str()),
                _ => None,
            })
            .collect();
        assert_eq!(comments, if wanted { vec!["one", "two", "three"] } else { vec![] });
        assert!(items.contains(&message("x")));
    }
}

#[tokio::test]
async fn an_event_that_is_too_large_is_an_error_or_skipped_with_its_id() {
    let body = format!("id: 1\ndata: {}\n\ndata: small\n\n", "x".repeat(100));
    let server = Scripted::start([Answer::stream().chunk(&body)]).await;
    let mut source = builder(&server).max_event_size(50).build().unwrap();
    let too_large = error(&mut source).await;
    assert!(too_large.is_too_large());
    server.gone(0).await;

    let answers = [Answer::stream().chunk(&body).end(), Answer::status(204)];
    let server = Scripted::start(answers).await;
    let mut source = builder(&server).max_event_size(50).overflow(Overflow::Skip).build().unwrap();
    assert!(all(&mut source).await.contains(&with_id("small", "1")));
    assert_eq!(source.skipped(), 1);
}

#[tokio::test]
async fn a_source_that_is_not_polled_holds_the_server_back() {
    let listener = Listener::bind().await;
    let mut source = EventSource::new(format!("http://{}/", listener.addr())).unwrap();
    let open = tokio::spawn(async move {
        opened(&mut source).await;
        source
    });
    let mut server = listener.accept().await;
    server.request().await;
    server.send("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n").await;
    let mut source = open.await.unwrap();
    let sent = server.flood(b"data: 0123456789\n\n").await;
    assert!(sent < 16 << 20, "{sent}");
    assert_eq!(seen(&mut source).await, message("0123456789"));
}

#[tokio::test]
async fn messages_and_values_are_all_that_some_want() {
    #[derive(Debug, PartialEq, serde::Deserialize)]
    #[serde(rename_all = "snake_case")]
    enum Update {
        Progress { percent: u8 },
        Done,
    }
    let body = "event: progress\ndata: {\"percent\": 5}\n\nevent: odd\ndata: {}\n\n\
                event: progress\ndata: 5\n\nevent: done\ndata:\n\n";
    let answers = || [Answer::status(503), Answer::stream().chunk(body).end(), Answer::status(404)];
    let server = Scripted::start(answers()).await;
    let values: Vec<_> = source(&server).typed::<Update>().collect().await;
    assert_eq!(values.len(), 5);
    assert_eq!(*values[0].as_ref().unwrap(), Update::Progress { percent: 5 });
    assert!(values[1].as_ref().unwrap_err().is_typed());
    assert!(values[2].as_ref().unwrap_err().is_typed());
    assert_eq!(*values[3].as_ref().unwrap(), Update::Done);
    assert!(values[4].as_ref().unwrap_err().is_status());

    let server = Scripted::start(answers()).await;
    let messages: Vec<_> = source(&server).messages().collect().await;
    assert_eq!(messages.len(), 5);
    assert!(messages[..4].iter().all(Result::is_ok) && messages[4].is_err());
}

#[tokio::test]
async fn the_head_of_the_response_is_there_to_be_read() {
    let server = Scripted::start([Answer::stream().header("x-request-id", "7")]).await;
    let opened = opened(&mut source(&server)).await;
    assert_eq!(opened.headers()["x-request-id"], "7");
    assert_eq!(opened.url(), server.url("/events"));
    assert_eq!(opened.version(), http::Version::HTTP_11);
}

#[test]
fn a_source_goes_where_its_owner_goes() {
    fn goes<T: Send + Sync + Unpin + 'static>() {}
    goes::<EventSource>();
    goes::<sse_client::Messages>();
    goes::<sse_client::Typed<String>>();
    goes::<sse_client::Error>();
    goes::<Item>();
}

#[tokio::test]
async fn two_sources_of_one_client_share_nothing_but_its_connections() {
    let server = Scripted::start([
        Answer::stream().chunk("id: 1\ndata: a\n\n"),
        Answer::stream().chunk("data: b\n\n"),
    ])
    .await;
    let client = client().build().unwrap();
    let mut sources = [(); 2].map(|()| builder(&server).client(client.clone()).build().unwrap());
    for (source, expected) in sources.iter_mut().zip([with_id("a", "1"), message("b")]) {
        opened(source).await;
        assert_eq!(seen(source).await, expected);
    }
}
