//! The log as a list.

use sse_store::Position;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Event,
    Completion,
    Clear,
}

#[derive(Debug, Clone)]
pub(crate) struct Record {
    pub(crate) topic: &'static str,
    pub(crate) kind: Kind,
    /// What the event says; different for each.
    pub(crate) data: usize,
    pub(crate) is_deleted: bool,
}

impl Record {
    pub(crate) fn is_completion(&self) -> bool {
        self.kind == Kind::Completion
    }
}

/// The logs that there were, the last of which there is.
#[derive(Debug)]
pub(crate) struct Logs {
    logs: Vec<(u64, Vec<Record>)>,
    count: usize,
}

/// A place in them: the number of the log, and a sequence in it.
pub(crate) type Place = (usize, u64);

impl Logs {
    pub(crate) fn new(epoch: u64) -> Self {
        Self { logs: vec![(epoch, Vec::new())], count: 0 }
    }

    pub(crate) fn exchange(&mut self, epoch: u64) {
        self.logs.push((epoch, Vec::new()));
    }

    /// The number of the log that there is.
    pub(crate) fn current(&self) -> usize {
        self.logs.len() - 1
    }

    pub(crate) fn head(&self) -> Position {
        let (epoch, log) = &self.logs[self.current()];
        Position::new(*epoch, log.len() as u64)
    }

    pub(crate) fn end(&self) -> Place {
        (self.current(), self.head().sequence())
    }

    /// Where a position is, if it is of a log that was.
    pub(crate) fn place(&self, position: Position) -> Option<Place> {
        let log = self.logs.iter().position(|(epoch, _)| *epoch == position.epoch());
        Some((log?, position.sequence()))
    }

    fn log(&mut self) -> &mut Vec<Record> {
        &mut self.logs.last_mut().unwrap().1
    }

    pub(crate) fn push(&mut self, topic: &'static str, kind: Kind) -> usize {
        self.count += 1;
        let data = self.count;
        self.log().push(Record { topic, kind, data, is_deleted: false });
        data
    }

    pub(crate) fn clear(&mut self, topic: &'static str) {
        // What a clear takes beside events is made up for by its own record.
        for record in self.log().iter_mut().filter(|record| record.topic == topic) {
            record.is_deleted |= record.kind == Kind::Event;
        }
        self.push(topic, Kind::Clear);
    }

    pub(crate) fn purge(&mut self, keep: u64) {
        let last = self.head().sequence().saturating_sub(keep) as usize;
        for record in &mut self.log()[..last] {
            record.is_deleted = true;
        }
    }

    pub(crate) fn at(&self, (log, sequence): Place) -> &Record {
        &self.logs[log].1[sequence as usize - 1]
    }

    /// The records of a log after a sequence and up to another, with their sequences.
    pub(crate) fn between(
        &self,
        log: usize,
        after: u64,
        up_to: u64,
    ) -> impl Iterator<Item = (u64, &Record)> {
        let records = self.logs[log].1.iter().enumerate();
        let records = records.map(|(at, record)| (at as u64 + 1, record));
        records.filter(move |(sequence, _)| *sequence > after && *sequence <= up_to)
    }

    /// Whether there is a newer event of the topic than this.
    pub(crate) fn is_overtaken(&self, (log, sequence): Place) -> bool {
        let topic = self.at((log, sequence)).topic;
        let mut after = self.between(log, sequence, u64::MAX);
        after.any(|(_, record)| record.topic == topic && record.kind == Kind::Event)
    }

    /// The newest record of a topic in the log that there is.
    pub(crate) fn newest(&self, topic: &str) -> Option<&Record> {
        self.logs[self.current()].1.iter().rfind(|record| record.topic == topic)
    }

    /// Whether the topic had been completed just before this record of it.
    pub(crate) fn is_reopened(&self, place: Place) -> bool {
        let topic = self.at(place).topic;
        let before = self.logs[place.0].1[..place.1 as usize - 1].iter();
        before.rev().find(|record| record.topic == topic).is_some_and(Record::is_completion)
    }
}
