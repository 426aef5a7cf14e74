//! Which event says that a stream is complete.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use crate::{EventType, MessageRef};

const MESSAGE: &str = "message";

/// Which event says that the stream has said all it will say.
///
/// ```
/// use sse_core::{Completion, EventType};
///
/// let by_type = Completion::event_type(EventType::from_static("complete"));
/// let by_data = Completion::data("[DONE]");
/// let either = by_type.or(by_data);
/// # let _ = either;
/// ```
#[derive(Clone)]
pub struct Completion(Rule);

#[derive(Clone)]
enum Rule {
    EventType(EventType),
    Data(Arc<str>),
    #[cfg(feature = "serde")]
    JsonField(Arc<str>, Arc<str>),
    When(Arc<dyn Fn(&MessageRef<'_>) -> bool + Send + Sync>),
    Either(Arc<[Completion; 2]>),
}

impl Completion {
    /// The first event of this type.
    pub fn event_type(event_type: EventType) -> Self {
        Self(Rule::EventType(event_type))
    }

    /// The first event with exactly this data.
    pub fn data(data: impl Into<Arc<str>>) -> Self {
        Self(Rule::Data(data.into()))
    }

    /// The first event whose data is a JSON object with this text in this field, such as
    /// `"type": "complete"`.
    #[cfg(feature = "serde")]
    pub fn json_field(field: impl Into<Arc<str>>, text: impl Into<Arc<str>>) -> Self {
        Self(Rule::JsonField(field.into(), text.into()))
    }

    /// The first event for which `when` is true. Only events with data are asked; the last event ID
    /// that it sees is the event's own id, or empty.
    pub fn when(when: impl Fn(&MessageRef<'_>) -> bool + Send + Sync + 'static) -> Self {
        Self(Rule::When(Arc::new(when)))
    }

    /// Whichever comes first.
    pub fn or(self, other: Self) -> Self {
        Self(Rule::Either(Arc::new([self, other])))
    }

    /// Whether `message` is the completing event.
    pub fn is_met_by(&self, message: &MessageRef<'_>) -> bool {
        self.is_met(Some(message.event_type), message.id(), || Some(Cow::Borrowed(message.data)))
    }

    /// Whether an event of these parts is the completing one. Asks for the data only where the rule needs it: a frame may have to copy it.
    pub(crate) fn is_met<'a>(
        &self,
        event_type: Option<&str>,
        id: Option<&str>,
        data: impl Fn() -> Option<Cow<'a, str>> + Copy,
    ) -> bool {
        let event_type = event_type.unwrap_or(MESSAGE);
        match &self.0 {
            Rule::EventType(completing) => completing == event_type,
            Rule::Data(completing) => data().is_some_and(|data| *data == **completing),
            #[cfg(feature = "serde")]
            Rule::JsonField(field, text) => {
                data().is_some_and(|data| json::has_field(&data, field, text))
            }
            Rule::When(when) => data().is_some_and(|data| {
                when(&MessageRef {
                    event_type,
                    data: &data,
                    last_event_id: id.unwrap_or_default(),
                    has_id: id.is_some(),
                    retry: None,
                })
            }),
            Rule::Either(rules) => rules.iter().any(|rule| rule.is_met(Some(event_type), id, data)),
        }
    }
}

impl fmt::Debug for Completion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Rule::EventType(event_type) => f.debug_tuple("EventType").field(event_type).finish(),
            Rule::Data(data) => f.debug_tuple("Data").field(data).finish(),
            #[cfg(feature = "serde")]
            Rule::JsonField(field, text) => {
                f.debug_tuple("JsonField").field(field).field(text).finish()
            }
            Rule::When(_) => f.write_str("When(..)"),
            Rule::Either(rules) => f.debug_tuple("Either").field(rules).finish(),
        }
    }
}

#[cfg(feature = "serde")]
mod json {
    use std::borrow::Cow;
    use std::fmt;

    use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};

    /// Whether `data` is a JSON object that has `text` as its `field`. Nothing else is kept of it.
    pub(super) fn has_field(data: &str, field: &str, text: &str) -> bool {
        // Most events are not the last: without the opening brace there is nothing to parse.
        if !data.trim_start().starts_with('{') {
            return false;
        }
        let mut json = serde_json::Deserializer::from_str(data);
        json.deserialize_map(Field { field, text }).unwrap_or(false) && json.end().is_ok()
    }

    struct Field<'a> {
        field: &'a str,
        text: &'a str,
    }

    impl<'de> Visitor<'de> for Field<'_> {
        type Value = bool;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a JSON object")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<bool, A::Error> {
            let mut found = false;
            while let Some(key) = map.next_key::<Text<'de>>()? {
                if key.0 == self.field {
                    found = map.next_value::<MaybeText<'de>>()?.0.is_some_and(|it| it == self.text);
                } else {
                    map.next_value::<IgnoredAny>()?;
                }
            }
            Ok(found)
        }
    }

    /// A text, borrowed unless it has escapes.
    #[derive(serde::Deserialize)]
    #[serde(transparent)]
    struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

    /// A text, or any other value as none.
    struct MaybeText<'a>(Option<Cow<'a, str>>);

    impl<'de> serde::Deserialize<'de> for MaybeText<'de> {
        fn deserialize<D: Deserializer<'de>>(json: D) -> Result<Self, D::Error> {
            #[derive(serde::Deserialize)]
            #[serde(untagged)]
            enum Either<'a> {
                #[serde(borrow)]
                Text(Cow<'a, str>),
                Other(IgnoredAny),
            }
            Ok(Self(match Either::deserialize(json)? {
                Either::Text(text) => Some(text),
                Either::Other(_) => None,
            }))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn met(completion: &Completion, event_type: &str, data: &str) -> bool {
        completion.is_met_by(&MessageRef {
            event_type,
            data,
            last_event_id: "",
            has_id: false,
            retry: None,
        })
    }

    #[test]
    fn the_type_and_the_data_are_compared_whole() {
        let by_type = Completion::event_type(EventType::from_static("complete"));
        assert!(met(&by_type, "complete", ""));
        assert!(!met(&by_type, "completed", ""));
        let by_data = Completion::data("[DONE]");
        assert!(met(&by_data, "message", "[DONE]"));
        assert!(!met(&by_data, "message", " [DONE]"));
        let either = by_type.or(by_data);
        assert!(met(&either, "complete", "") && met(&either, "x", "[DONE]"));
        assert!(!met(&either, "x", ""));
    }

    #[test]
    fn a_message_without_a_type_is_a_message() {
        let completion = Completion::event_type(EventType::MESSAGE);
        assert!(completion.is_met(None, None, || None));
    }

    #[cfg(feature = "serde")]
    #[test]
    fn a_json_field_is_found_only_at_the_top_and_only_as_a_text() {
        let completion = Completion::json_field("type", "complete");
        for (data, expected) in [
            (r#"{"type":"complete"}"#, true),
            (r#" {"a":[1,{"type":"x"}],"type":"\u0063omplete","b":null}"#, true),
            (r#"{"t\u0079pe":"complete"}"#, true),
            (r#"{"message":"type: complete"}"#, false),
            (r#"{"data":{"type":"complete"}}"#, false),
            (r#"{"type":["complete"]}"#, false),
            (r#"{"type":null}"#, false),
            (r#"{"type":"complete"#, false),
            (r#"{"type":"complete"} x"#, false),
            (r#""complete""#, false),
            ("", false),
        ] {
            assert_eq!(met(&completion, "message", data), expected, "{data}");
        }
    }
}
