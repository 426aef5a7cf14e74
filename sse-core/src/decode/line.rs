//! What a line is.

/// The fields of the standard, and what else a line can be.
///
/// Source: WHATWG HTML §9.2.6, "interpreting an event stream".
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Field {
    Data,
    Event,
    Id,
    Retry,
    Comment,
    Unknown,
}

const NAMES: [(&[u8], Field); 4] = [
    (b"data", Field::Data),
    (b"event", Field::Event),
    (b"id", Field::Id),
    (b"retry", Field::Retry),
];

/// The field of a line, and where its value begins: after the colon, and after one space.
///
/// It looks at no more than the longest name, one colon and one space, however long the line.
#[inline]
pub(super) fn field_of(line: &[u8]) -> (Field, usize) {
    let (name, field) = match line.first() {
        Some(b'd') => NAMES[0],
        Some(b'e') => NAMES[1],
        Some(b'i') => NAMES[2],
        Some(b'r') => NAMES[3],
        Some(b':') => (b"".as_slice(), Field::Comment),
        _ => return (Field::Unknown, 0),
    };
    match line.strip_prefix(name) {
        Some([]) => (field, name.len()),
        Some([b':', b' ', ..]) => (field, name.len() + 2),
        Some([b':', ..]) => (field, name.len() + 1),
        _ => (Field::Unknown, 0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_matched_whole_and_one_space_is_dropped() {
        for (line, expected) in [
            ("data", (Field::Data, 4)),
            ("data:", (Field::Data, 5)),
            ("data: ", (Field::Data, 6)),
            ("data:  x", (Field::Data, 6)),
            ("data:\tx", (Field::Data, 5)),
            ("event:x", (Field::Event, 6)),
            ("id", (Field::Id, 2)),
            ("retry: 1", (Field::Retry, 7)),
            (":", (Field::Comment, 1)),
            (": x", (Field::Comment, 2)),
            ("", (Field::Unknown, 0)),
            ("dat", (Field::Unknown, 0)),
            ("data ", (Field::Unknown, 0)),
            ("data :x", (Field::Unknown, 0)),
            ("datax:y", (Field::Unknown, 0)),
            ("Data:x", (Field::Unknown, 0)),
            (" data:x", (Field::Unknown, 0)),
        ] {
            assert_eq!(field_of(line.as_bytes()), expected, "{line:?}");
        }
    }
}
