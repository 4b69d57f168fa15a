//! Agents' resources between two publications: what has not changed is neither built nor looked at again.

use std::{collections::BTreeSet, iter, mem, sync::Arc};

use tollgate_policy::document::AgentDocument;

use super::document;
use crate::{
    broker::Broker,
    domain::{Agent, AgentChanges, AgentId, BackendAuth, Registry},
    health::{Availability, HealthBoard},
    xds::{AgentResources, CredentialValue},
};

/// What became stale since the last publication, other than agents' records.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Stale {
    /// Some credential changed.
    pub(super) credentials: bool,
    /// Some backend stands otherwise.
    pub(super) standings: bool,
}

/// Each agent's resources with what they were built from, in the order of ids.
#[derive(Default)]
pub(super) struct AgentParts {
    parts: Vec<Part>,
    versions: Versions,
}

/// Numbers that change whenever what they stand for does.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Versions {
    /// What the policy says of agents.
    pub(super) documents: u64,
    /// Agents' resources.
    pub(super) resources: u64,
}

struct Part {
    agent: Arc<Agent>,
    credential: CredentialValue,
    availability: Availability,
    document: AgentDocument,
    resources: AgentResources,
}

impl AgentParts {
    /// What became of the agents that can be called.
    pub(super) fn changes(&self, registry: &Registry) -> AgentChanges {
        let active = registry.agents.values().filter(|agent| agent.is_active());
        AgentChanges::between(self.parts.iter().map(|part| &part.agent), active)
    }

    /// Follows the registry, the broker and the board. The latter two know of `changes` already.
    pub(super) fn update(&mut self, changes: &AgentChanges, stale: Stale, broker: &Broker, health: &HealthBoard) {
        if stale.credentials || stale.standings {
            for part in &mut self.parts {
                self.versions.resources += u64::from(part.refresh(stale, broker, health));
            }
        }
        if changes.is_empty() {
            return;
        }
        let gone: BTreeSet<&AgentId> = changes.gone.iter().collect();
        let mut documents_differ = !gone.is_empty();
        let room = self.parts.len() + changes.written.len();
        let mut before = mem::replace(&mut self.parts, Vec::with_capacity(room)).into_iter().peekable();
        for agent in &changes.written {
            let earlier = iter::from_fn(|| before.next_if(|part| part.agent.id < agent.id));
            self.parts.extend(earlier.filter(|part| !gone.contains(&part.agent.id)));
            let part = Part::new(agent, broker, health);
            let replaced = before.next_if(|part| part.agent.id == agent.id);
            documents_differ |= replaced.is_none_or(|it| it.document != part.document);
            self.parts.push(part);
        }
        self.parts.extend(before.filter(|part| !gone.contains(&part.agent.id)));
        self.versions.documents += u64::from(documents_differ);
        self.versions.resources += 1;
    }

    pub(super) fn versions(&self) -> Versions {
        self.versions
    }

    pub(super) fn resources(&self) -> impl Iterator<Item = &AgentResources> {
        self.parts.iter().map(|part| &part.resources)
    }

    /// What the policy says of them.
    pub(super) fn documents(&self) -> impl Iterator<Item = &AgentDocument> {
        self.parts.iter().map(|part| &part.document)
    }
}

impl Part {
    fn new(agent: &Arc<Agent>, broker: &Broker, health: &HealthBoard) -> Self {
        let (credential, availability) = (credential(agent, broker), health.availability(&agent.id));
        let resources = AgentResources::new(agent, &credential, &availability);
        Self { agent: agent.clone(), credential, availability, document: document::entry(agent), resources }
    }

    /// Whether anything changed.
    fn refresh(&mut self, stale: Stale, broker: &Broker, health: &HealthBoard) -> bool {
        let mut is_changed = false;
        if stale.credentials {
            let credential = credential(&self.agent, broker);
            if self.credential != credential {
                self.resources = self.resources.clone().with_credential(&self.agent, &credential);
                self.credential = credential;
                is_changed = true;
            }
        }
        if stale.standings {
            let availability = health.availability(&self.agent.id);
            if self.availability != availability {
                self.resources = self.resources.clone().with_availability(&self.agent, &availability);
                self.availability = availability;
                is_changed = true;
            }
        }
        is_changed
    }
}

fn credential(agent: &Agent, broker: &Broker) -> CredentialValue {
    match agent.auth {
        BackendAuth::None => CredentialValue::Missing,
        _ => broker.credential(&agent.id),
    }
}
