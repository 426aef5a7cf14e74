//! Where a client left off, and how one is refused.

use crate::rig::silent;
use crate::{Framework, Rig, Version};

pub async fn the_last_event_id_is_the_headers_before_the_querys<F: Framework>(version: Version) {
    let rig = Rig::start::<F>(version, silent).await;
    let mut client = rig.connect().await;
    for (path, header, id) in [
        ("/last", &[][..], "None"),
        ("/last?lastEventId=2", &[], r#"Some("2")"#),
        ("/last?lastEventId=2", &[("last-event-id", "1")], r#"Some("1")"#),
        ("/last?lastEventId=2", &[("last-event-id", "")], r#"Some("2")"#),
        ("/last?lastEventId=%E2%82%AC", &[], r#"Some("€")"#),
        ("/last", &[("last-event-id", "€")], r#"Some("€")"#),
    ] {
        let mut response = client.get(path, header).await;
        assert_eq!(response.status(), 200, "{path} {header:?}");
        assert_eq!(response.rest().await.0, id, "{path} {header:?}");
    }
}

pub async fn a_hostile_last_event_id_gets_400<F: Framework>(version: Version) {
    let rig = Rig::start::<F>(version, silent).await;
    let mut client = rig.connect().await;
    let long = "x".repeat(1025);
    for (path, header, reason) in [
        ("/last?lastEventId=a%0Adata:b", None, "line feed at byte 1"),
        ("/last?lastEventId=%0D", None, "carriage return at byte 0"),
        ("/last?lastEventId=%00", None, "NUL at byte 0"),
        ("/last?lastEventId=%FF", None, "not UTF-8 at byte 0"),
        ("/last", Some(long.as_bytes()), "more than 1024 bytes"),
        ("/last", Some(b"1\xFF"), "not UTF-8 at byte 1"),
        ("/events", Some(b"\xC3("), "not UTF-8 at byte 0"),
    ] {
        let header = header.map(|value| ("last-event-id", value));
        let mut response = client.send("GET", path, header.as_slice()).await;
        assert_eq!(response.status(), 400, "{path} {header:?}");
        let (text, _) = response.rest().await;
        assert!(text.starts_with("Last-Event-ID: ") && text.contains(reason), "{path}: {text}");
    }
}

pub async fn a_refusal_is_given_so_that_the_client_understands<F: Framework>(version: Version) {
    let rig = Rig::start::<F>(version, silent).await;
    let mut client = rig.connect().await;
    let browser = ("accept", "text/event-stream");

    let mut response = client.get("/events", &[("last-event-id", "full"), browser]).await;
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    let (text, is_whole) = response.rest().await;
    assert!(is_whole);
    let retry = text.strip_prefix("retry: ").and_then(|it| it.strip_suffix("\n\n"));
    let retry: u32 = retry.expect("a retry and nothing else").parse().unwrap();
    assert!((5000..=9000).contains(&retry), "{retry}");

    for (id, accept, status) in
        [("full", "*/*", 503), ("busy", "*/*", 429), ("busy", "text/event-stream", 429)]
    {
        let mut response =
            client.get("/events", &[("last-event-id", id), ("accept", accept)]).await;
        assert_eq!(response.status(), status, "{id} {accept}");
        let after = response.headers()["retry-after"].to_str().unwrap().parse().unwrap();
        assert!((5..=9).contains(&after), "{after}");
        assert_eq!(response.rest().await, (String::new(), true));
    }
}

pub async fn a_client_that_had_it_all_gets_204<F: Framework>(version: Version) {
    let rig = Rig::start::<F>(version, silent).await;
    let mut client = rig.connect().await;
    for accept in ["text/event-stream", "*/*"] {
        let headers = [("last-event-id", "done"), ("accept", accept)];
        let mut response = client.get("/events", &headers).await;
        assert_eq!(response.status(), 204);
        assert!(!response.headers().contains_key("content-type"));
        assert_eq!(response.rest().await, (String::new(), true));
    }
}

pub async fn a_head_is_refused_by_the_status<F: Framework>(version: Version) {
    let rig = Rig::start::<F>(version, silent).await;
    let mut client = rig.connect().await;
    for (id, accept, status, waits) in [
        ("full", "text/event-stream", 503, true),
        ("busy", "text/event-stream", 429, true),
        ("done", "text/event-stream", 204, false),
        ("1", "text/html", 406, false),
    ] {
        let headers = [("last-event-id", id.as_bytes()), ("accept", accept.as_bytes())];
        let mut response = client.send("HEAD", "/events", &headers).await;
        assert_eq!(response.status(), status, "{id} {accept}");
        assert_eq!(response.headers().contains_key("retry-after"), waits, "{id} {accept}");
        assert_eq!(response.rest().await, (String::new(), true));
    }
}
