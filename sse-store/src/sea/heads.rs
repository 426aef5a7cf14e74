//! How far the log has come, as far as this process knows.

use std::cmp::Ordering::{Equal, Less};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::{Mutex, MutexGuard, watch};

use crate::Position;

/// The newest head that this process has seen, by writing, by reading or by being told. Shared by its clones.
#[derive(Debug, Clone)]
pub(super) struct Heads {
    newest: Arc<watch::Sender<Position>>,
    told: Arc<AtomicBool>,
    turn: Arc<Mutex<()>>,
}

impl Heads {
    pub(super) fn new(head: Position) -> Self {
        Self {
            newest: Arc::new(watch::Sender::new(head)),
            told: Arc::default(),
            turn: Arc::default(),
        }
    }

    pub(super) fn newest(&self) -> Position {
        *self.newest.borrow()
    }

    /// The newest as it moves.
    pub(super) fn watch(&self) -> watch::Receiver<Position> {
        self.newest.subscribe()
    }

    /// Takes note of a head unless a newer one of the same log is known.
    pub(super) fn saw(&self, head: Position) {
        self.newest.send_if_modified(|known| {
            let is_news = !matches!(head.partial_cmp(known), Some(Less | Equal));
            if is_news {
                *known = head;
            }
            is_news
        });
    }

    /// Returns when it is the caller's turn to look for news, until what it gives is dropped.
    pub(super) async fn turn(&self) -> MutexGuard<'_, ()> {
        self.turn.lock().await
    }

    /// Whether the database tells what other processes commit.
    pub(super) fn is_told(&self) -> bool {
        self.told.load(Ordering::Relaxed)
    }

    /// Takes note of whether it does.
    #[cfg(feature = "postgres")]
    pub(super) fn listens(&self, told: bool) {
        self.told.store(told, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_older_head_is_no_news_and_another_log_is() {
        let heads = Heads::new(Position::new(1, 5));
        let mut news = heads.watch();
        for (head, is_news) in [(4, false), (5, false), (6, true), (5, false)] {
            heads.saw(Position::new(1, head));
            assert_eq!(news.has_changed().ok(), Some(is_news), "{head}");
            news.mark_unchanged();
        }
        assert_eq!(heads.newest(), Position::new(1, 6));
        heads.saw(Position::new(2, 3));
        assert_eq!(heads.newest(), Position::new(2, 3));
    }
}
