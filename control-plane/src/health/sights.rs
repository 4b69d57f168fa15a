//! What one Envoy sees of the backends it checks and calls. It comes every few seconds, and whatever it says of
//! agents that are not registered, or of hosts that are none of theirs, is dropped.

use std::{collections::HashMap, time::Duration};

use tokio::time::Instant;

use super::Now;
use crate::domain::{AgentId, UnixSeconds};

/// An Envoy that was not heard for so long is stale: it reports every five seconds.
const STALE_AFTER: Duration = Duration::from_secs(15);
/// And is forgotten after this long.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(300);

/// One thing that an Envoy says of an agent's cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sample {
    /// The agent.
    pub agent: AgentId,
    /// What is said.
    pub value: SampleValue,
}

/// What an Envoy says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SampleValue {
    /// Whether it gives calls to a backend.
    Host {
        /// `Host` as this backend gets it: what tells an agent's backends apart.
        authority: String,
        /// The address, of which a name may have several.
        address: String,
        /// Whether it does.
        is_healthy: bool,
    },
    /// How many of the cluster's hosts it has ejected.
    Ejected(u64),
    /// How many checks failed so far.
    FailedChecks(u64),
    /// How many of those for want of an answer.
    UnansweredChecks(u64),
}

/// What one Envoy sees.
#[derive(Debug)]
pub(super) struct Sights {
    heard: Instant,
    agents: HashMap<AgentId, Cluster>,
}

/// What it sees of one agent.
#[derive(Debug, Default)]
struct Cluster {
    hosts: HashMap<(String, String), Host>,
    ejected: u64,
    failed: u64,
    unanswered: u64,
    /// Both counts as they were before the checks that failed last.
    before: (u64, u64),
}

#[derive(Debug)]
struct Host {
    is_healthy: bool,
    since: UnixSeconds,
    seen: Instant,
}

/// How a backend looks from one Envoy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Look {
    pub(super) is_healthy: bool,
    pub(super) cause: Option<Cause>,
    pub(super) since: UnixSeconds,
}

/// Why an Envoy gives a backend no calls, as far as its figures tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cause {
    /// Its health endpoint did not answer.
    Unanswered,
    /// It answered, and not with success.
    Refused,
    /// It failed its checks.
    Check,
    /// Too many calls failed.
    Ejected,
    /// One or the other: the figures are the agent's, not the backend's.
    CheckOrEjected,
}

impl Sights {
    pub(super) fn new(now: Now) -> Self {
        Self { heard: now.at, agents: HashMap::new() }
    }

    /// Takes what is said; `is_known` tells whether an agent has a backend of this authority.
    pub(super) fn take(&mut self, samples: &[Sample], now: Now, is_known: impl Fn(&AgentId, Option<&str>) -> bool) {
        self.heard = now.at;
        // How many failed is looked at before how many of them got no answer: the one is news, the other its explanation.
        let (explained, news): (Vec<&Sample>, Vec<&Sample>) =
            samples.iter().partition(|sample| matches!(sample.value, SampleValue::UnansweredChecks(_)));
        for Sample { agent, value } in news.into_iter().chain(explained) {
            let authority = match value {
                SampleValue::Host { authority, .. } => Some(authority.as_str()),
                _ => None,
            };
            if is_known(agent, authority) {
                self.agents.entry(agent.clone()).or_default().take(value, now);
            }
        }
        self.agents.retain(|agent, cluster| {
            cluster.hosts.retain(|_, host| now.at.saturating_duration_since(host.seen) < STALE_AFTER);
            is_known(agent, None)
        });
    }

    pub(super) fn is_stale(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.heard) >= STALE_AFTER
    }

    pub(super) fn is_forgotten(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.heard) >= FORGOTTEN_AFTER
    }

    pub(super) fn heard(&self) -> Instant {
        self.heard
    }

    /// How an agent's backend looks. A name with several addresses is as good as the best of them.
    pub(super) fn look(&self, agent: &AgentId, authority: &str) -> Option<Look> {
        let cluster = self.agents.get(agent)?;
        let hosts = cluster.hosts.iter().filter(|((name, _), _)| name == authority).map(|(_, host)| host);
        let best = hosts.max_by_key(|host| (host.is_healthy, host.since))?;
        let cause = (!best.is_healthy).then(|| cluster.cause());
        Some(Look { is_healthy: best.is_healthy, cause, since: best.since })
    }
}

impl Cluster {
    fn take(&mut self, value: &SampleValue, now: Now) {
        match value {
            SampleValue::Host { authority, address, is_healthy } => {
                let fresh = || Host { is_healthy: *is_healthy, since: now.wall, seen: now.at };
                let host = self.hosts.entry((authority.clone(), address.clone())).or_insert_with(fresh);
                host.seen = now.at;
                if host.is_healthy != *is_healthy {
                    (host.is_healthy, host.since) = (*is_healthy, now.wall);
                }
            }
            SampleValue::Ejected(count) => self.ejected = *count,
            // Fewer than before: that Envoy was started anew.
            SampleValue::FailedChecks(count) if *count < self.failed => {
                (self.before, self.failed, self.unanswered) = ((0, 0), *count, 0);
            }
            SampleValue::FailedChecks(count) if *count > self.failed => {
                self.before = (self.failed, self.unanswered);
                self.failed = *count;
            }
            SampleValue::FailedChecks(_) => {}
            SampleValue::UnansweredChecks(count) => self.unanswered = *count,
        }
    }

    fn cause(&self) -> Cause {
        let out = self.hosts.values().filter(|host| !host.is_healthy).count() as u64;
        let failed = self.failed.saturating_sub(self.before.0);
        let unanswered = self.unanswered.saturating_sub(self.before.1);
        match (self.ejected, failed, unanswered) {
            (ejected, ..) if ejected >= out => Cause::Ejected,
            (1.., ..) => Cause::CheckOrEjected,
            (0, 1.., 0) => Cause::Refused,
            (0, 1.., _) if unanswered >= failed => Cause::Unanswered,
            _ => Cause::Check,
        }
    }
}
