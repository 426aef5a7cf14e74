//! Topics by convention: to a user, to a channel, to everyone.
//!
//! They are topics as any other: who is to get what is sent there is subscribed to them, and nobody is
//! by itself.
//!
//! ```
//! use sse_hub::to;
//!
//! assert_eq!(to::user("7")?.as_str(), "user/7");
//! assert_eq!(to::channel("news")?.as_str(), "channel/news");
//! assert_eq!(to::everyone()?.as_str(), "everyone");
//! # Ok::<(), sse_store::TopicError>(())
//! ```

use sse_store::{Topic, TopicError};

/// What is sent to all connections of a user.
///
/// # Errors
///
/// [`TopicError`] where the name is too long or has a NUL.
pub fn user(id: &str) -> Result<Topic, TopicError> {
    Topic::new(format!("user/{id}"))
}

/// What is sent to a channel.
///
/// # Errors
///
/// [`TopicError`] where the name is too long or has a NUL.
pub fn channel(name: &str) -> Result<Topic, TopicError> {
    Topic::new(format!("channel/{name}"))
}

/// What is sent to all who want to hear what concerns everyone.
///
/// # Errors
///
/// None: it is a result as the others are.
pub fn everyone() -> Result<Topic, TopicError> {
    Topic::new("everyone")
}
