//! Where it all is: agents' heartbeats and what Envoys see, for those who write it (the heartbeat endpoint, Envoys' reports) and those
//! who read it (the reconciler, the admin API).

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use tokio::{
    sync::{Notify, watch},
    time::{Instant, sleep_until},
};
use tokio_util::sync::CancellationToken;

use super::{
    Now,
    pulse::{Pulse, Report},
    sights::{Sample, Sights},
    view::{AgentView, BackendView, Staleness},
};
use crate::domain::{Agent, AgentChanges, AgentId, BackendUrl, Heartbeat, Standing, UnixSeconds};

/// Envoys whose reports are kept.
const MOST_NODES: usize = 256;
/// Least time between two looks at all heartbeats.
const SPACING: Duration = Duration::from_millis(50);
/// How long there may be nothing to look at.
const LONG: Duration = Duration::from_secs(3600);

/// The board. Clones share it.
#[derive(Clone)]
pub struct HealthBoard {
    shared: Arc<Shared>,
}

struct Shared {
    state: Mutex<Inner>,
    /// A standing changed.
    changed: watch::Sender<()>,
    /// Something may be due earlier than it was.
    earlier: Notify,
    clock: fn() -> UnixSeconds,
}

#[derive(Default)]
struct Inner {
    agents: HashMap<AgentId, Watched>,
    nodes: BTreeMap<String, Sights>,
}

/// An agent, and the heartbeats of its backends, one for each in the record's order; none where it promises none.
struct Watched {
    agent: Arc<Agent>,
    pulses: Vec<Pulse>,
}

/// How an agent's backends stand, in the record's order; empty: all are up.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Availability(Vec<Standing>);

/// A heartbeat.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Beat {
    /// What it says.
    pub report: Report,
    /// Of which backend; `None`: of all.
    pub backend: Option<BackendUrl>,
    /// In what words.
    pub detail: Option<String>,
}

/// What became of a heartbeat.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Beaten {
    /// How what it spoke of stands now.
    pub standing: Standing,
    /// The rhythm that is expected.
    pub rhythm: Heartbeat,
}

/// A heartbeat that is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BeatError {
    /// No such agent, or it is not active.
    #[error("there is no such agent, or it is not active")]
    UnknownAgent,
    /// Its record promises no heartbeats.
    #[error("the agent's record has no heartbeat: register it with heartbeat {{intervalSeconds, missesAllowed}}")]
    NotPromised,
    /// It runs at no such place.
    #[error("is none of the agent's backends")]
    UnknownBackend,
}

impl HealthBoard {
    /// An empty board. `clock` says since when things are as they are.
    #[must_use]
    pub fn new(clock: fn() -> UnixSeconds) -> Self {
        let shared = Shared { state: Mutex::default(), changed: watch::Sender::new(()), earlier: Notify::new(), clock };
        Self { shared: Arc::new(shared) }
    }

    /// Signals when a standing changes.
    #[must_use]
    pub fn subscribe(&self) -> watch::Receiver<()> {
        self.shared.changed.subscribe()
    }

    /// Takes note of what became of the agents. A new one has a full window before its first heartbeat is late.
    pub fn follow(&self, changes: &AgentChanges) {
        let now = self.now();
        let mut state = self.lock();
        changes.gone.iter().for_each(|id| drop(state.agents.remove(id)));
        for agent in &changes.written {
            match state.agents.get_mut(&agent.id) {
                Some(watched) => watched.become_of(agent, now),
                None => drop(state.agents.insert(agent.id.clone(), Watched::new(agent, now))),
            }
        }
        drop(state);
        self.shared.earlier.notify_one();
    }

    /// Takes a heartbeat.
    ///
    /// # Errors
    /// When it is of nobody who promised one.
    pub fn beat(&self, id: &AgentId, beat: &Beat) -> Result<Beaten, BeatError> {
        let now = self.now();
        let mut state = self.lock();
        let watched = state.agents.get_mut(id).ok_or(BeatError::UnknownAgent)?;
        let rhythm = watched.agent.heartbeat.ok_or(BeatError::NotPromised)?;
        let before = watched.availability();
        let spoken_of = watched.spoken_of(beat.backend.as_ref())?;
        for index in spoken_of.clone() {
            watched.pulses[index].beat(beat.report, beat.detail.clone(), now);
        }
        let standing = Standing::best(spoken_of.map(|index| watched.pulses[index].standing()));
        let is_changed = watched.availability() != before;
        drop(state);
        // A backend that is held back is due when the hold ends.
        self.shared.earlier.notify_one();
        if is_changed {
            self.shared.changed.send_replace(());
        }
        Ok(Beaten { standing, rhythm })
    }

    /// Takes what an Envoy sees.
    pub fn report(&self, node: &str, samples: &[Sample]) {
        let now = self.now();
        let mut state = self.lock();
        let Inner { agents, nodes } = &mut *state;
        nodes.retain(|_, sights| !sights.is_forgotten(now.at));
        if !nodes.contains_key(node) && nodes.len() >= MOST_NODES {
            let oldest = nodes.iter().min_by_key(|(_, sights)| sights.heard()).map(|(node, _)| node.clone());
            oldest.map(|node| nodes.remove(&node));
        }
        let is_known = |agent: &AgentId, authority: Option<&str>| {
            agents.get(agent).is_some_and(|watched| match authority {
                Some(authority) => watched.agent.backends.iter().any(|it| it.url.authority() == authority),
                None => true,
            })
        };
        nodes.entry(node.to_owned()).or_insert_with(|| Sights::new(now)).take(samples, now, is_known);
    }

    /// How an agent's backends stand.
    #[must_use]
    pub fn availability(&self, agent: &AgentId) -> Availability {
        self.lock().agents.get(agent).map(Watched::availability).unwrap_or_default()
    }

    /// How an agent is, and why.
    #[must_use]
    pub fn view(&self, agent: &Agent) -> AgentView {
        let now = self.now().at;
        let state = self.lock();
        let watched = state.agents.get(&agent.id).filter(|watched| watched.agent.backends == agent.backends);
        let backend = |(index, backend): (usize, &crate::domain::Backend)| {
            let authority = backend.url.authority();
            let looks =
                state.nodes.iter().filter(|(_, sights)| !sights.is_forgotten(now)).filter_map(|(node, sights)| {
                    let age = if sights.is_stale(now) { Staleness::Stale } else { Staleness::Fresh };
                    Some((node.clone(), sights.look(&agent.id, &authority)?, age))
                });
            let pulse = watched.and_then(|watched| watched.pulses.get(index));
            BackendView::new(backend.url.url().to_string(), pulse, looks.collect())
        };
        AgentView { backends: agent.backends.iter().enumerate().map(backend).collect() }
    }

    /// Notices what is late, until `stopping`.
    pub async fn run(self, stopping: CancellationToken) {
        loop {
            let begin = Instant::now();
            let next = self.turn().unwrap_or(begin + LONG).max(begin + SPACING);
            tokio::select! {
                () = stopping.cancelled() => return,
                () = sleep_until(next) => {}
                () = self.shared.earlier.notified() => sleep_until(begin + SPACING).await,
            }
        }
    }

    /// Brings every standing up to date; says when one may change next.
    fn turn(&self) -> Option<Instant> {
        let now = self.now();
        let (mut is_changed, mut next) = (false, None::<Instant>);
        for watched in self.lock().agents.values_mut() {
            for pulse in &mut watched.pulses {
                let before = pulse.standing();
                pulse.turn(now);
                is_changed |= pulse.standing() != before;
                next = next.into_iter().chain(pulse.next_turn(now.at)).min();
            }
        }
        if is_changed {
            self.shared.changed.send_replace(());
        }
        next
    }

    /// Envoys that are remembered.
    #[cfg(test)]
    pub(super) fn nodes(&self) -> usize {
        self.lock().nodes.len()
    }

    fn now(&self) -> Now {
        Now { at: Instant::now(), wall: (self.shared.clock)() }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.shared.state.lock().expect("no holder of this lock panics")
    }
}

impl Watched {
    fn new(agent: &Arc<Agent>, now: Now) -> Self {
        let pulses = agent.heartbeat.map(|rhythm| agent.backends.iter().map(|_| Pulse::new(rhythm, now)).collect());
        Self { agent: agent.clone(), pulses: pulses.unwrap_or_default() }
    }

    /// Follows a changed record: backends that stay keep what is known of them.
    fn become_of(&mut self, agent: &Arc<Agent>, now: Now) {
        let before = std::mem::replace(self, Self::new(agent, now));
        let Some(rhythm) = agent.heartbeat else { return };
        for (backend, pulse) in before.agent.backends.iter().zip(before.pulses) {
            let place = agent.backends.iter().position(|other| other.url == backend.url);
            if let Some(kept) = place.and_then(|index| self.pulses.get_mut(index)) {
                *kept = pulse;
                kept.keep_time(rhythm, now);
            }
        }
    }

    fn availability(&self) -> Availability {
        if self.pulses.iter().all(|pulse| pulse.standing() == Standing::Up) {
            return Availability::default();
        }
        Availability(self.pulses.iter().map(Pulse::standing).collect())
    }

    /// The places of the backends that a heartbeat speaks of.
    fn spoken_of(&self, backend: Option<&BackendUrl>) -> Result<std::ops::Range<usize>, BeatError> {
        let Some(url) = backend else { return Ok(0..self.pulses.len()) };
        let place = self.agent.backends.iter().position(|it| it.url == *url).ok_or(BeatError::UnknownBackend)?;
        Ok(place..place + 1)
    }
}

impl Availability {
    /// How the backend at a place of the record's list stands.
    #[must_use]
    pub fn of(&self, index: usize) -> Standing {
        self.0.get(index).copied().unwrap_or_default()
    }
}

impl From<Vec<Standing>> for Availability {
    fn from(standings: Vec<Standing>) -> Self {
        Self(standings)
    }
}
