//! Field values that cannot hold what the wire cannot carry.

use std::borrow::Borrow;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::str::FromStr;
use std::sync::Arc;

/// Text that is either in the program or shared: cloning it never copies.
#[derive(Clone)]
enum Text {
    Static(&'static str),
    Shared(Arc<str>),
}

impl Text {
    fn as_str(&self) -> &str {
        match self {
            Self::Static(text) => text,
            Self::Shared(text) => text,
        }
    }
}

/// Where `text` first holds a character that would end its line, or a NUL where that is refused.
const fn first_refused(text: &str, refuse_nul: bool) -> Option<usize> {
    let bytes = text.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        if matches!(bytes[at], b'\n' | b'\r') || (refuse_nul && bytes[at] == 0) {
            return Some(at);
        }
        at += 1;
    }
    None
}

macro_rules! field_type {
    ($name:ident, $field:literal, refuse_nul: $refuse_nul:literal, refuse_empty: $refuse_empty:literal, max_len: $max_len:expr) => {
        impl $name {
            /// Wraps a literal, checked when the program is compiled if used in a `const`.
            ///
            /// # Panics
            ///
            /// If the literal is not valid; in a `const` that is an error of the compiler.
            pub const fn from_static(text: &'static str) -> Self {
                assert!(
                    first_refused(text, $refuse_nul).is_none(),
                    concat!(
                        "the value of `",
                        $field,
                        "` holds a character that ends a line or is refused"
                    )
                );
                assert!(
                    !($refuse_empty && text.is_empty()),
                    concat!("the value of `", $field, "` is empty")
                );
                assert!(text.len() <= $max_len, concat!("the value of `", $field, "` is too long"));
                Self(Text::Static(text))
            }

            /// Wraps any text that the wire can carry.
            ///
            /// # Errors
            ///
            /// [`FieldError`] names the first byte that is refused.
            pub fn new(text: impl Into<Arc<str>> + AsRef<str>) -> Result<Self, FieldError> {
                Self::check(text.as_ref())?;
                Ok(Self(Text::Shared(text.into())))
            }

            /// Wraps what the decoder has read, which can hold nothing that is refused.
            pub(crate) fn decoded(text: &str) -> Self {
                debug_assert_eq!(first_refused(text, $refuse_nul), None);
                Self(Text::Shared(text.into()))
            }

            fn check(text: &str) -> Result<(), FieldError> {
                if let Some(at) = first_refused(text, $refuse_nul) {
                    let kind = match text.as_bytes()[at] {
                        b'\n' => FieldErrorKind::LineFeed,
                        b'\r' => FieldErrorKind::CarriageReturn,
                        _ => FieldErrorKind::Nul,
                    };
                    return Err(FieldError { field: $field, kind, at });
                }
                if $refuse_empty && text.is_empty() {
                    return Err(FieldError { field: $field, kind: FieldErrorKind::Empty, at: 0 });
                }
                if text.len() > $max_len {
                    let kind = FieldErrorKind::TooLong { max: $max_len };
                    return Err(FieldError { field: $field, kind, at: $max_len });
                }
                Ok(())
            }

            /// The text.
            pub fn as_str(&self) -> &str {
                self.0.as_str()
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                self.as_str()
            }
        }

        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                self.as_str()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(self.as_str(), f)
            }
        }

        impl PartialEq for $name {
            fn eq(&self, other: &Self) -> bool {
                self.as_str() == other.as_str()
            }
        }

        impl Eq for $name {}

        impl PartialEq<str> for $name {
            fn eq(&self, other: &str) -> bool {
                self.as_str() == other
            }
        }

        impl PartialEq<&str> for $name {
            fn eq(&self, other: &&str) -> bool {
                self.as_str() == *other
            }
        }

        impl Hash for $name {
            fn hash<H: Hasher>(&self, state: &mut H) {
                self.as_str().hash(state);
            }
        }

        impl FromStr for $name {
            type Err = FieldError;

            fn from_str(text: &str) -> Result<Self, FieldError> {
                Self::new(text)
            }
        }

        impl TryFrom<&str> for $name {
            type Error = FieldError;

            fn try_from(text: &str) -> Result<Self, FieldError> {
                Self::new(text)
            }
        }

        impl TryFrom<String> for $name {
            type Error = FieldError;

            fn try_from(text: String) -> Result<Self, FieldError> {
                Self::new(text)
            }
        }
    };
}

/// The type of an event: the value of its `event` field.
///
/// It is never empty and holds neither CR nor LF, so it cannot end its line.
/// Source: WHATWG HTML §9.2.6, "interpreting an event stream".
///
/// ```
/// use sse_core::EventType;
///
/// const PROGRESS: EventType = EventType::from_static("progress");
/// assert_eq!(PROGRESS, "progress");
/// assert!(EventType::new("two\nlines").is_err());
/// ```
#[derive(Clone)]
pub struct EventType(Text);

field_type!(EventType, "event", refuse_nul: false, refuse_empty: true, max_len: EventType::MAX_LEN);

impl EventType {
    /// The longest type that can be built, in bytes. A decoder takes longer ones.
    pub const MAX_LEN: usize = 1024;

    /// The type of an event that names none: `message`.
    pub const MESSAGE: Self = Self::from_static("message");
}

/// The id of an event: the value of its `id` field, and what a client sends back as `Last-Event-ID`.
///
/// It holds no CR, LF or NUL: the first two would end the line, and a client ignores an id with the
/// third. It may be empty, which makes a client forget its last id.
/// Source: WHATWG HTML §9.2.6, "interpreting an event stream".
///
/// ```
/// use sse_core::EventId;
///
/// assert_eq!(EventId::from(17), "17");
/// assert_eq!(EventId::new("a\0b").unwrap_err().position(), 1);
/// ```
#[derive(Clone)]
pub struct EventId(Text);

field_type!(EventId, "id", refuse_nul: true, refuse_empty: false, max_len: EventId::MAX_LEN);

impl EventId {
    /// The longest id that can be built, in bytes: it must fit into a header on its way back. A
    /// decoder takes longer ones.
    pub const MAX_LEN: usize = 1024;

    /// The empty id: what a client has before it saw one.
    pub const EMPTY: Self = Self::from_static("");
}

impl From<u64> for EventId {
    fn from(number: u64) -> Self {
        Self(Text::Shared(number.to_string().into()))
    }
}

/// A text that the wire cannot carry in a field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldError {
    field: &'static str,
    kind: FieldErrorKind,
    at: usize,
}

/// What was wrong with a field's value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum FieldErrorKind {
    /// A line feed, which would end the line.
    LineFeed,
    /// A carriage return, which would end the line.
    CarriageReturn,
    /// A NUL, for which a client ignores the whole id.
    Nul,
    /// No text where some is needed.
    Empty,
    /// More bytes than are allowed.
    TooLong {
        /// How many are.
        max: usize,
    },
}

impl FieldError {
    /// The name of the field: `event` or `id`.
    pub fn field(&self) -> &'static str {
        self.field
    }

    /// What was wrong.
    pub fn kind(&self) -> FieldErrorKind {
        self.kind
    }

    /// The offset of the refused byte in the text.
    pub fn position(&self) -> usize {
        self.at
    }
}

impl fmt::Display for FieldError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { field, kind, at } = self;
        let what = match kind {
            FieldErrorKind::LineFeed => "a line feed",
            FieldErrorKind::CarriageReturn => "a carriage return",
            FieldErrorKind::Nul => "a NUL",
            FieldErrorKind::Empty => return write!(f, "the value of `{field}` is empty"),
            FieldErrorKind::TooLong { max } => {
                return write!(f, "the value of `{field}` has more than {max} bytes");
            }
        };
        write!(f, "the value of `{field}` has {what} at byte {at}")
    }
}

impl std::error::Error for FieldError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_no_longer_than_what_is_taken_back() {
        let longest = "x".repeat(EventId::MAX_LEN);
        assert!(EventId::new(longest.as_str()).is_ok());
        let error = EventId::new(longest + "x").unwrap_err();
        assert_eq!(error.to_string(), "the value of `id` has more than 1024 bytes");
        assert!(EventType::new("x".repeat(EventType::MAX_LEN + 1)).is_err());
    }

    #[test]
    fn what_was_refused_is_named_with_its_place() {
        for (id, kind, at) in [
            ("a\nb", FieldErrorKind::LineFeed, 1),
            ("\r", FieldErrorKind::CarriageReturn, 0),
            ("ä\0", FieldErrorKind::Nul, 2),
        ] {
            let error = EventId::new(id).unwrap_err();
            assert_eq!((error.field(), error.kind(), error.position()), ("id", kind, at));
        }
        assert_eq!(EventType::new("").unwrap_err().kind(), FieldErrorKind::Empty);
        assert!(EventType::new("a\0").is_ok() && EventId::new("").is_ok());
    }
}
