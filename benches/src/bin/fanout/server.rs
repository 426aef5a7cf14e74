//! The server's side: what every contender is given, and how it is told to publish.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};

use benches::{clock, stamp};
use futures_util::stream::{self, Stream};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::broadcast::Receiver;

/// How many events a channel holds: more than are ever on their way.
pub(crate) const CAPACITY: usize = 256;

/// Asks how much CPU time the server has used; any other number, to publish so many events.
pub(crate) const CPU: u8 = 0;

/// Where the clients come to, and where the orders come from.
pub(crate) struct Server {
    pub(crate) clients: TcpListener,
    pub(crate) orders: TcpListener,
}

impl Server {
    pub(crate) fn bind() -> Self {
        let listener = || TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
        Self { clients: listener(), orders: listener() }
    }

    pub(crate) fn addresses(&self) -> [SocketAddr; 2] {
        [&self.clients, &self.orders].map(|it| it.local_addr().expect("an address"))
    }
}

/// Publishes what is ordered, by `publish`, which is given the data of the events.
pub(crate) async fn obey(orders: TcpListener, publish: impl AsyncFn(Vec<String>)) {
    let (mut orders, _) = tokio_listener(orders).accept().await.expect("the clients' process");
    while let Ok(order) = orders.read_u8().await {
        match order {
            CPU => {
                orders.write_u64(clock::cpu()).await.expect("it reads");
            }
            events => publish((0..events).map(|_| stamp::data(clock::now())).collect()).await,
        }
    }
}

pub(crate) fn tokio_listener(listener: TcpListener) -> tokio::net::TcpListener {
    listener.set_nonblocking(true).expect("non-blocking");
    tokio::net::TcpListener::from_std(listener).expect("a runtime")
}

/// What a subscriber of a channel receives.
pub(crate) fn received<T: Clone>(receiver: Receiver<T>) -> impl Stream<Item = T> {
    stream::unfold(receiver, |mut receiver| async {
        let it = receiver.recv().await.expect("the channel holds what is on its way");
        Some((it, receiver))
    })
}
