use std::net::SocketAddr;
use std::sync::Arc;

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

/// A wire to a server, which can be cut: bytes go through both ways as they come.
///
/// ```
/// use testkit::{Answer, Conn, Relay, Scripted};
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// let server = Scripted::start([Answer::stream().chunk("data: one\n\n")]).await;
/// let relay = Relay::to(server.addr()).await;
/// let mut client = Conn::get(relay.addr(), "/").await;
/// client.until("one\n\n").await;
/// relay.cut();
/// client.rest().await;
/// server.gone(0).await;
/// # }
/// ```
#[derive(Debug)]
pub struct Relay {
    addr: SocketAddr,
    cuts: Arc<watch::Sender<usize>>,
    task: JoinHandle<()>,
}

impl Relay {
    /// Listens on a free port of this machine for connections to that server.
    pub async fn to(server: SocketAddr) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
        let addr = listener.local_addr().expect("a bound socket has an address");
        let cuts = Arc::new(watch::Sender::new(0));
        let task = tokio::spawn(serve(listener, server, cuts.clone()));
        Self { addr, cuts, task }
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Cuts all connections that there are. Those that come later go through.
    pub fn cut(&self) {
        self.cuts.send_modify(|cuts| *cuts += 1);
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(listener: TcpListener, server: SocketAddr, cuts: Arc<watch::Sender<usize>>) {
    let mut connections = JoinSet::new();
    while let Ok((mut client, _)) = listener.accept().await {
        let mut cut = cuts.subscribe();
        connections.spawn(async move {
            let pass = async {
                let mut server = TcpStream::connect(server).await?;
                client.set_nodelay(true)?;
                server.set_nodelay(true)?;
                copy_bidirectional(&mut client, &mut server).await
            };
            tokio::select! {
                // However it ends, so do both of its halves.
                _ = pass => {}
                _ = cut.changed() => {}
            }
        });
    }
}
