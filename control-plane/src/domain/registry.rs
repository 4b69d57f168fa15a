//! The whole registry at one generation: what readers see. Cheap to clone: a write replaces what it changed and shares the rest.

use std::{collections::BTreeMap, sync::Arc};

use super::{
    Agent, AgentId, Client, ClientId, ExternalIssuer, Generation, Permission, Revocation, RevocationId, Scope,
    SigningKey, TaskKey, TaskKeyId,
};

/// Everything at one generation.
#[derive(Debug, Clone, Default)]
pub struct Registry {
    /// The generation this is.
    pub generation: Generation,
    /// Agents by id.
    pub agents: BTreeMap<AgentId, Arc<Agent>>,
    /// Permission rows by scope.
    pub permissions: BTreeMap<Scope, Arc<Permission>>,
    /// Clients of the embedded issuer.
    pub clients: BTreeMap<ClientId, Arc<Client>>,
    /// External issuers by `iss`.
    pub issuers: BTreeMap<String, Arc<ExternalIssuer>>,
    /// Who is cut off.
    pub revocations: BTreeMap<RevocationId, Arc<Revocation>>,
    /// The embedded issuer's keys, oldest first.
    pub signing_keys: Vec<Arc<SigningKey>>,
    /// The keys that cards are signed with, oldest first. No token is believed that one of them signed.
    pub card_keys: Vec<Arc<SigningKey>>,
    /// The keys that seal tasks' ids: the newest seals, all of them open.
    pub task_keys: BTreeMap<TaskKeyId, Arc<TaskKey>>,
}

impl Registry {
    /// The keys that seal tasks' ids, the one that seals first.
    #[must_use]
    pub fn task_keys_by_age(&self) -> Vec<&Arc<TaskKey>> {
        let mut keys: Vec<_> = self.task_keys.values().collect();
        keys.sort_by(|a, b| (b.created_at, &b.id).cmp(&(a.created_at, &a.id)));
        keys
    }
}
