//! The application: what is composed of what.

use std::error::Error;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use axum::Router;
use sse_proxy::Upstream;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::config::{Config, Role};
use crate::front;
use crate::model::{Model, Tally};
use crate::pace::Pace;
use crate::serve::serve;

/// An error with its reason on one line.
pub type BoxError = Box<dyn Error + Send + Sync>;

/// How long a model may think before it answers with headers.
const THINKING: Duration = Duration::from_secs(120);

/// The application, running.
#[derive(Debug)]
pub struct App {
    /// Where a client on this machine reaches the model, where this process has it.
    pub model: Option<SocketAddr>,
    /// Where a client on this machine reaches the front, where this process has it.
    pub front: Option<SocketAddr>,
    /// What the model has counted.
    pub tally: Tally,
    servers: JoinSet<()>,
    shutdown: CancellationToken,
    grace: Duration,
}

impl App {
    /// Starts what the role asks for.
    ///
    /// # Errors
    ///
    /// A port is taken, the key cannot be one, or the model's URL is wrong.
    pub async fn start(config: &Config, pace: Pace) -> Result<Self, BoxError> {
        let mut app = Self {
            model: None,
            front: None,
            tally: Tally::default(),
            servers: JoinSet::new(),
            shutdown: CancellationToken::new(),
            grace: config.grace(),
        };
        let key = config.bearer()?;
        // Every port first: one that is taken should be told before anything is served.
        let (model_port, front_port) = match config.role {
            Role::Both => (Some(config.model_port), Some(config.port())),
            Role::Model => (Some(config.port()), None),
            Role::Front => (None, Some(config.port())),
        };
        let model_listener = listen(config.host, model_port).await?;
        let front_listener = listen(config.host, front_port).await?;

        let mut model_url = config.model_url.clone();
        if let Some(listener) = model_listener {
            let address = reachable(listener.local_addr()?);
            model_url = format!("http://{address}");
            app.model = Some(address);
            let model = Model {
                key: key.clone(),
                pace,
                tally: app.tally.clone(),
                shutdown: app.shutdown.clone(),
            };
            app.spawn(listener, model.router());
        }
        if let Some(listener) = front_listener {
            app.front = Some(reachable(listener.local_addr()?));
            let model = Upstream::builder(&model_url)
                .header_timeout(THINKING)
                .shutdown(app.shutdown.clone().cancelled_owned())
                .build()?;
            app.spawn(listener, front::router(&model, key));
        }
        Ok(app)
    }

    fn spawn(&mut self, listener: TcpListener, router: Router) {
        let serving = serve(listener, router, self.shutdown.clone(), self.grace);
        self.servers.spawn(async {
            if let Err(error) = serving.await {
                tracing::error!(%error, "a server ended badly");
            }
        });
    }

    /// Ends the streams and the servers, within the grace.
    pub async fn stop(mut self) {
        self.shutdown.cancel();
        while let Some(ended) = self.servers.join_next().await {
            if let Err(error) = ended {
                tracing::error!(%error, "a server ended badly");
            }
        }
    }
}

async fn listen(host: IpAddr, port: Option<u16>) -> Result<Option<TcpListener>, BoxError> {
    let Some(port) = port else { return Ok(None) };
    let address = SocketAddr::new(host, port);
    match TcpListener::bind(address).await {
        Ok(listener) => Ok(Some(listener)),
        Err(error) => Err(format!("cannot listen at {address}: {error}").into()),
    }
}

/// Where a client on this machine reaches what listens at `address`.
fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}
