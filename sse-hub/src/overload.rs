//! What a subscription gives up when its client does not keep up.

/// What happens to events that wait for a client that is slower than they come.
///
/// None of these costs memory: what waits is in the window or in the store, and is there once for all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Overload {
    /// Every event is given, however late: for what must be whole, such as messages, documents, an answer's tokens.
    #[default]
    KeepAll,
    /// Of each topic only the newest event is given, once those before it have waited: for what is a state, such as a
    /// price, a position, the progress of a job. An event that a newer one of its topic has overtaken is not missed, and
    /// no gap is told for it.
    LatestByTopic,
    /// When more than this many events wait, all of them are skipped and a gap is told: for a feed that is worthless when
    /// it is late, and whose client loads the state anew after a gap. At most
    /// [`MAX_LAG`](Self::MAX_LAG); more count as that.
    SkipWhenBehind(usize),
}

impl Overload {
    /// The most events that may wait under [`SkipWhenBehind`](Self::SkipWhenBehind).
    pub const MAX_LAG: usize = crate::page::LIMIT - 1;
}
