//! What is gone from the server, as the page tells it.

use sse_store::{EventStore as _, SeaOrmStore};
use testkit::{BOUND, Browser, until};

use super::split::Split;
use super::support::Fixture;
use super::visitor::Visitor;
use super::{NO_STREAM, SEVEN, page_of};

const ANOTHER: &str = "The run before is gone: this is another one, from its beginning.";

pub(crate) async fn a_page_that_begins_while_the_backend_is_away_says_so_and_waits_for_it() {
    let mut split = Split::start(&["--interval-ms", "20"]).await;
    split.kill_backend();
    let browser = Browser::start().await;
    let visitor = Visitor::open(&browser, split.page()).await;
    visitor.page.click("#start").await;
    visitor.has_alerted(NO_STREAM).await;
    let status = visitor.page.text("#status").await;
    assert_eq!(status, "The stream is asked for again by itself.");
    split.restart_backend(&["--interval-ms", "20"]).await;
    visitor.is("complete").await;
    assert_eq!(visitor.alert().await, "");
}

pub(crate) async fn a_run_that_is_gone_is_told_and_another_one_shown() {
    let mut split = Split::start(&["--interval-ms", "20", "--count", "10000"]).await;
    let browser = Browser::start().await;
    let visitor = Visitor::open(&browser, split.page()).await;
    visitor.page.click("#start").await;
    until(BOUND, "some events", async || visitor.types().await.len() > 2).await;
    split.kill_backend();
    visitor.is("reconnecting").await;
    split.restart_backend(&["--interval-ms", "600000"]).await;
    visitor.is("open").await;
    visitor.sees(1).await;
    assert_eq!(visitor.page.text("#status").await, ANOTHER);
    assert_eq!(visitor.types().await, SEVEN[..1], "nothing is left of the run before");
    assert_eq!(visitor.page.text("#received").await, "1");
    assert_eq!(visitor.alert().await, "");
}

pub(crate) async fn events_that_are_gone_are_told() {
    let (site, steps) = Fixture::stepped().await;
    let backend = format!("--backend-url=http://{}", site.backend());
    let front = Fixture::start(&["--role=front", &backend]).await;
    let port = format!("--port={}", front.front().port());
    let browser = Browser::start().await;
    let visitor = Visitor::open(&browser, &page_of(&front)).await;
    visitor.page.click("#start").await;
    for count in 1..=3 {
        steps.release();
        visitor.sees(count).await;
    }
    front.stop().await;
    visitor.is("reconnecting").await;
    // The run comes to its end meanwhile, and the newest records alone are kept: two events and the completion.
    for _ in 3..SEVEN.len() {
        steps.release();
    }
    let runs = site.app.runs.clone().unwrap();
    until(BOUND, "the run is complete", async || runs.count() == 0).await;
    let database = site.stop().await;
    let store = SeaOrmStore::connect(database.url()).await.unwrap();
    store.trim(3).await.unwrap();
    store.close().await;

    let (site, _steps) = Fixture::stepped_in(database).await;
    let backend = format!("--backend-url=http://{}", site.backend());
    let _front = Fixture::start(&["--role=front", &backend, &port]).await;
    visitor.is("complete").await;
    assert_eq!(visitor.alert().await, "Some events of this run are gone from the server.");
    let types: Vec<_> = SEVEN[..3].iter().chain(&SEVEN[5..]).copied().collect();
    assert_eq!(visitor.types().await, types);
    until(BOUND, "what is stored is told apart", async || {
        visitor.page.text("#verdict").await == "2 stored, 5 received."
    })
    .await;
}

pub(crate) async fn a_store_that_fails_is_told_and_the_page_comes_back_to_a_new_run() {
    let (site, steps) = Fixture::stepped().await;
    let browser = Browser::start().await;
    let visitor = Visitor::open(&browser, &page_of(&site)).await;
    visitor.page.click("#start").await;
    for count in 1..=3 {
        steps.release();
        visitor.sees(count).await;
    }
    site.database().refuse().await;
    steps.release();
    visitor.is("reconnecting").await;
    visitor.has_alerted("The connection was lost in mid-stream.").await;
    // It asks again, and is told to come back later: what it has stays.
    visitor.has_alerted(NO_STREAM).await;
    assert_eq!(visitor.types().await, SEVEN[..3]);
    visitor.page.click("#reload").await;
    visitor.has_read_back(3).await;

    site.database().accept().await;
    visitor.is("open").await;
    assert_eq!(visitor.page.text("#status").await, ANOTHER);
    for count in 1..=SEVEN.len() {
        steps.release();
        visitor.sees(count).await;
    }
    visitor.has_read_back(SEVEN.len()).await;
    assert_eq!(visitor.alert().await, "");
}
