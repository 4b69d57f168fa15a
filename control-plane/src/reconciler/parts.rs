//! Agents' resources between two publications: what has not changed is not built again.

use std::{
    collections::{BTreeMap, btree_map::Entry},
    sync::Arc,
};

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
            match self.parts.entry(id.clone()) {
                Entry::Vacant(vacant) => {
                    vacant.insert(Part::new(agent, credential));
                }
                Entry::Occupied(mut part) => part.get_mut().follow(agent, credential),
            }
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &AgentResources> {
        self.parts.values().map(|part| &part.resources)
    }
}

impl Part {
    fn new(agent: &Arc<Agent>, credential: CredentialValue) -> Self {
        let resources = AgentResources::new(agent, &credential);
        Self { agent: agent.clone(), credential, resources }
    }

    fn follow(&mut self, agent: &Arc<Agent>, credential: CredentialValue) {
        if !Arc::ptr_eq(&self.agent, agent) {
            *self = Self::new(agent, credential);
        } else if self.credential != credential {
            self.resources = self.resources.clone().with_credential(agent, &credential);
            self.credential = credential;
        }
    }
}
