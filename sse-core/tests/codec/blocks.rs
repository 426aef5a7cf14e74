//! What is decoded, as the events that were encoded.

use sse_core::{Event, EventId, EventType, Item};

use super::outcome::all;

/// The blocks that a decoder sees, each as the event that it came from.
pub(crate) fn blocks(bytes: &[u8]) -> Vec<Event> {
    let mut decoder = all().build();
    decoder.feed(bytes);
    let mut blocks = vec![];
    let mut event = Event::default();
    while let Some(item) = decoder.next().unwrap() {
        match item {
            Item::Comment(comment) => {
                event = event.with_comment(comment);
                continue;
            }
            Item::Message(message) => {
                let comments: Vec<_> = event.comments().map(str::to_owned).collect();
                event = message.to_message().into();
                for comment in comments {
                    event = event.with_comment(comment);
                }
            }
            Item::Block(block) => {
                if let Some(event_type) = block.event_type {
                    event = event.with_type(EventType::new(event_type).unwrap());
                }
                if let Some(id) = block.id {
                    event = event.with_id(EventId::new(id).unwrap());
                }
                if let Some(retry) = block.retry {
                    event = event.with_retry(retry);
                }
            }
            other => panic!("{other:?}"),
        }
        blocks.push(std::mem::take(&mut event));
    }
    assert_eq!(event, Event::default(), "a comment without a block");
    blocks
}

/// What of an event arrives: one that says nothing is no block, and `message` needs no name.
pub(crate) fn arriving(event: &Event) -> Option<Event> {
    if *event == Event::default() {
        return None;
    }
    if event.event_type().is_some_and(|text| *text == EventType::MESSAGE) && event.data().is_some()
    {
        let bytes = event.to_frame().into_bytes();
        let text = String::from_utf8(bytes.to_vec()).unwrap();
        return blocks(text.replacen("event: message\n", "", 1).as_bytes()).pop();
    }
    Some(event.clone())
}
