use std::convert::Infallible;

use axum::http::HeaderMap;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures_util::stream::{self, Stream};

async fn job(headers: HeaderMap) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let last = headers.get("last-event-id").and_then(|id| id.to_str().ok());
    let seen: usize = last.and_then(|id| id.parse().ok()).unwrap_or(0);
    let steps = STEPS.iter().map(|step| Event::default().event("progress").data(step));
    let done = Event::default().event("done").data("3 steps");
    let events = (1..).zip(steps.chain([done])).skip(seen);
    let events = events.map(|(number, event)| Ok(event.id(number.to_string())));
    Sse::new(stream::iter(events)).keep_alive(KeepAlive::default())
}
