//! What is logged.

use std::cell::RefCell;
use std::io;
use std::sync::Once;
use std::time::Duration;

use sse_hub::{EndReason, Hub, Notice};
use tracing_subscriber::fmt::format::FmtSpan;

use crate::support::{Client, TestStore, hub, publish, publish_all};

thread_local! {
    /// The log of this thread, which is that of one test and its hub.
    static LOG: RefCell<Vec<u8>> = const { RefCell::new(vec![]) };
    /// A hub whose connections are ended as soon as one is said to be open.
    static ENDS: RefCell<Option<Hub>> = const { RefCell::new(None) };
}

struct Log;

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        LOG.with_borrow_mut(|log| log.extend_from_slice(bytes));
        if String::from_utf8_lossy(bytes).contains("subscription opened")
            && let Some(hub) = ENDS.take()
        {
            hub.connections().iter().for_each(|it| assert!(hub.disconnect(it.id)));
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The lines that are ours.
fn lines() -> Vec<String> {
    let text = String::from_utf8(LOG.take()).unwrap();
    text.lines().filter(|line| line.contains("sse_hub")).map(str::to_owned).collect()
}

fn is_logged(lines: &[String], level: &str, text: &str) -> bool {
    lines.iter().any(|line| line.contains(level) && line.contains(text))
}

/// For all threads: the other tests run at the same time, and what one thread hears of is what all do.
fn listen() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        tracing_subscriber::fmt()
            .with_max_level(tracing::Level::DEBUG)
            .with_span_events(FmtSpan::CLOSE)
            .with_ansi(false)
            .with_writer(|| Log)
            .init();
    });
}

#[tokio::test(start_paused = true)]
async fn who_listens_to_traces_may_use_the_hub_and_each_coming_is_told_before_its_going() {
    listen();
    let (hub, _) = hub(|hub| hub).await;
    let mut notices = hub.notices();
    ENDS.set(Some(hub.clone()));
    let _ended = hub.subscribe(["t"]).await.unwrap();
    assert!(matches!(notices.next().await, Some(Notice::Opened(_))));
    assert!(matches!(notices.next().await, Some(Notice::Ended(_, EndReason::Disconnected))));
    let lines = lines();
    let at = |text: &str| lines.iter().position(|line| line.contains(text)).expect("said");
    assert!(at("subscription opened") < at("subscription ended"), "{lines:#?}");
}

#[tokio::test(start_paused = true)]
async fn a_subscription_is_a_span_from_its_opening_to_its_end_and_failures_are_warnings() {
    listen();
    let (hub, _) = hub(|hub| hub).await;
    publish(&hub, "t", "secret").await;
    let subscribe = hub.subscribe(["t", "u"]).user("ada").last(1);
    let mut client = Client::new(subscribe.await.unwrap());
    let id = format!("{:?}", client.subscription.id());
    publish_all(&hub, "t", ["secret", "secret"]).await;
    client.read().await;
    hub.disconnect(client.subscription.id());
    client.read().await;
    drop(client);
    hub.subscribe([""]).await.unwrap_err();
    let of_it = format!("subscription{{connection={id} user=\"ada\" topics=2 begin=Last(1)");
    let lines_now = lines();
    assert!(
        is_logged(&lines_now, "DEBUG", &format!("{of_it}}}: sse_hub::trace: subscription opened")),
        "{lines_now:#?}"
    );
    let of_it = format!("{of_it} reason=\"disconnected\" events=3}}: sse_hub::trace: ");
    assert!(
        is_logged(&lines_now, "DEBUG", &format!("{of_it}subscription ended")),
        "{lines_now:#?}"
    );
    assert!(is_logged(&lines_now, "DEBUG", &format!("{of_it}close ")), "{lines_now:#?}");
    assert!(is_logged(&lines_now, "DEBUG", "refused error="), "{lines_now:#?}");
    assert!(!lines_now.iter().any(|line| line.contains("secret")), "{lines_now:#?}");
    assert!(!lines_now.iter().any(|line| line.contains("WARN")), "{lines_now:#?}");

    let store = std::sync::Arc::new(TestStore::new());
    store.set_down(true);
    let _hub = Hub::new(store);
    tokio::time::sleep(Duration::from_millis(1)).await;
    assert!(is_logged(&lines(), "WARN", "the log cannot be followed"));
}
