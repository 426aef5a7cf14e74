//! What users write.

use serde::{Deserialize, Deserializer, de};

/// A line or a few of somebody's words: 1 to `MAX` characters, none of them a control character but the line feed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Text<const MAX: usize>(String);

impl<const MAX: usize> Text<MAX> {
    fn new(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let count = text.chars().count();
        if text.is_empty() {
            return Err("there is nothing written".into());
        }
        if count > MAX {
            return Err(format!("{count} characters are written, where {MAX} are allowed"));
        }
        match text.chars().position(|c| c.is_control() && c != '\n') {
            Some(at) => Err(format!("there is a control character at {at}")),
            None => Ok(Self(text.into())),
        }
    }

    pub(crate) fn into_string(self) -> String {
        self.0
    }
}

impl<'de, const MAX: usize> Deserialize<'de> for Text<MAX> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::new(&String::deserialize(deserializer)?).map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_trimmed_and_counted_in_characters() {
        let text = |text| Text::<3>::new(text).map(Text::into_string);
        assert_eq!(text(" ÄÖÜ\n"), Ok("ÄÖÜ".into()));
        assert_eq!(text("a\nb"), Ok("a\nb".into()));
        for wrong in ["", " \n ", "ÄÖÜß", "a\0", "a\rb", "\u{1b}["] {
            assert!(text(wrong).is_err(), "{wrong:?}");
        }
    }
}
