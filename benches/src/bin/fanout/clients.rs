//! Very many clients on one thread, as cheap as they can be: they count marks and decode nothing.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use benches::stamp::Scanner;
use rustix::buffer::spare_capacity;
use rustix::event::{Timespec, epoll};
use rustix::time::{ClockId, clock_gettime};

/// How many connect before their responses are awaited: fewer than a listener holds.
const WAVE: usize = 100;
/// How long nothing may arrive.
const PATIENCE: Duration = Duration::from_secs(20);
const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nhost: localhost\r\naccept: text/event-stream\r\n\r\n";

pub(crate) struct Clients {
    epoll: OwnedFd,
    clients: Vec<Client>,
    ready: Vec<epoll::Event>,
    buffer: Vec<u8>,
}

struct Client {
    stream: TcpStream,
    scanner: Scanner,
    /// Whether its response has begun: from then on it misses nothing.
    begun: bool,
    events: usize,
}

impl Clients {
    /// So many clients, each with a response that has begun.
    pub(crate) fn connect(address: SocketAddr, count: usize) -> Self {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC).expect("an epoll");
        let ready = Vec::with_capacity(1024);
        let mut all = Self { epoll, clients: Vec::new(), ready, buffer: vec![0; 64 * 1024] };
        while all.clients.len() < count {
            let from = all.clients.len();
            for at in from..count.min(from + WAVE) {
                let mut stream = TcpStream::connect(address).expect("a connection");
                stream.set_nodelay(true).expect("TCP_NODELAY");
                stream.write_all(REQUEST).expect("a request");
                stream.set_nonblocking(true).expect("non-blocking");
                let data = epoll::EventData::new_u64(at as u64);
                epoll::add(&all.epoll, &stream, data, epoll::EventFlags::IN).expect("watched");
                let scanner = Scanner::default();
                all.clients.push(Client { stream, scanner, begun: false, events: 0 });
            }
            all.read_until(|all| all.clients[from..].iter().all(|client| client.begun), |_| {});
        }
        all
    }

    /// Reads until every client has had so many events since it connected, and calls `aged` with how
    /// many nanoseconds each took that arrived.
    pub(crate) fn await_events(&mut self, events: usize, mut aged: impl FnMut(u64)) {
        let mut missing: usize = self.clients.iter().map(|client| events - client.events).sum();
        while missing > 0 {
            self.read(|age| {
                missing -= 1;
                aged(age);
            });
        }
        assert!(self.clients.iter().all(|client| client.events == events), "some had more");
    }

    fn read_until(&mut self, done: impl Fn(&Self) -> bool, mut aged: impl FnMut(u64)) {
        while !done(self) {
            self.read(&mut aged);
        }
    }

    /// Waits for something to arrive, and reads it.
    fn read(&mut self, mut aged: impl FnMut(u64)) {
        let start = Instant::now();
        while self.ready.is_empty() {
            assert!(start.elapsed() < PATIENCE, "nothing arrives");
            let at_once = Timespec { tv_sec: 0, tv_nsec: 0 };
            epoll::wait(&self.epoll, spare_capacity(&mut self.ready), Some(&at_once))
                .expect("epoll");
        }
        for ready in self.ready.drain(..) {
            let client = &mut self.clients[ready.data.u64() as usize];
            let len = match client.stream.read(&mut self.buffer) {
                Ok(0) => panic!("the server has ended a stream"),
                Ok(len) => len,
                Err(error) if error.kind() == ErrorKind::WouldBlock => continue,
                Err(error) => panic!("a stream has failed: {error}"),
            };
            client.begun = true;
            let now = now();
            client.scanner.feed(&self.buffer[..len], |time| {
                client.events += 1;
                aged(now - time);
            });
        }
    }
}

/// The clock that all processes of a machine share, in nanoseconds.
pub(crate) fn now() -> u64 {
    nanoseconds(ClockId::Monotonic)
}

pub(crate) fn nanoseconds(clock: ClockId) -> u64 {
    let time = clock_gettime(clock);
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}
