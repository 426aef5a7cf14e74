//! Very many who are connected.

use benches::process::Process;

use crate::fleet::Fleet;
use crate::kernel;
use crate::server::Kind;
use crate::{Options, server};

/// How many clients a server has had before its memory is looked at.
const WARMING: usize = 64;
/// How often something is published each of the two times after which memory is looked at again.
const TIMES: usize = 64;
/// How often something is published of which CPU time and latency are taken.
const MEASURED: usize = 20;
/// Of so many one does not read.
const MUTE: usize = 10;
/// The window of the hub, as it is by default.
const WINDOW: usize = 16 << 20;
const KIB: f64 = 1024.0;
const MIB: f64 = KIB * KIB;

/// A line of the table.
struct Row {
    name: &'static str,
    kind: Kind,
    /// Whether each has a topic of its own.
    own_topics: bool,
    mute: bool,
}

const ROWS: [Row; 4] = [
    Row { name: "a channel, no hub", kind: Kind::Channel, own_topics: false, mute: false },
    Row { name: "hub, one topic", kind: Kind::Memory, own_topics: false, mute: false },
    Row { name: "hub, one topic, a tenth mute", kind: Kind::Memory, own_topics: false, mute: true },
    Row { name: "hub, a topic each", kind: Kind::Memory, own_topics: true, mute: false },
];

pub(crate) fn table(options: &Options) -> String {
    let mut table = format!(
        "| {} clients | CPU µs of a delivery | p50 ms | p99 ms | max ms | server: KiB each, idle | \
         MiB more after {} events | after as many more | kernel: KiB of an end | MiB of buffers, idle | \
         after the events | after as many more |\n|---|---|---|---|---|---|---|---|---|---|---|---|",
        options.clients,
        TIMES * 16
    );
    for row in &ROWS {
        table.push_str(&Scene::start(row, options.clients).measure());
    }
    table
}

struct Scene<'a> {
    row: &'a Row,
    count: usize,
    server: Process,
    fleet: Fleet,
    /// How many events each has had.
    events: usize,
    /// What the server and the kernel held before.
    before: Held,
}

/// What is held, in bytes.
#[derive(Clone, Copy)]
struct Held {
    server: f64,
    sockets: Option<f64>,
    buffers: f64,
}

impl Held {
    fn now(server: &Process) -> Self {
        let (sockets, buffers) = (kernel::sockets(), kernel::buffers());
        Self { server: server.resident(), sockets, buffers }
    }
}

impl<'a> Scene<'a> {
    fn start(row: &'a Row, count: usize) -> Self {
        let (server, address) = server::start(row.kind, WINDOW, ".".as_ref());
        let mut arguments = Vec::new();
        arguments.extend(row.own_topics.then_some("--own-topics"));
        let warming = Fleet::start(address, WARMING, &arguments);
        let mute = MUTE.to_string();
        arguments.extend(row.mute.then_some(["--mute", &mute]).into_iter().flatten());
        let fleet = Fleet::start(address, count, &arguments);
        let before = Held { server: 0.0, sockets: None, buffers: 0.0 };
        let mut scene = Self { row, count: WARMING, server, fleet: warming, events: 0, before };
        scene.fleet.connect();
        scene.deliver(1);
        scene.before = Held::now(&scene.server);
        (scene.fleet, scene.count, scene.events) = (fleet, count, 0);
        scene.fleet.connect();
        scene.deliver(1);
        scene
    }

    /// Publishes so many events for each, and waits until all who read have had them.
    fn deliver(&mut self, events: usize) {
        self.server.ask("forget");
        self.events += events;
        self.fleet.expect(self.events);
        self.publish(events);
        self.fleet.ages();
    }

    fn publish(&mut self, events: usize) {
        if self.row.own_topics {
            (0..events).for_each(|_| _ = self.server.ask(&format!("each {}", self.count)));
        } else {
            self.server.ask(&format!("publish {events}"));
        }
    }

    /// Publishes one event at a time: nanoseconds of CPU time of a delivery, the least of all times, and the times
    /// from publishing to reading, in order.
    fn measure_deliveries(&mut self) -> (f64, Vec<u64>) {
        let (mut least, mut all) = (f64::INFINITY, Vec::new());
        for _ in 0..MEASURED {
            self.server.ask("forget");
            let before = self.cpu();
            self.events += 1;
            self.fleet.expect_aged(self.events);
            self.publish(1);
            let ages = self.fleet.ages();
            least = least.min((self.cpu() - before) / ages.len() as f64);
            all.extend(ages);
        }
        all.sort_unstable();
        (least, all)
    }

    fn cpu(&mut self) -> f64 {
        self.server.ask("cpu").parse().expect("a number")
    }

    fn measure(mut self) -> String {
        let mut held = vec![Held::now(&self.server)];
        for _ in 0..2 {
            match self.row.own_topics {
                // Each of them is a publish for each client.
                true => (0..16).for_each(|_| self.deliver(1)),
                false => (0..TIMES).for_each(|_| self.deliver(16)),
            }
            held.push(Held::now(&self.server));
        }
        let (cpu, ages) = self.measure_deliveries();
        let age = |share: f64| ages[((ages.len() - 1) as f64 * share) as usize] as f64 / 1e3;
        let (before, idle) = (self.before, held[0]);
        let each = |bytes: f64| bytes / self.count as f64 / KIB;
        // Both ends of a connection are of this machine.
        let end = idle.sockets.zip(before.sockets).map(|(idle, before)| each(idle - before) / 2.0);
        let buffers = |held: Held| (held.buffers - before.buffers) / MIB;
        let grown = |at: usize| (held[at].server - held[at - 1].server) / MIB;
        format!(
            "\n| {} | {:.2} | {:.0} | {:.0} | {:.0} | {:.1} | {:.1} | {:.1} | {} | {:.1} | {:.1} | {:.1} |",
            self.row.name,
            cpu / 1e3,
            age(0.5),
            age(0.99),
            age(1.0),
            each(idle.server - before.server),
            grown(1),
            grown(2),
            end.map_or("–".into(), |end| format!("{end:.1}")),
            buffers(idle),
            buffers(held[1]),
            buffers(held[2]),
        )
    }
}
