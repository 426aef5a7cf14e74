//! A process that has some of the clients.

use std::io::stdin;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use benches::clients::{Clients, Visit, WAVE};
use clap::Args;
use sse_store::Position;

/// How long it waits at a time for something to arrive.
const WAIT: Duration = Duration::from_secs(1);

/// Who they are. On standard input it is told to connect, and then how many events each is to have had: `n`, or `n aged`
/// for an answer with the time from publishing to reading of each event that came meanwhile, in microseconds.
#[derive(Args)]
pub(crate) struct Visitors {
    /// Where they connect.
    #[arg(long)]
    to: SocketAddr,
    /// Their own address.
    #[arg(long)]
    from: Ipv4Addr,
    /// The number of the first.
    #[arg(long)]
    first: usize,
    #[arg(long)]
    count: usize,
    /// Whether each asks for a topic of its own.
    #[arg(long)]
    own_topics: bool,
    /// Of so many one does not read.
    #[arg(long)]
    mute: Option<usize>,
    /// They come back, all at once: the epoch and sequence where they left off, and how many events each has had more than
    /// the one before.
    #[arg(long, value_delimiter = ',')]
    resume: Vec<u64>,
}

impl Visitors {
    /// Connects when it is told to, and does as it is told then.
    pub(crate) fn run(&self) {
        let mut lines = stdin().lines().map(|line| line.expect("its input"));
        let mut clients = Clients::new(WAIT);
        lines.next().expect("when to begin");
        let wave = if self.resume.is_empty() { WAVE } else { self.count };
        let visits = (self.first..self.first + self.count).map(|number| self.visit(number));
        clients.visit(self.to, visits.collect(), wave);
        println!("connected");
        for line in lines {
            let (events, is_aged) = match line.strip_suffix(" aged") {
                Some(events) => (events, true),
                None => (line.as_str(), false),
            };
            let mut ages = Vec::new();
            clients.await_events(events.parse().expect("a number"), |age| {
                ages.extend(is_aged.then(|| (age / 1_000).to_string()));
            });
            println!("{}", ages.join(" "));
        }
    }

    fn visit(&self, number: usize) -> Visit {
        let topic = if self.own_topics { number } else { 0 };
        let (last_event_id, had) = match &self.resume[..] {
            [epoch, sequence, step] => {
                let had = step * number as u64;
                (Some(Position::new(*epoch, sequence + had).to_string()), had as usize)
            }
            _ => (None, 0),
        };
        let reads = !self.mute.is_some_and(|of| number.is_multiple_of(of));
        Visit { from: self.from, path: format!("/{topic}"), last_event_id, had, reads }
    }
}
