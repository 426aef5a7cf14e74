//! What goes wrong, as the page tells it.

use serde_json::json;
use testkit::{BOUND, Browser, until};

use super::page_of;
use super::support::{Fixture, ok};
use super::visitor::Visitor;

pub(crate) async fn a_wrong_password_is_told_and_opens_nothing() {
    let site = Fixture::start(&[]).await;
    let browser = Browser::start().await;
    let visitor = Visitor::open(&browser, &page_of(&site)).await;
    visitor.tries("ada", "wrong").await;
    let told = "You are not logged in: there is no such user, or the password is another.";
    visitor.is_told(told).await;
    assert_eq!(visitor.state().await, "out");
    assert_eq!(site.app.hub.connection_count(), 0);
}

/// Logs in until a stream was open, and these texts came, though it were in a moment: the login is a short one, and on a
/// busy machine it may be over before.
async fn logs_in_until_it_reads(visitor: &Visitor, texts: &[&str]) {
    let is_out = "return document.body.dataset.state === 'out'
        && document.querySelector('#alert').textContent !== ''";
    until(BOUND, &format!("a stream was open, and {texts:?} came"), async || {
        visitor.has_been().await;
        visitor.tries("ada", "demo").await;
        visitor.has("the login is over", is_out).await;
        visitor.has_been().await.contains(&"open".to_owned()) && visitor.inbox().await == texts
    })
    .await;
}

pub(crate) async fn an_expired_login_leads_to_the_form_and_after_it_the_stream_goes_on() {
    let site = Fixture::start(&["--token-seconds=2"]).await;
    let browser = Browser::start().await;
    let ada = Visitor::open(&browser, &page_of(&site)).await;
    let send = async |text: &str| {
        // Bob's own login is as short.
        until(BOUND, "it is sent", async || {
            let bob = site.user("bob").await;
            bob.send("user/ada", text).send().await.expect("an answer").status().is_success()
        })
        .await;
    };
    send("before").await;
    logs_in_until_it_reads(&ada, &["before"]).await;
    ada.is_told("Your login has expired.").await;
    assert_eq!(ada.0.text("#status").await, "Log in again; nothing is lost.");
    let form = "return document.querySelector('#login').checkVisibility()
        && document.activeElement.id === 'password' && document.querySelector('#name').value === 'ada'";
    assert_eq!(ada.0.eval(form).await, json!(true));
    let inside = "return document.querySelector('.inbox').checkVisibility()";
    assert_eq!(
        ada.0.eval(inside).await,
        json!(false),
        "nothing is left to be read by who comes by"
    );
    until(BOUND, "the stream has ended", async || site.app.hub.connection_count() == 0).await;

    send("meanwhile").await;
    logs_in_until_it_reads(&ada, &["before", "meanwhile"]).await;
}

pub(crate) async fn a_login_that_is_refused_when_the_page_comes_back_leads_to_the_form() {
    let site = Fixture::start(&[]).await;
    let browser = Browser::start().await;
    let ada = Visitor::log_in(&browser, &page_of(&site), "ada").await;
    ada.is_cut_off(&site).await;
    // Its login is none of what comes after it.
    let site = site.replace(&["--token-key", "another key of thirty-two bytes!!"]).await;
    ada.may_come_back().await;
    ada.is("out").await;
    ada.is_told("You are logged out: the token is not one of this service.").await;
    ada.tries("ada", "demo").await;
    ada.is("open").await;
    ada.is_told("").await;
    assert_eq!(site.app.hub.connection_count(), 1);
}

pub(crate) async fn what_was_deleted_before_it_came_is_told_as_missing() {
    let site = Fixture::start(&[]).await;
    let browser = Browser::start().await;
    let ada = Visitor::log_in(&browser, &page_of(&site), "ada").await;
    let bob = site.user("bob").await;
    bob.sent("everyone", "seen").await;
    ada.reads(&["seen"]).await;
    ada.is_cut_off(&site).await;
    ada.is_told("The connection was lost.").await;
    let mut bobs = bob.open(&[]).await;
    bob.sent("user/ada", "deleted").await;
    site.app.hub.clear("user/ada").await.expect("cleared");
    bob.sent("everyone", "kept").await;
    // What comes after the deletion has come to the hub, so that has come too.
    assert_eq!(bobs.notifications(2).await, ["seen", "kept"]);
    ada.may_come_back().await;
    let told = "What was sent to you was deleted before it reached you.";
    ada.reads(&["seen", told, "kept"]).await;
    assert_eq!(ada.0.text("#inbox [data-type=gap] .type").await, "Something is missing");
    ada.is_told("").await;
    assert_eq!(ada.0.text("#unread").await, "2", "what is told is no notification");
}

pub(crate) async fn a_log_that_has_begun_anew_is_told() {
    let site = Fixture::start(&[]).await;
    let browser = Browser::start().await;
    let ada = Visitor::log_in(&browser, &page_of(&site), "ada").await;
    ada.send("everyone", "old").await;
    ada.reads(&["old"]).await;
    ada.is_cut_off(&site).await;
    let site = site.replace(&[]).await;
    site.user("bob").await.sent("everyone", "new").await;
    ada.may_come_back().await;
    let told = "The server’s log has begun anew. What is below may be void.";
    ada.reads(&["old", told, "new"]).await;
    assert_eq!(ada.0.text("#inbox [data-type=reset] .type").await, "A new beginning");
    ada.is("open").await;
}

pub(crate) async fn a_window_whose_place_was_taken_says_so_and_stays_away_until_it_is_asked_back() {
    let site = Fixture::start(&[]).await;
    let browser = Browser::start().await;
    let page = Visitor::log_in(&browser, &page_of(&site), "ada").await;
    let ada = site.user("ada").await;
    let mut newer = Vec::new();
    for _ in 0..10 {
        newer.push(ada.open(&[]).await);
    }
    page.is("closed").await;
    page.is_told("Too many windows are open: a newer one of yours has taken this one’s place.")
        .await;
    assert_eq!(page.0.text("#status").await, "This window hears nothing more.");
    ada.sent("everyone", "meanwhile").await;
    for stream in &mut newer {
        assert_eq!(stream.notification().await, "meanwhile", "it has not come back by itself");
    }
    page.0.click("#connect").await;
    page.is("open").await;
    page.reads(&["meanwhile"]).await;
    page.is_told("").await;
}

pub(crate) async fn text_with_markup_is_shown_and_never_run() {
    const MARKUP: &str =
        "<img src=x onerror=\"document.title='run'\"><script>document.title='run'</script>";
    let site = Fixture::start(&[]).await;
    let browser = Browser::start().await;
    let ada = Visitor::log_in(&browser, &page_of(&site), "ada").await;
    let bob = site.user("bob").await;
    bob.sent("user/ada", MARKUP).await;
    ada.reads(&[MARKUP]).await;

    // Of a task, too, and of what says that one was not started or something not sent.
    let connection = site.app.hub.connections()[0].id;
    let user = site.user("ada").await;
    let title: String = MARKUP.chars().take(60).collect();
    let start = json!({ "title": title, "connection": connection.to_string() });
    ok(user.post("/api/tasks", &start)).await;
    until(BOUND, "the task is there", async || {
        ada.0.eval("return document.querySelector('#tasks .name')?.textContent").await
            == json!(title)
    })
    .await;
    ada.fill("#to", "everyone").await;
    let refusal = json!({ "error": { "code": "x", "message": MARKUP } }).to_string();
    let refuse =
        format!("window.fetch = async () => new Response({}, {{ status: 400 }});", json!(refusal));
    ada.0.eval(&refuse).await;
    ada.fill("#text", "x").await;
    for (button, line) in [
        ("#send", "#sent"),
        ("#start", "#tasks-alert"),
        ("[data-name=news] button", "#channels-alert"),
    ] {
        ada.0.click(button).await;
        until(BOUND, line, async || ada.0.text(line).await.contains(MARKUP)).await;
    }
    let made = "return document.querySelectorAll('main :is(img, script)').length";
    assert_eq!(ada.0.eval(made).await, json!(0));
    assert!(ada.0.eval("return document.title").await.as_str().unwrap().ends_with("Notifications"));
}
