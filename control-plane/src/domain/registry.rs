//! The whole registry at one generation: what readers see. Cheap to clone: a write replaces what it changed and shares the rest.

use std::{collections::BTreeMap, sync::Arc};

use super::{
    Agent, AgentId, Client, ClientId, ExternalIssuer, Generation, Permission, Revocation, RevocationId, Scope,
    SigningKey,
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
}
