//! Pages of another origin, behind the framework's own CORS.

use sse_core::Event;

use super::headers::{expected, of_the_stream};
use crate::{App, Framework, Middleware, Response, Rig, Version};

const ANOTHER: &str = "https://another.example";

/// The members of a header that is a list, in lower case.
fn list(response: &Response, name: &str) -> Vec<String> {
    let values = response.headers().get_all(name).iter().map(|value| value.to_str().unwrap());
    values.flat_map(|value| value.split(',')).map(|it| it.trim().to_ascii_lowercase()).collect()
}

/// That pages of `origin` may read the answer, and that no cache gives it to others.
fn lets_in(response: &Response, origin: &str) {
    let allowed = list(response, "access-control-allow-origin");
    assert_eq!(allowed, [origin]);
    let credentials: &[&str] = if origin == "*" { &[] } else { &["true"] };
    assert_eq!(list(response, "access-control-allow-credentials"), credentials);
    let varies = list(response, "vary").contains(&"origin".to_owned());
    assert!(varies || origin == "*", "{:?}", response.headers());
}

/// A whole stream, asked for by a page of `origin`.
async fn stream<F: Framework>(middleware: Middleware, version: Version, origin: &str) -> Response {
    let mut rig = Rig::start_behind::<F>(middleware, version).await;
    let mut client = rig.connect().await;
    let browser = [("accept", "text/event-stream"), ("cookie", "a=b"), ("origin", origin)];
    let mut response = client.get("/events", &browser).await;
    assert_eq!(response.status(), 200);
    let mut lines = of_the_stream(response.headers());
    lines.retain(|line| !line.starts_with("access-control-") && !line.starts_with("vary"));
    assert_eq!(lines, expected(version), "nothing else is different");
    let feed = rig.feed().await;
    feed.send([Event::new("one")]);
    drop(feed);
    assert_eq!(response.rest().await, (":\n\ndata: one\n\n".into(), true));
    response
}

pub async fn a_page_that_is_let_in_reads_the_stream_with_its_credentials<F: Framework>(
    version: Version,
) {
    let response = stream::<F>(Middleware::CorsForOne, version, App::ORIGIN).await;
    lets_in(&response, App::ORIGIN);
}

pub async fn any_page_reads_the_stream_without_credentials<F: Framework>(version: Version) {
    let response = stream::<F>(Middleware::CorsForAny, version, ANOTHER).await;
    lets_in(&response, "*");
}

pub async fn a_page_that_is_not_let_in_reads_nothing<F: Framework>(version: Version) {
    // It is the browser that keeps it from the page: the handler runs.
    let response = stream::<F>(Middleware::CorsForOne, version, ANOTHER).await;
    assert!(!response.headers().contains_key("access-control-allow-origin"));
    assert!(list(&response, "vary").contains(&"origin".to_owned()));
}

pub async fn a_refusal_can_be_read_by_the_page_too<F: Framework>(version: Version) {
    for (middleware, origin) in
        [(Middleware::CorsForOne, App::ORIGIN), (Middleware::CorsForAny, "*")]
    {
        let rig = Rig::start_behind::<F>(middleware, version).await;
        let mut client = rig.connect().await;
        for (id, accept, status) in [
            ("done", "text/event-stream", 204),
            ("full", "text/event-stream", 200),
            ("full", "*/*", 503),
            ("busy", "*/*", 429),
            ("a", "text/html", 406),
            ("\u{0}", "text/event-stream", 400),
        ] {
            let path = format!("/events?lastEventId={}", id.replace('\0', "%00"));
            let mut response =
                client.get(&path, &[("accept", accept), ("origin", App::ORIGIN)]).await;
            assert_eq!(response.status(), status, "{id} {accept}");
            lets_in(&response, origin);
            // What a page's `fetch` may not see by itself.
            assert_eq!(list(&response, "access-control-expose-headers"), ["retry-after"]);
            assert!(response.rest().await.1);
        }
    }
}

pub async fn a_preflight_lets_a_page_send_its_last_event_id<F: Framework>(version: Version) {
    let preflight: [(&str, &[u8]); 2] = [
        ("access-control-request-method", b"GET"),
        ("access-control-request-headers", b"last-event-id"),
    ];
    for (middleware, origin) in
        [(Middleware::CorsForOne, App::ORIGIN), (Middleware::CorsForAny, "*")]
    {
        let rig = Rig::start_behind::<F>(middleware, version).await;
        let mut client = rig.connect().await;
        let origin_of_page = [("origin", App::ORIGIN.as_bytes())];
        let headers = [&preflight[..], &origin_of_page].concat();
        let mut response = client.send("OPTIONS", "/events", &headers).await;
        assert_eq!(response.status(), 200);
        lets_in(&response, origin);
        assert_eq!(list(&response, "access-control-allow-methods"), ["get"]);
        assert_eq!(list(&response, "access-control-allow-headers"), ["last-event-id"]);
        assert_eq!(response.rest().await, (String::new(), true));

        if middleware == Middleware::CorsForOne {
            let headers = [&preflight[..], &[("origin", ANOTHER.as_bytes())]].concat();
            let response = client.send("OPTIONS", "/events", &headers).await;
            assert!(!response.headers().contains_key("access-control-allow-origin"));
        }
    }
}
