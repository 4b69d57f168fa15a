//! A write's effect on the registry in memory. Its effect on the disk is `disk`'s.

use std::{collections::BTreeMap, sync::Arc};

use super::Change;
use crate::domain::Registry;

/// The registry after `changes`, one generation on. What did not change is shared.
pub(super) fn to_registry(before: &Registry, changes: &[Change]) -> Registry {
    let mut after = before.clone();
    after.generation = before.generation.next();
    for change in changes {
        match change {
            Change::PutAgent(agent) => put(&mut after.agents, agent.id.clone(), agent),
            Change::DeleteAgent(id) => drop(after.agents.remove(id)),
            Change::PutPermission(row) => put(&mut after.permissions, row.scope.clone(), row),
            Change::DeletePermission(scope) => drop(after.permissions.remove(scope)),
            Change::PutClient(client) => put(&mut after.clients, client.id.clone(), client),
            Change::DeleteClient(id) => drop(after.clients.remove(id)),
            Change::PutIssuer(issuer) => put(&mut after.issuers, issuer.issuer.clone(), issuer),
            Change::DeleteIssuer(issuer) => drop(after.issuers.remove(issuer)),
            Change::PutRevocation(it) => put(&mut after.revocations, it.id.clone(), it),
            Change::DeleteRevocation(id) => drop(after.revocations.remove(id)),
            Change::PutTaskKey(key) => put(&mut after.task_keys, key.id.clone(), key),
            Change::DeleteTaskKey(id) => drop(after.task_keys.remove(id)),
            Change::PutSigningKeys(keys) => after.signing_keys = keys.iter().cloned().map(Arc::new).collect(),
            Change::PutCardKeys(keys) => after.card_keys = keys.iter().cloned().map(Arc::new).collect(),
        }
    }
    after
}

fn put<K: Ord, V: Clone>(map: &mut BTreeMap<K, Arc<V>>, key: K, value: &V) {
    map.insert(key, Arc::new(value.clone()));
}
