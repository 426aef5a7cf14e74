//! What the application is told, read once and checked.

use std::net::IpAddr;
use std::time::Duration;

use axum::http::{HeaderValue, Uri};
use clap::{Parser, ValueEnum};
use sse_proxy::Upstream;

/// The documented flow of Server-Sent Events: a page, a front that forwards, and a backend that
/// stores and streams.
#[derive(Debug, Clone, Parser)]
#[command(name = "flow", version)]
pub struct Config {
    /// What to run: both in one process, or one of the two.
    #[arg(long, value_enum, default_value_t = Role::Both)]
    pub role: Role,

    /// What serves it; a page sees no difference. Axum takes HTTP/2 without TLS too, from a proxy that speaks it; Actix, as it
    /// is set up here, HTTP/1.1 alone.
    #[arg(long, value_enum, default_value_t = Framework::Axum)]
    pub framework: Framework,

    /// The address to listen at.
    #[arg(long, default_value = "127.0.0.1")]
    pub host: IpAddr,

    /// The port of what runs: 3000 for a front, 3100 for a backend alone; 0 for any free one.
    #[arg(long, env = "PORT")]
    pub port: Option<u16>,

    /// The port of the backend beside a front in one process.
    #[arg(long, env = "BACKEND_PORT", default_value_t = 3100)]
    pub backend_port: u16,

    /// Where a front alone finds its backend.
    #[arg(long, env = "BACKEND_URL", default_value = "http://127.0.0.1:3100", value_parser = upstream_url)]
    pub backend_url: String,

    /// Where the events are stored.
    #[arg(long, env = "DATABASE_URL", default_value = "sqlite:flow.db", hide_env_values = true)]
    pub database_url: String,

    /// From which origins a browser may connect to the backend directly, with credentials;
    /// separated by commas.
    #[arg(long, env = "CORS_ORIGINS", default_value = "", value_parser = origins)]
    pub cors_origins: Origins,

    /// Days after which stored events are deleted, when the backend starts.
    #[arg(long, default_value_t = 7)]
    pub keep_days: u64,

    /// How many messages a run has.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(..=10_000))]
    pub count: u32,

    /// Milliseconds between two messages.
    #[arg(long, default_value_t = 1000)]
    pub interval_ms: u64,

    /// How many runs are made at a time at the most: who would begin one more is told to come back.
    #[arg(long, default_value_t = 10_000)]
    pub max_runs: usize,

    /// Seconds that open connections are given at the end.
    #[arg(long, default_value_t = 5)]
    pub grace: u64,
}

/// Origins of pages.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Origins(pub Vec<HeaderValue>);

/// What to run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Role {
    /// Front and backend in one process.
    Both,
    /// The backend alone.
    Backend,
    /// The front alone.
    Front,
}

/// What serves the application.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Framework {
    /// Axum.
    Axum,
    /// Actix.
    Actix,
}

impl Config {
    /// The port of the front, or of a backend alone.
    pub fn port(&self) -> u16 {
        self.port.unwrap_or(match self.role {
            Role::Both | Role::Front => 3000,
            Role::Backend => 3100,
        })
    }

    /// The time between two messages.
    pub fn interval(&self) -> Duration {
        Duration::from_millis(self.interval_ms)
    }

    /// How long stored events are kept.
    pub fn keep(&self) -> Duration {
        Duration::from_secs(self.keep_days.saturating_mul(24 * 60 * 60))
    }

    /// What open connections are given at the end.
    pub fn grace(&self) -> Duration {
        Duration::from_secs(self.grace)
    }
}

/// A URL that the proxy takes for its upstream.
fn upstream_url(text: &str) -> Result<String, String> {
    match Upstream::builder(text).build() {
        Ok(_) => Ok(text.into()),
        Err(error) => Err(error.to_string()),
    }
}

/// A list of origins; an empty text is an empty list, as an unset variable is.
fn origins(text: &str) -> Result<Origins, String> {
    let listed = text.split(',').map(str::trim).filter(|text| !text.is_empty());
    listed
        .map(|text| origin(text).map_err(|reason| format!("{text}: {reason}")))
        .collect::<Result<_, _>>()
        .map(Origins)
}

/// An origin as a browser sends it: a scheme, a host and perhaps a port, and nothing after.
fn origin(text: &str) -> Result<HeaderValue, String> {
    let uri: Uri = text.parse().map_err(|error| format!("{error}"))?;
    let authority = uri.authority().ok_or("it has no host")?;
    match uri.scheme_str() {
        Some(scheme @ ("http" | "https")) if text == format!("{scheme}://{authority}") => {
            HeaderValue::from_str(text).map_err(|error| error.to_string())
        }
        Some("http" | "https") => {
            Err("an origin is a scheme, a host and perhaps a port, nothing more".into())
        }
        _ => Err("it does not begin with http:// or https://".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_has_no_path_and_no_wildcard_scheme() {
        assert!(origin("http://localhost:3000").is_ok());
        let listed = origins("http://localhost:3000, https://example.org,").unwrap();
        assert_eq!(listed.0, ["http://localhost:3000", "https://example.org"]);
        assert_eq!(origins(" "), Ok(Origins::default()));
        for wrong in ["", "*", "localhost:3000", "http://a/", "http://a/b", "ftp://a", "null"] {
            assert!(origin(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_port_follows_the_role() {
        let port = |arguments: &[&str]| {
            Config::try_parse_from(["flow"].iter().chain(arguments)).unwrap().port()
        };
        assert_eq!(port(&[]), 3000);
        assert_eq!(port(&["--role", "front"]), 3000);
        assert_eq!(port(&["--role", "backend"]), 3100);
        assert_eq!(port(&["--role", "backend", "--port", "4"]), 4);
    }

    #[test]
    fn a_wrong_setting_is_named() {
        let error = |arguments: &[&str]| {
            Config::try_parse_from(["flow"].iter().chain(arguments)).unwrap_err().to_string()
        };
        assert!(error(&["--port", "x"]).contains("--port"));
        assert!(error(&["--backend-url", "ftp://backend"]).contains("--backend-url"));
        assert!(error(&["--backend-url", "http://user:word@backend"]).contains("--backend-url"));
        assert!(error(&["--cors-origins", "http://a,*"]).contains("--cors-origins"));
        assert!(error(&["--count", "99999999"]).contains("--count"));
    }
}
