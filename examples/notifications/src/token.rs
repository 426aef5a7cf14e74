//! The token that says who asks: a JWT (RFC 7519), in the `Authorization` header and nowhere else.

use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::extract::FromRequestParts;
use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};

use crate::api::Api;
use crate::config::TokenKey;
use crate::people::User;
use crate::problem::Problem;

/// Whom the tokens are for: another service's token, signed with the same key by mistake, is none of ours.
const AUDIENCE: &str = "notifications";

/// Makes tokens, and reads them.
pub(crate) struct Tokens {
    encoding: EncodingKey,
    decoding: DecodingKey,
    validation: Validation,
    lifetime: Duration,
}

/// Who asks, and until when the token says so.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Session {
    pub(crate) user: &'static User,
    pub(crate) expires: SystemTime,
}

#[derive(Debug, Serialize, Deserialize)]
struct Claims {
    sub: String,
    aud: String,
    /// Seconds since 1970, as the one below.
    iat: u64,
    exp: u64,
}

/// Why a request has no session.
#[derive(Debug)]
pub(crate) enum TokenError {
    /// There is no `Authorization`.
    Missing,
    /// There is one, and it is not of the form `Bearer <token>`.
    NotBearer,
    /// The token's time is over.
    Expired,
    /// It is not a token of ours.
    Invalid(jsonwebtoken::errors::Error),
    /// It is one, of a user who is no longer there.
    NoSuchUser,
}

impl Tokens {
    /// Signed with this key, good for so long.
    pub(crate) fn new(key: &TokenKey, lifetime: Duration) -> Self {
        let mut validation = Validation::new(Algorithm::HS256);
        validation.set_audience(&[AUDIENCE]);
        validation.set_required_spec_claims(&["exp", "aud", "sub"]);
        // Issued and read on clocks of our own: what is over is over.
        validation.leeway = 0;
        Self {
            encoding: EncodingKey::from_secret(key.bytes()),
            decoding: DecodingKey::from_secret(key.bytes()),
            validation,
            lifetime,
        }
    }

    /// How long a token is good for.
    pub(crate) fn lifetime(&self) -> Duration {
        self.lifetime
    }

    /// A token for this user, as of `now`.
    pub(crate) fn issue(
        &self,
        user: &User,
        now: SystemTime,
    ) -> Result<String, jsonwebtoken::errors::Error> {
        let claims = Claims {
            sub: user.name.into(),
            aud: AUDIENCE.into(),
            iat: seconds(now),
            exp: seconds(now).saturating_add(self.lifetime.as_secs()),
        };
        jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &self.encoding)
    }

    /// Reads the token of a request.
    fn session(&self, headers: &HeaderMap) -> Result<Session, TokenError> {
        let header = headers.get(AUTHORIZATION).ok_or(TokenError::Missing)?;
        let token = header.to_str().ok().and_then(bearer).ok_or(TokenError::NotBearer)?;
        let token = jsonwebtoken::decode::<Claims>(token, &self.decoding, &self.validation)
            .map_err(|error| match error.kind() {
                ErrorKind::ExpiredSignature => TokenError::Expired,
                _ => TokenError::Invalid(error),
            })?;
        Ok(Session {
            user: User::find(&token.claims.sub).ok_or(TokenError::NoSuchUser)?,
            expires: UNIX_EPOCH
                .checked_add(Duration::from_secs(token.claims.exp))
                .ok_or(TokenError::Expired)?,
        })
    }
}

/// The token of `Bearer <token>` (RFC 6750 §2.1); the scheme's name is in any case (RFC 9110 §11.1).
fn bearer(value: &str) -> Option<&str> {
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim()).filter(|token| !token.is_empty())
}

/// Whether a text has the form of a signed JWT: three parts of base64url, the first of which begins as `{"` does.
pub(crate) fn looks_like_a_token(text: &str) -> bool {
    let is_base64url = |part: &str| {
        !part.is_empty()
            && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
    };
    text.starts_with("eyJ") && text.split('.').count() == 3 && text.split('.').all(is_base64url)
}

fn seconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

impl FromRequestParts<Api> for Session {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Problem> {
        Ok(api.tokens.session(&parts.headers)?)
    }
}

/// Without the keys.
impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tokens").field("lifetime", &self.lifetime).finish_non_exhaustive()
    }
}

impl fmt::Display for TokenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Missing => "log in, and send the token as Authorization: Bearer",
            Self::NotBearer => "Authorization is not of the form Bearer <token>",
            Self::Expired => "the token has expired: log in again",
            Self::Invalid(_) => "the token is not one of this service",
            Self::NoSuchUser => "the token's user is no longer there",
        })
    }
}

impl std::error::Error for TokenError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Invalid(error) => Some(error),
            Self::Missing | Self::NotBearer | Self::Expired | Self::NoSuchUser => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    fn tokens(key: &str) -> Tokens {
        Tokens::new(&key.parse().unwrap(), HOUR)
    }

    fn read(tokens: &Tokens, authorization: &str) -> Result<Session, TokenError> {
        tokens.session(&HeaderMap::from_iter([(AUTHORIZATION, authorization.parse().unwrap())]))
    }

    #[test]
    fn a_token_is_good_for_its_lifetime_and_no_longer() {
        let tokens = tokens(&"k".repeat(32));
        let ada = User::find("ada").unwrap();
        let now = SystemTime::now();
        let fresh = tokens.issue(ada, now).unwrap();
        assert!(looks_like_a_token(&fresh));
        let session = read(&tokens, &format!("bearer {fresh}")).unwrap();
        assert_eq!(session.user, ada);
        assert_eq!(seconds(session.expires), seconds(now + HOUR));
        // What is over is over: there is no leeway.
        let old = tokens.issue(ada, now - HOUR - Duration::from_secs(1)).unwrap();
        assert!(matches!(read(&tokens, &format!("Bearer {old}")), Err(TokenError::Expired)));
    }

    #[test]
    fn only_this_services_tokens_are_taken() {
        let ours = tokens(&"k".repeat(32));
        let now = SystemTime::now();
        let ada = User::find("ada").unwrap();
        let others = tokens(&"x".repeat(32)).issue(ada, now).unwrap();
        let claims = |aud: &str, sub: &str| Claims {
            sub: sub.into(),
            aud: aud.into(),
            iat: seconds(now),
            exp: seconds(now + HOUR),
        };
        let signed = |algorithm, claims: &Claims| {
            jsonwebtoken::encode(&Header::new(algorithm), claims, &ours.encoding).unwrap()
        };
        let elsewhere = signed(Algorithm::HS256, &claims("elsewhere", "ada"));
        let other_algorithm = signed(Algorithm::HS384, &claims(AUDIENCE, "ada"));
        // Whatever is missing is not taken for good.
        let without = |claim: &str| {
            let mut claims = serde_json::to_value(claims(AUDIENCE, "ada")).unwrap();
            claims.as_object_mut().unwrap().remove(claim).unwrap();
            let header = Header::new(Algorithm::HS256);
            jsonwebtoken::encode(&header, &claims, &ours.encoding).unwrap()
        };
        let (no_end, no_audience, no_user) = (without("exp"), without("aud"), without("sub"));
        let unsigned = "eyJhbGciOiJub25lIn0.eyJzdWIiOiJhZGEiLCJhdWQiOiJub3RpZmljYXRpb25zIiwiZXhwIjo5OTk5OTk5OTk5fQ.";
        let incomplete = [&*no_end, &no_audience, &no_user];
        let all = [&*others, &elsewhere, &other_algorithm, unsigned, "x", "a.b.c"];
        for token in all.into_iter().chain(incomplete) {
            let read = read(&ours, &format!("Bearer {token}"));
            assert!(matches!(read, Err(TokenError::Invalid(_))), "{token}: {read:?}");
        }
        let gone = signed(Algorithm::HS256, &claims(AUDIENCE, "eve"));
        assert!(matches!(read(&ours, &format!("Bearer {gone}")), Err(TokenError::NoSuchUser)));
    }

    #[test]
    fn a_header_of_another_form_says_so() {
        let tokens = tokens(&"k".repeat(32));
        assert!(matches!(tokens.session(&HeaderMap::new()), Err(TokenError::Missing)));
        for value in ["", "Bearer", "Bearer ", "Basic YTpi", "eyJ"] {
            assert!(matches!(read(&tokens, value), Err(TokenError::NotBearer)), "{value:?}");
        }
    }

    #[test]
    fn the_form_of_a_token_is_known() {
        for text in ["eyJhbGciOiJIUzI1NiJ9.e30.c2ln", "eyJ.a.b-_"] {
            assert!(looks_like_a_token(text), "{text}");
        }
        for text in ["", "eyJ", "eyJ..", "eyJa.b", "eyJa.b.c.d", "a.b.c", "1f.2.3", "eyJ a.b.c"] {
            assert!(!looks_like_a_token(text), "{text}");
        }
    }
}
