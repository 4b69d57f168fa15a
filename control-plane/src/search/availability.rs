//! Whether an embedder is worth asking: one that failed is left alone for a while, so that not every search waits for it, and the log has
//! a line when that changes, not one for every search. Time is an argument.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

/// How long an embedder that failed is left alone.
pub(super) const COOLDOWN: Duration = Duration::from_secs(15);

/// What is known of an embedder. To begin with it is believed to work.
#[derive(Debug, Default)]
pub(super) struct Availability(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    /// When it last failed, if it has not worked since.
    failed: Option<Instant>,
    /// Until when nobody else asks it.
    closed_until: Option<Instant>,
}

/// Leave to ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Attempt {
    began: Instant,
}

/// What an outcome is to whoever reads the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum News {
    /// It was like this before.
    None,
    /// It worked before, or failed before.
    Changed,
}

impl Availability {
    /// Leave to ask, unless it failed a short while ago. Then one may try, and the others when that one has had `patience`.
    pub(super) fn ask(&self, now: Instant, patience: Duration) -> Option<Attempt> {
        let mut state = self.lock();
        if state.failed.is_some() {
            if state.closed_until.is_some_and(|until| now < until) {
                return None;
            }
            state.closed_until = Some(now + patience);
        }
        Some(Attempt { began: now })
    }

    /// It did not answer, or not as it should.
    pub(super) fn failed(&self, now: Instant) -> News {
        let mut state = self.lock();
        state.closed_until = Some(now + COOLDOWN);
        if state.failed.replace(now).is_none() { News::Changed } else { News::None }
    }

    /// It answered. What was asked before it failed proves nothing.
    pub(super) fn worked(&self, attempt: Attempt) -> News {
        let mut state = self.lock();
        if state.failed.is_none_or(|failed| attempt.began < failed) {
            return News::None;
        }
        *state = State::default();
        News::Changed
    }

    /// Forgets everything: it is another one.
    pub(super) fn reset(&self) {
        *self.lock() = State::default();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Duration = Duration::from_secs(2);

    #[test]
    fn one_that_failed_is_left_alone_and_then_tried_by_one() {
        let (known, start) = (Availability::default(), Instant::now());
        let at = |seconds: u64| start + Duration::from_secs(seconds);
        assert!(known.ask(at(0), PATIENCE).is_some());
        assert_eq!(known.failed(at(2)), News::Changed);
        assert_eq!(known.failed(at(2)), News::None, "another that was under way");
        assert_eq!(known.ask(at(16), PATIENCE), None);
        let trial = known.ask(at(17), PATIENCE).unwrap();
        assert_eq!(known.ask(at(18), PATIENCE), None, "others wait for the one that tries");
        assert!(known.ask(at(19), PATIENCE).is_some(), "which may never come back");
        assert_eq!(known.worked(trial), News::Changed);
        assert!(known.ask(at(19), PATIENCE).is_some() && known.ask(at(19), PATIENCE).is_some());
    }

    #[test]
    fn an_answer_to_an_older_question_opens_nothing() {
        let (known, start) = (Availability::default(), Instant::now());
        let old = known.ask(start, PATIENCE).unwrap();
        assert_eq!(known.worked(old), News::None);
        assert_eq!(known.failed(start + PATIENCE), News::Changed);
        assert_eq!(known.worked(old), News::None);
        assert_eq!(known.ask(start + PATIENCE, PATIENCE), None);
        known.reset();
        assert!(known.ask(start + PATIENCE, PATIENCE).is_some());
    }
}
