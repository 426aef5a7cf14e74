//! Enums whose variant is the event type and whose content is the data, by way of serde.

use std::error::Error;
use std::fmt;

use serde::de::value::StrDeserializer;
use serde::de::{
    self, Deserialize, DeserializeSeed, Deserializer, EnumAccess, IntoDeserializer, VariantAccess,
    Visitor,
};
use serde::ser::{
    self, Impossible, Serialize, SerializeStructVariant, SerializeTupleVariant, Serializer,
};

use crate::{Event, EventType, FieldError};

/// A value that is no event, or an event that is no value of the type asked for.
#[derive(Debug)]
pub struct TypedError(Kind);

#[derive(Debug)]
enum Kind {
    NotAnEnum,
    Type(FieldError),
    Json(serde_json::Error),
    UnknownType(String),
    Other(String),
}

impl TypedError {
    /// Whether the enum has no variant of the event's type: another version of the program may know it.
    pub fn is_unknown_type(&self) -> bool {
        matches!(self.0, Kind::UnknownType(_))
    }
}

impl fmt::Display for TypedError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::NotAnEnum => f.write_str("only an enum's value has an event type"),
            Kind::Type(_) => f.write_str("the name of the variant is no event type"),
            Kind::Json(_) => f.write_str("the data is not the JSON of the variant"),
            Kind::UnknownType(message) | Kind::Other(message) => f.write_str(message),
        }
    }
}

impl Error for TypedError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match &self.0 {
            Kind::Type(error) => Some(error),
            Kind::Json(error) => Some(error),
            Kind::NotAnEnum | Kind::UnknownType(_) | Kind::Other(_) => None,
        }
    }
}

impl From<serde_json::Error> for TypedError {
    fn from(error: serde_json::Error) -> Self {
        Self(Kind::Json(error))
    }
}

impl ser::Error for TypedError {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self(Kind::Other(message.to_string()))
    }
}

impl de::Error for TypedError {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self(Kind::Other(message.to_string()))
    }

    fn unknown_variant(variant: &str, expected: &'static [&'static str]) -> Self {
        Self(Kind::UnknownType(format!(
            "the event type {variant:?} is none of {}",
            expected.join(", ")
        )))
    }
}

pub(crate) fn to_event<T: Serialize + ?Sized>(value: &T) -> Result<Event, TypedError> {
    value.serialize(ToEvent)
}

pub(crate) fn from_message<'de, T: Deserialize<'de>>(
    event_type: &'de str,
    data: &'de str,
) -> Result<T, TypedError> {
    T::deserialize(FromMessage { event_type, data })
}

fn event(variant: &'static str, data: String) -> Result<Event, TypedError> {
    let event_type = EventType::new(variant).map_err(|error| TypedError(Kind::Type(error)))?;
    Ok(Event::new(data).with_type(event_type))
}

/// Takes an enum's value apart.
struct ToEvent;

macro_rules! no_enum {
    ($($method:ident($($argument:ty),*) -> $ok:ty;)*) => {
        $(fn $method(self, $(_: $argument),*) -> Result<$ok, TypedError> {
            Err(TypedError(Kind::NotAnEnum))
        })*
    };
}

impl Serializer for ToEvent {
    type Ok = Event;
    type Error = TypedError;
    type SerializeSeq = Impossible<Event, TypedError>;
    type SerializeTuple = Impossible<Event, TypedError>;
    type SerializeTupleStruct = Impossible<Event, TypedError>;
    type SerializeTupleVariant = Fields;
    type SerializeMap = Impossible<Event, TypedError>;
    type SerializeStruct = Impossible<Event, TypedError>;
    type SerializeStructVariant = Fields;

    fn serialize_unit_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
    ) -> Result<Event, TypedError> {
        event(variant, String::new())
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<Event, TypedError> {
        event(variant, serde_json::to_string(value)?)
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Fields, TypedError> {
        Ok(Fields { variant, json: String::from("[") })
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Fields, TypedError> {
        Ok(Fields { variant, json: String::from("{") })
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<Event, TypedError> {
        value.serialize(self)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        value: &T,
    ) -> Result<Event, TypedError> {
        value.serialize(self)
    }

    no_enum! {
        serialize_bool(bool) -> Event;
        serialize_i8(i8) -> Event;
        serialize_i16(i16) -> Event;
        serialize_i32(i32) -> Event;
        serialize_i64(i64) -> Event;
        serialize_u8(u8) -> Event;
        serialize_u16(u16) -> Event;
        serialize_u32(u32) -> Event;
        serialize_u64(u64) -> Event;
        serialize_f32(f32) -> Event;
        serialize_f64(f64) -> Event;
        serialize_char(char) -> Event;
        serialize_str(&str) -> Event;
        serialize_bytes(&[u8]) -> Event;
        serialize_none() -> Event;
        serialize_unit() -> Event;
        serialize_unit_struct(&'static str) -> Event;
        serialize_seq(Option<usize>) -> Self::SerializeSeq;
        serialize_tuple(usize) -> Self::SerializeTuple;
        serialize_tuple_struct(&'static str, usize) -> Self::SerializeTupleStruct;
        serialize_map(Option<usize>) -> Self::SerializeMap;
        serialize_struct(&'static str, usize) -> Self::SerializeStruct;
    }
}

/// The fields of a variant, on their way into JSON.
struct Fields {
    variant: &'static str,
    json: String,
}

impl Fields {
    fn push<T: Serialize + ?Sized>(
        &mut self,
        key: Option<&'static str>,
        value: &T,
    ) -> Result<(), TypedError> {
        if self.json.len() > 1 {
            self.json.push(',');
        }
        if let Some(key) = key {
            self.json.push_str(&serde_json::to_string(key)?);
            self.json.push(':');
        }
        self.json.push_str(&serde_json::to_string(value)?);
        Ok(())
    }

    fn close(mut self, bracket: char) -> Result<Event, TypedError> {
        self.json.push(bracket);
        event(self.variant, self.json)
    }
}

impl SerializeTupleVariant for Fields {
    type Ok = Event;
    type Error = TypedError;

    fn serialize_field<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), TypedError> {
        self.push(None, value)
    }

    fn end(self) -> Result<Event, TypedError> {
        self.close(']')
    }
}

impl SerializeStructVariant for Fields {
    type Ok = Event;
    type Error = TypedError;

    fn serialize_field<T: Serialize + ?Sized>(
        &mut self,
        key: &'static str,
        value: &T,
    ) -> Result<(), TypedError> {
        self.push(Some(key), value)
    }

    fn end(self) -> Result<Event, TypedError> {
        self.close('}')
    }
}

/// Puts an enum's value together.
struct FromMessage<'de> {
    event_type: &'de str,
    data: &'de str,
}

impl<'de> Deserializer<'de> for FromMessage<'de> {
    type Error = TypedError;

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, TypedError> {
        Err(TypedError(Kind::NotAnEnum))
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, TypedError> {
        visitor.visit_enum(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, TypedError> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, TypedError> {
        visitor.visit_some(self)
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit
        unit_struct seq tuple tuple_struct map struct identifier ignored_any
    }
}

impl<'de> EnumAccess<'de> for FromMessage<'de> {
    type Error = TypedError;
    type Variant = Content<'de>;

    fn variant_seed<V: DeserializeSeed<'de>>(
        self,
        seed: V,
    ) -> Result<(V::Value, Content<'de>), TypedError> {
        let event_type: StrDeserializer<'_, TypedError> = self.event_type.into_deserializer();
        let variant = seed.deserialize(event_type)?;
        Ok((variant, Content(self.data)))
    }
}

/// What a variant holds, as JSON.
struct Content<'de>(&'de str);

impl<'de> Content<'de> {
    fn read<T>(
        self,
        read: impl FnOnce(
            &mut serde_json::Deserializer<serde_json::de::StrRead<'de>>,
        ) -> serde_json::Result<T>,
    ) -> Result<T, TypedError> {
        let mut json = serde_json::Deserializer::from_str(self.0);
        let value = read(&mut json)?;
        json.end()?;
        Ok(value)
    }
}

impl<'de> VariantAccess<'de> for Content<'de> {
    type Error = TypedError;

    /// A variant that holds nothing takes any data: a later version of the server may say more.
    fn unit_variant(self) -> Result<(), TypedError> {
        Ok(())
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(
        self,
        seed: T,
    ) -> Result<T::Value, TypedError> {
        self.read(|json| seed.deserialize(json))
    }

    fn tuple_variant<V: Visitor<'de>>(
        self,
        len: usize,
        visitor: V,
    ) -> Result<V::Value, TypedError> {
        self.read(|json| json.deserialize_tuple(len, visitor))
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, TypedError> {
        self.read(|json| json.deserialize_struct("variant", fields, visitor))
    }
}

#[cfg(test)]
mod tests {
    use serde::{Deserialize, Serialize};

    use super::*;
    use crate::Decoder;

    #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
    #[serde(rename_all = "snake_case")]
    enum Update {
        Nothing,
        Text(String),
        Maybe(Option<u8>),
        Pair(i32, String),
        Fields {
            #[serde(rename = "a\nb")]
            odd: Option<u8>,
            list: Vec<u8>,
        },
        Empty {},
        #[serde(rename = "no\nname")]
        Unnameable,
    }

    fn sent(event: &Event) -> crate::MessageEvent {
        let mut decoder = Decoder::new();
        decoder.feed(event.to_frame().as_bytes());
        decoder.next_message().unwrap().expect("an event with data is dispatched")
    }

    #[test]
    fn every_kind_of_variant_arrives_as_it_was_sent() {
        for (update, data) in [
            (Update::Nothing, ""),
            (Update::Text("a\nb".into()), r#""a\nb""#),
            (Update::Maybe(None), "null"),
            (Update::Pair(-1, "x".into()), r#"[-1,"x"]"#),
            (Update::Fields { odd: Some(1), list: vec![2] }, r#"{"a\nb":1,"list":[2]}"#),
            (Update::Empty {}, "{}"),
        ] {
            let event = Event::typed(&update).unwrap();
            assert_eq!(event.data(), Some(data));
            assert_eq!(sent(&event).typed::<Update>().unwrap(), update);
        }
    }

    #[test]
    fn what_is_no_event_is_an_error_that_says_so() {
        assert!(Event::typed(&17).unwrap_err().to_string().contains("only an enum"));
        let unnameable = Event::typed(&Update::Unnameable).unwrap_err();
        assert!(unnameable.source().unwrap().to_string().contains("line feed"));
        let unknown = sent(&Event::new("{}")).typed::<Update>().unwrap_err();
        assert!(unknown.is_unknown_type() && unknown.to_string().contains("\"message\""));
        let event = Event::new("{\"list\":[]} x").with_type(EventType::from_static("fields"));
        let wrong = sent(&event).typed::<Update>().unwrap_err();
        assert!(!wrong.is_unknown_type());
        assert!(wrong.source().unwrap().to_string().contains("trailing"));
    }
}
