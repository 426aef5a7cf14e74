//! What the application is told, read once and checked.

use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use axum::http::HeaderValue;
use clap::{Parser, ValueEnum};
use sse_proxy::Upstream;

use crate::pace::Pace;

/// A language model's stream through the proxy: a page with a stop button, a front that adds the API
/// key and forwards, and a scripted model.
#[derive(Debug, Clone, Parser)]
#[command(name = "llm", version)]
pub struct Config {
    /// What to run: both in one process, or one of the two.
    #[arg(long, value_enum, default_value_t = Role::Both)]
    pub role: Role,

    /// The address to listen at.
    #[arg(long, default_value = "127.0.0.1")]
    pub host: IpAddr,

    /// The port of what runs: 3020 for a front, 3120 for a model alone; 0 for any free one.
    #[arg(long, env = "PORT")]
    pub port: Option<u16>,

    /// The port of the model beside a front in one process.
    #[arg(long, env = "MODEL_PORT", default_value_t = 3120)]
    pub model_port: u16,

    /// Where a front alone finds its model: what comes before `/v1/chat/completions`.
    #[arg(long, env = "MODEL_URL", default_value = "http://127.0.0.1:3120", value_parser = upstream_url)]
    pub model_url: String,

    /// What the front shows the model, and a model alone wants to be shown; without it a front alone
    /// shows nothing, a model alone takes anyone, and both in one process make one up.
    #[arg(long, env = "MODEL_API_KEY", hide_env_values = true)]
    pub api_key: Option<ApiKey>,

    /// Milliseconds until the model answers.
    #[arg(long, default_value_t = 700)]
    pub think_ms: u64,

    /// Milliseconds until the model has made a token.
    #[arg(long, default_value_t = 70)]
    pub token_ms: u64,

    /// Seconds that open connections are given at the end.
    #[arg(long, default_value_t = 5)]
    pub grace: u64,
}

/// What to run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Role {
    /// Front and model in one process.
    Both,
    /// The scripted model alone.
    Model,
    /// The front alone.
    Front,
}

impl Config {
    /// The port of the front, or of a model alone.
    pub fn port(&self) -> u16 {
        self.port.unwrap_or(match self.role {
            Role::Both | Role::Front => 3020,
            Role::Model => 3120,
        })
    }

    /// When the model's tokens are made.
    pub fn pace(&self) -> Pace {
        Pace::Timed {
            think: Duration::from_millis(self.think_ms),
            token: Duration::from_millis(self.token_ms),
        }
    }

    /// What open connections are given at the end.
    pub fn grace(&self) -> Duration {
        Duration::from_secs(self.grace)
    }

    /// What shows the key, where there is one: the value of `Authorization`.
    ///
    /// # Errors
    ///
    /// The key has a character that no header may have. The message does not hold the key.
    pub fn bearer(&self) -> Result<Option<HeaderValue>, String> {
        let made_up = (self.role == Role::Both).then(ApiKey::made_up);
        let given = self.api_key.clone().filter(|key| !key.0.is_empty());
        given.or(made_up).map(|key| key.bearer()).transpose()
    }
}

/// A key of the model's API. It is never printed: what clap takes for wrong it would print, so that any
/// text is taken here, and [`Config::bearer`] says what is wrong with it.
#[derive(Clone)]
pub struct ApiKey(String);

impl ApiKey {
    /// One that nobody needs to know. It guards a model that is scripted: that it could be guessed
    /// does no harm.
    fn made_up() -> Self {
        Self(format!("sk-{:032x}", fastrand::u128(..)))
    }

    /// The value of `Authorization` that shows it (RFC 6750 §2.1).
    fn bearer(&self) -> Result<HeaderValue, String> {
        let value = HeaderValue::try_from(format!("Bearer {}", self.0));
        let mut value = value.map_err(|_| "the API key has a character that no header may have")?;
        value.set_sensitive(true);
        Ok(value)
    }
}

impl From<String> for ApiKey {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ApiKey")
    }
}

/// A URL that the proxy takes for its upstream.
fn upstream_url(text: &str) -> Result<String, String> {
    match Upstream::builder(text).build() {
        Ok(_) => Ok(text.into()),
        Err(error) => Err(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(arguments: &[&str]) -> Result<Config, clap::Error> {
        Config::try_parse_from(["llm"].iter().chain(arguments))
    }

    #[test]
    fn the_port_follows_the_role() {
        let port = |arguments: &[&str]| config(arguments).unwrap().port();
        assert_eq!(port(&[]), 3020);
        assert_eq!(port(&["--role", "front"]), 3020);
        assert_eq!(port(&["--role", "model"]), 3120);
        assert_eq!(port(&["--role", "model", "--port", "4"]), 4);
    }

    #[test]
    fn a_wrong_setting_is_named() {
        let error = |arguments: &[&str]| config(arguments).unwrap_err().to_string();
        assert!(error(&["--port", "x"]).contains("--port"));
        assert!(error(&["--model-url", "ftp://model"]).contains("--model-url"));
    }

    #[test]
    fn a_key_is_never_printed() {
        let right = config(&["--api-key", "sk-secret"]).unwrap();
        assert!(!format!("{right:?}").contains("secret"));
        let header = right.bearer().unwrap().unwrap();
        assert_eq!(header, "Bearer sk-secret");
        assert!(!format!("{header:?}").contains("secret"));
        let wrong = config(&["--api-key", "sk-secret\n"]).unwrap();
        assert!(!wrong.bearer().unwrap_err().contains("secret"));
    }

    #[test]
    fn a_key_is_made_up_only_where_both_ends_are_ours() {
        let key = |arguments: &[&str]| config(arguments).unwrap().bearer().unwrap();
        assert_ne!(key(&[]), None);
        assert_ne!(key(&[]), key(&["--api-key", ""]));
        assert_eq!(key(&["--role", "front"]), None);
        assert_eq!(key(&["--role", "model", "--api-key", ""]), None);
    }
}
