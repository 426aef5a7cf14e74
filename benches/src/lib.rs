//! What is measured, and against what.
//!
//! - `cargo run --release -p benches --features peers` prints the table: every row with all its
//!   contenders in one run, as ratios, with the allocations of each and the floors beside it.
//! - `cargo bench -p benches --features peers` measures the same rows with criterion.
//! - `cargo run --release -p benches --features burst --bin burst` prints what one client's burst costs.
//! - `cargo run --release -p benches --features fanout --bin fanout` prints what very many clients cost.
//! - `cargo run --release -p benches --features crowd --bin crowd` prints what ten thousand clients cost the hub.
//! - `cargo run --release -p benches --features store --bin store` prints the table of the store.

#[cfg(feature = "peers")]
mod bodies;
#[cfg(any(feature = "crowd", feature = "fanout"))]
pub mod clients;
#[cfg(any(feature = "crowd", feature = "fanout"))]
pub mod clock;
pub mod decoders;
pub mod encoders;
#[cfg(any(feature = "crowd", feature = "fanout"))]
pub mod process;
pub mod stamp;
mod streams;

/// One line of work, done by each contender.
pub struct Row {
    /// What it is, and of what.
    pub name: String,
    /// How many events one run goes through.
    pub events: usize,
    /// How many bytes of an event stream they are.
    pub bytes: usize,
    /// Ours first, the floors last.
    pub contenders: Vec<Contender>,
}

/// Something that does a row's work.
pub struct Contender {
    /// Its name in the table.
    pub name: &'static str,
    /// What it is.
    pub kind: Kind,
    /// Makes ready what is not measured, and gives what is. That says how much came of it, so that no
    /// work can be left undone unseen.
    pub prepare: Box<dyn Fn() -> Run>,
}

/// One run, to be made once.
pub type Run = Box<dyn FnMut() -> usize>;

/// What a contender is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// This workspace.
    Ours,
    /// Another crate.
    Peer,
    /// A part of the work that nobody can leave out. What comes of it means nothing.
    Floor,
}

impl std::fmt::Debug for Row {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Row").field("name", &self.name).finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Contender {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Contender").field("name", &self.name).finish_non_exhaustive()
    }
}

/// All rows, in the table's order.
pub fn rows() -> Vec<Row> {
    let mut rows = decoders::rows();
    rows.extend(encoders::rows());
    #[cfg(feature = "peers")]
    rows.extend(bodies::rows());
    rows
}

/// The length of bytes that the compiler must take for used.
fn held(bytes: &[u8]) -> usize {
    std::hint::black_box(bytes).len()
}
