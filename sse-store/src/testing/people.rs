//! Listings.

use std::collections::BTreeMap;
use std::time::{Duration, UNIX_EPOCH};

use sse_core::{Event, EventType};

use super::{
    Harness, Store, append, fill_with_large, is_full, is_within_limits, later_than, only, open,
    topic,
};
use crate::{Entry, NewEntry, Newest, Position, Query, Topic, TopicSet};

async fn list(store: &Store, query: &Query) -> Vec<Entry> {
    store.list(query).await.expect("listed")
}

/// Some records of two topics, all kinds among them.
async fn fill(store: &Store) {
    for number in 0..12 {
        let name = ["a", "b"][number % 2];
        let event = Event::new(number.to_string());
        let event = match number % 3 {
            0 => event,
            1 => event.with_type(EventType::MESSAGE),
            _ => event.with_type(EventType::from_static("tick")),
        };
        let appended = store.append(vec![NewEntry::new(topic(name), event)]).await;
        appended.expect("appended");
    }
    store.complete(&topic("a")).await.expect("completed");
    store.clear(&topic("c")).await.expect("cleared");
}

/// One order is the other's reverse.
pub async fn newest_and_oldest_first_are_mirrors(harness: &dyn Harness) {
    let store = open(harness).await;
    fill(&store).await;
    for topics in [TopicSet::All, only(["a"]), only(["a", "b"]), only([])] {
        let query = Query::new(topics.clone());
        let oldest = list(&store, &query).await;
        assert_eq!(oldest, super::all(&store, &topics).await);
        let mut newest = list(&store, &query.newest_first()).await;
        newest.reverse();
        assert_eq!(newest, oldest);
    }
}

/// The newest record of each topic, of whatever kind; of a topic without a record, none.
pub async fn the_newest_of_each_topic_is_told(harness: &dyn Harness) {
    let store = open(harness).await;
    fill(&store).await;
    let name = |number: usize| format!("many/{number}");
    let many = (0..250).map(name).step_by(3);
    let entry = |name: String| NewEntry::new(topic(&name), Event::new("x"));
    store.append(many.map(entry).collect()).await.expect("appended");
    // The latter is complete no more.
    store.complete(&topic("many/0")).await.expect("completed");
    store.complete(&topic("many/3")).await.expect("completed");
    append(&store, "many/3", "x").await;
    let mut expected = BTreeMap::new();
    for entry in super::all(&store, &TopicSet::All).await {
        expected.insert(entry.topic.clone(), Newest::from(&entry));
    }
    let asked = |topics: Vec<Topic>| {
        let store = store.clone();
        async move {
            let newest = store.newest(&topics.into_iter().collect()).await.expect("told");
            let by_topic = newest.into_iter().map(|newest| (newest.topic.clone(), newest));
            by_topic.collect::<BTreeMap<_, _>>()
        }
    };
    let all = (0..250).map(name).chain(["a", "b", "c", "none", "A"].map(str::to_owned));
    assert_eq!(asked(all.map(|name| topic(&name)).collect()).await, expected);
    let of_two = asked(vec![topic("a"), topic("b")]).await;
    assert_eq!((of_two.len(), of_two[&topic("a")].is_completion), (2, true));
    assert!(asked(vec![topic("none"), topic("other")]).await.is_empty());
    assert!(asked(Vec::new()).await.is_empty());
}

/// Going on after the last of a page gives the next, in both orders.
pub async fn a_listing_pages_without_gap_or_double(harness: &dyn Harness) {
    let store = open(harness).await;
    fill(&store).await;
    for query in [Query::new(TopicSet::All), Query::new(only(["a", "c"])).newest_first()] {
        let whole = list(&store, &query).await;
        for limit in 1..=15 {
            let mut paged: Vec<Entry> = Vec::new();
            loop {
                let mut page = query.clone().limit(limit);
                if let Some(last) = paged.last() {
                    page = page.after(last.position);
                }
                let entries = list(&store, &page).await;
                assert!(entries.len() <= limit);
                if entries.is_empty() {
                    break;
                }
                paged.extend(entries);
            }
            assert_eq!(paged, whole, "by {limit}");
        }
    }
    let start = Query::new(TopicSet::All).after(Position::START);
    assert_eq!(list(&store, &start).await, list(&store, &Query::new(TopicSet::All)).await);
}

/// A page of a listing is as large as any, and goes on where it ended.
pub async fn a_listing_is_full_by_its_bytes(harness: &dyn Harness) {
    let store = open(harness).await;
    let (positions, many) = fill_with_large(&store).await;
    let mut reversed = positions.clone();
    reversed.reverse();
    for topics in [TopicSet::All, many] {
        let query = Query::new(topics);
        for (query, positions) in [(query.clone(), &positions), (query.newest_first(), &reversed)] {
            for limit in [1, 3, 10_000] {
                let mut query = query.clone().limit(limit);
                let mut listed = Vec::new();
                loop {
                    let page = list(&store, &query).await;
                    let Some(last) = page.last() else { break };
                    assert!(is_within_limits(&page, limit));
                    query = query.after(last.position);
                    listed.extend(page.iter().map(|entry| entry.position));
                    assert!(is_full(&page, limit) || listed.len() == positions.len());
                }
                assert_eq!(listed, *positions);
            }
        }
    }
}

/// The filters, alone and together, agree with [`Query::matches`].
pub async fn a_listing_is_filtered_by_type_time_and_kind(harness: &dyn Harness) {
    let store = open(harness).await;
    fill(&store).await;
    let first_half = super::all(&store, &TopicSet::All).await;
    let time = later_than(first_half.last().expect("it is there")).await;
    append(&store, "a", "late").await;
    let whole = super::all(&store, &TopicSet::All).await;

    let message = || Query::new(TopicSet::All).event_type(EventType::MESSAGE);
    let tick = || Query::new(TopicSet::All).event_type(EventType::from_static("tick"));
    for (query, count) in [
        (Query::new(TopicSet::All), 15),
        (Query::new(TopicSet::All).events(), 13),
        (message(), 9),
        (tick(), 4),
        (tick().until(time), 4),
        (tick().from(time), 0),
        (message().from(time), 1),
        (Query::new(TopicSet::All).until(time), 14),
        (Query::new(TopicSet::All).until(UNIX_EPOCH), 0),
        (Query::new(TopicSet::All).from(UNIX_EPOCH - Duration::from_secs(1)), 15),
        (Query::new(only(["b"])).event_type(EventType::from_static("Tick")), 0),
    ] {
        let listed = list(&store, &query).await;
        assert_eq!(listed.len(), count, "{query:?}");
        let matching = whole.iter().filter(|entry| query.matches(entry));
        assert_eq!(listed, matching.cloned().collect::<Vec<_>>(), "{query:?}");
    }
}

/// Positions of two logs are not ordered, so there is nothing to list.
pub async fn a_listing_after_another_log_is_refused(harness: &dyn Harness) {
    let store = open(harness).await;
    let position = append(&store, "a", "1").await;
    let foreign = Position::new(position.epoch() + 1, 0);
    let query = Query::new(TopicSet::All).after(foreign);
    let error = store.list(&query).await.expect_err("refused");
    assert!(error.is_refused(), "{error}");
}
