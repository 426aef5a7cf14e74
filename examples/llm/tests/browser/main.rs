//! The page, as a real browser has it.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

mod parser;
mod split;
#[path = "../support/mod.rs"]
mod support;
mod trouble;
mod visitor;

use std::process::ExitCode;

use llm::model::AnswerState;
use serde_json::json;
use testkit::{Answer, Browser, Gate, Key, Scripted, test};

use parser::{
    an_event_that_never_ends_is_given_up, every_vector_is_read_as_it_must_under_every_split,
};
use support::Fixture;
use trouble::*;
use visitor::Visitor;

fn main() -> ExitCode {
    testkit::run([
        test!(every_vector_is_read_as_it_must_under_every_split, Browser),
        test!(an_event_that_never_ends_is_given_up, Browser),
        test!(the_answer_appears_token_by_token_and_is_complete_at_done, Browser),
        test!(what_is_read_out_does_not_change_with_each_token, Browser),
        test!(stop_stops_the_model_and_shows_what_it_saved, Browser),
        test!(a_stop_before_the_first_token_stops_the_model, Browser),
        test!(a_page_that_is_left_stops_the_model, Browser),
        test!(an_answer_that_breaks_off_is_told_and_never_looks_complete, Browser),
        test!(an_answer_that_breaks_off_before_its_first_token_is_cut_off_too, Browser),
        test!(a_model_killed_in_mid_answer_is_told_and_the_next_question_is_a_502, Browser),
        test!(an_end_without_done_is_cut_off, Browser),
        test!(an_error_in_the_stream_is_told, Browser),
        test!(done_completes_also_where_the_model_does_not_end, Browser),
        test!(refusals_are_told_in_words, Browser),
        test!(text_from_the_model_is_shown_and_never_run, Browser),
        test!(a_question_needs_no_mouse, Browser),
        test!(it_fits_a_narrow_window, Browser),
    ])
}

/// A model that answers as a script says, behind a front, with somebody at its page.
async fn over(browser: &Browser, model: &Scripted) -> (Fixture, Visitor) {
    let site = Fixture::front_of(model.addr(), &[]).await;
    let visitor = Visitor::open(browser, &page_of(&site)).await;
    (site, visitor)
}

fn page_of(site: &Fixture) -> String {
    format!("http://{}/", site.front())
}

/// The event of one token. Without an id there is no count of the answer to be asked for.
fn token(text: &str) -> String {
    let chunk = json!({ "choices": [{ "delta": { "content": text } }] });
    format!("data: {chunk}\n\n")
}

async fn the_answer_appears_token_by_token_and_is_complete_at_done() {
    let (site, steps) = Fixture::stepped().await;
    let browser = Browser::start().await;
    let visitor = Visitor::open(&browser, &page_of(&site)).await;
    assert_eq!(visitor.state().await, "idle");
    visitor.page.eval("document.querySelector('#prompt').value = '  Why?\\n'").await;
    for _ in 0..2 {
        visitor.page.click("#ask").await;
        site.is(AnswerState::Running).await;
        visitor.is("thinking").await;
        assert_eq!(visitor.answer().await, "", "the old answer is gone at once");
        let of = site.latest().unwrap().of;
        steps.release(1);
        let mut before = String::new();
        for number in 1..=8 {
            steps.release(1);
            visitor.has_received(number).await;
            let now = visitor.answer().await;
            assert!(now.len() > before.len() && now.starts_with(&before), "{before:?} {now:?}");
            before = now;
            assert_eq!(visitor.state().await, "answering");
        }
        assert_eq!(before, "You asked: “Why?”\n\nThis model is scripted: it");
        steps.release(usize::try_from(of).unwrap() - 8);
        visitor.is("complete").await;
        visitor.has_received(of).await;
        assert!(visitor.answer().await.ends_with("that the answer was cut off."));
        assert_eq!(visitor.page.text("#status").await, format!("All of it: {of} tokens."));
        assert_eq!(visitor.alert().await, "");
        visitor.counts(of, of).await;
        assert_eq!(site.latest().unwrap().state, AnswerState::Complete);
    }
}

async fn what_is_read_out_does_not_change_with_each_token() {
    let (site, steps) = Fixture::stepped().await;
    let browser = Browser::start().await;
    let visitor = Visitor::open(&browser, &page_of(&site)).await;
    visitor.page.click("#ask").await;
    steps.release(2);
    visitor.has_received(1).await;
    // Whatever is live and not busy is read out as it changes.
    let watch = r"window.changes = 0;
        const live = document.querySelectorAll('[role=status], [role=alert], [aria-live]');
        const look = (records) => records.forEach(({ target }) => {
            const element = target.closest ? target : target.parentElement;
            if (!element.closest('[aria-busy=true]')) changes += 1;
        });
        for (const element of live) {
            new MutationObserver(look).observe(element, { childList: true, characterData: true, subtree: true });
        }
        return live.length";
    assert!(visitor.page.eval(watch).await.as_u64().unwrap() >= 3);
    steps.release(30);
    visitor.has_received(31).await;
    assert_eq!(visitor.page.eval("return changes").await, 0);
    // The whole answer is there to be read out when it is done.
    visitor.page.click("#stop").await;
    visitor.is("stopped").await;
    let busy = visitor.page.eval("return document.querySelector('#answer').ariaBusy").await;
    assert_eq!(busy, "false");
    assert_ne!(visitor.page.eval("return changes").await, 0);
}

async fn stop_stops_the_model_and_shows_what_it_saved() {
    let (site, steps) = Fixture::stepped().await;
    let browser = Browser::start().await;
    let visitor = Visitor::open(&browser, &page_of(&site)).await;
    visitor.page.click("#ask").await;
    steps.release(1 + 4);
    visitor.has_received(4).await;
    visitor.page.click("#stop").await;
    assert_eq!(site.is(AnswerState::Stopped).await, 4);
    visitor.is("stopped").await;
    assert_eq!(visitor.page.text("#status").await, "You stopped it after 4 tokens.");
    assert_eq!(visitor.alert().await, "");
    visitor.counts(4, site.latest().unwrap().of).await;
    // What came stays, and nothing comes after.
    steps.release(10);
    assert_eq!(visitor.answer().await, "You asked: “What does");
    assert_eq!(site.totals().made, 4);
}

async fn a_stop_before_the_first_token_stops_the_model() {
    let (site, _steps) = Fixture::stepped().await;
    let browser = Browser::start().await;
    let visitor = Visitor::open(&browser, &page_of(&site)).await;
    visitor.page.click("#ask").await;
    site.is(AnswerState::Running).await;
    visitor.page.press(Key::Escape).await;
    assert_eq!(site.is(AnswerState::Stopped).await, 0);
    visitor.is("stopped").await;
    assert_eq!(visitor.page.text("#status").await, "You stopped it after 0 tokens.");
}

async fn a_page_that_is_left_stops_the_model() {
    let (site, steps) = Fixture::stepped().await;
    let browser = Browser::start().await;
    let visitor = Visitor::open(&browser, &page_of(&site)).await;
    visitor.page.click("#ask").await;
    steps.release(3);
    visitor.has_received(2).await;
    visitor.page.go("about:blank").await;
    assert_eq!(site.is(AnswerState::Stopped).await, 2);

    let other = Visitor::open(&browser, &page_of(&site)).await;
    other.page.click("#ask").await;
    steps.release(2);
    other.has_received(1).await;
    other.page.close().await;
    assert_eq!(site.is(AnswerState::Stopped).await, 1);
}

async fn done_completes_also_where_the_model_does_not_end() {
    let browser = Browser::start().await;
    let gate = Gate::new();
    let answer = Answer::stream()
        .chunk("\u{feff}: hello\r\n\r\n")
        .chunk(token("Yes").replace('\n', "\r"))
        .pause(&gate)
        .chunk("data: [DONE]\n\n")
        .chunk(token(" and more"));
    let model = Scripted::start([answer]).await;
    let (_site, visitor) = over(&browser, &model).await;
    visitor.page.click("#ask").await;
    visitor.has_received(1).await;
    gate.open();
    visitor.is("complete").await;
    assert_eq!(visitor.answer().await, "Yes");
    model.gone(0).await;
}

async fn text_from_the_model_is_shown_and_never_run() {
    let browser = Browser::start().await;
    let markup = "<img src=x onerror=\"document.title = 1\"><script>document.title = 1</script>";
    let model = Scripted::start([
        Answer::stream().chunk(token(markup)).chunk("data: [DONE]\n\n").end(),
        Answer::status(400).chunk(json!({ "error": { "message": markup } }).to_string()).end(),
    ])
    .await;
    let (_site, visitor) = over(&browser, &model).await;
    visitor.page.click("#ask").await;
    visitor.is("complete").await;
    assert_eq!(visitor.answer().await, markup);
    visitor.page.click("#ask").await;
    visitor.is("refused").await;
    assert!(visitor.alert().await.contains(markup));
    let elements = "return document.querySelectorAll('main img, main script').length";
    assert_eq!(visitor.page.eval(elements).await, 0);
    assert_ne!(visitor.page.eval("return document.title").await, "1");
}

async fn a_question_needs_no_mouse() {
    let (site, steps) = Fixture::stepped().await;
    let browser = Browser::start().await;
    let visitor = Visitor::open(&browser, &page_of(&site)).await;
    let focus = "return document.activeElement.id";
    for id in ["prompt", "model", "ask", "stop"] {
        visitor.page.press(Key::Tab).await;
        assert_eq!(visitor.page.eval(focus).await, id);
    }
    let named =
        "return ['prompt', 'model'].every((id) => document.getElementById(id).labels.length === 1)";
    assert_eq!(visitor.page.eval(named).await, true);

    // Nothing to ask: told, and the keyboard is where something can be done about it.
    visitor
        .page
        .eval(
            "document.querySelector('#prompt').value = ' '; document.querySelector('#ask').focus()",
        )
        .await;
    visitor.page.press(Key::Enter).await;
    assert_eq!(visitor.alert().await, "There is nothing to ask yet.");
    assert_eq!(visitor.page.eval(focus).await, "prompt");
    assert_eq!(visitor.page.eval("return document.activeElement.ariaInvalid").await, "true");
    assert_eq!(site.latest(), None);

    visitor.page.eval("document.querySelector('#prompt').value = 'Why?'").await;
    visitor.page.press(Key::Enter).await;
    site.is(AnswerState::Running).await;
    assert_eq!(visitor.alert().await, "");
    assert_eq!(visitor.page.eval(focus).await, "prompt");
    // A second Enter asks nothing while the first question is open.
    visitor.page.press(Key::Enter).await;
    steps.release(2);
    visitor.has_received(1).await;
    assert_eq!(site.app.tally.status().answers.len(), 1);
    visitor.page.press(Key::Tab).await;
    visitor.page.press(Key::Tab).await;
    visitor.page.press(Key::Tab).await;
    visitor.page.press(Key::Enter).await;
    assert_eq!(site.is(AnswerState::Stopped).await, 1);
    visitor.is("stopped").await;
    // The focus stays where it was.
    assert_eq!(visitor.page.eval(focus).await, "stop");
}

async fn it_fits_a_narrow_window() {
    let site = Fixture::quick().await;
    let browser = Browser::start().await;
    let page = browser.open(&page_of(&site)).await;
    let fits = r"
        const frame = document.createElement('iframe');
        frame.src = '/';
        document.body.append(frame);
        await new Promise((resolve) => { frame.onload = resolve; });
        const inside = frame.contentDocument;
        const form = inside.querySelector('#form');
        inside.querySelector('#prompt').value = 'x'.repeat(500);
        form.requestSubmit();
        while (inside.body.dataset.state !== 'complete' || inside.querySelector('#count').hidden) {
            await new Promise((resolve) => setTimeout(resolve, 10));
        }
        const wide = [];
        for (const width of [320, 375, 480, 768, 1024, 1440]) {
            frame.style.width = `${width}px`;
            const page = inside.documentElement;
            if (page.scrollWidth > page.clientWidth) wide.push(width);
        }
        return wide;";
    let wide = page.eval(&format!("return (async () => {{ {fits} }})()")).await;
    assert_eq!(wide, json!([]));
}
