//! What the application is told, read once and checked.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;
use std::time::Duration;

use clap::Parser;

use crate::random;

/// Notifications over Server-Sent Events: users, channels, broadcast, and the progress of tasks.
#[derive(Debug, Clone, Parser)]
#[command(name = "notifications", version, args_override_self = true)]
pub struct Config {
    /// The address to listen at.
    #[arg(long, default_value = "127.0.0.1")]
    pub host: IpAddr,

    /// The port to listen at; 0 for any free one.
    #[arg(long, env = "PORT", default_value_t = 3200)]
    pub port: u16,

    /// Where notifications and tickets are kept. Instances with the same database are one service.
    #[arg(
        long,
        env = "DATABASE_URL",
        default_value = "sqlite:notifications.db",
        hide_env_values = true
    )]
    pub database_url: String,

    /// What the tokens are signed with, at least 32 bytes, the same for every instance; without it each start
    /// makes its own.
    #[arg(long, env = "TOKEN_KEY", hide_env_values = true)]
    pub token_key: Option<TokenKey>,

    /// The password of the demonstration's users: ada, bob and cleo.
    #[arg(long, env = "DEMO_PASSWORD", default_value = Self::PASSWORD, hide_env_values = true)]
    pub password: String,

    /// Seconds that a login is good for.
    #[arg(long, default_value_t = 3600, value_parser = clap::value_parser!(u64).range(1..=31_536_000))]
    pub token_seconds: u64,

    /// Seconds within which a ticket has to be used.
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub ticket_seconds: u64,

    /// Days after which notifications are deleted.
    #[arg(long, default_value_t = 7)]
    pub keep_days: u64,

    /// Milliseconds between two steps of a task.
    #[arg(long, default_value_t = 250)]
    pub step_ms: u64,

    /// Seconds that open connections are given at the end.
    #[arg(long, default_value_t = 5)]
    pub grace: u64,
}

impl Config {
    /// The password that everybody knows.
    pub(crate) const PASSWORD: &'static str = "demo";

    /// How long a login is good for.
    pub(crate) fn token_lifetime(&self) -> Duration {
        Duration::from_secs(self.token_seconds)
    }

    /// Within what time a ticket has to be used.
    pub(crate) fn ticket_lifetime(&self) -> Duration {
        Duration::from_secs(self.ticket_seconds)
    }

    /// How long notifications are kept.
    pub(crate) fn keep(&self) -> Duration {
        Duration::from_secs(self.keep_days.saturating_mul(24 * 60 * 60))
    }

    /// The time between two steps of a task.
    pub(crate) fn step(&self) -> Duration {
        Duration::from_millis(self.step_ms)
    }

    /// What open connections are given at the end.
    pub(crate) fn grace(&self) -> Duration {
        Duration::from_secs(self.grace)
    }
}

/// What tokens are signed with: HMAC with SHA-256 asks for as many bytes as its output has (RFC 7518 §3.2).
#[derive(Clone, PartialEq, Eq)]
pub struct TokenKey(Vec<u8>);

impl TokenKey {
    /// The fewest bytes.
    pub const MIN_LEN: usize = 32;

    /// A key of this process alone.
    pub(crate) fn random() -> Result<Self, random::Error> {
        random::bytes::<{ Self::MIN_LEN }>().map(|bytes| Self(bytes.into()))
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0
    }
}

impl FromStr for TokenKey {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.len() {
            len if len < Self::MIN_LEN => {
                Err(format!("the key has {len} bytes, where {} are needed", Self::MIN_LEN))
            }
            _ => Ok(Self(text.into())),
        }
    }
}

/// Without the key.
impl fmt::Debug for TokenKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenKey")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(arguments: &[&str]) -> Result<Config, String> {
        Config::try_parse_from(["notifications"].iter().chain(arguments))
            .map_err(|error| error.to_string())
    }

    #[test]
    fn a_key_that_is_too_short_is_refused_and_none_is_shown() {
        let key = "a key of 32 bytes is long enough";
        let config = parsed(&["--token-key", key]).unwrap();
        assert_eq!(config.token_key.as_ref().unwrap().bytes(), key.as_bytes());
        assert!(!format!("{config:?}").contains("long enough"));
        let error = parsed(&["--token-key", &key[1..]]).unwrap_err();
        assert!(error.contains("31 bytes") && error.contains("--token-key"), "{error}");
        assert_ne!(TokenKey::random().unwrap(), TokenKey::random().unwrap());
    }

    #[test]
    fn a_wrong_setting_is_named() {
        for arguments in [
            ["--port", "x"],
            ["--token-seconds", "0"],
            ["--ticket-seconds", "9999"],
            ["--host", "x"],
        ] {
            let error = parsed(&arguments).unwrap_err();
            assert!(error.contains(arguments[0]), "{error}");
        }
    }
}
