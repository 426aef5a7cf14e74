//! A running application, and a client that is no browser.
#![allow(dead_code, unreachable_pub)]

use std::net::SocketAddr;

use clap::Parser as _;
use llm::app::App;
use llm::config::Config;
use llm::model::{AnswerState, Count, Totals};
use llm::pace::{Pace, Steps};
use reqwest::{RequestBuilder, Response};
use serde_json::{Value, json};
use sse_core::Decoder;
use testkit::{BOUND, until};

/// The application in this process.
pub struct Fixture {
    pub app: App,
}

impl Fixture {
    /// Both roles; the answer's beginning and each token wait for a step.
    pub async fn stepped() -> (Self, Steps) {
        let (pace, steps) = Pace::stepped();
        (Self::start(&[], pace).await, steps)
    }

    /// Both roles; nothing waits.
    pub async fn quick() -> Self {
        Self::at_a_pace(&["--think-ms=0", "--token-ms=0"]).await
    }

    /// Both roles, at the pace of these arguments.
    pub async fn at_a_pace(arguments: &[&str]) -> Self {
        Self::start(arguments, config(arguments).pace()).await
    }

    /// The front alone, over this model.
    pub async fn front_of(model: SocketAddr, arguments: &[&str]) -> Self {
        let url = format!("--model-url=http://{model}");
        let arguments = [&["--role=front", &url], arguments].concat();
        Self::start(&arguments, config(&[]).pace()).await
    }

    async fn start(arguments: &[&str], pace: Pace) -> Self {
        // A test that ends within its bound has not waited for this grace.
        let arguments = [&["--grace=3600"], arguments].concat();
        Self { app: App::start(&config(&arguments), pace).await.expect("it starts") }
    }

    pub fn front(&self) -> SocketAddr {
        self.app.front.expect("this role runs")
    }

    pub fn model(&self) -> SocketAddr {
        self.app.model.expect("this role runs")
    }

    pub fn totals(&self) -> Totals {
        self.app.tally.status().totals
    }

    /// The model's count of the latest answer.
    pub fn latest(&self) -> Option<Count> {
        self.app.tally.status().answers.pop_back()
    }

    /// Waits until the latest answer is in this state; gives the tokens made.
    pub async fn is(&self, state: AnswerState) -> u64 {
        let what = format!("the latest answer is {state:?}");
        let mut made = 0;
        until(BOUND, &what, async || {
            self.latest().is_some_and(|count| {
                made = count.made;
                count.state == state
            })
        })
        .await;
        made
    }
}

/// The configuration of these arguments, on free ports.
pub fn config(arguments: &[&str]) -> Config {
    let fixed = ["llm", "--port=0", "--model-port=0"];
    Config::try_parse_from(fixed.iter().chain(arguments)).expect("the arguments are right")
}

/// A client with nothing set, that speaks this version of HTTP.
pub fn client(is_http2: bool) -> reqwest::Client {
    let builder = reqwest::Client::builder().no_proxy();
    let builder = if is_http2 { builder.http2_prior_knowledge() } else { builder };
    builder.build().expect("a client")
}

/// A question as the page asks it.
pub fn question() -> Value {
    json!({ "model": "scripted", "stream": true, "messages": [{ "role": "user", "content": "Why?" }] })
}

/// The same, for an answer of so many tokens.
pub fn short_question(tokens: usize) -> Value {
    let mut question = question();
    question["max_tokens"] = tokens.into();
    question
}

/// A request to the front.
pub fn post(client: &reqwest::Client, front: SocketAddr, body: &Value) -> RequestBuilder {
    client.post(format!("http://{front}/api/chat")).json(body)
}

/// An answer, as its client sees it.
pub struct Reply {
    pub response: Response,
    decoder: Decoder,
}

/// What an event of an answer says.
#[derive(Debug, PartialEq, Eq)]
pub enum Said {
    Token(String),
    Finish(String),
    Done,
}

impl Reply {
    pub async fn to(request: RequestBuilder) -> Self {
        let response = request.send().await.expect("an answer");
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        Self { response, decoder: Decoder::new() }
    }

    /// What is said next; `None` at a clean end, an error where the response was cut short.
    pub async fn next(&mut self) -> Result<Option<Said>, reqwest::Error> {
        loop {
            if let Some(message) = self.decoder.next_message().expect("within limits") {
                return Ok(Some(said(&message.data)));
            }
            match self.response.chunk().await? {
                Some(chunk) => self.decoder.feed(chunk),
                None => return Ok(None),
            }
        }
    }

    pub async fn token(&mut self) -> String {
        match self.next().await.expect("the stream is whole") {
            Some(Said::Token(token)) => token,
            other => panic!("no token: {other:?}"),
        }
    }

    /// All that is still said, to a clean end.
    pub async fn rest(&mut self) -> Vec<Said> {
        let mut all = vec![];
        while let Some(said) = self.next().await.expect("the stream is whole") {
            all.push(said);
        }
        all
    }
}

fn said(data: &str) -> Said {
    if data == "[DONE]" {
        return Said::Done;
    }
    let chunk: Value = serde_json::from_str(data).expect("JSON");
    assert_eq!(chunk["object"], "chat.completion.chunk");
    let choice = &chunk["choices"][0];
    match (choice["delta"]["content"].as_str(), choice["finish_reason"].as_str()) {
        (Some(token), None) => Said::Token(token.into()),
        (None, Some(reason)) => Said::Finish(reason.into()),
        _ => panic!("neither a token nor an end: {chunk}"),
    }
}
