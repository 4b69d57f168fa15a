//! Agents' resources between two publications: what has not changed is not built again.

use std::{
    collections::{BTreeMap, btree_map::Entry},
    sync::Arc,
};

use tollgate_policy::document::AgentDocument;

use super::document;
use crate::{
    broker::Broker,
    domain::{Agent, AgentId, BackendAuth},
    health::{Availability, HealthBoard},
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
    availability: Availability,
    document: AgentDocument,
    resources: AgentResources,
}

impl AgentParts {
    /// Whether they are those of these agents, and no record was written since.
    pub(super) fn are_of(&self, agents: &BTreeMap<AgentId, Arc<Agent>>) -> bool {
        let parts = self.parts.values().map(|part| &part.agent);
        self.parts.len() == agents.len() && parts.zip(agents.values()).all(|(of, agent)| Arc::ptr_eq(of, agent))
    }

    /// Follows the registry, the broker and the board.
    pub(super) fn update(&mut self, agents: &BTreeMap<AgentId, Arc<Agent>>, broker: &Broker, health: &HealthBoard) {
        self.parts.retain(|id, _| agents.contains_key(id));
        for (id, agent) in agents {
            let credential = match agent.auth {
                BackendAuth::None => CredentialValue::Missing,
                _ => broker.credential(id),
            };
            let availability = health.availability(id);
            match self.parts.entry(id.clone()) {
                Entry::Vacant(vacant) => {
                    vacant.insert(Part::new(agent, credential, availability));
                }
                Entry::Occupied(mut part) => part.get_mut().follow(agent, credential, availability),
            }
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &AgentResources> {
        self.parts.values().map(|part| &part.resources)
    }

    /// What the policy says of them.
    pub(super) fn documents(&self) -> Vec<AgentDocument> {
        self.parts.values().map(|part| part.document.clone()).collect()
    }
}

impl Part {
    fn new(agent: &Arc<Agent>, credential: CredentialValue, availability: Availability) -> Self {
        let resources = AgentResources::new(agent, &credential, &availability);
        Self { agent: agent.clone(), credential, availability, document: document::entry(agent), resources }
    }

    fn follow(&mut self, agent: &Arc<Agent>, credential: CredentialValue, availability: Availability) {
        if !Arc::ptr_eq(&self.agent, agent) {
            *self = Self::new(agent, credential, availability);
            return;
        }
        if self.credential != credential {
            self.resources = self.resources.clone().with_credential(agent, &credential);
            self.credential = credential;
        }
        if self.availability != availability {
            self.resources = self.resources.clone().with_availability(agent, &availability);
            self.availability = availability;
        }
    }
}
