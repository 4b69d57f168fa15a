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
pub(crate) type ResourceSet = BTreeMap<Arc<str>, Resource>;

/// What Envoy is to know.
#[derive(Debug, Clone)]
pub struct Snapshot {
    generation: Generation,
    sets: [Arc<ResourceSet>; ResourceKind::ALL.len()],
    awaited: Arc<BTreeSet<String>>,
    /// Where its policy leads, all of which was found to be there.
    led_to: Arc<[String]>,
}

/// All that a snapshot says of one kind of resource. Snapshots share what did not change: equal means the same, not alike.
#[derive(Debug, Clone)]
pub(super) struct Sight {
    set: Arc<ResourceSet>,
    awaited: Arc<BTreeSet<String>>,
}

impl PartialEq for Sight {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.set, &other.set) && Arc::ptr_eq(&self.awaited, &other.awaited)
    }
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
    clusters: Arc<[String]>,
}

/// What a snapshot is made of beside its agents.
#[derive(Debug)]
pub struct SnapshotParts<'a> {
    /// The registry's generation.
    pub generation: Generation,
    /// What no agent changes.
    pub edge: &'a EdgeResources,
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
    pub fn new(form: &PolicyFilter, document: &PolicyDocument, rendered: &RenderedPolicy) -> Self {
        let named =
            |agent: &AgentDocument| agent.cluster.clone().unwrap_or_else(|| clusters::agent_cluster_name(&agent.id));
        let clusters = document
            .agents
            .iter()
            .flat_map(|agent| iter::once(named(agent)).chain(agent.grpc.clone()).chain(agent.translated.clone()));
        Self { clusters: clusters.collect(), extension: filter::extension(form, rendered) }
    }

    /// Another policy that says the same of agents.
    #[must_use]
    pub fn with_the_same_agents(&self, form: &PolicyFilter, rendered: &RenderedPolicy) -> Self {
        Self { clusters: self.clusters.clone(), extension: filter::extension(form, rendered) }
    }

    fn leads_into(&self, clusters: &ResourceSet) -> Result<(), SnapshotError> {
        match self.clusters.iter().find(|name| !clusters.contains_key(name.as_str())) {
            Some(cluster) => Err(SnapshotError { cluster: cluster.clone() }),
            None => Ok(()),
        }
    }
}

impl Snapshot {
    /// Puts parts and the agents that can be reached together; what equals `previous` is shared with it.
    ///
    /// # Errors
    /// When the policy names a cluster that is not among the parts.
    pub fn new(
        parts: &SnapshotParts<'_>,
        agents: &[&AgentResources],
        previous: Option<&Self>,
    ) -> Result<Self, SnapshotError> {
        let clusters = agents.iter().flat_map(|agent| iter::once(&agent.cluster).chain(&agent.grpc));
        let clusters = set(clusters.chain(&parts.edge.clusters));
        parts.policy.leads_into(&clusters)?;
        let delivered = agents.iter().filter_map(|agent| match &agent.credential {
            Credential::Delivered(secret) => Some(secret),
            _ => None,
        });
        let awaited = agents.iter().filter_map(|agent| match &agent.credential {
            Credential::Awaited(name) => Some(name.clone()),
            _ => None,
        });
        let endpoints = set(agents.iter().flat_map(|agent| &agent.endpoints));
        let secrets = set(delivered.chain(&parts.edge.secrets));
        let [clusters, endpoints, secrets] =
            [(ResourceKind::Cluster, clusters), (ResourceKind::Endpoints, endpoints), (ResourceKind::Secret, secrets)]
                .map(|(kind, set)| shared_with(previous, kind, set));
        let awaited = awaited.collect();
        let awaited = match previous.map(|it| &it.awaited) {
            Some(before) if **before == awaited => before.clone(),
            _ => Arc::new(awaited),
        };
        Ok(Self::assembled(parts, previous, [clusters, endpoints, secrets], awaited))
    }

    /// The same agents with these parts.
    ///
    /// # Errors
    /// As of [`Self::new`].
    pub fn with_the_same_agents(&self, parts: &SnapshotParts<'_>) -> Result<Self, SnapshotError> {
        if !Arc::ptr_eq(&parts.policy.clusters, &self.led_to) {
            parts.policy.leads_into(self.set(ResourceKind::Cluster))?;
        }
        let sets = [ResourceKind::Cluster, ResourceKind::Endpoints, ResourceKind::Secret];
        let sets = sets.map(|kind| self.sets[kind.index()].clone());
        Ok(Self::assembled(parts, Some(self), sets, self.awaited.clone()))
    }

    fn assembled(
        parts: &SnapshotParts<'_>,
        previous: Option<&Self>,
        [clusters, endpoints, secrets]: [Arc<ResourceSet>; 3],
        awaited: Arc<BTreeSet<String>>,
    ) -> Self {
        let shared = |kind, set| shared_with(previous, kind, set);
        let sets = [
            clusters,
            endpoints,
            shared(ResourceKind::Listener, set(&parts.edge.listeners)),
            shared(ResourceKind::Routes, set([&parts.edge.routes])),
            secrets,
            shared(ResourceKind::Extension, set([&parts.policy.extension, parts.translator.resource()])),
        ];
        Self { generation: parts.generation, sets, awaited, led_to: parts.policy.clusters.clone() }
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

    pub(crate) fn set(&self, kind: ResourceKind) -> &Arc<ResourceSet> {
        &self.sets[kind.index()]
    }

    /// What all of a kind depends on.
    pub(super) fn sight(&self, kind: ResourceKind) -> Sight {
        Sight { set: self.set(kind).clone(), awaited: self.awaited.clone() }
    }

    /// Whether a resource of this name is on its way: it is neither there nor gone.
    pub(super) fn awaits(&self, kind: ResourceKind, name: &str) -> bool {
        kind == ResourceKind::Secret && self.awaited.contains(name)
    }
}

/// `set`, or the one of `previous` if they are equal.
fn shared_with(previous: Option<&Snapshot>, kind: ResourceKind, set: ResourceSet) -> Arc<ResourceSet> {
    match previous.map(|it| it.set(kind)) {
        Some(before) if **before == set => before.clone(),
        _ => Arc::new(set),
    }
}

fn set<'a>(resources: impl IntoIterator<Item = &'a Resource>) -> ResourceSet {
    resources.into_iter().map(|resource| (resource.shared_name(), resource.clone())).collect()
}
