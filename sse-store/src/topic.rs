//! What events are published to, and sets of it.

use std::borrow::Borrow;
use std::collections::BTreeSet;
use std::convert::Infallible;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// What events are published to and subscribed by: a session, a user, a channel, a task.
///
/// 1 to [`MAX_LEN`](Self::MAX_LEN) bytes without a NUL. Two topics are the same if their bytes are: there are no
/// wildcards, no case folding and no trimming. Cloning shares the text.
///
/// ```
/// use sse_store::Topic;
///
/// let topic = Topic::new("orders/42")?;
/// assert_eq!(topic.as_str(), "orders/42");
/// assert!(Topic::new("").unwrap_err().is_empty());
/// # Ok::<(), sse_store::TopicError>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Topic(Arc<str>);

impl Topic {
    /// The longest topic, in bytes.
    pub const MAX_LEN: usize = 255;

    /// Wraps a name.
    ///
    /// # Errors
    ///
    /// [`TopicError`] says whether it is empty, too long or holds a NUL.
    pub fn new(name: impl Into<Arc<str>> + AsRef<str>) -> Result<Self, TopicError> {
        let text = name.as_ref();
        if text.is_empty() {
            return Err(TopicError::Empty);
        }
        if text.len() > Self::MAX_LEN {
            return Err(TopicError::TooLong { len: text.len() });
        }
        if let Some(position) = text.bytes().position(|byte| byte == 0) {
            return Err(TopicError::Nul { position });
        }
        Ok(Self(name.into()))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Topic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Topic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl AsRef<str> for Topic {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl Borrow<str> for Topic {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl FromStr for Topic {
    type Err = TopicError;

    fn from_str(name: &str) -> Result<Self, TopicError> {
        Self::new(name)
    }
}

impl TryFrom<&str> for Topic {
    type Error = TopicError;

    fn try_from(name: &str) -> Result<Self, TopicError> {
        Self::new(name)
    }
}

impl TryFrom<String> for Topic {
    type Error = TopicError;

    fn try_from(name: String) -> Result<Self, TopicError> {
        Self::new(name)
    }
}

impl TryFrom<&String> for Topic {
    type Error = TopicError;

    fn try_from(name: &String) -> Result<Self, TopicError> {
        Self::new(name.as_str())
    }
}

impl From<&Topic> for Topic {
    fn from(topic: &Topic) -> Self {
        topic.clone()
    }
}

/// A name that is no topic.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum TopicError {
    /// It is empty.
    Empty,
    /// It is longer than [`Topic::MAX_LEN`].
    TooLong {
        /// Its length in bytes.
        len: usize,
    },
    /// It holds a NUL, which not every database can store.
    Nul {
        /// The offset of the NUL in bytes.
        position: usize,
    },
}

impl TopicError {
    /// Whether the name is empty.
    pub fn is_empty(&self) -> bool {
        matches!(self, Self::Empty)
    }

    /// Whether the name is too long.
    pub fn is_too_long(&self) -> bool {
        matches!(self, Self::TooLong { .. })
    }
}

impl fmt::Display for TopicError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("the topic is empty"),
            Self::TooLong { len } => {
                write!(f, "the topic has {len} bytes, where {} are allowed", Topic::MAX_LEN)
            }
            Self::Nul { position } => write!(f, "the topic has a NUL at byte {position}"),
        }
    }
}

impl std::error::Error for TopicError {}

/// So that a topic can be given wherever a name can.
impl From<Infallible> for TopicError {
    fn from(never: Infallible) -> Self {
        match never {}
    }
}

/// The topics that a reader follows with one cursor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TopicSet {
    /// Every topic, also those to come.
    All,
    /// These topics; none if the set is empty.
    Only(BTreeSet<Topic>),
}

impl TopicSet {
    /// Whether the topic is one of the set.
    pub fn contains(&self, topic: &str) -> bool {
        match self {
            Self::All => true,
            Self::Only(topics) => topics.contains(topic),
        }
    }
}

impl From<Topic> for TopicSet {
    fn from(topic: Topic) -> Self {
        Self::Only(BTreeSet::from([topic]))
    }
}

impl From<&Topic> for TopicSet {
    fn from(topic: &Topic) -> Self {
        topic.clone().into()
    }
}

impl FromIterator<Topic> for TopicSet {
    fn from_iter<I: IntoIterator<Item = Topic>>(topics: I) -> Self {
        Self::Only(topics.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_topic_is_measured_in_bytes() {
        assert!(Topic::new("ä".repeat(127) + "x").is_ok());
        let error = Topic::new("ä".repeat(128)).unwrap_err();
        assert_eq!(error.to_string(), "the topic has 256 bytes, where 255 are allowed");
        assert_eq!(Topic::new(""), Err(TopicError::Empty));
        assert_eq!(Topic::new("a\0"), Err(TopicError::Nul { position: 1 }));
    }

    #[test]
    fn a_topic_is_made_of_any_text() {
        let name = String::from("a");
        let topic = Topic::new("a").unwrap();
        for made in [name.as_str().try_into(), (&name).try_into(), name.try_into(), "a".parse()] {
            assert_eq!(made, Ok(topic.clone()));
        }
    }

    #[test]
    fn topics_differ_by_any_byte() {
        let names = ["a", "A", "a ", " a", "á", "a\u{301}", "а", "%", "a\n"];
        let set: TopicSet = names.iter().map(|name| Topic::new(*name).unwrap()).collect();
        let TopicSet::Only(topics) = &set else { unreachable!() };
        assert_eq!(topics.len(), names.len());
        assert!(set.contains("a ") && !set.contains("a  ") && !set.contains("b"));
        assert!(TopicSet::All.contains("b"));
    }
}
