//! Very many clients on one thread, as cheap as they can be: they count marks and decode nothing.

use std::fmt;
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use rustix::buffer::spare_capacity;
use rustix::event::{Timespec, epoll};
use socket2::{Domain, Socket, Type};

use crate::clock::now;
use crate::stamp::Scanner;

/// How many connect before their responses are awaited: fewer than a listener holds.
pub const WAVE: usize = 100;
/// How long nothing may arrive.
const PATIENCE: Duration = Duration::from_secs(20);
/// How many bytes the kernel takes in for a client that does not read; it makes that twice as many.
const UNREAD: usize = 4 * 1024;

/// All clients of a process, on one thread.
pub struct Clients {
    epoll: OwnedFd,
    clients: Vec<Client>,
    ready: Vec<epoll::Event>,
    buffer: Vec<u8>,
    wait: Timespec,
}

/// One who is to connect.
#[derive(Debug, Clone)]
pub struct Visit {
    /// The address of its own.
    pub from: Ipv4Addr,
    /// What it asks for.
    pub path: String,
    /// The id of the last event that it saw.
    pub last_event_id: Option<String>,
    /// How many events it has had before.
    pub had: usize,
    /// Whether it reads more than the beginning of its response.
    pub reads: bool,
}

impl Default for Visit {
    fn default() -> Self {
        let path = "/".into();
        Self { from: Ipv4Addr::LOCALHOST, path, last_event_id: None, had: 0, reads: true }
    }
}

struct Client {
    stream: TcpStream,
    scanner: Scanner,
    /// Whether its response has begun: from then on it misses nothing.
    begun: bool,
    reads: bool,
    events: usize,
}

impl Clients {
    /// So many clients, each with a response that has begun. Between events they spin: what arrives is read at once.
    pub fn connect(address: SocketAddr, count: usize) -> Self {
        let mut all = Self::new(Duration::ZERO);
        all.visit(address, vec![Visit::default(); count], WAVE);
        all
    }

    /// None yet. They wait so long at a time for something to arrive.
    pub fn new(wait: Duration) -> Self {
        Self {
            epoll: epoll::create(epoll::CreateFlags::CLOEXEC).expect("an epoll"),
            clients: Vec::new(),
            ready: Vec::with_capacity(1024),
            buffer: vec![0; 64 * 1024],
            wait: wait.try_into().expect("a short time"),
        }
    }

    /// More clients, each with a response that has begun; so many ask at a time.
    pub fn visit(&mut self, address: SocketAddr, visits: Vec<Visit>, wave: usize) {
        for visits in visits.chunks(wave) {
            let from = self.clients.len();
            self.clients.extend(visits.iter().map(|visit| Client::connect(address, visit)));
            for (at, client) in self.clients.iter_mut().enumerate().skip(from) {
                let request = visits[at - from].request();
                client.stream.write_all(request.as_bytes()).expect("a request");
                client.stream.set_nonblocking(true).expect("non-blocking");
                let data = epoll::EventData::new_u64(at as u64);
                epoll::add(&self.epoll, &client.stream, data, epoll::EventFlags::IN)
                    .expect("watched");
            }
            let mut waiting = visits.len();
            while waiting > 0 {
                self.read(|_| {});
                waiting = self.clients[from..].iter().filter(|client| !client.begun).count();
            }
            // Watched no longer, what they have is not read.
            for client in self.clients[from..].iter().filter(|client| !client.reads) {
                epoll::delete(&self.epoll, &client.stream).expect("it was watched");
            }
        }
    }

    /// Reads until every client that reads has had so many events, and calls `aged` with how many nanoseconds each took
    /// that arrived.
    pub fn await_events(&mut self, events: usize, mut aged: impl FnMut(u64)) {
        let clients = self.clients.iter().filter(|client| client.reads);
        let mut missing: usize = clients.map(|client| events - client.events).sum();
        while missing > 0 {
            self.read(|age| {
                missing -= 1;
                aged(age);
            });
        }
        let mut clients = self.clients.iter().filter(|client| client.reads);
        assert!(clients.all(|client| client.events == events), "some had more");
    }

    /// Waits for something to arrive, and reads it.
    fn read(&mut self, mut aged: impl FnMut(u64)) {
        let start = Instant::now();
        while self.ready.is_empty() {
            assert!(start.elapsed() < PATIENCE, "nothing arrives");
            epoll::wait(&self.epoll, spare_capacity(&mut self.ready), Some(&self.wait))
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

impl fmt::Debug for Clients {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Clients").field("count", &self.clients.len()).finish_non_exhaustive()
    }
}

impl Client {
    fn connect(address: SocketAddr, visit: &Visit) -> Self {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
        if !visit.reads {
            socket.set_recv_buffer_size(UNREAD).expect("SO_RCVBUF");
        }
        let from = SocketAddr::new(IpAddr::V4(visit.from), 0);
        socket.bind(&from.into()).expect("an address of its own");
        socket.connect(&address.into()).expect("a connection");
        socket.set_tcp_nodelay(true).expect("TCP_NODELAY");
        let (stream, scanner) = (socket.into(), Scanner::default());
        Self { stream, scanner, begun: false, reads: visit.reads, events: visit.had }
    }
}

impl Visit {
    fn request(&self) -> String {
        let id = self.last_event_id.as_ref();
        let id = id.map_or(String::new(), |id| format!("last-event-id: {id}\r\n"));
        let path = &self.path;
        format!("GET {path} HTTP/1.1\r\nhost: localhost\r\naccept: text/event-stream\r\n{id}\r\n")
    }
}
