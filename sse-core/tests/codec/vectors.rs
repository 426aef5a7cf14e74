//! Streams in files and what each must come to: our own, and those that `SSE_VECTORS` points at.

#![allow(clippy::print_stdout)] // What is left out is told.

use std::fs;
use std::path::Path;
use std::time::Duration;

use serde_json::Value;
use sse_core::{Event, EventId, EventType};

use super::outcome::{Outcome, Record, all, all_of};
use super::{oracle, splits};

/// The files of a folder that hold cases, each with its cases.
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
    cases
}

fn our_cases() -> Vec<Value> {
    cases(&Path::new(env!("CARGO_MANIFEST_DIR")).join("vectors"))
}

/// The cases of these kinds in the folder of others, if it is there.
fn their_cases(kinds: &[&str]) -> Vec<Value> {
    let Some(folder) = std::env::var_os("SSE_VECTORS") else {
        println!("SSE_VECTORS is not set: the vectors of others are left out");
        return vec![];
    };
    let mut cases = cases(Path::new(&folder));
    cases.retain(|case| kinds.contains(&text(&case["kind"])));
    assert!(!cases.is_empty(), "{folder:?} has no case of {kinds:?}");
    println!("{} cases of {kinds:?} from {folder:?}", cases.len());
    cases
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("not a text: {value}"))
}

/// The bytes of a case: base64 of chunks, or our `stream`, a text with `\xHH` for single bytes.
fn bytes(case: &Value) -> Vec<u8> {
    if let Some(chunks) = case["chunks_b64"].as_array() {
        return chunks.iter().flat_map(|chunk| base64(text(chunk))).collect();
    }
    let mut bytes = vec![];
    let mut parts = text(&case["stream"]).split("\\x");
    bytes.extend(parts.next().unwrap().bytes());
    for part in parts {
        bytes.push(u8::from_str_radix(&part[..2], 16).unwrap());
        bytes.extend(part[2..].bytes());
    }
    bytes
}

fn base64(text: &str) -> Vec<u8> {
    const DIGITS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut bytes = vec![];
    let (mut bits, mut held) = (0_u32, 0);
    for digit in text.bytes().filter(|digit| *digit != b'=') {
        let value = DIGITS.iter().position(|other| *other == digit).unwrap();
        bits = bits << 6 | value as u32;
        held += 6;
        if held >= 8 {
            held -= 8;
            bytes.push((bits >> held) as u8);
        }
    }
    bytes
}

/// Checks what a vector says of an outcome.
fn assert_expected(name: &str, outcome: &Outcome, expect: &Value) {
    let events: Vec<_> = outcome
        .items
        .iter()
        .filter_map(|item| match item {
            Record::Message { event_type, data, last_event_id, .. } => {
                Some((event_type.as_str(), data.as_str(), last_event_id.as_str()))
            }
            _ => None,
        })
        .collect();
    let expected: Vec<_> = expect["events"]
        .as_array()
        .unwrap()
        .iter()
        .map(|event| (text(&event["type"]), text(&event["data"]), text(&event["lastEventId"])))
        .collect();
    assert_eq!(events, expected, "{name}");
    assert_eq!(outcome.last_event_id, text(&expect["last_event_id"]), "{name}");
    assert_eq!(outcome.retry, expect["reconnection_time"].as_u64(), "{name}");
    if let Some(expected) = expect["comments"].as_array() {
        // The vectors keep the space after the colon; the decoder takes one, as in a field.
        let expected: Vec<_> = expected
            .iter()
            .map(|comment| text(comment).strip_prefix(' ').unwrap_or(text(comment)))
            .collect();
        let comments: Vec<_> = outcome
            .items
            .iter()
            .filter_map(|item| match item {
                Record::Comment(comment) => Some(comment.as_str()),
                _ => None,
            })
            .collect();
        assert_eq!(comments, expected, "{name}");
    }
}

fn check_parse(case: &Value) {
    let (name, bytes) = (text(&case["name"]), bytes(case));
    let outcome = oracle::decode(&bytes, "");
    assert_expected(name, &outcome, &case["expect"]);
    splits::check(name, &bytes, &all(), &outcome);
    if bytes.len() <= splits::EVERY_THREE {
        splits::check(name, &bytes, &all_of(bytes.len()), &outcome);
    }
}

#[test]
fn our_streams_come_to_what_the_standard_says_under_every_split() {
    let cases = our_cases();
    assert!(cases.len() >= 100, "{} cases", cases.len());
    for case in &cases {
        assert!(bytes(case).len() <= splits::EVERY_THREE, "{} is too long", case["name"]);
        check_parse(case);
    }
}

#[test]
fn streams_of_others_come_to_what_the_standard_says_under_every_split() {
    for case in their_cases(&["parse"]) {
        check_parse(&case);
    }
}

#[test]
fn large_streams_of_others_come_to_what_the_standard_says() {
    for case in their_cases(&["parse-large"]) {
        let name = text(&case["name"]);
        let Some(sequence) = case["gen"]["sequence"].as_array() else {
            println!("left out: {name} needs the file {}, which the folder has not", case["file"]);
            continue;
        };
        let chunks = case["gen"]["unique_chunks_b64"].as_array().unwrap();
        let mut bytes = vec![];
        for pair in sequence.chunks(2) {
            let [index, times] = [0, 1].map(|at| pair[at].as_u64().unwrap() as usize);
            bytes.extend(base64(text(&chunks[index])).repeat(times));
        }
        assert_eq!(bytes.len() as u64, case["bytes"].as_u64().unwrap());
        let outcome = oracle::decode(&bytes, "");
        for size in [bytes.len(), 1 << 20, 16 << 10, 1400, 777] {
            let chunks = bytes.chunks(size);
            let decoded = super::outcome::decode(all(), chunks, super::outcome::Taking::Each);
            assert!(decoded == outcome, "{name} in chunks of {size}");
        }
        // The digest is the next event's data: lengths and neighbours are held against the file.
        let events = case["expect"]["events"].as_array().unwrap();
        let messages = outcome.messages().items;
        assert_eq!(messages.len(), events.len(), "{name}");
        for (message, event) in messages.iter().zip(events) {
            let Record::Message { event_type, data, last_event_id, .. } = message else {
                panic!("{name}");
            };
            assert_eq!(
                (&**event_type, &**last_event_id),
                (text(&event["type"]), text(&event["lastEventId"]))
            );
            match event["data"].as_str() {
                Some(expected) => assert_eq!(data, expected),
                None => assert_eq!(data.len() as u64, event["data_utf8_bytes"].as_u64().unwrap()),
            }
        }
    }
}

#[test]
fn lines_of_others_end_where_they_must() {
    for case in their_cases(&["lines"]) {
        // A line end shows through a decoder as the end of a comment: each line is made one.
        let name = text(&case["name"]);
        let stream = String::from_utf8(bytes(&case)).unwrap();
        let lines: Vec<_> = case["expect"]["lines"].as_array().unwrap().iter().map(text).collect();
        let mut bytes = b":".to_vec();
        let mut characters = stream.chars().peekable();
        while let Some(character) = characters.next() {
            bytes.extend(character.to_string().bytes());
            if character == '\n' || character == '\r' && characters.peek() != Some(&'\n') {
                bytes.push(b':');
            }
        }
        let outcome = Outcome {
            items: lines.iter().map(|line| Record::Comment((*line).to_owned())).collect(),
            ..Outcome::default()
        };
        splits::check(name, &bytes, &all(), &outcome);
    }
}

#[test]
fn fields_of_others_are_read_as_they_must() {
    for case in their_cases(&["field"]) {
        let (name, expect) = (text(&case["name"]), &case["expect"]);
        let mut bytes = base64(text(&case["line_b64"]));
        bytes.extend(b"\ndata: end\n\n");
        let outcome = oracle::decode(&bytes, "");
        splits::check(name, &bytes, &all(), &outcome);
        let Some(Record::Message { event_type, data, id, retry, .. }) = outcome.items.last() else {
            panic!("{name}: {outcome:?}");
        };
        if let Some(comment) = expect["comment"].as_str() {
            let comment = comment.strip_prefix(' ').unwrap_or(comment);
            assert_eq!(outcome.items[0], Record::Comment(comment.to_owned()), "{name}");
            continue;
        }
        let value = text(&expect["value"]);
        let (mut expected_type, mut expected_data) = ("message", "end".to_owned());
        let (mut expected_id, mut expected_retry) = (None, None);
        match text(&expect["field"]) {
            "event" if !value.is_empty() => expected_type = value,
            "data" => expected_data = format!("{value}\nend"),
            "id" if !value.contains('\0') => expected_id = Some(value),
            "retry" => expected_retry = value.parse().ok(),
            _ => {}
        }
        assert_eq!(
            (&**event_type, data, id.as_deref(), *retry),
            (expected_type, &expected_data, expected_id, expected_retry),
            "{name}"
        );
    }
}

/// The event that a vector describes, or why there can be none.
fn event(input: &Value) -> Result<Event, sse_core::FieldError> {
    let mut event = match (&input["data"], &input["json"]) {
        (Value::String(data), _) => Event::new(data.as_str()),
        (_, Value::Null) => Event::default(),
        (_, json) => Event::new(json.to_string()),
    };
    if let Some(text) = input["event"].as_str() {
        event = event.with_type(EventType::new(text)?);
    }
    if let Some(text) = input["id"].as_str() {
        event = event.with_id(EventId::new(text)?);
    }
    if let Some(retry) = input["retry"].as_u64() {
        event = event.with_retry(Duration::from_millis(retry));
    }
    if let Some(comment) = input["comment"].as_str() {
        event = event.with_comment(comment);
    }
    Ok(event)
}

#[test]
fn events_of_others_arrive_as_they_must() {
    for case in their_cases(&["encode", "encode-roundtrip"]) {
        let name = text(&case["name"]);
        let bytes = event(&case["input"]).unwrap().to_frame().into_bytes();
        let outcome = oracle::decode(&bytes, "");
        let mut expect = case["expect"]["parsed"].clone();
        if name == "go-sse/encode full" {
            // Its note: a lossless encoder keeps the last line end.
            let data = text(&expect["events"][0]["data"]).to_owned() + "\n";
            expect["events"][0]["data"] = data.into();
        }
        assert_expected(name, &outcome, &expect);
        splits::check(name, &bytes, &all(), &outcome);
    }
}

#[test]
fn what_would_inject_is_refused_or_neutralised() {
    for case in their_cases(&["encode-reject"]) {
        let name = text(&case["name"]);
        let Ok(event) = event(&case["input"]) else {
            continue;
        };
        let messages = oracle::decode(event.to_frame().as_bytes(), "").messages().items;
        let [Record::Message { data, id: None, event_type, .. }] = messages.as_slice() else {
            panic!("{name}: {messages:?}");
        };
        assert_eq!(data, text(&case["input"]["data"]), "{name}");
        assert_eq!(event_type, case["input"]["event"].as_str().unwrap_or("message"), "{name}");
    }
}
