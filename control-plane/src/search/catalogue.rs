//! Every agent, read. A change of the registry costs the reading of the agents that say something else than before, and no others.

use std::{collections::BTreeMap, sync::Arc};

use super::document::Document;
use crate::{
    domain::{Agent, AgentId, Generation, Registry},
    gate::Visitor,
};

/// The agents of a generation.
#[derive(Debug, Default)]
pub(super) struct Catalogue {
    pub(super) generation: Generation,
    entries: BTreeMap<AgentId, Entry>,
}

#[derive(Debug)]
struct Entry {
    agent: Arc<Agent>,
    document: Arc<Document>,
}

impl Catalogue {
    /// The agents of `registry`. What reads as it did is the same document.
    pub(super) fn next(&self, registry: &Registry) -> Self {
        let read = |(id, agent): (&AgentId, &Arc<Agent>)| {
            let before = self.entries.get(id);
            let document = match before {
                Some(before) if Arc::ptr_eq(&before.agent, agent) => before.document.clone(),
                _ => Document::read(agent, before.map(|it| &it.document)),
            };
            (id.clone(), Entry { agent: agent.clone(), document })
        };
        Self { generation: registry.generation, entries: registry.agents.iter().map(read).collect() }
    }

    /// In the order of their ids.
    pub(super) fn documents(&self) -> impl Iterator<Item = &Arc<Document>> {
        self.entries.values().map(|entry| &entry.document)
    }

    /// What `visitor` may find, in the order of their ids.
    pub(super) fn seen_by(&self, visitor: &dyn Visitor) -> Vec<Arc<Document>> {
        let seen = self.entries.values().filter(|entry| is_found(&entry.agent, visitor));
        seen.map(|entry| entry.document.clone()).collect()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    pub(super) fn document(&self, id: &AgentId) -> Option<&Arc<Document>> {
        self.entries.get(id).map(|entry| &entry.document)
    }
}

/// Whether an agent is listed, and found, for a caller.
#[must_use]
pub fn is_found(agent: &Agent, visitor: &dyn Visitor) -> bool {
    agent.is_active() && visitor.may_see(&agent.id)
}
