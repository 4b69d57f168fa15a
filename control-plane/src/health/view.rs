//! How a backend is shown: one state, why, and since when; and beside it what each Envoy sees. Envoys that see different things are
//! not averaged: the state is unknown then, and says so.

use crate::domain::{Standing, UnixSeconds};

use super::{
    pulse::{Ground, Pulse},
    sights::{Cause, Look},
};

/// How something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum State {
    /// It gets no calls.
    Unhealthy,
    /// It gets no new calls, by its own word.
    Draining,
    /// Nobody knows, or not all say the same.
    Unknown,
    /// It gets calls, and someone says that it is well.
    Healthy,
}

/// How an agent is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgentView {
    /// Each backend, in the record's order.
    pub backends: Vec<BackendView>,
}

/// How a backend is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BackendView {
    /// Where it is.
    pub url: String,
    /// How it is.
    pub state: State,
    /// Why.
    pub reason: &'static str,
    /// What the agent said beside it.
    pub detail: Option<String>,
    /// Since when; `None`: nobody has said anything.
    pub since: Option<UnixSeconds>,
    /// When it was heard last.
    pub last_beat: Option<UnixSeconds>,
    /// What each Envoy sees of it.
    pub nodes: Vec<NodeSight>,
}

/// What an Envoy sees of a backend.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeSight {
    /// Its node id.
    pub node: String,
    /// What it sees.
    pub state: State,
    /// Why.
    pub reason: &'static str,
    /// Since when.
    pub since: UnixSeconds,
    /// Whether it was not heard of lately.
    pub is_stale: bool,
}

impl State {
    /// The word on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unhealthy => "unhealthy",
            Self::Draining => "draining",
            Self::Unknown => "unknown",
            Self::Healthy => "healthy",
        }
    }
}

impl AgentView {
    /// The agent as its callers find it: as good as its best backend.
    #[must_use]
    pub fn state(&self) -> State {
        self.backends.iter().map(|backend| backend.state).max().unwrap_or(State::Unknown)
    }
}

impl BackendView {
    /// Puts together what is known of a backend.
    pub(super) fn new(url: String, pulse: Option<&Pulse>, looks: Vec<(String, Look, Staleness)>) -> Self {
        let standing = pulse.map(Pulse::standing).unwrap_or_default();
        let nodes = looks.into_iter().map(|(node, look, age)| sight(node, look, age, pulse)).collect::<Vec<_>>();
        let (state, reason, since) = match (standing, pulse) {
            (Standing::Down, Some(pulse)) => (State::Unhealthy, word(pulse.ground()), Some(pulse.since())),
            (Standing::Draining, Some(pulse)) => (State::Draining, word(pulse.ground()), Some(pulse.since())),
            _ => together(&nodes).unwrap_or_else(|| match pulse {
                Some(pulse) if pulse.ground() == Ground::Beating => {
                    (State::Healthy, word(Ground::Beating), Some(pulse.since()))
                }
                Some(pulse) => (State::Unknown, word(pulse.ground()), Some(pulse.since())),
                None => (State::Unknown, "nothing is known of it", None),
            }),
        };
        let detail = pulse.and_then(Pulse::detail).map(str::to_owned);
        Self { url, state, reason, detail, since, last_beat: pulse.and_then(Pulse::last_beat), nodes }
    }
}

/// Whether an Envoy was heard of lately.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Staleness {
    Fresh,
    Stale,
}

/// What the Envoys say together; `None`: none was heard of lately.
fn together(nodes: &[NodeSight]) -> Option<(State, &'static str, Option<UnixSeconds>)> {
    let fresh: Vec<&NodeSight> = nodes.iter().filter(|node| !node.is_stale).collect();
    let first = fresh.first()?;
    let since = fresh.iter().map(|node| node.since).max();
    if fresh.iter().any(|node| node.state != first.state) {
        return Some((State::Unknown, "the Envoys see different things", since));
    }
    Some((first.state, first.reason, since))
}

fn sight(node: String, look: Look, age: Staleness, pulse: Option<&Pulse>) -> NodeSight {
    // What the control plane has taken out is out everywhere, and no Envoy has found anything.
    let taken_out = pulse.filter(|pulse| pulse.standing() != Standing::Up);
    let (state, reason) = match (look.is_healthy, taken_out) {
        (true, _) => (State::Healthy, "in use"),
        (false, Some(pulse)) => (State::Unhealthy, word(pulse.ground())),
        (false, None) => (State::Unhealthy, look.cause.map_or("out of use", cause)),
    };
    NodeSight { node, state, reason, since: look.since, is_stale: age == Staleness::Stale }
}

fn word(ground: Ground) -> &'static str {
    match ground {
        Ground::NotHeardYet => "no heartbeat yet",
        Ground::Beating => "heartbeat",
        Ground::Reported => "reported by agent",
        Ground::Missed => "heartbeat missed",
        Ground::Held => "held back: changed too often",
    }
}

fn cause(cause: Cause) -> &'static str {
    match cause {
        Cause::Unanswered => "health check: no answer",
        Cause::Refused => "health check: answered with an error",
        Cause::Check => "health check failed",
        Cause::Ejected => "outlier ejected",
        Cause::CheckOrEjected => "health check failed or outlier ejected",
    }
}
