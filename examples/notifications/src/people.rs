//! Who and what there is in this demonstration: three users, four channels.
//!
//! A service has them in a database, with a hash of each user's own password. What the other modules ask of them
//! stays the same: find a user, find a channel, is this one a member of that.

use std::fmt;

/// A user.
#[derive(PartialEq, Eq)]
pub(crate) struct User {
    pub(crate) name: &'static str,
    /// The channels for members only that admit this user.
    memberships: &'static [&'static str],
}

/// A channel.
#[derive(PartialEq, Eq)]
pub(crate) struct Channel {
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    /// Whether only members may join and send.
    pub(crate) members_only: bool,
}

pub(crate) static USERS: [User; 3] = [
    User { name: "ada", memberships: &["staff"] },
    User { name: "bob", memberships: &[] },
    User { name: "cleo", memberships: &["staff"] },
];

pub(crate) static CHANNELS: [Channel; 4] = [
    Channel { name: "news", about: "What is new", members_only: false },
    Channel { name: "releases", about: "What goes out, and when", members_only: false },
    Channel { name: "lunch", about: "Who eats where", members_only: false },
    Channel { name: "staff", about: "Between ourselves", members_only: true },
];

impl User {
    /// The user of this name.
    pub(crate) fn find(name: &str) -> Option<&'static Self> {
        USERS.iter().find(|user| user.name == name)
    }

    /// Whether the channel is for this user.
    pub(crate) fn may_use(&self, channel: &Channel) -> bool {
        !channel.members_only || self.memberships.contains(&channel.name)
    }
}

impl Channel {
    /// The channel of this name.
    pub(crate) fn find(name: &str) -> Option<&'static Self> {
        CHANNELS.iter().find(|channel| channel.name == name)
    }
}

impl fmt::Debug for User {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

impl fmt::Debug for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}
