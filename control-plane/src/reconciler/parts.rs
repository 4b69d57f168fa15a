//! Agents' resources between two publications: what has not changed is not built again.

use std::{collections::BTreeMap, sync::Arc};

use crate::{
    broker::Broker,
    domain::{Agent, AgentId, BackendAuth},
    xds::{AgentResources, CredentialValue},
};

/// Each agent's resources with what they were built from.
#[derive(Default)]
pub(super) struct AgentParts {
    parts: BTreeMap<AgentId, Part>,
}

struct Part {
    agent: Arc<Agent>,
    credential: CredentialValue,
    resources: AgentResources,
}

impl AgentParts {
    /// Follows the registry and the broker.
    pub(super) fn update(&mut self, agents: &BTreeMap<AgentId, Arc<Agent>>, broker: &Broker) {
        self.parts.retain(|id, _| agents.contains_key(id));
        for (id, agent) in agents {
            let credential = match agent.auth {
                BackendAuth::None => CredentialValue::Missing,
                _ => broker.credential(id),
            };
            let resources = match self.parts.remove(id) {
                Some(part) if !Arc::ptr_eq(&part.agent, agent) => AgentResources::new(agent, &credential),
                Some(part) if part.credential == credential => part.resources,
                Some(part) => part.resources.with_credential(agent, &credential),
                None => AgentResources::new(agent, &credential),
            };
            self.parts.insert(id.clone(), Part { agent: agent.clone(), credential, resources });
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &AgentResources> {
        self.parts.values().map(|part| &part.resources)
    }
}
