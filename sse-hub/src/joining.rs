//! Topics that a subscription is about to have.

use std::collections::BTreeSet;
use std::sync::Arc;

use sse_store::{Position, Topic};

use crate::core::Core;
use crate::cursor::{Cursor, Member};
use crate::live::Live;
use crate::window::TopicLog;

/// Topics that were joined for a subscription, and are left again if it does not take them.
pub(crate) struct Joining<'a> {
    core: &'a Core,
    members: Vec<Member>,
}

impl<'a> Joining<'a> {
    /// Joins these topics, each from the position on that is known once it is joined.
    pub(crate) fn new(
        core: &'a Core,
        live: &Arc<Live>,
        topics: &BTreeSet<Topic>,
        since: impl Fn() -> Position,
    ) -> Self {
        let mut joining = Self { core, members: Vec::with_capacity(topics.len()) };
        for topic in topics {
            let (log, place) = core.window.join(topic, live);
            joining.members.push(Member { log, place, since: since() });
        }
        joining
    }

    pub(crate) fn logs(&self) -> impl Iterator<Item = &Arc<TopicLog>> {
        self.members.iter().map(|member| &member.log)
    }

    /// Gives the topics to the subscription, those that it has not, unless it has ended: then nobody would leave them any
    /// more. Whether it had not.
    pub(crate) fn add_to(&mut self, cursor: &mut Cursor) -> bool {
        if cursor.ending.is_some() {
            return false;
        }
        let members = std::mem::take(&mut self.members);
        self.members = members.into_iter().filter_map(|member| cursor.add(member)).collect();
        true
    }
}

impl Drop for Joining<'_> {
    fn drop(&mut self) {
        for member in self.members.drain(..) {
            self.core.window.leave(&member.log, member.place);
        }
    }
}
