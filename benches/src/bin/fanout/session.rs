//! One turn of a contender: its server as a process, its clients here, and what is measured of both.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use benches::clients::Clients;
use benches::process::Process;

use crate::DEPTHS;
use crate::server::CPU;

/// How many clients a server has had before its memory is looked at.
const WARMING: usize = 64;
/// How long the CPU time is measured at a time.
const WINDOW: Duration = Duration::from_millis(50);
/// How often something is published before it is measured.
const UNMEASURED: usize = 4;

/// What a turn comes to; of several, the least of each.
#[derive(Debug, Clone)]
pub(crate) struct Figures {
    /// Resident bytes per connection that has had one event.
    pub(crate) idle: f64,
    /// One for each of [`DEPTHS`].
    pub(crate) deliveries: [Delivery; DEPTHS.len()],
}

/// What one event costs on its way to one client.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Delivery {
    /// Nanoseconds of the server's CPU time.
    pub(crate) cpu: f64,
    /// Nanoseconds from publishing to reading, of half of them and of all but a hundredth.
    pub(crate) median: u64,
    pub(crate) late: u64,
}

impl Figures {
    pub(crate) const WORST: Self = Self {
        idle: f64::INFINITY,
        deliveries: [Delivery { cpu: f64::INFINITY, median: u64::MAX, late: u64::MAX }; 2],
    };

    pub(crate) fn improve(&mut self, other: &Self) {
        self.idle = self.idle.min(other.idle);
        for (mine, other) in self.deliveries.iter_mut().zip(&other.deliveries) {
            mine.cpu = mine.cpu.min(other.cpu);
            mine.median = mine.median.min(other.median);
            mine.late = mine.late.min(other.late);
        }
    }
}

pub(crate) struct Session {
    server: Process,
    orders: TcpStream,
    clients: Clients,
    /// How many events each client has had.
    events: usize,
    idle: f64,
}

impl Session {
    /// Starts the contender's server, and gives it so many clients that have had one event.
    pub(crate) fn start(contender: &str, count: usize) -> Self {
        let (server, clients, orders) = serve(contender);
        let orders = TcpStream::connect(orders).expect("the server");
        orders.set_nodelay(true).expect("TCP_NODELAY");

        let warming = Clients::connect(clients, WARMING);
        let mut session = Self { server, orders, clients: warming, events: 0, idle: 0.0 };
        session.deliver(1, |_| {});
        let before = session.server.resident();
        session.clients = Clients::connect(clients, count);
        session.events = 0;
        session.deliver(1, |_| {});
        session.idle = (session.server.resident() - before) / count as f64;
        session
    }

    pub(crate) fn idle(&self) -> f64 {
        self.idle
    }

    /// Publishes so many events at a time, for so long. The CPU time is the median of short windows:
    /// what else the machine does for a moment is not in it.
    pub(crate) fn publish(&mut self, depth: u8, time: Duration) -> Delivery {
        for _ in 0..UNMEASURED {
            self.deliver(depth, |_| {});
        }
        let (mut ages, mut windows) = (Vec::new(), Vec::new());
        let start = Instant::now();
        while start.elapsed() < time {
            let (window, from, before) = (Instant::now(), ages.len(), self.cpu());
            while window.elapsed() < WINDOW {
                self.deliver(depth, |age| ages.push(age));
            }
            windows.push((self.cpu() - before) as f64 / (ages.len() - from) as f64);
        }
        windows.sort_unstable_by(f64::total_cmp);
        ages.sort_unstable();
        let at = |share: f64| ages[(ages.len() as f64 * share) as usize];
        Delivery { cpu: windows[windows.len() / 2], median: at(0.5), late: at(0.99) }
    }

    /// Publishes so many events, and waits until every client has had them.
    fn deliver(&mut self, depth: u8, aged: impl FnMut(u64)) {
        self.orders.write_all(&[depth]).expect("the server");
        self.events += usize::from(depth);
        self.clients.await_events(self.events, aged);
    }

    /// Nanoseconds of CPU time that the server has used.
    fn cpu(&mut self) -> u64 {
        self.orders.write_all(&[CPU]).expect("the server");
        let mut time = [0; 8];
        self.orders.read_exact(&mut time).expect("an answer");
        u64::from_be_bytes(time)
    }
}

/// The contender's process, where its clients connect, and where its orders are given.
fn serve(contender: &str) -> (Process, SocketAddr, SocketAddr) {
    let mut server = Process::start(&["--serve", contender]);
    let addresses = server.line();
    let (clients, orders) = addresses.split_once(' ').expect("two addresses");
    let address = |text: &str| text.parse().expect("an address");
    (server, address(clients), address(orders))
}
