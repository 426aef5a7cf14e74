//! The application: what is composed of what.

use std::error::Error;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::serve::ListenerExt as _;
use socket2::SockRef;
use sse_hub::Hub;
use sse_store::{EventStore, Retention, SeaOrmStore};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio::time::{Instant, interval, timeout_at};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::api::Api;
use crate::config::{Config, TokenKey};
use crate::page;
use crate::task::Places;
use crate::ticket::Tickets;
use crate::token::Tokens;

/// An error with its reason on one line.
pub type BoxError = Box<dyn Error + Send + Sync>;

/// How long what was sent may stay unacknowledged: a client whose cable was pulled holds its stream no longer.
const USER_TIMEOUT: Duration = Duration::from_secs(30);

/// How often what is old is deleted.
const SWEEP: Duration = Duration::from_secs(60);

/// How long the end is spread for each connection: a thousand come back in a second.
const DRAIN: Duration = Duration::from_millis(1);

/// The application, running.
#[derive(Debug)]
pub struct App {
    /// Where a client on this machine reaches it.
    pub address: SocketAddr,
    /// Who is connected.
    pub hub: Hub,
    store: Arc<SeaOrmStore>,
    tickets: Tickets,
    tasks: TaskTracker,
    stopping: CancellationToken,
    /// Ends the server when it is cancelled.
    shutdown: CancellationToken,
    grace: Duration,
    server: JoinSet<()>,
    sweepers: JoinSet<()>,
}

impl App {
    /// Starts it.
    ///
    /// # Errors
    ///
    /// The port is taken, or the database cannot be opened or written to.
    pub async fn start(config: &Config) -> Result<Self, BoxError> {
        let at = SocketAddr::new(config.host, config.port);
        let listener = TcpListener::bind(at).await;
        let listener = listener.map_err(|error| format!("cannot listen at {at}: {error}"))?;
        let address = reachable(listener.local_addr()?);
        let key = key(config)?;

        let store = Arc::new(SeaOrmStore::connect(&config.database_url).await?);
        let retention = Retention::new().max_age(config.keep()).every(SWEEP);
        // Which also shows that the database can be written to.
        let deleted = retention.apply(&*store).await?;
        tracing::info!(deleted, days = config.keep_days, "notifications that were too old deleted");
        let tickets = Tickets::open(&config.database_url, config.ticket_lifetime()).await?;

        let api = Api {
            hub: Hub::new(store.clone()),
            tokens: Arc::new(Tokens::new(&key, config.token_lifetime())),
            tickets: tickets.clone(),
            password: config.password.as_str().into(),
            step: config.step(),
            tasks: TaskTracker::new(),
            places: Arc::new(Places::default()),
            stopping: CancellationToken::new(),
        };
        let mut sweepers = JoinSet::new();
        sweepers.spawn(retention.run(store.clone() as Arc<dyn EventStore>));
        sweepers.spawn(sweep(tickets.clone()));

        let (hub, tasks, stopping) = (api.hub.clone(), api.tasks.clone(), api.stopping.clone());
        let shutdown = CancellationToken::new();
        let mut server = JoinSet::new();
        let router = page::router().merge(api.router());
        server.spawn(serve(listener, router, shutdown.clone()));
        let grace = config.grace();
        Ok(Self {
            address,
            hub,
            store,
            tickets,
            tasks,
            stopping,
            shutdown,
            grace,
            server,
            sweepers,
        })
    }

    /// Stops the tasks, ends the streams and the server, all of it within the grace, and closes the database.
    pub async fn stop(mut self) {
        self.end().await;
        self.sweepers.shutdown().await;
        self.store.close().await;
        if let Err(error) = self.tickets.close().await {
            tracing::warn!(%error, "the database of the tickets was not closed well");
        }
    }

    /// All of a stop that has to wait for others.
    async fn end(&mut self) {
        let deadline = Instant::now() + self.grace;
        self.stopping.cancel();
        self.tasks.close();
        if timeout_at(deadline, self.tasks.wait()).await.is_err() {
            tracing::warn!(tasks = self.tasks.len(), "left after the grace");
        }
        let over = DRAIN.saturating_mul(self.hub.connection_count().try_into().unwrap_or(u32::MAX));
        if timeout_at(deadline, self.hub.drain(over)).await.is_err() {
            tracing::warn!(streams = self.hub.connection_count(), "not ended within the grace");
        }
        self.shutdown.cancel();
        match timeout_at(deadline, self.server.join_next()).await {
            Ok(Some(Err(error))) => tracing::error!(%error, "the server ended badly"),
            Ok(_) => {}
            Err(_) => {
                tracing::warn!("connections are cut after the grace");
                self.server.shutdown().await;
            }
        }
    }
}

/// What the tokens are signed with.
fn key(config: &Config) -> Result<TokenKey, BoxError> {
    if config.password == Config::PASSWORD && !config.host.is_loopback() {
        tracing::warn!("everyone who reaches this port can log in: DEMO_PASSWORD is not set");
    }
    match &config.token_key {
        Some(key) => Ok(key.clone()),
        None => {
            tracing::info!(
                "TOKEN_KEY is not set: logins end with this process, and another instance takes none of them"
            );
            Ok(TokenKey::random()?)
        }
    }
}

/// Deletes the tickets that nobody used, now and then.
async fn sweep(tickets: Tickets) {
    let mut interval = interval(SWEEP);
    loop {
        interval.tick().await;
        match tickets.sweep().await {
            Ok(0) => {}
            Ok(deleted) => tracing::debug!(deleted, "unused tickets deleted"),
            Err(error) => tracing::warn!(%error, "unused tickets could not be deleted"),
        }
    }
}

/// Serves until the token is cancelled, and then as long as clients keep it: its caller has to bound that.
async fn serve(listener: TcpListener, router: Router, shutdown: CancellationToken) {
    let listener = listener.tap_io(|stream| {
        // An event does not wait for a full segment. A connection that has just been closed takes no options.
        let _ = stream.set_nodelay(true);
        #[cfg(any(target_os = "android", target_os = "fuchsia", target_os = "linux"))]
        let _ = SockRef::from(&*stream).set_tcp_user_timeout(Some(USER_TIMEOUT));
    });
    let server = axum::serve(listener, router).with_graceful_shutdown(shutdown.cancelled_owned());
    if let Err(error) = server.await {
        tracing::error!(%error, "the server ended");
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

#[cfg(test)]
mod tests {
    use clap::Parser as _;
    use tempfile::TempDir;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpStream;

    use super::*;

    /// The beginning of what a health check is answered.
    async fn health(address: SocketAddr) -> String {
        let mut client = TcpStream::connect(address).await.unwrap();
        let request = b"GET /api/health HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
        client.write_all(request).await.unwrap();
        let mut answer = String::new();
        client.read_to_string(&mut answer).await.unwrap();
        answer[.."HTTP/1.1 200".len()].to_owned()
    }

    #[tokio::test]
    async fn browsers_are_to_be_sent_elsewhere_once_it_drains() {
        let directory = TempDir::new().unwrap();
        let database = format!("sqlite:{}", directory.path().join("notifications.db").display());
        let arguments = ["notifications", "--port=0", "--database-url", &database];
        let app = App::start(&Config::parse_from(arguments)).await.unwrap();
        // Whoever is subscribed has waited until the log is followed.
        drop(app.hub.subscribe(["everyone"]).await.unwrap());
        assert_eq!(health(app.address).await, "HTTP/1.1 200");
        app.hub.drain(Duration::ZERO).await;
        assert_eq!(health(app.address).await, "HTTP/1.1 503");
        app.stop().await;
    }

    #[tokio::test]
    async fn a_stop_takes_its_grace_once_whatever_holds_it() {
        const GRACE: Duration = Duration::from_secs(1);
        let directory = TempDir::new().unwrap();
        let database = format!("sqlite:{}", directory.path().join("notifications.db").display());
        let arguments = ["notifications", "--port=0", "--grace=1", "--database-url", &database];
        let mut app = App::start(&Config::parse_from(arguments)).await.unwrap();
        // So many streams that their end is spread over all of it, and a request whose body does not come.
        let mut streams = Vec::new();
        while DRAIN * app.hub.connection_count() as u32 <= GRACE {
            streams.push(app.hub.subscribe(["everyone"]).await.unwrap());
        }
        let mut client = TcpStream::connect(app.address).await.unwrap();
        let request = "POST /api/login HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n\
            content-length: 9\r\nexpect: 100-continue\r\n\r\n";
        client.write_all(request.as_bytes()).await.unwrap();
        let mut answer = [0; 12];
        client.read_exact(&mut answer).await.unwrap();
        assert_eq!(&answer, b"HTTP/1.1 100", "it is being handled");

        tokio::time::pause();
        let began = Instant::now();
        app.end().await;
        let took = began.elapsed();
        assert!((GRACE..GRACE * 3 / 2).contains(&took), "{took:?}");
    }
}
