//! What the loss of a stream that resumes is called.

use sse_core::Cause;

/// By the metrics; an end of the upstream's own is no failure.
pub(crate) fn kind(cause: Cause) -> Option<&'static str> {
    match cause {
        Cause::Unreachable => Some("unreachable"),
        Cause::Failed | Cause::Cut => Some("lost"),
        Cause::NoResponse => Some("header timeout"),
        Cause::Idle => Some("idle timeout"),
        Cause::Status(_) => Some("unexpected status"),
        _ => None,
    }
}

/// To the client: a code, and a message, both without a quote.
pub(crate) fn told(cause: Cause) -> (&'static str, &'static str) {
    match cause {
        Cause::Unreachable => ("upstream_unreachable", "the upstream cannot be reached"),
        Cause::NoResponse => ("upstream_timeout", "the upstream did not answer in time"),
        Cause::Idle => ("upstream_timeout", "the upstream was silent for too long"),
        Cause::Status(_) => (
            "upstream_unexpected_status",
            "the upstream answered with a status that is not passed on",
        ),
        Cause::Ended => ("upstream_incomplete", "the upstream ended before it was complete"),
        _ => ("upstream_lost", "the upstream was lost"),
    }
}
