use std::time::Duration;

use actix_web::{HttpRequest, Responder};
use actix_web_lab::sse::{Data, Event, Sse};
use futures_util::stream;

async fn job(request: HttpRequest) -> impl Responder {
    let last = request.headers().get("last-event-id").and_then(|id| id.to_str().ok());
    let seen: usize = last.and_then(|id| id.parse().ok()).unwrap_or(0);
    let steps = STEPS.iter().map(|step| Data::new(*step).event("progress"));
    let done = Data::new("3 steps").event("done");
    let events = (1..).zip(steps.chain([done])).skip(seen);
    let events = events.map(|(number, data)| Event::Data(data.id(number.to_string())));
    Sse::from_infallible_stream(stream::iter(events)).with_keep_alive(Duration::from_secs(15))
}
