//! What can go wrong, in one type.

use std::error::Error as StdError;
use std::fmt;

use http::StatusCode;
use sse_core::{Cause, DecodeError, End};

pub(crate) type BoxError = Box<dyn StdError + Send + Sync>;

/// Why an [`EventSource`](crate::EventSource) could not be built, has ended, or asks again.
///
/// As the cause of [`Item::Reconnecting`](crate::Item::Reconnecting) it tells of a loss that is being
/// mended; as an `Err` it is final. No text of it holds the URL, whose query may be a secret.
#[derive(Debug)]
pub struct Error(Box<Inner>);

#[derive(Debug)]
struct Inner {
    kind: Kind,
    refusal: Option<Refusal>,
    source: Option<BoxError>,
}

#[derive(Debug)]
enum Kind {
    /// What is wrong with a setting.
    Configuration(&'static str),
    Client,
    Lost(Cause),
    Ended(End),
    TooLarge,
    #[cfg(feature = "serde")]
    NotTyped,
}

/// What a response said that is no stream.
#[derive(Debug, Default)]
pub(crate) struct Refusal {
    pub(crate) content_type: Option<String>,
    pub(crate) body: String,
}

impl Error {
    fn new(kind: Kind, source: Option<BoxError>) -> Self {
        Self(Box::new(Inner { kind, refusal: None, source }))
    }

    pub(crate) fn configuration(what: &'static str) -> Self {
        Self::new(Kind::Configuration(what), None)
    }

    pub(crate) fn configuration_by(what: &'static str, source: impl Into<BoxError>) -> Self {
        Self::new(Kind::Configuration(what), Some(source.into()))
    }

    pub(crate) fn client(source: impl Into<BoxError>) -> Self {
        Self::new(Kind::Client, Some(source.into()))
    }

    pub(crate) fn lost(cause: Cause, source: Option<BoxError>, refusal: Option<Refusal>) -> Self {
        Self(Box::new(Inner { kind: Kind::Lost(cause), refusal, source }))
    }

    pub(crate) fn ended(end: End, source: Option<BoxError>, refusal: Option<Refusal>) -> Self {
        Self(Box::new(Inner { kind: Kind::Ended(end), refusal, source }))
    }

    pub(crate) fn too_large(error: DecodeError) -> Self {
        Self::new(Kind::TooLarge, Some(error.into()))
    }

    #[cfg(feature = "serde")]
    pub(crate) fn not_typed(error: sse_core::TypedError) -> Self {
        Self::new(Kind::NotTyped, Some(error.into()))
    }

    /// A setting was refused: a URL, a header, a certificate, or two that do not go together.
    pub fn is_configuration(&self) -> bool {
        matches!(self.0.kind, Kind::Configuration(_))
    }

    /// The HTTP client could not be made, or would not take the request.
    pub fn is_client(&self) -> bool {
        matches!(self.0.kind, Kind::Client)
    }

    /// Why the last request or its stream was lost, if that is what led to this.
    pub fn cause(&self) -> Option<Cause> {
        match self.0.kind {
            Kind::Lost(cause)
            | Kind::Ended(
                End::NotResent(cause)
                | End::NoPosition(cause)
                | End::UnsendableId(cause)
                | End::BudgetSpent(cause),
            ) => Some(cause),
            _ => None,
        }
    }

    /// No connection was made.
    pub fn is_connect(&self) -> bool {
        self.cause() == Some(Cause::Unreachable)
    }

    /// The response did not come, or the stream was silent, for too long.
    pub fn is_timeout(&self) -> bool {
        matches!(self.cause(), Some(Cause::NoResponse | Cause::Idle))
    }

    /// The stream ended as if it were whole.
    pub fn is_end_of_stream(&self) -> bool {
        self.cause() == Some(Cause::Ended)
    }

    /// The response had a status that is neither 200 nor 204: [`status`](Self::status).
    pub fn is_status(&self) -> bool {
        self.status().is_some()
    }

    /// The status that the response had in place of 200.
    pub fn status(&self) -> Option<StatusCode> {
        match (&self.0.kind, self.cause()) {
            (Kind::Ended(End::Status(status)), _) => Some(*status),
            (_, Some(Cause::Status(status))) => Some(status),
            _ => None,
        }
    }

    /// The response was 200, but no event stream that can be read.
    pub fn is_content_type(&self) -> bool {
        matches!(self.0.kind, Kind::Ended(End::NotAnEventStream))
    }

    /// The response led to where the request must not go, or in a circle.
    pub fn is_redirect(&self) -> bool {
        matches!(self.0.kind, Kind::Ended(End::Redirect))
    }

    /// All the attempts that [`Backoff`](crate::Backoff) allows have failed; the last by
    /// [`cause`](Self::cause).
    pub fn is_budget_spent(&self) -> bool {
        matches!(self.0.kind, Kind::Ended(End::BudgetSpent(_)))
    }

    /// The request was lost, or its stream, and [`resend`](crate::EventSourceBuilder::resend) does not
    /// allow to send it again.
    pub fn is_not_resent(&self) -> bool {
        matches!(self.0.kind, Kind::Ended(End::NotResent(_)))
    }

    /// The stream was lost, and its last event ID holds a byte that no header can carry.
    pub fn is_unsendable_id(&self) -> bool {
        matches!(self.0.kind, Kind::Ended(End::UnsendableId(_)))
    }

    /// An event was larger than [`max_event_size`](crate::EventSourceBuilder::max_event_size).
    pub fn is_too_large(&self) -> bool {
        matches!(self.0.kind, Kind::TooLarge)
    }

    /// A message is no value of the type that [`typed`](crate::EventSource::typed) asks for. This one is
    /// not final: the next message follows.
    #[cfg(feature = "serde")]
    pub fn is_typed(&self) -> bool {
        matches!(self.0.kind, Kind::NotTyped)
    }

    /// What the response said that was no stream: at most 8 KiB of it, and what had come within a
    /// second; bytes that are not UTF-8 as U+FFFD. Empty where there was none.
    pub fn response_text(&self) -> &str {
        self.0.refusal.as_ref().map_or("", |refusal| &refusal.body)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0.kind {
            Kind::Configuration(what) => f.write_str(what),
            Kind::Client => f.write_str("the HTTP client could not be made or used"),
            Kind::Lost(cause) => cause.fmt(f),
            Kind::Ended(end) => {
                end.fmt(f)?;
                match (end, &self.0.refusal) {
                    (
                        End::NotAnEventStream,
                        Some(Refusal { content_type: Some(content_type), .. }),
                    ) => write!(f, ", its type is {content_type:?}"),
                    _ => Ok(()),
                }
            }
            Kind::TooLarge => f.write_str("an event was too large"),
            #[cfg(feature = "serde")]
            Kind::NotTyped => f.write_str("a message is not of the type asked for"),
        }
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source.as_ref().map(|error| &**error as &(dyn StdError + 'static))
    }
}
