//! What a subscription tells of itself, beside the events of its topics. Nothing but the type tells the two apart, so the hub
//! takes no event of these types from those who publish. One that comes into the log by the store itself, by another process
//! or by `commit_with`, is given to clients as it is: whoever writes there sees to it, with [`is_own`].

use std::collections::BTreeMap;
use std::time::Duration;

use sse_core::{Event, EventType, Frame};
use sse_store::{Position, TopicSet};

/// Where the client stands; its id is that position. The first one has the [`ConnectionId`](crate::ConnectionId) as its
/// data, the later ones have empty data.
pub const POSITION: EventType = EventType::from_static("position");

/// Events after the client's position are no longer there, or were skipped for it. The data names the topics that may
/// miss some, `{"topics":["orders/42"]}`; without `topics` it may be any.
pub const GAP: EventType = EventType::from_static("gap");

/// The client's position is not of this log: what it has is void, and what follows begins at the log's start.
pub const RESET: EventType = EventType::from_static("reset");

/// A newer connection of the same user has taken this one's place: a page that has several does well to close this one.
pub const REPLACED: EventType = EventType::from_static("replaced");

/// The types of the events above.
pub const TYPES: [EventType; 4] = [POSITION, GAP, RESET, REPLACED];

/// Whether an event would be taken for one of the hub's own, by its type.
pub fn is_own(event: &Event) -> bool {
    event.event_type().is_some_and(|event_type| TYPES.contains(event_type))
}

/// The event that says where the client stands, or by another type why it ends there.
pub(crate) fn at(
    event_type: EventType,
    position: Option<Position>,
    data: String,
    retry: Option<Duration>,
) -> Frame {
    let mut event = Event::new(data).with_type(event_type);
    if let Some(position) = position {
        event = event.with_id(position);
    }
    if let Some(retry) = retry {
        event = event.with_retry(retry);
    }
    event.to_frame()
}

pub(crate) fn gap(topics: &TopicSet) -> Frame {
    let data = match topics {
        TopicSet::All => Event::json(&BTreeMap::<&str, ()>::new()),
        TopicSet::Only(topics) => {
            let names: Vec<&str> = topics.iter().map(|topic| topic.as_str()).collect();
            Event::json(&BTreeMap::from([("topics", names)]))
        }
    };
    // Names and lists of names are always JSON; without them the gap is still told.
    data.unwrap_or_else(|_| Event::new("{}")).with_type(GAP).to_frame()
}

/// It has no id: a client that is cut off right after it has to be told again.
pub(crate) fn reset() -> Frame {
    Event::new("").with_type(RESET).to_frame()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gap_names_the_topics_that_may_miss_something_unless_it_may_be_any() {
        let topics = ["a", "b\"\n"].map(|name| sse_store::Topic::new(name).unwrap());
        let only = gap(&topics.into_iter().collect());
        assert_eq!(only.as_bytes(), b"event: gap\ndata: {\"topics\":[\"a\",\"b\\\"\\n\"]}\n\n");
        assert_eq!(gap(&TopicSet::All).as_bytes(), b"event: gap\ndata: {}\n\n");
    }
}
