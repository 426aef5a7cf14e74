//! The page's parser, held against the vectors that the decoder is held against.

use std::fs;
use std::path::Path;

use base64::prelude::{BASE64_STANDARD, Engine as _};
use serde_json::{Value, json};
use testkit::Browser;

use crate::page_of;
use crate::support::Fixture;

/// How each case is cut: whole, in single bytes, in two anywhere, and in three where it is short.
const CHECK: &str = r"
    const { EventStreamParser } = await import('/event-stream.js');
    function* splits(length) {
        yield [];
        yield Array.from({ length: length - 1 }, (_, at) => at + 1);
        for (let first = 0; first <= length; first += 1) {
            yield [first];
            if (length > 48) continue;
            for (let second = first; second <= length; second += 1) yield [first, second];
        }
    }
    function* check() {
        const wrong = [];
        let count = 0;
        for (const { name, bytes, expected } of cases) {
            const whole = Uint8Array.from(bytes);
            for (const cuts of splits(whole.length)) {
                yield;
                const parser = new EventStreamParser();
                const events = [];
                [0, ...cuts].forEach((from, part) => {
                    events.push(...parser.feed(whole.subarray(from, cuts[part])));
                });
                const found = JSON.stringify({ events, last_event_id: parser.lastEventId });
                count += 1;
                if (found !== expected) wrong.push({ name, cuts, found, expected });
                if (found !== expected) break;
            }
        }
        return { count, wrong };
    }
    window.checking = check();";

/// Goes on for a second, and gives the result when there is one: no script may take longer than 30 s, and on a busy machine
/// all of it does.
const GO_ON: &str = r"
    for (const end = performance.now() + 1000; performance.now() < end;) {
        const { done, value } = checking.next();
        if (done) return value;
    }
    return null;";

fn cases(folder: &Path) -> Vec<Value> {
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let files = files.filter(|path| path.extension().is_some_and(|extension| extension == "json"));
    let mut cases = vec![];
    for file in files {
        let file: Value = serde_json::from_slice(&fs::read(file).unwrap()).unwrap();
        cases.extend(file["cases"].as_array().unwrap().iter().cloned());
    }
    cases.retain(|case| case["kind"].as_str().is_none_or(|kind| kind == "parse"));
    cases
}

/// The bytes of a case: base64 of chunks, or `stream`, a text with `\xHH` for single bytes.
fn bytes(case: &Value) -> Vec<u8> {
    if let Some(chunks) = case["chunks_b64"].as_array() {
        return chunks
            .iter()
            .flat_map(|it| BASE64_STANDARD.decode(it.as_str().unwrap()).unwrap())
            .collect();
    }
    let mut parts = case["stream"].as_str().unwrap().split("\\x");
    let mut bytes = parts.next().unwrap().as_bytes().to_vec();
    for part in parts {
        bytes.push(u8::from_str_radix(&part[..2], 16).unwrap());
        bytes.extend(part[2..].bytes());
    }
    bytes
}

/// What the parser must give, as the page writes it.
fn expected(case: &Value) -> String {
    let text = |value: &Value| serde_json::to_string(value.as_str().unwrap()).unwrap();
    let events = case["expect"]["events"].as_array().unwrap().iter().map(|event| {
        let [event_type, data, id] = ["type", "data", "lastEventId"].map(|name| text(&event[name]));
        format!(r#"{{"type":{event_type},"data":{data},"lastEventId":{id}}}"#)
    });
    let events: Vec<_> = events.collect();
    let last = text(&case["expect"]["last_event_id"]);
    format!(r#"{{"events":[{}],"last_event_id":{last}}}"#, events.join(","))
}

pub(crate) async fn every_vector_is_read_as_it_must_under_every_split() {
    let ours = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../sse-core/vectors");
    let mut all = cases(&ours);
    assert!(all.len() >= 100, "{} cases", all.len());
    if let Some(theirs) = std::env::var_os("SSE_VECTORS") {
        all.extend(cases(Path::new(&theirs)));
    }
    let told = all.iter().map(
        |case| json!({ "name": case["name"], "bytes": bytes(case), "expected": expected(case) }),
    );
    let told: Vec<_> = told.collect();

    let site = Fixture::quick().await;
    let browser = Browser::start().await;
    let page = browser.open(&page_of(&site)).await;
    let cases = json!(told);
    let script = format!("const cases = {cases}; return (async () => {{ {CHECK} }})()");
    page.eval(&script).await;
    let mut result = json!(null);
    while result.is_null() {
        result = page.eval(GO_ON).await;
    }
    assert_eq!(result["wrong"], json!([]));
    assert!(result["count"].as_u64().unwrap() > 100 * all.len() as u64 / 2, "{}", result["count"]);
}

pub(crate) async fn an_event_that_never_ends_is_given_up() {
    let site = Fixture::quick().await;
    let browser = Browser::start().await;
    let page = browser.open(&page_of(&site)).await;
    let script = r"return (async () => {
        const { EventStreamParser, LARGEST_EVENT } = await import('/event-stream.js');
        const found = [];
        for (const text of ['data: x', 'data: x\n', ': x']) {
            const piece = new TextEncoder().encode(text.repeat(1000));
            const parser = new EventStreamParser();
            let fed = 0;
            try {
                for (; fed < 4 * LARGEST_EVENT; fed += piece.length) parser.feed(piece);
                found.push('none');
            } catch (error) {
                found.push(`${error.name} ${fed <= 4 * LARGEST_EVENT}`);
            }
        }
        // Events that end may be as many as they like.
        const parser = new EventStreamParser();
        const piece = new TextEncoder().encode('data: x\n\n'.repeat(10000));
        let count = 0;
        for (let fed = 0; fed < 4 * LARGEST_EVENT; fed += piece.length) count += parser.feed(piece).length;
        return [...found, count > 400000];
    })()";
    let found = page.eval(script).await;
    let given_up = "RangeError true";
    assert_eq!(found, json!([given_up, given_up, given_up, true]));
}
