//! Connections in files and what each must come to: our own, and those that `SSE_VECTORS` points at.

#![allow(clippy::print_stdout)] // What is left out is told.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant, SystemTime};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use http::{HeaderMap, HeaderValue, StatusCode, header::CONTENT_TYPE};
use serde_json::Value;
use sse_client::{Backoff, EventSource};
use sse_core::{Reconnect, Step};
use testkit::{Answer, Listener, Request, Scripted};

use crate::support::*;

const KINDS: [&str; 3] = ["reconnect", "http", "request"];

/// The cases of a folder's files that are about connections.
fn cases(folder: &Path) -> Vec<Value> {
    let mut paths: Vec<_> = fs::read_dir(folder)
        .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "json"))
        .collect();
    paths.sort();
    let mut cases = vec![];
    for path in paths {
        let file: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        cases.extend(file["cases"].as_array().unwrap().iter().cloned());
    }
    cases.retain(|case| KINDS.contains(&text(&case["kind"])));
    cases
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("not a text: {value}"))
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

/// The chunks of a connection: base64, or our `chunks`, texts with `\xHH` for single bytes.
fn chunks(connection: &Value) -> Vec<Vec<u8>> {
    if let Some(chunks) = connection["chunks_b64"].as_array() {
        return chunks.iter().map(|chunk| BASE64_STANDARD.decode(text(chunk)).unwrap()).collect();
    }
    let chunks = list(&connection["chunks"]).iter();
    chunks
        .map(|chunk| {
            let mut parts = text(chunk).split("\\x");
            let mut bytes = parts.next().unwrap().as_bytes().to_vec();
            for part in parts {
                bytes.push(u8::from_str_radix(&part[..2], 16).unwrap());
                bytes.extend(part[2..].bytes());
            }
            bytes
        })
        .collect()
}

fn answer(connection: &Value, server: &Listener) -> Answer {
    let response = &connection["response"];
    let status = response["status"].as_u64().unwrap();
    let mut answer = Answer::status(status.try_into().unwrap());
    if let Some(content_type) = response["content_type"].as_str() {
        answer = answer.header("content-type", content_type);
    }
    for (name, value) in response["headers"].as_object().into_iter().flatten() {
        let port = server.addr().port().to_string();
        let value = text(value).replace("{target}", "/target").replace("{port}", &port);
        answer = answer.header(name, value);
    }
    if matches!(status, 204 | 205) {
        return answer;
    }
    answer = answer.chunk("");
    for chunk in chunks(connection) {
        answer = answer.chunk(chunk);
    }
    match text(&connection["end"]) {
        "eof" => answer.end(),
        "cut" => answer.close(),
        "hang" => answer,
        other => panic!("an end by {other}"),
    }
}

/// Checks the headers that a vector expects of a request; null for none.
fn assert_request(name: &str, request: &Request, expected: &Value) {
    for (header, value) in expected.as_object().into_iter().flatten() {
        let (header, value) = match header.split_once('_') {
            None => (&**header, value.as_str().map(|it| it.as_bytes().to_vec())),
            Some((header, "utf8")) => (header, Some(text(value).as_bytes().to_vec())),
            Some((header, "bytes_hex")) => {
                let digits = text(value).as_bytes().chunks(2);
                let byte = |pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16);
                (header, Some(digits.map(|pair| byte(pair).unwrap()).collect()))
            }
            other => panic!("{name}: {other:?}"),
        };
        assert_eq!(request.header_bytes(header), value.as_deref(), "{name}: {header}");
    }
}

/// The wait after the first connection, as the machine says with the defaults, unclamped.
fn first_wait(connection: &Value, seed: u64) -> Duration {
    let backoff = Backoff::new().bounds(Duration::ZERO, Duration::MAX);
    let mut machine = Reconnect::new().backoff(backoff).seed(seed);
    let now = Instant::now();
    assert_eq!(machine.step(now), Step::Connect);
    let headers = HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static(sse_core::MIME))]);
    machine.responded(StatusCode::OK, &headers, now, SystemTime::now());
    for chunk in chunks(connection) {
        machine.feed(chunk, now);
        while machine.next_message().unwrap().is_some() {}
    }
    machine.ended(now);
    let Step::Wait { until, .. } = machine.step(now) else { panic!("{machine:?}") };
    until - now
}

fn check_times(name: &str, case: &Value) {
    let Some(connection) = list(&case["connections"]).first() else { return };
    for seed in 0..50 {
        if let Some(range) = case["expect"]["reopen_after_ms"].as_object() {
            let [from, to] = ["from", "to"].map(|it| u128::from(range[it].as_u64().unwrap()));
            let wait = first_wait(connection, seed).as_millis();
            assert!((from..=to).contains(&wait), "{name}: {wait} ms");
        }
        if let Some(time) = case["expect"]["reconnection_time"].as_u64() {
            let wait = first_wait(connection, seed).as_millis();
            // Up to as much again where no event came first.
            assert!((time.into()..=u128::from(2 * time)).contains(&wait), "{name}: {wait} ms");
        }
    }
}

/// Plays the connections of a case, and 204 after them, and compares what the source did.
async fn check(case: &Value) {
    let (name, connections, expect) =
        (text(&case["name"]), list(&case["connections"]), &case["expect"]);
    check_times(name, case);
    let listener = Listener::bind().await;
    let refused = connections.is_empty() && text(&case["kind"]) == "http";
    let script: Vec<_> = connections.iter().map(|it| answer(it, &listener)).collect();
    let server = Scripted::start_on(listener, script.into_iter().chain([Answer::status(204)]));
    let path = connections.iter().find_map(|it| it["path"].as_str()).unwrap_or("/events");
    let mut url = server.url(path);
    if refused {
        let nobody = Listener::bind().await;
        url = format!("http://{}/", nobody.addr());
    }

    // The standard's own way with statuses.
    let mut builder = EventSource::builder(url).retry_on([]).backoff(quick());
    let expected_requests = connections.iter().map(|it| &it["expect_request"]);
    for expected in expected_requests.clone() {
        if let Some(value) = expected["authorization"].as_str() {
            builder = builder.header("authorization", value);
        }
    }
    let mut source = builder.build().unwrap();
    if refused {
        let (_, cause) = loss(&mut source).await;
        assert!(cause.is_connect(), "{name}");
        return;
    }
    let items = all(&mut source).await;

    let events: Vec<_> = items
        .iter()
        .filter_map(|item| match item {
            Seen::Message(event_type, data, id) => Some((&**event_type, &**data, &**id)),
            _ => None,
        })
        .collect();
    if let Some(expected) = expect["events"].as_array() {
        let expected: Vec<_> = expected
            .iter()
            .map(|event| (text(&event["type"]), text(&event["data"]), text(&event["lastEventId"])))
            .collect();
        assert_eq!(events, expected, "{name}");
    }
    let states: Vec<_> = items
        .iter()
        .filter_map(|item| match item {
            Seen::Lost(_) => Some("connecting"),
            Seen::Err(_) | Seen::End => Some("closed"),
            _ => None,
        })
        .collect();
    let expected: Vec<_> = list(&expect["error_states"]).iter().map(text).collect();
    assert!(states.starts_with(&expected), "{name}: {states:?}");
    if expect["final_state"] == "closed" {
        assert_eq!(states.len(), expected.len(), "{name}: it is over by itself, not by our 204");
    }
    if let Some(is_opened) = expect["opened"].as_bool() {
        assert_eq!(items[0] == Seen::Open, is_opened, "{name}");
    }

    let requests = server.requests();
    if let Some(number) = expect["requests"].as_u64() {
        assert_eq!(requests.len() as u64, number, "{name}");
    }
    for (request, expected) in requests.iter().zip(expected_requests) {
        assert_request(name, request, expected);
    }
    assert!(requests.len() >= connections.len(), "{name}: {requests:?}");
    if requests.len() > connections.len() {
        assert_eq!(requests.last().unwrap().target, path, "{name}: back to the original URL");
    }
    for request in &requests {
        assert_request(name, request, &expect["request_headers"]);
    }
}

#[tokio::test]
async fn our_connections_come_to_what_the_standard_says() {
    let cases = cases(&Path::new(env!("CARGO_MANIFEST_DIR")).join("vectors"));
    assert!(cases.len() >= 25, "{} cases", cases.len());
    for case in &cases {
        check(case).await;
    }
}

#[tokio::test]
async fn connections_of_others_come_to_what_the_standard_says() {
    let Some(folder) = std::env::var_os("SSE_VECTORS") else {
        println!("SSE_VECTORS is not set: the vectors of others are left out");
        return;
    };
    let cases = cases(Path::new(&folder));
    assert!(!cases.is_empty(), "{folder:?} has no case of {KINDS:?}");
    println!("{} cases of {KINDS:?} from {folder:?}", cases.len());
    for case in &cases {
        check(case).await;
    }
}
