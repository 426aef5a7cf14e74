//! Who hears what is published: the topics of this application, and who may use them.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::people::{Channel, User};
use crate::random;

/// Who hears what is published. Its text is its topic: `everyone`, `user/ada`, `channel/news`, `task/ada/1f…`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Audience {
    /// Every user who is connected.
    Everyone,
    /// All connections of one user.
    User(&'static User),
    /// Those who have joined a channel.
    Channel(&'static Channel),
    /// Those of its owner's connections that watch a task.
    Task(&'static User, TaskId),
}

/// A task among those of its owner: 16 hexadecimal digits. It opens nothing: the owner's name in the topic does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TaskId(String);

/// Why a text is not an audience.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AudienceError {
    /// It has not the form of one.
    Malformed,
    /// There is no such user.
    NoSuchUser,
    /// There is no such channel.
    NoSuchChannel,
}

/// Why a user may not hear an audience, or speak to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Forbidden {
    /// It is another user's own.
    NotYours,
    /// The channel is for members only.
    MembersOnly,
    /// Only the server speaks there.
    ServerOnly,
}

impl Audience {
    /// Whether this user may subscribe to it.
    pub(crate) fn admits(&self, user: &User) -> Result<(), Forbidden> {
        match self {
            Self::User(owner) | Self::Task(owner, _) if *owner != user => Err(Forbidden::NotYours),
            Self::Channel(channel) if !user.may_use(channel) => Err(Forbidden::MembersOnly),
            Self::Everyone | Self::User(_) | Self::Channel(_) | Self::Task(..) => Ok(()),
        }
    }

    /// Whether this user may send to it.
    pub(crate) fn hears(&self, user: &User) -> Result<(), Forbidden> {
        match self {
            Self::Channel(channel) if !user.may_use(channel) => Err(Forbidden::MembersOnly),
            Self::Task(..) => Err(Forbidden::ServerOnly),
            Self::Everyone | Self::User(_) | Self::Channel(_) => Ok(()),
        }
    }
}

impl fmt::Display for Audience {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Everyone => f.write_str("everyone"),
            Self::User(user) => write!(f, "user/{}", user.name),
            Self::Channel(channel) => write!(f, "channel/{}", channel.name),
            Self::Task(owner, TaskId(id)) => write!(f, "task/{}/{id}", owner.name),
        }
    }
}

impl FromStr for Audience {
    type Err = AudienceError;

    fn from_str(text: &str) -> Result<Self, AudienceError> {
        let (kind, name) = text.split_once('/').unwrap_or((text, ""));
        let user = |name| User::find(name).ok_or(AudienceError::NoSuchUser);
        match kind {
            "everyone" if text == kind => Ok(Self::Everyone),
            "user" => user(name).map(Self::User),
            "channel" => Channel::find(name).map(Self::Channel).ok_or(AudienceError::NoSuchChannel),
            "task" => {
                let (owner, id) = name.split_once('/').ok_or(AudienceError::Malformed)?;
                Ok(Self::Task(user(owner)?, id.parse()?))
            }
            _ => Err(AudienceError::Malformed),
        }
    }
}

impl TaskId {
    /// A new one.
    pub(crate) fn random() -> Result<Self, random::Error> {
        random::hex::<8>().map(Self)
    }
}

impl FromStr for TaskId {
    type Err = AudienceError;

    fn from_str(text: &str) -> Result<Self, AudienceError> {
        match random::is_hex::<8>(text) {
            true => Ok(Self(text.into())),
            false => Err(AudienceError::Malformed),
        }
    }
}

impl Serialize for Audience {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Audience {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}

impl fmt::Display for AudienceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Malformed => {
                "a topic is everyone, user/<name>, channel/<name> or task/<name>/<id>"
            }
            Self::NoSuchUser => "there is no user of this name",
            Self::NoSuchChannel => "there is no channel of this name",
        })
    }
}

impl std::error::Error for AudienceError {}

impl fmt::Display for Forbidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotYours => "this is for another user alone",
            Self::MembersOnly => "this channel is for its members only",
            Self::ServerOnly => "only the server writes to a task",
        })
    }
}

impl std::error::Error for Forbidden {}

#[cfg(test)]
mod tests {
    use super::*;

    fn user(name: &str) -> &'static User {
        User::find(name).unwrap()
    }

    #[test]
    fn an_audience_is_its_text() {
        for text in ["everyone", "user/ada", "channel/news", "task/bob/0123456789abcdef"] {
            assert_eq!(text.parse::<Audience>().unwrap().to_string(), text);
        }
        for (text, error) in [
            ("", AudienceError::Malformed),
            ("everyone/", AudienceError::Malformed),
            ("Everyone", AudienceError::Malformed),
            ("session/1", AudienceError::Malformed),
            ("user", AudienceError::NoSuchUser),
            ("user/Ada", AudienceError::NoSuchUser),
            ("user/ada/", AudienceError::NoSuchUser),
            ("channel/", AudienceError::NoSuchChannel),
            ("task/ada", AudienceError::Malformed),
            ("task/ada/", AudienceError::Malformed),
            ("task/ada/0123456789abcdeF", AudienceError::Malformed),
            ("task/ada/0123456789abcdef/", AudienceError::Malformed),
            ("task/eve/0123456789abcdef", AudienceError::NoSuchUser),
        ] {
            assert_eq!(text.parse::<Audience>(), Err(error), "{text:?}");
        }
    }

    #[test]
    fn each_hears_what_is_theirs() {
        let admits = |text: &str, name| text.parse::<Audience>().unwrap().admits(user(name));
        for name in ["ada", "bob"] {
            assert_eq!(admits("everyone", name), Ok(()));
            assert_eq!(admits("channel/news", name), Ok(()));
        }
        assert_eq!(admits("user/ada", "ada"), Ok(()));
        assert_eq!(admits("user/ada", "bob"), Err(Forbidden::NotYours));
        assert_eq!(admits("task/ada/0123456789abcdef", "ada"), Ok(()));
        assert_eq!(admits("task/ada/0123456789abcdef", "bob"), Err(Forbidden::NotYours));
        assert_eq!(admits("channel/staff", "ada"), Ok(()));
        assert_eq!(admits("channel/staff", "bob"), Err(Forbidden::MembersOnly));
    }

    #[test]
    fn all_may_write_to_all_but_not_to_a_task_nor_to_a_channel_that_is_closed_to_them() {
        let hears = |text: &str, name| text.parse::<Audience>().unwrap().hears(user(name));
        for to in ["everyone", "user/ada", "user/bob", "channel/news"] {
            assert_eq!(hears(to, "bob"), Ok(()));
        }
        assert_eq!(hears("channel/staff", "bob"), Err(Forbidden::MembersOnly));
        assert_eq!(hears("channel/staff", "cleo"), Ok(()));
        assert_eq!(hears("task/ada/0123456789abcdef", "ada"), Err(Forbidden::ServerOnly));
    }
}
