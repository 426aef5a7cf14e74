//! A slow decoder that follows the standards' text line by line. It shares no code with the crate.

use super::outcome::{Outcome, Record};

/// What the bytes of a whole stream, begun after `last_event_id`, come to.
pub(crate) fn decode(bytes: &[u8], last_event_id: &str) -> Outcome {
    let text = utf8_decode(bytes);
    let mut interpreter = Interpreter {
        last_event_id_buffer: last_event_id.to_owned(),
        outcome: Outcome { last_event_id: last_event_id.to_owned(), ..Outcome::default() },
        ..Interpreter::default()
    };
    for line in lines(&text) {
        interpreter.line(&line);
    }
    // "Once the end of the file is reached, any pending data must be discarded."
    interpreter.outcome
}

/// Encoding standard §6, "UTF-8 decode": strips one byte order mark.
fn utf8_decode(bytes: &[u8]) -> String {
    let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
    let (mut code_point, mut seen, mut needed) = (0_u32, 0, 0);
    let (mut lower, mut upper) = (0x80, 0xBF);
    let mut text = String::new();
    let mut at = 0;
    // Encoding standard §8.1.1, "UTF-8 decoder": the handler, for each byte.
    while let Some(&byte) = bytes.get(at) {
        at += 1;
        if needed == 0 {
            match byte {
                0x00..=0x7F => text.push(char::from(byte)),
                0xC2..=0xDF => {
                    needed = 1;
                    code_point = u32::from(byte & 0x1F);
                }
                0xE0..=0xEF => {
                    if byte == 0xE0 {
                        lower = 0xA0;
                    }
                    if byte == 0xED {
                        upper = 0x9F;
                    }
                    needed = 2;
                    code_point = u32::from(byte & 0xF);
                }
                0xF0..=0xF4 => {
                    if byte == 0xF0 {
                        lower = 0x90;
                    }
                    if byte == 0xF4 {
                        upper = 0x8F;
                    }
                    needed = 3;
                    code_point = u32::from(byte & 0x7);
                }
                _ => text.push('\u{FFFD}'),
            }
            continue;
        }
        if !(lower..=upper).contains(&byte) {
            (code_point, needed, seen, lower, upper) = (0, 0, 0, 0x80, 0xBF);
            at -= 1; // "Restore byte to ioQueue."
            text.push('\u{FFFD}');
            continue;
        }
        (lower, upper) = (0x80, 0xBF);
        code_point = (code_point << 6) | u32::from(byte & 0x3F);
        seen += 1;
        if seen == needed {
            text.push(char::from_u32(code_point).unwrap());
            (code_point, needed, seen) = (0, 0, 0);
        }
    }
    if needed != 0 {
        text.push('\u{FFFD}');
    }
    text
}

/// The lines that have an end: CRLF, CR or LF (WHATWG HTML §9.2.5, the grammar).
fn lines(text: &str) -> Vec<String> {
    let mut lines = vec![];
    let mut line = String::new();
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '\r' => {
                if characters.peek() == Some(&'\n') {
                    characters.next();
                }
                lines.push(std::mem::take(&mut line));
            }
            '\n' => lines.push(std::mem::take(&mut line)),
            other => line.push(other),
        }
    }
    lines
}

/// WHATWG HTML §9.2.6, "interpreting an event stream".
#[derive(Default)]
struct Interpreter {
    data_buffer: String,
    event_type_buffer: String,
    last_event_id_buffer: String,
    outcome: Outcome,
    // What the standard does not keep, but a decoder can be asked for.
    id: Option<String>,
    retry: Option<u64>,
    begun: bool,
}

impl Interpreter {
    fn line(&mut self, line: &str) {
        if line.is_empty() {
            return self.dispatch();
        }
        self.begun = true;
        if let Some(comment) = line.strip_prefix(':') {
            let comment = comment.strip_prefix(' ').unwrap_or(comment);
            self.outcome.items.push(Record::Comment(comment.to_owned()));
        } else if let Some(colon) = line.find(':') {
            let (field, value) = (&line[..colon], &line[colon + 1..]);
            self.field(field, value.strip_prefix(' ').unwrap_or(value));
        } else {
            self.field(line, "");
        }
    }

    fn field(&mut self, field: &str, value: &str) {
        match field {
            "event" => self.event_type_buffer = value.to_owned(),
            "data" => {
                self.data_buffer.push_str(value);
                self.data_buffer.push('\n');
            }
            "id" if !value.contains('\0') => {
                self.last_event_id_buffer = value.to_owned();
                self.id = Some(value.to_owned());
            }
            "retry" if !value.is_empty() && value.chars().all(|digit| digit.is_ascii_digit()) => {
                let mut milliseconds = 0_u64;
                for digit in value.chars() {
                    milliseconds = milliseconds
                        .saturating_mul(10)
                        .saturating_add(u64::from(digit.to_digit(10).unwrap()));
                }
                self.outcome.retry = Some(milliseconds);
                self.retry = Some(milliseconds);
            }
            _ => {}
        }
    }

    fn dispatch(&mut self) {
        self.outcome.last_event_id = self.last_event_id_buffer.clone();
        let (id, retry) = (self.id.take(), self.retry.take());
        let event_type = std::mem::take(&mut self.event_type_buffer);
        let mut data = std::mem::take(&mut self.data_buffer);
        let begun = std::mem::take(&mut self.begun);
        if data.is_empty() {
            if begun {
                self.outcome.items.push(Record::Block {
                    event_type: Some(event_type).filter(|text| !text.is_empty()),
                    id,
                    retry,
                });
            }
            return;
        }
        if data.ends_with('\n') {
            data.pop();
        }
        self.outcome.items.push(Record::Message {
            event_type: if event_type.is_empty() { "message".to_owned() } else { event_type },
            data,
            last_event_id: self.outcome.last_event_id.clone(),
            id,
            retry,
        });
    }
}
