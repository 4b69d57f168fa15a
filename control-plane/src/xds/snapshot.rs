//! Everything Envoy is to know at one generation, immutable. Its constructor checks that what is named is there: a [`Snapshot`] that
//! exists is consistent.

use std::{
    collections::{BTreeMap, BTreeSet},
    iter,
    sync::Arc,
};

use tokio::sync::watch;

use tollgate_policy::document::{AgentDocument, PolicyDocument};

use super::{
    EdgeResources, PolicyFilter, RenderedPolicy, Resource, ResourceKind, TranslatorResource, clusters, filter, secrets,
};
use crate::{
    domain::{Agent, BackendAuth, Generation, SecretText},
    health::Availability,
};

/// Where streams take snapshots from; `None` until the first.
pub type SnapshotFeed = watch::Receiver<Option<Arc<Snapshot>>>;

/// Resources of one kind by name.
pub(super) type ResourceSet = BTreeMap<Arc<str>, Resource>;

/// What Envoy is to know.
#[derive(Debug, Clone)]
pub struct Snapshot {
    generation: Generation,
    sets: [Arc<ResourceSet>; ResourceKind::ALL.len()],
    awaited: Arc<BTreeSet<String>>,
}

/// An agent as Envoy knows it. Depends on its record, its credential and how its backends stand: built again only when one of them
/// changes.
#[derive(Debug, Clone)]
pub struct AgentResources {
    cluster: Resource,
    grpc: Option<Resource>,
    endpoints: Vec<Resource>,
    credential: Credential,
}

/// An agent's credential as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CredentialValue {
    /// The whole value of its header.
    Ready(SecretText),
    /// On its way: a new cluster waits for it, for a while.
    Awaited,
    /// Not to be had for now: calls get 502, unless Envoy still holds one from before.
    Missing,
    /// Past its expiry and not renewed: calls get 502.
    Expired,
}

#[derive(Debug, Clone)]
enum Credential {
    None,
    Awaited(String),
    Delivered(Resource),
}

/// The rendered policy, and the clusters it leads to.
#[derive(Debug, Clone)]
pub struct PolicyResource {
    extension: Resource,
    clusters: Vec<String>,
}

/// What a snapshot is made of.
#[derive(Debug)]
pub struct SnapshotParts<'a> {
    /// The registry's generation.
    pub generation: Generation,
    /// What no agent changes.
    pub edge: &'a EdgeResources,
    /// The agents that can be reached.
    pub agents: Vec<&'a AgentResources>,
    /// The policy.
    pub policy: &'a PolicyResource,
    /// The translation.
    pub translator: &'a TranslatorResource,
}

/// The policy leads to a cluster that no agent has.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the policy names cluster {cluster}, which is not there")]
pub struct SnapshotError {
    /// The cluster.
    pub cluster: String,
}

impl AgentResources {
    /// Builds an agent's resources.
    #[must_use]
    pub fn new(agent: &Agent, credential: &CredentialValue, availability: &Availability) -> Self {
        Self {
            cluster: clusters::agent(agent, availability),
            grpc: clusters::agent_grpc(agent, availability),
            endpoints: clusters::agent_endpoints(agent, availability),
            credential: Credential::of(agent, credential),
        }
    }

    /// The same with backends that stand otherwise.
    #[must_use]
    pub fn with_availability(self, agent: &Agent, availability: &Availability) -> Self {
        Self {
            cluster: clusters::agent(agent, availability),
            grpc: clusters::agent_grpc(agent, availability),
            endpoints: clusters::agent_endpoints(agent, availability),
            ..self
        }
    }

    /// The same with another credential.
    #[must_use]
    pub fn with_credential(self, agent: &Agent, credential: &CredentialValue) -> Self {
        Self { credential: Credential::of(agent, credential), ..self }
    }
}

impl Credential {
    fn of(agent: &Agent, value: &CredentialValue) -> Self {
        if agent.auth == BackendAuth::None {
            return Self::None;
        }
        match value {
            CredentialValue::Ready(value) => Self::Delivered(secrets::credential(agent, value)),
            CredentialValue::Missing => Self::Delivered(secrets::no_credential(agent)),
            CredentialValue::Expired => Self::Delivered(secrets::withdrawn_credential(agent)),
            CredentialValue::Awaited => Self::Awaited(secrets::credential_name(agent)),
        }
    }
}

impl PolicyResource {
    /// Renders a policy that was found good.
    #[must_use]
    pub fn new(form: &PolicyFilter, document: &PolicyDocument, rendered: RenderedPolicy) -> Self {
        let named =
            |agent: &AgentDocument| agent.cluster.clone().unwrap_or_else(|| clusters::agent_cluster_name(&agent.id));
        let clusters = document
            .agents
            .iter()
            .flat_map(|agent| iter::once(named(agent)).chain(agent.grpc.clone()).chain(agent.translated.clone()));
        Self { clusters: clusters.collect(), extension: filter::extension(form, &rendered) }
    }
}

impl Snapshot {
    /// Puts parts together; what equals `previous` is shared with it.
    ///
    /// # Errors
    /// When the policy names a cluster that is not among the parts.
    pub fn new(parts: &SnapshotParts<'_>, previous: Option<&Self>) -> Result<Self, SnapshotError> {
        let clusters = set(parts
            .agents
            .iter()
            .flat_map(|agent| iter::once(&agent.cluster).chain(&agent.grpc))
            .chain(&parts.edge.clusters));
        if let Some(cluster) = parts.policy.clusters.iter().find(|name| !clusters.contains_key(name.as_str())) {
            return Err(SnapshotError { cluster: cluster.clone() });
        }
        let delivered = parts.agents.iter().filter_map(|agent| match &agent.credential {
            Credential::Delivered(secret) => Some(secret),
            _ => None,
        });
        let awaited = parts.agents.iter().filter_map(|agent| match &agent.credential {
            Credential::Awaited(name) => Some(name.clone()),
            _ => None,
        });
        let sets = [
            clusters,
            set(parts.agents.iter().flat_map(|agent| &agent.endpoints)),
            set(&parts.edge.listeners),
            set([&parts.edge.routes]),
            set(delivered.chain(&parts.edge.secrets)),
            set([&parts.policy.extension, parts.translator.resource()]),
        ];
        let share = |kind: ResourceKind, set: ResourceSet| match previous.map(|it| &it.sets[kind.index()]) {
            Some(old) if **old == set => old.clone(),
            _ => Arc::new(set),
        };
        let mut kinds = ResourceKind::ALL.into_iter();
        let sets = sets.map(|set| share(kinds.next().expect("one set for each kind"), set));
        Ok(Self { generation: parts.generation, sets, awaited: Arc::new(awaited.collect()) })
    }

    /// The registry's generation that this shows.
    #[must_use]
    pub fn generation(&self) -> Generation {
        self.generation
    }

    /// A resource by name.
    #[must_use]
    pub fn resource(&self, kind: ResourceKind, name: &str) -> Option<&Resource> {
        self.set(kind).get(name)
    }

    pub(super) fn set(&self, kind: ResourceKind) -> &ResourceSet {
        &self.sets[kind.index()]
    }

    /// Whether a resource of this name is on its way: it is neither there nor gone.
    pub(super) fn awaits(&self, kind: ResourceKind, name: &str) -> bool {
        kind == ResourceKind::Secret && self.awaited.contains(name)
    }
}

fn set<'a>(resources: impl IntoIterator<Item = &'a Resource>) -> ResourceSet {
    resources.into_iter().map(|resource| (resource.shared_name(), resource.clone())).collect()
}
