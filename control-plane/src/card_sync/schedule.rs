//! When each agent's card is looked at next. Only that: no time of its own, no request.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use tokio::time::Instant;

use crate::domain::{Agent, AgentId};

/// Failures beyond these wait no longer: eight periods.
const MOST_DOUBLINGS: u32 = 3;

/// The plan.
pub(super) struct Schedule {
    interval: Duration,
    jitter: fn() -> f64,
    looks: BTreeMap<AgentId, Look>,
    is_first: bool,
}

struct Look {
    at: Instant,
    failures: u32,
    is_running: bool,
}

impl Schedule {
    pub(super) fn new(interval: Duration, jitter: fn() -> f64) -> Self {
        Self { interval, jitter, looks: BTreeMap::new(), is_first: true }
    }

    /// Takes note of the agents there are, in the order of their ids. Those of the first call are spread over the whole period, for after a
    /// restart all would be due at once; those that come later have just been fetched. One that failed and was mended since is as good as
    /// new.
    pub(super) fn follow<'a>(&mut self, agents: impl Iterator<Item = &'a Arc<Agent>>, now: Instant) {
        let mut before = std::mem::take(&mut self.looks).into_iter().peekable();
        let look = |agent: &'a Arc<Agent>| {
            while before.next_if(|(id, _)| *id < agent.id).is_some() {}
            let known = before.next_if(|(id, _)| *id == agent.id).filter(|(_, look)| {
                let was_mended = look.failures > 0 && !look.is_running && agent.sync_error.is_none();
                !was_mended
            });
            known.unwrap_or_else(|| {
                let wait = if self.is_first { self.spread() } else { self.period(0) };
                (agent.id.clone(), Look { at: now + wait, failures: 0, is_running: false })
            })
        };
        self.looks = agents.map(look).collect();
        self.is_first = false;
    }

    /// Agents whose time has come, the longest overdue first, `room` at most. They count as running until they are done.
    pub(super) fn take_due(&mut self, now: Instant, room: usize) -> Vec<AgentId> {
        let due = self.looks.iter().filter(|(_, look)| !look.is_running && look.at <= now);
        let mut due: Vec<(Instant, AgentId)> = due.map(|(id, look)| (look.at, id.clone())).collect();
        due.sort();
        due.truncate(room);
        for (_, id) in &due {
            if let Some(look) = self.looks.get_mut(id) {
                look.is_running = true;
            }
        }
        due.into_iter().map(|(_, id)| id).collect()
    }

    /// When the next one is due.
    pub(super) fn next(&self) -> Option<Instant> {
        self.looks.values().filter(|look| !look.is_running).map(|look| look.at).min()
    }

    /// One is done; it may be gone meanwhile.
    pub(super) fn done(&mut self, id: &AgentId, has_failed: bool, now: Instant) {
        let failures = self.looks.get(id).map_or(0, |look| look.failures);
        let failures = if has_failed { failures.saturating_add(1) } else { 0 };
        let at = now + self.period(failures);
        if let Some(look) = self.looks.get_mut(id) {
            *look = Look { at, failures, is_running: false };
        }
    }

    /// The period after so many failures in a row, a tenth more or less.
    fn period(&self, failures: u32) -> Duration {
        let doubled = self.interval * 2_u32.pow(failures.min(MOST_DOUBLINGS));
        doubled.mul_f64(0.9 + 0.2 * (self.jitter)())
    }

    /// Anywhere in the period, but not at once: a server that has just started has enough to do.
    fn spread(&self) -> Duration {
        self.interval.mul_f64(0.1 + 0.9 * (self.jitter)())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{domain::BackendAuth, xds::fixtures};

    const PERIOD: Duration = Duration::from_secs(600);

    fn agent(id: &str) -> Arc<Agent> {
        Arc::new(fixtures::agent(id, &["http://a.example"], BackendAuth::None))
    }

    fn ids(due: &[AgentId]) -> Vec<&str> {
        due.iter().map(AgentId::as_str).collect()
    }

    #[test]
    fn agents_of_the_start_are_spread_and_later_ones_wait_a_period() {
        let now = Instant::now();
        let mut schedule = Schedule::new(PERIOD, || 0.0);
        schedule.follow([&agent("a")].into_iter(), now);
        assert_eq!(schedule.next(), Some(now + PERIOD.mul_f64(0.1)));
        schedule.follow([&agent("a"), &agent("b")].into_iter(), now);
        assert_eq!(schedule.next(), Some(now + PERIOD.mul_f64(0.1)), "a's time is as it was");
        assert_eq!(ids(&schedule.take_due(now + PERIOD.mul_f64(0.1), 8)), ["a"]);
        assert_eq!(schedule.next(), Some(now + PERIOD.mul_f64(0.9)));
        schedule.follow([&agent("b")].into_iter(), now);
        schedule.done(&"a".try_into().unwrap(), false, now);
        assert_eq!(schedule.next(), Some(now + PERIOD.mul_f64(0.9)), "a is gone");
    }

    #[test]
    fn failures_back_off_up_to_a_bound_and_a_success_ends_that() {
        let mut now = Instant::now();
        let id: AgentId = "a".try_into().unwrap();
        let failing = Arc::new(Agent { sync_error: Some("why".to_owned()), ..(*agent("a")).clone() });
        let mut schedule = Schedule::new(PERIOD, || 0.5);
        schedule.follow([&failing].into_iter(), now);
        for periods in [2, 4, 8, 8, 8] {
            now = schedule.next().unwrap();
            assert_eq!(ids(&schedule.take_due(now, 8)), ["a"]);
            schedule.done(&id, true, now);
            schedule.follow([&failing].into_iter(), now);
            assert_eq!(schedule.next(), Some(now + PERIOD * periods));
        }
        schedule.follow([&agent("a")].into_iter(), now);
        assert_eq!(schedule.next(), Some(now + PERIOD), "somebody mended it");
        now = schedule.next().unwrap();
        schedule.take_due(now, 8);
        schedule.done(&id, false, now);
        assert_eq!(schedule.next(), Some(now + PERIOD));
    }

    #[test]
    fn the_longest_overdue_come_first_and_no_more_than_there_is_room_for() {
        let now = Instant::now();
        let mut schedule = Schedule::new(PERIOD, || 0.0);
        schedule.follow([&agent("c")].into_iter(), now);
        schedule.follow([&agent("a"), &agent("b"), &agent("c")].into_iter(), now);
        let later = now + PERIOD;
        assert_eq!(ids(&schedule.take_due(later, 2)), ["c", "a"]);
        assert_eq!(ids(&schedule.take_due(later, 2)), ["b"], "what is running is not due again");
        assert_eq!(schedule.next(), None);
    }
}
