//! How many tokens were made, and what became of each answer.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::Serialize;

/// How many answers that have ended are remembered one by one.
const REMEMBERED: usize = 100;

/// Counts the tokens of all answers. Clones count together.
#[derive(Debug, Clone, Default)]
pub struct Tally(Arc<Mutex<Status>>);

/// What was counted so far.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Status {
    /// Of all answers since the start.
    pub totals: Totals,
    /// The answers that run, and the latest that have ended, oldest first.
    pub answers: VecDeque<Count>,
}

/// What was counted of all answers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Totals {
    /// Answers that came to their end.
    pub complete: u64,
    /// Answers whose client went before.
    pub stopped: u64,
    /// Tokens that were made.
    pub made: u64,
    /// Tokens that were not made because the client had gone.
    pub saved: u64,
}

/// What was counted of one answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Count {
    /// The id that each of its events has.
    pub id: String,
    /// What became of it.
    pub state: State,
    /// How many tokens were made.
    pub made: u64,
    /// How many it would have had.
    pub of: u64,
}

/// What became of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// It is being made.
    Running,
    /// It came to its end.
    Complete,
    /// The client went, or the model was shut down, before the end.
    Stopped,
    /// The model broke off.
    Broken,
}

impl Tally {
    /// What was counted so far.
    pub fn status(&self) -> Status {
        self.lock().clone()
    }

    /// Begins to count an answer that would have this many tokens.
    pub(crate) fn begin(&self, of: usize) -> Counting {
        let id = format!("chatcmpl-{:016x}", fastrand::u64(..));
        let of = u64::try_from(of).unwrap_or(u64::MAX);
        let mut status = self.lock();
        if status.answers.len() >= REMEMBERED {
            let oldest = status.answers.iter().position(|it| it.state != State::Running);
            oldest.and_then(|oldest| status.answers.remove(oldest));
        }
        status.answers.push_back(Count { id: id.clone(), state: State::Running, made: 0, of });
        Counting { tally: self.clone(), id }
    }

    fn lock(&self) -> MutexGuard<'_, Status> {
        // A count is whole whatever panicked.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An answer that is being made. Dropped before it has come to its end, it was stopped.
#[derive(Debug)]
pub(crate) struct Counting {
    tally: Tally,
    id: String,
}

impl Counting {
    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    /// A token was made.
    pub(crate) fn made(&self) {
        let mut status = self.tally.lock();
        status.totals.made += 1;
        if let Some(count) = status.answers.iter_mut().rfind(|it| it.id == self.id) {
            count.made += 1;
        }
    }

    /// The answer has come to this end; the first one counts.
    pub(crate) fn end(&self, state: State) {
        let mut status = self.tally.lock();
        let Status { totals, answers } = &mut *status;
        let running = |it: &&mut Count| it.id == self.id && it.state == State::Running;
        let Some(count) = answers.iter_mut().rfind(running) else { return };
        count.state = state;
        match state {
            State::Complete => totals.complete += 1,
            State::Stopped => {
                totals.stopped += 1;
                totals.saved += count.of.saturating_sub(count.made);
            }
            State::Running | State::Broken => {}
        }
    }
}

impl Drop for Counting {
    fn drop(&mut self) {
        self.end(State::Stopped);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_that_is_dropped_was_stopped_and_what_it_had_left_is_saved() {
        let tally = Tally::default();
        let complete = tally.begin(1);
        let stopped = tally.begin(10);
        complete.made();
        stopped.made();
        stopped.made();
        complete.end(State::Complete);
        drop(complete);
        assert_eq!(tally.status().answers[1].state, State::Running);
        drop(stopped);
        let status = tally.status();
        assert_eq!(status.totals, Totals { complete: 1, stopped: 1, made: 3, saved: 8 });
        let states: Vec<_> = status.answers.iter().map(|it| (it.state, it.made, it.of)).collect();
        assert_eq!(states, [(State::Complete, 1, 1), (State::Stopped, 2, 10)]);
    }

    #[test]
    fn the_oldest_that_have_ended_are_forgotten_and_none_that_runs() {
        let tally = Tally::default();
        let first = tally.begin(9);
        for _ in 0..2 * REMEMBERED {
            drop(tally.begin(1));
        }
        let status = tally.status();
        assert_eq!(status.answers.len(), REMEMBERED);
        assert_eq!(status.totals.stopped, 2 * REMEMBERED as u64);
        first.made();
        assert_eq!(tally.status().answers[0].made, 1);
    }
}
