//! The browser's driver, asked without a runtime: a test that is over has none.

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, TcpStream};

use serde_json::{Value, json};

use crate::BOUND;

/// Gives the address of a page, the state that it says it is in, and what is to be read on it.
const LOOK: &str = "const it = document.body;
    return [location.href, JSON.stringify(it?.dataset ?? {}), it?.innerText ?? '']";

/// How much of a page's text is told.
const LONGEST: usize = 2000;

/// Ends the browser and the driver; returns when they have ended.
pub(crate) fn shut_down(port: u16) -> io::Result<()> {
    send(port, "GET", "/shutdown", "")?.read_to_end(&mut Vec::new()).map(drop)
}

/// What the pages of a session show, and what they have logged.
pub(crate) fn last_look(port: u16, session: &str) -> io::Result<String> {
    let ask = |path: &str, body: &Value| {
        let method = if body.is_null() { "GET" } else { "POST" };
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let answer = exchange(port, method, &format!("/session/{session}/{path}"), &body)?;
        let answer: Value = serde_json::from_str(&answer)?;
        io::Result::Ok(answer["value"].clone())
    };
    let texts = |value: &Value| -> Vec<String> {
        let all = value.as_array().into_iter().flatten();
        all.map(|it| it.as_str().unwrap_or_default().to_owned()).collect()
    };
    let mut told = String::new();
    for window in texts(&ask("window/handles", &Value::Null)?) {
        ask("window", &json!({ "handle": window }))?;
        let shown = ask("execute/sync", &json!({ "script": LOOK, "args": [] }))?;
        if let [address, state, text] = &texts(&shown)[..] {
            let text: String = text.chars().take(LONGEST).collect();
            told += &format!("the page {address} was in the state {state} and showed\n{text}\n");
        }
    }
    let logged = ask("se/log", &json!({ "type": "browser" }))?;
    for entry in logged.as_array().into_iter().flatten() {
        told += &format!("logged: {} {}\n", entry["level"], entry["message"]);
    }
    Ok(told)
}

/// The body of an answer of the driver, which keeps the connection open.
fn exchange(port: u16, method: &str, path: &str, body: &str) -> io::Result<String> {
    let mut answer = BufReader::new(send(port, method, path, body)?);
    let mut length = 0;
    loop {
        let mut line = String::new();
        answer.read_line(&mut line)?;
        let line = line.trim_end().to_ascii_lowercase();
        if line.is_empty() {
            break;
        }
        if let Some(number) = line.strip_prefix("content-length:") {
            length = number.trim().parse().map_err(io::Error::other)?;
        }
    }
    let mut body = vec![0; length];
    answer.read_exact(&mut body)?;
    String::from_utf8(body).map_err(io::Error::other)
}

fn send(port: u16, method: &str, path: &str, body: &str) -> io::Result<TcpStream> {
    let mut connection = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
    connection.set_read_timeout(Some(BOUND))?;
    let length = body.len();
    write!(
        connection,
        "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {length}\r\n\r\n{body}"
    )?;
    Ok(connection)
}
