//! Every agent, read. A change of the registry costs the reading of the agents that say something else than before, and no others.

use std::{collections::BTreeMap, sync::Arc};

use super::document::Document;
use crate::{
    domain::{Agent, AgentChanges, AgentId, Generation, Registry},
    gate::Visitor,
};

/// The agents of a generation.
#[derive(Debug, Default)]
pub(super) struct Catalogue {
    pub(super) generation: Generation,
    entries: Arc<BTreeMap<AgentId, Entry>>,
}

#[derive(Debug, Clone)]
struct Entry {
    agent: Arc<Agent>,
    document: Arc<Document>,
}

impl Catalogue {
    /// The agents of `registry`. What reads as it did is the same document.
    pub(super) fn next(&self, registry: &Registry) -> Self {
        let changes = AgentChanges::between(self.entries.values().map(|it| &it.agent), registry.agents.values());
        let mut entries = self.entries.clone();
        if !changes.is_empty() {
            let entries = Arc::make_mut(&mut entries);
            changes.gone.iter().for_each(|id| drop(entries.remove(id)));
            for agent in changes.written {
                let document = Document::read(&agent, entries.get(&agent.id).map(|it| &it.document));
                entries.insert(agent.id.clone(), Entry { agent, document });
            }
        }
        Self { generation: registry.generation, entries }
    }

    /// Whether these are the agents of `other`.
    pub(super) fn has_the_agents_of(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.entries, &other.entries)
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
