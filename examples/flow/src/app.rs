//! The application: what is composed of what.

use std::error::Error;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use sse_hub::Hub;
use sse_proxy::Upstream;
use sse_store::{EventStore as _, SeaOrmStore};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::actix;
use crate::backend::{Backend, OpenStreams, RETRY};
use crate::config::{Config, Framework, Role};
use crate::front;
use crate::pace::Pace;
use crate::runs::Runs;
use crate::serve::{OpenConnections, Serving, serve};

/// An error with its reason on one line.
pub type BoxError = Box<dyn Error + Send + Sync>;

/// The application, running.
#[derive(Debug)]
pub struct App {
    /// The backend, where this process has it.
    pub backend: Option<Part>,
    /// The front, where this process has it.
    pub front: Option<Part>,
    /// The backend's open streams.
    pub streams: OpenStreams,
    /// The runs that the backend makes, where this process has it.
    pub runs: Option<Runs>,
    store: Option<Arc<SeaOrmStore>>,
    servers: JoinSet<()>,
    shutdown: CancellationToken,
}

/// A part that listens.
#[derive(Debug)]
pub struct Part {
    /// Where a client on this machine reaches it.
    pub address: SocketAddr,
    /// Its open connections.
    pub connections: OpenConnections,
}

impl App {
    /// Starts what the role asks for.
    ///
    /// # Errors
    ///
    /// The database cannot be opened, a port is taken, or the backend's URL is wrong.
    pub async fn start(config: &Config, pace: Pace) -> Result<Self, BoxError> {
        let mut app = Self {
            backend: None,
            front: None,
            streams: OpenStreams::default(),
            runs: None,
            store: None,
            servers: JoinSet::new(),
            shutdown: CancellationToken::new(),
        };
        // Every port first: one that is taken should be told before anything is done.
        let (backend_port, front_port) = match config.role {
            Role::Both => (Some(config.backend_port), Some(config.port())),
            Role::Backend => (Some(config.port()), None),
            Role::Front => (None, Some(config.port())),
        };
        let backend_listener = listen(config.host, backend_port).await?;
        let front_listener = listen(config.host, front_port).await?;

        let mut backend_url = config.backend_url.clone();
        if let Some(listener) = backend_listener {
            let store = Arc::new(open_store(config).await?);
            let hub = Hub::builder(store.clone()).retry(RETRY).build();
            let (max, count) = (config.max_runs, config.count);
            let runs = Runs::new(hub.clone(), max, count, pace, app.shutdown.clone());
            let backend = Backend {
                hub,
                runs: runs.clone(),
                cors_origins: config.cors_origins.0.clone(),
                shutdown: app.shutdown.clone(),
                streams: app.streams.clone(),
            };
            let part = app.part(&listener)?;
            let serving = app.serving(&part, config);
            match config.framework {
                Framework::Axum => app.servers.spawn(serve(listener, backend.router(), serving)),
                Framework::Actix => {
                    let routes = move |routes: &mut _| backend.actix(routes);
                    app.servers.spawn(actix::serve(listener, routes, serving)?)
                }
            };
            backend_url = format!("http://{}", part.address);
            app.backend = Some(part);
            app.runs = Some(runs);
            app.store = Some(store);
        }
        if let Some(listener) = front_listener {
            let upstream = Upstream::builder(&backend_url)
                // A browser comes back by itself also where the backend cannot be reached.
                .in_stream_refusals(RETRY..=2 * RETRY)
                .shutdown(app.shutdown.clone().cancelled_owned())
                .build()?;
            let part = app.part(&listener)?;
            let serving = app.serving(&part, config);
            match config.framework {
                Framework::Axum => {
                    app.servers.spawn(serve(listener, front::router(&upstream), serving))
                }
                Framework::Actix => {
                    let routes = move |routes: &mut _| actix::front(&upstream, routes);
                    app.servers.spawn(actix::serve(listener, routes, serving)?)
                }
            };
            app.front = Some(part);
        }
        Ok(app)
    }

    fn part(&self, listener: &TcpListener) -> Result<Part, BoxError> {
        let address = reachable(listener.local_addr()?);
        Ok(Part { address, connections: OpenConnections::default() })
    }

    fn serving(&self, part: &Part, config: &Config) -> Serving {
        Serving {
            connections: part.connections.clone(),
            shutdown: self.shutdown.clone(),
            grace: config.grace(),
        }
    }

    /// Ends the streams and the servers, within the grace, and the runs, and closes the store.
    pub async fn stop(mut self) {
        self.shutdown.cancel();
        while let Some(ended) = self.servers.join_next().await {
            if let Err(error) = ended {
                tracing::error!(%error, "a server ended badly");
            }
        }
        if let Some(runs) = self.runs {
            runs.ended().await;
        }
        if let Some(store) = self.store {
            store.close().await;
        }
    }
}

/// Opens the store and deletes what is too old, which also shows that it can be written to.
async fn open_store(config: &Config) -> Result<SeaOrmStore, BoxError> {
    let store = SeaOrmStore::connect(&config.database_url).await?;
    let oldest = SystemTime::now().checked_sub(config.keep()).unwrap_or(UNIX_EPOCH);
    let deleted = store.purge(oldest).await?;
    tracing::info!(deleted, days = config.keep_days, "events that were too old deleted");
    Ok(store)
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
