//! What became of agents between two looks at them. Those who keep something for each of ten thousand agents are told this, and do not look
//! at all of them.

use std::sync::Arc;

use super::{Agent, AgentId};

/// How agents differ from those before.
#[derive(Debug, Clone, Default)]
pub struct AgentChanges {
    /// Those that are not there any more.
    pub gone: Vec<AgentId>,
    /// Those that are new, or whose record was written.
    pub written: Vec<Arc<Agent>>,
}

impl AgentChanges {
    /// What makes `after` of `before`, both in the order of ids.
    #[must_use]
    pub fn between<'a>(
        before: impl IntoIterator<Item = &'a Arc<Agent>>,
        after: impl IntoIterator<Item = &'a Arc<Agent>>,
    ) -> Self {
        let mut changes = Self::default();
        let mut before = before.into_iter().peekable();
        for agent in after {
            // Mostly it is the one that was there: no ids are compared then.
            if before.next_if(|it| Arc::ptr_eq(it, agent)).is_some() {
                continue;
            }
            while let Some(gone) = before.next_if(|it| it.id < agent.id) {
                changes.gone.push(gone.id.clone());
            }
            let known = before.next_if(|it| it.id == agent.id);
            if !known.is_some_and(|it| Arc::ptr_eq(it, agent)) {
                changes.written.push(agent.clone());
            }
        }
        changes.gone.extend(before.map(|it| it.id.clone()));
        changes
    }

    /// Whether they are the same.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.gone.is_empty() && self.written.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;
    use crate::{domain::BackendAuth, xds::fixtures};

    type Agents = BTreeMap<AgentId, Arc<Agent>>;

    /// Agents of these numbers, the same for the same version.
    fn agents(versions: &BTreeMap<u8, bool>, pool: &BTreeMap<(u8, bool), Arc<Agent>>) -> Agents {
        versions.iter().map(|it| pool[&(*it.0, *it.1)].clone()).map(|agent| (agent.id.clone(), agent)).collect()
    }

    proptest! {
        #[test]
        fn changes_make_the_one_of_the_other_and_name_nothing_else(
            before in prop::collection::btree_map(0_u8..12, any::<bool>(), 0..12),
            after in prop::collection::btree_map(0_u8..12, any::<bool>(), 0..12),
        ) {
            let agent = |id: u8| Arc::new(fixtures::agent(&format!("a{id}"), &["http://b.example"], BackendAuth::None));
            let pool = (0..12).flat_map(|id| [true, false].map(|version| ((id, version), agent(id)))).collect();
            let (before, after) = (agents(&before, &pool), agents(&after, &pool));
            let changes = AgentChanges::between(before.values(), after.values());
            for id in &changes.gone {
                prop_assert!(before.contains_key(id) && !after.contains_key(id), "{id}");
            }
            for agent in &changes.written {
                prop_assert!(!before.get(&agent.id).is_some_and(|it| Arc::ptr_eq(it, agent)), "{}", agent.id);
            }
            let mut made = before;
            changes.gone.iter().for_each(|id| drop(made.remove(id)));
            made.extend(changes.written.iter().map(|agent| (agent.id.clone(), agent.clone())));
            prop_assert_eq!(made.len(), after.len());
            for (one, other) in made.values().zip(after.values()) {
                prop_assert!(Arc::ptr_eq(one, other));
            }
            prop_assert!(AgentChanges::between(after.values(), after.values()).is_empty());
        }
    }
}
