//! From what is wanted and what there is: the changes, and what to say about them. Made anew on the registry that the changes go to, so
//! that nothing written meanwhile is lost.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{
    cards::Fetched,
    difference,
    wanted::{Named, Prune, Wanted, WantedAgent, is_still},
};
use crate::{
    admin::{
        ApiError,
        agents::{is_same, status},
        fields::Faults,
    },
    domain::{Agent, ApplySet, Permission, Registry, StatusChange},
    store::Change,
};

/// What is to be done.
#[derive(Default)]
pub(super) struct Plan {
    pub(super) changes: Vec<Change>,
    /// One entry for each record that changes.
    pub(super) differences: Vec<Value>,
    pub(super) unchanged: usize,
    pub(super) warnings: Vec<Value>,
}

impl Plan {
    /// Makes the plan. `fetched` has a card for each agent.
    ///
    /// # Errors
    /// A status cannot be had from where an agent is; or a record that this builds on has changed since it was read.
    pub(super) fn make(
        wanted: &Wanted,
        fetched: &[Fetched],
        registry: &Registry,
        change: &StatusChange,
    ) -> Result<Self, ApiError> {
        let (mut plan, faults) = (Self::default(), Faults::default());
        for (it, card) in wanted.agents.iter().zip(fetched) {
            let before = registry.agents.get(&it.draft.id).map(|agent| &**agent);
            match agent(it, card, before, change.clone(), &wanted.set) {
                Ok(after) => plan.put_agent(before, after, card),
                Err(refusal) => refusal.push_into(&faults, &it.place),
            }
        }
        for row in &wanted.permissions {
            plan.put_permission(registry.permissions.get(&row.scope).map(|row| &**row), row, &wanted.set);
        }
        plan.prune(wanted, registry);
        faults.finish(Some(plan))
    }

    fn put_agent(&mut self, before: Option<&Agent>, after: Agent, card: &Fetched) {
        let id = after.id.as_str();
        if let Fetched::Kept(Some(problem)) = card {
            self.warnings.push(json!({"kind": "agent", "id": id, "message": problem}));
        }
        if before.is_some_and(|before| is_same(before, &after)) {
            self.unchanged += 1;
            return;
        }
        let outcome = if before.is_some() { "updated" } else { "created" };
        self.say("agent", id, outcome, difference::agents(before, &after));
        self.changes.push(Change::PutAgent(after));
    }

    fn put_permission(&mut self, before: Option<&Permission>, row: &Permission, set: &ApplySet) {
        let made_by = before.map_or_else(|| Some(set.clone()), |before| before.managed_by.clone());
        let after = Permission { managed_by: made_by, ..row.clone() };
        if before == Some(&after) {
            self.unchanged += 1;
            return;
        }
        let outcome = if before.is_some() { "updated" } else { "created" };
        self.say("permission", after.scope.as_str(), outcome, difference::permissions(before, &after));
        self.changes.push(Change::PutPermission(after));
    }

    fn prune(&mut self, wanted: &Wanted, registry: &Registry) {
        let goes = |made_by: Option<&ApplySet>| match wanted.prune {
            Prune::Nothing => false,
            Prune::Set => made_by == Some(&wanted.set),
            Prune::All => true,
        };
        if wanted.lists.agents == Named::Yes {
            let named: BTreeSet<_> = wanted.agents.iter().map(|it| &it.draft.id).collect();
            let left = registry.agents.values().filter(|agent| !named.contains(&agent.id));
            for agent in left.filter(|agent| goes(agent.managed_by.as_ref())) {
                self.say("agent", agent.id.as_str(), "deleted", Vec::new());
                self.changes.push(Change::DeleteAgent(agent.id.clone()));
            }
        }
        if wanted.lists.permissions == Named::Yes {
            let named: BTreeSet<_> = wanted.permissions.iter().map(|row| &row.scope).collect();
            let left = registry.permissions.values().filter(|row| !named.contains(&row.scope));
            for row in left.filter(|row| goes(row.managed_by.as_ref())) {
                self.say("permission", row.scope.as_str(), "deleted", Vec::new());
                self.changes.push(Change::DeletePermission(row.scope.clone()));
            }
        }
    }

    fn say(&mut self, kind: &str, id: &str, change: &str, differences: Vec<Value>) {
        self.differences.push(json!({"kind": kind, "id": id, "change": change, "differences": differences}));
    }
}

/// The record that an agent becomes.
fn agent(
    wanted: &WantedAgent,
    card: &Fetched,
    before: Option<&Agent>,
    change: StatusChange,
    set: &ApplySet,
) -> Result<Agent, ApiError> {
    let meanwhile =
        || ApiError::field("CHANGED_MEANWHILE", "agentId", "was changed by somebody else just now: apply again");
    if wanted.keeps.as_ref().is_some_and(|kept| !before.is_some_and(|before| is_still(kept, before))) {
        return Err(meanwhile());
    }
    let (card, sync_error) = match (card, before) {
        (Fetched::Card(card), _) => ((**card).clone(), None),
        (Fetched::Kept(_), Some(before)) if wanted.draft.is_where(before) => {
            ((*before.card).clone(), before.sync_error.clone())
        }
        (Fetched::Kept(_), _) => return Err(meanwhile()),
    };
    let draft = wanted.draft.clone();
    let standing = match before {
        None => (draft.status.unwrap_or_default(), change.clone()),
        Some(before) => status::of_apply(before, draft.status, change.clone())?,
    };
    let managed_by = before.map_or_else(|| Some(set.clone()), |before| before.managed_by.clone());
    Ok(Agent { managed_by, sync_error, ..draft.into_agent(card, before, standing, change.at) })
}
