//! What went wrong, as the page tells it.

use llm::model::AnswerState;
use testkit::{Answer, BOUND, Browser, NOWHERE, Scripted, until};

use crate::split::Split;
use crate::support::Fixture;
use crate::visitor::Visitor;
use crate::{over, page_of, token};

pub(crate) async fn an_answer_that_breaks_off_is_told_and_never_looks_complete() {
    let (site, steps) = Fixture::stepped().await;
    let browser = Browser::start().await;
    let visitor = Visitor::open(&browser, &page_of(&site)).await;
    visitor.chooses("scripted-broken").await;
    visitor.page.click("#ask").await;
    site.is(AnswerState::Running).await;
    let made = site.latest().unwrap().of / 3;
    steps.release(1 + usize::try_from(made).unwrap());
    visitor.has_received(made).await;
    assert_eq!(visitor.state().await, "answering");
    steps.release(1);
    visitor.is("cut").await;
    assert_eq!(site.is(AnswerState::Broken).await, made);
    let told =
        format!("The connection was lost after {made} tokens. What is missing was not sent.");
    assert_eq!(visitor.alert().await, told);
    assert_eq!(visitor.page.text("#badge").await, "Cut off");
    let mark = "return getComputedStyle(document.querySelector('.cut')).display";
    assert_ne!(visitor.page.eval(mark).await, "none");

    // The next answer is whole, and nothing is left of the trouble.
    visitor.chooses("scripted").await;
    visitor.page.click("#ask").await;
    steps.release(1000);
    visitor.is("complete").await;
    assert_eq!(visitor.alert().await, "");
    assert_eq!(visitor.page.eval(mark).await, "none");
}

pub(crate) async fn an_answer_that_breaks_off_before_its_first_token_is_cut_off_too() {
    let browser = Browser::start().await;
    let model = Scripted::start([Answer::stream().chunk(":\n\n").close()]).await;
    let (_site, visitor) = over(&browser, &model).await;
    visitor.page.click("#ask").await;
    visitor.is("cut").await;
    let told = "The connection was lost after 0 tokens. What is missing was not sent.";
    assert_eq!(visitor.alert().await, told);
}

pub(crate) async fn a_model_killed_in_mid_answer_is_told_and_the_next_question_is_a_502() {
    // The whole answer takes longer than anything is waited for.
    let mut split = Split::start(&["--think-ms=0", "--token-ms=1000"]).await;
    let browser = Browser::start().await;
    let visitor = Visitor::open(&browser, split.page()).await;
    visitor.page.click("#ask").await;
    visitor.is("answering").await;
    split.kill_model();
    visitor.is("cut").await;
    let told = visitor.alert().await;
    assert!(told.starts_with("The connection was lost after "), "{told}");
    assert_ne!(visitor.answer().await, "");

    visitor.page.click("#ask").await;
    visitor.is("refused").await;
    let told = "The model cannot be asked: the upstream cannot be reached (502).";
    assert_eq!(visitor.alert().await, told);
    assert_eq!(visitor.answer().await, "");

    split.kill_front();
    visitor.page.click("#ask").await;
    until(BOUND, "it says so", async || visitor.alert().await == "The server cannot be reached.")
        .await;
    assert_eq!(visitor.state().await, "refused");
}

pub(crate) async fn an_end_without_done_is_cut_off() {
    let browser = Browser::start().await;
    for (events, state, told) in [
        (
            vec![token("Almost")],
            "Almost",
            "The stream ended without saying that the answer is complete.",
        ),
        (vec![], "", "The stream ended without saying that the answer is complete."),
        // An event that has not ended is none.
        (
            vec![token("So"), "data: [DONE]\n".into()],
            "So",
            "The stream ended without saying that the answer is complete.",
        ),
        (
            vec![token("Well"), "data: {\n\n".into()],
            "Well",
            "The model sent something that this page cannot read.",
        ),
    ] {
        let stream =
            events.iter().fold(Answer::stream(), |answer, event| answer.chunk(event)).end();
        let model = Scripted::start([stream]).await;
        let (_site, visitor) = over(&browser, &model).await;
        visitor.page.click("#ask").await;
        visitor.is("cut").await;
        assert_eq!(visitor.answer().await, state);
        assert_eq!(visitor.alert().await, told);
        assert_eq!(visitor.page.text("#status").await, "This answer is not complete.");
    }
}

pub(crate) async fn an_error_in_the_stream_is_told() {
    let browser = Browser::start().await;
    let error = "data: {\"error\":{\"message\":\"the server is overloaded\"}}\n\n";
    let model = Scripted::start([Answer::stream().chunk(token("Well")).chunk(error)]).await;
    let (_site, visitor) = over(&browser, &model).await;
    visitor.page.click("#ask").await;
    visitor.is("cut").await;
    assert_eq!(visitor.alert().await, "The model broke off: the server is overloaded.");
    // There is nothing more to wait for.
    model.gone(0).await;
}

pub(crate) async fn refusals_are_told_in_words() {
    let browser = Browser::start().await;
    let site = Fixture::quick().await;
    let visitor = Visitor::open(&browser, &page_of(&site)).await;
    visitor.chooses("scripted-busy").await;
    visitor.page.click("#ask").await;
    visitor.is("refused").await;
    assert_eq!(visitor.alert().await, "The model is busy. Ask again in 7 s.");
    assert_eq!(visitor.page.text("#status").await, "The question was not answered.");

    let site = Fixture::front_of(NOWHERE, &[]).await;
    let visitor = Visitor::open(&browser, &page_of(&site)).await;
    visitor.page.click("#ask").await;
    visitor.is("refused").await;
    let told = "The model cannot be asked: the upstream cannot be reached (502).";
    assert_eq!(visitor.alert().await, told);

    let model = Scripted::start([]).await;
    let (_site, visitor) = over(&browser, &model).await;
    let refusal = |status| Answer::status(status).header("content-type", "application/json");
    for (answer, told) in [
        (
            refusal(400).chunk("{\"error\":{\"message\":\"too long\"}}").end(),
            "The request was refused: too long (400).",
        ),
        (refusal(429).header("retry-after", "soon"), "The model is busy."),
        (refusal(503), "The service is about to restart (503). Ask again in a moment."),
        (refusal(504), "The model did not answer in time (504)."),
        (refusal(500).chunk("<h1>Oh</h1>").end(), "The request was refused (500)."),
        (
            refusal(401).chunk("{}").end(),
            "The model cannot be asked: the model does not accept the key of this service (502).",
        ),
        (
            refusal(200).chunk("{}").end(),
            "The model cannot be asked: the upstream answered with something that is not an event stream (502).",
        ),
    ] {
        model.push(answer);
        visitor.page.click("#ask").await;
        until(BOUND, told, async || visitor.alert().await == told).await;
        assert_eq!(visitor.state().await, "refused");
    }
}
