use axum::response::IntoResponse;
use futures_util::stream;
use sse_axum::{
    Completion, Event, EventType, LastEventId, Lifecycle, Refusal, Refused, Sse, StreamRequest,
};

const PROGRESS: EventType = EventType::from_static("progress");
const DONE: EventType = EventType::from_static("done");

async fn job(
    request: StreamRequest,
    LastEventId(last): LastEventId,
) -> Result<impl IntoResponse, Refused> {
    let seen = last.and_then(|id| id.as_str().parse().ok()).unwrap_or(0);
    if seen > STEPS.len() {
        return Err(request.refuse(Refusal::complete()));
    }
    let steps = STEPS.iter().map(|step| Event::new(*step).with_type(PROGRESS));
    let done = Event::new("3 steps").with_type(DONE);
    let events = (1u64..).zip(steps.chain([done])).skip(seen);
    let events = events.map(|(number, event)| event.with_id(number));
    let lifecycle = Lifecycle::new().complete_on(Completion::event_type(DONE));
    Ok(Sse::new(stream::iter(events)).lifecycle(lifecycle))
}
