//! The client of this workspace at the far end of a stream that resumes.

use std::time::Duration;

use futures_util::StreamExt;
use sse_client::{EventSource, Item};
use sse_proxy::{Backoff, Resume, Upstream};
use testkit::{Answer, Relay, Scripted};

use crate::support::{front, within};

const ONE: &str = "id: 1\ndata: one\n\n";
const TWO: &str = "id: 2\ndata: two\n\n";
const THREE: &str = "id: 3\ndata: three\n\n";
const FOUR: &str = "id: 4\ndata: four\n\n";

fn quick() -> Backoff {
    Backoff::new().bounds(Duration::from_millis(1), Duration::from_millis(20))
}

/// The upstream behind a front that resumes, the wire from the client to it, and the client.
async fn client(upstream: &Scripted) -> (Relay, EventSource) {
    // Where the proxy speaks TLS and the client does not, reqwest would panic without a provider.
    #[cfg(feature = "tls")]
    let _ = rustls::crypto::ring::default_provider().install_default();
    let forward = Upstream::builder(upstream.url("")).build().unwrap().stream("/sse");
    let front = front(forward.resume(Resume::new().backoff(quick()))).await;
    let wire = Relay::to(front).await;
    let source = EventSource::builder(format!("http://{}/", wire.addr())).backoff(quick());
    (wire, source.build().unwrap())
}

/// What happens next to the client: `open`, `lost`, or an event's id and data.
async fn next(source: &mut EventSource) -> String {
    match within("an item", source.next()).await {
        Some(Ok(Item::Open(_))) => "open".to_owned(),
        Some(Ok(Item::Reconnecting { .. })) => "lost".to_owned(),
        Some(Ok(Item::Message(message))) => format!("{} {}", message.last_event_id, message.data),
        other => format!("{other:?}"),
    }
}

async fn sees(source: &mut EventSource, expected: &[&str]) {
    for expected in expected {
        assert_eq!(next(source).await, *expected);
    }
}

fn ids(upstream: &Scripted) -> Vec<Option<String>> {
    let id = |request: &testkit::Request| request.header("last-event-id").map(str::to_owned);
    upstream.requests().iter().map(id).collect()
}

#[tokio::test]
async fn a_client_sees_one_stream_however_often_the_upstream_dies() {
    let upstream = Scripted::start([
        // In the middle of an event, before it answers, with a refusal, between two events, at once.
        Answer::stream().chunk(ONE).chunk("id: 2\ndata: t").close(),
        Answer::raw().close(),
        Answer::status(503),
        Answer::stream().chunk(TWO).chunk(THREE).close(),
        Answer::stream().reset(),
        Answer::stream().chunk(FOUR),
    ])
    .await;
    let (_wire, mut source) = client(&upstream).await;
    sees(&mut source, &["open", "1 one", "2 two", "3 three", "4 four"]).await;
    let expected = [None, Some("1"), Some("1"), Some("1"), Some("3"), Some("3")];
    assert_eq!(ids(&upstream), expected.map(|id| id.map(str::to_owned)));
    drop(source);
    upstream.gone(5).await;
}

#[tokio::test]
async fn a_client_that_is_cut_off_goes_on_where_it_was_and_so_does_the_front_behind_it() {
    let upstream = Scripted::start([
        Answer::stream().chunk(ONE).chunk("id: 2\ndata: t"),
        Answer::stream().chunk(TWO).close(),
        Answer::stream().chunk(THREE),
    ])
    .await;
    let (wire, mut source) = client(&upstream).await;
    sees(&mut source, &["open", "1 one"]).await;
    wire.cut();
    sees(&mut source, &["lost", "open", "2 two", "3 three"]).await;
    let expected = [None, Some("1"), Some("2")];
    assert_eq!(ids(&upstream), expected.map(|id| id.map(str::to_owned)));
}
