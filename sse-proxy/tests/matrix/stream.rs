//! A stream on its way.

use http::Method;
use sse_proxy::KeepAlive;

use crate::rig::{SHORT, each, reads, reads_at_last, rest, within};

#[tokio::test]
async fn each_event_arrives_before_the_next_is_sent_and_an_end_is_an_end() {
    each(async |rig| {
        let forward = rig.builder().build().unwrap().stream("/sse");
        let (mut response, upstream) = rig.open(forward).await;
        for number in 0..20 {
            let event = format!("data: {number}\n\n");
            upstream.says(&event).await;
            reads(&mut response, &event).await;
        }
        drop(upstream);
        assert_eq!(rest(&mut response).await.unwrap(), "");
    })
    .await;
}

#[tokio::test]
async fn the_upstream_is_asked_for_a_stream_and_for_nothing_that_is_not_its_own() {
    each(async |rig| {
        let forward = rig.builder().build().unwrap().stream("/sse");
        let request = rig.get(forward).await;
        let request = request
            .header("accept", "*/*")
            .header("accept-encoding", "gzip")
            .header("accept-language", "de")
            .header("authorization", "Bearer t")
            .header("cookie", "a=b")
            .header("last-event-id", "7")
            .header("x-other", "o");
        let _asking = tokio::spawn(request.send());
        let asked = rig.asked().await;
        assert_eq!(asked.path_and_query, "/sse?a=b&lastEventId=5");
        for (name, expected) in [
            ("accept", Some("text/event-stream")),
            ("accept-encoding", Some("identity")),
            ("accept-language", Some("de")),
            ("authorization", None),
            ("connection", None),
            ("cookie", None),
            ("last-event-id", Some("7")),
            ("via", Some(if rig.down_h2 { "2 front" } else { "1.1 front" })),
            ("x-other", None),
        ] {
            assert_eq!(asked.header(name), expected, "{name}");
        }
    })
    .await;
}

#[tokio::test]
async fn the_answer_has_the_headers_of_a_stream_before_any_event() {
    each(async |rig| {
        let forward = rig.builder().build().unwrap().stream("/sse");
        let (response, _upstream) = rig.open(forward).await;
        let header = |name| response.headers().get(name).map(|value| value.to_str().unwrap());
        assert_eq!(header("content-type"), Some("text/event-stream"));
        assert_eq!(header("cache-control"), Some("no-cache, no-transform"));
        assert_eq!(header("x-accel-buffering"), Some("no"));
        assert_eq!(header("content-length"), None);
    })
    .await;
}

#[tokio::test]
async fn a_keep_alive_comes_between_events_and_nowhere_else() {
    each(async |rig| {
        let builder = rig.builder().keep_alive(KeepAlive::every(SHORT));
        let (mut response, upstream) = rig.open(builder.build().unwrap().stream("/sse")).await;
        reads(&mut response, ":\n\n").await;
        upstream.says("data: x").await;
        reads_at_last(&mut response, "data: x").await;
        let nothing = tokio::time::timeout(SHORT * 3, response.chunk()).await;
        assert!(nothing.is_err(), "{nothing:?}");
        upstream.says("\n\n").await;
        reads(&mut response, "\n\n").await;
        reads(&mut response, ":\n\n").await;
    })
    .await;
}

#[tokio::test]
async fn a_body_goes_up_as_it_comes() {
    each(async |rig| {
        let forward = rig.builder().build().unwrap().stream("/sse").methods([Method::POST]);
        let (sender, receiver) = tokio::sync::mpsc::channel::<&str>(1);
        let chunks = futures_util::stream::unfold(receiver, |mut receiver| async {
            Some((Ok::<_, std::io::Error>(receiver.recv().await?), receiver))
        });
        let request = rig.request(Method::POST, forward).await;
        let request = request.body(reqwest::Body::wrap_stream(chunks));
        let asking = tokio::spawn(request.send());
        sender.send("one").await.unwrap();
        let mut asked = rig.asked().await;
        assert_eq!(asked.method, Method::POST);
        use http_body::Body as _;
        for expected in ["one", "two"] {
            let body = std::pin::Pin::new(&mut asked.body);
            let mut body = body;
            let frame =
                within("a part", futures_util::future::poll_fn(|cx| body.as_mut().poll_frame(cx)));
            assert_eq!(frame.await.unwrap().unwrap().into_data().unwrap(), expected);
            let _ = sender.send("two").await;
        }
        drop(sender);
        let upstream = asked.stream();
        upstream.says("data: x\n\n").await;
        let mut response = within("an answer", asking).await.unwrap().unwrap();
        reads(&mut response, "data: x\n\n").await;
    })
    .await;
}
