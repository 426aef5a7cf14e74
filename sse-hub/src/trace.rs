//! A subscription's life as a span, for those who listen for it.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use tracing::{Span, field};

use crate::live::Live;
use crate::resume::Begin;
use crate::{EndReason, HubError, metrics};

/// The span of one subscription. While none is listened for there is no span, and nothing is counted.
#[derive(Default)]
pub(crate) struct Trace(OnceLock<Box<Life>>);

struct Life {
    span: Span,
    events: AtomicU64,
}

impl Trace {
    /// The subscription is open. Its span is a child of the one in which it was asked for.
    pub(crate) fn begin(&self, live: &Live, begin: Begin) {
        let span = tracing::debug_span!(
            "subscription",
            connection = ?live.id,
            user = live.user.as_deref(),
            topics = live.cursor().topics().len(),
            ?begin,
            reason = field::Empty,
            events = field::Empty,
        );
        if !span.is_disabled() {
            span.in_scope(|| tracing::debug!("subscription opened"));
            // It begins once.
            let _ = self.0.set(Box::new(Life { span, events: AtomicU64::new(0) }));
        }
    }

    /// An event of a topic was given.
    pub(crate) fn gave(&self) {
        if let Some(life) = self.0.get() {
            life.events.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub(crate) fn end(&self, reason: EndReason) {
        let Some(life) = self.0.get() else { return };
        life.span.record("reason", reason.as_str());
        life.span.record("events", life.events.load(Ordering::Relaxed));
        life.span.in_scope(|| tracing::debug!("subscription ended"));
    }
}

/// Takes note of who is refused, a subscription or a topic more.
pub(crate) fn refused(error: &HubError) {
    tracing::debug!(%error, "refused");
    metrics::refused(error.reason());
}
