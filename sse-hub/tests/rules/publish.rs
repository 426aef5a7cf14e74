//! What may be published.

use std::time::Duration;

use sse_core::{Event, EventType};
use sse_hub::{HubError, told};
use sse_store::{EventStore as _, Key, NewEntry};

use crate::support::{Client, hub, publish, topic};

#[tokio::test(start_paused = true)]
async fn an_event_of_a_type_of_the_hubs_own_is_refused_and_nothing_of_its_batch_is_stored() {
    let (hub, store) = hub(|hub| hub).await;
    let mut client = Client::new(hub.subscribe(["t"]).await.unwrap());
    assert_eq!(client.words().await, ["position"]);
    let head = store.head().await.unwrap();
    let key = Key::new("key").unwrap();
    let entry = |event: Event| NewEntry::new(topic("t"), event);
    for own in told::TYPES {
        let event = || Event::new(r#"{"topics":["t"]}"#).with_type(own.clone());
        let batch = || vec![entry(Event::new("a")), entry(event())];
        let refused = |error: HubError| {
            assert!(error.is_own_type() && error.refusal().is_none() && error.store().is_none());
            assert!(error.to_string().contains(&format!("{:?}", own.as_str())), "{error}");
        };
        refused(hub.publish("t", event()).await.unwrap_err());
        refused(hub.append(batch()).await.unwrap_err());
        refused(hub.append_once(&key, batch()).await.unwrap_err());
    }
    assert_eq!(store.head().await.unwrap(), head);
    assert!(client.words().await.is_empty());
    // The key is free, and types are compared byte by byte.
    let other = Event::new("b").with_type(EventType::from_static("Gap"));
    hub.append_once(&key, vec![entry(other)]).await.unwrap();
    assert_eq!(client.words().await, ["Gap"]);
}

#[tokio::test(start_paused = true)]
async fn what_comes_by_the_store_itself_is_given_as_it_is() {
    let (hub, store) = hub(|hub| hub).await;
    let mut client = Client::new(hub.subscribe(["t"]).await.unwrap());
    assert_eq!(client.words().await, ["position"]);
    let gap = Event::new("{}").with_type(told::GAP);
    assert!(told::is_own(&gap) && !told::is_own(&Event::new("{}")));
    let position = store.append(vec![NewEntry::new(topic("t"), gap)]).await.unwrap()[0];
    let told = client.read().await;
    // The hub's own has no id.
    assert_eq!(told[0].event_type.as_deref(), Some("gap"));
    assert_eq!(told[0].id, Some(position.to_string()));
}

#[tokio::test(start_paused = true)]
async fn the_reconnection_time_of_an_event_is_its_publishers_and_the_id_is_not() {
    let (hub, _) = hub(|hub| hub).await;
    let mut subscription = hub.subscribe(["t"]).await.unwrap();
    use futures_util::StreamExt as _;
    subscription.next().await.unwrap().unwrap();
    let event = Event::new("a").with_retry(Duration::from_secs(7));
    hub.publish("t", event).await.unwrap();
    let frame = subscription.next().await.unwrap().unwrap();
    assert!(frame.as_bytes().windows(12).any(|it| it == b"retry: 7000\n"), "{frame:?}");
    let event = Event::new("b").with_id(sse_core::EventId::from_static("own"));
    let error = hub.publish("t", event).await.unwrap_err();
    assert!(error.store().is_some_and(|error| error.is_refused()), "{error}");
    publish(&hub, "t", "c").await;
}
