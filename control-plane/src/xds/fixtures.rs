//! Test material: agents, snapshots, and a fake Envoy that speaks delta to a session and acknowledges what it is told to.

use std::{collections::BTreeMap, sync::Arc};

use envoy_types::pb::{
    envoy::service::discovery::v3::{DeltaDiscoveryRequest, DeltaDiscoveryResponse},
    google::rpc::Status,
};
use tollgate_a2a::settings::SettingsDocument;
use tollgate_policy::document::{AgentDocument, Dialect, PolicyDocument, VERSION};

use super::{
    AgentResources, CredentialValue, Edge, EdgeResources, FilterModule, NodeTable, PolicyFilter, PolicyResource,
    RenderedPolicy, ResourceKind, Snapshot, SnapshotParts, StreamKind, TranslatorResource, UpstreamAddress, delta,
    nodes::NodeIdentity, session::Session,
};
use crate::domain::{
    A2aSettings, Agent, AgentDiscovery, AgentId, AgentStatus, Backend, BackendAuth, BackendUrl, Card, CardPaths,
    CardSignatures, CircuitBreaker, Generation, HealthCheck, IdentityHeaders, Secret, SecretText, SignatureOutcome,
    StatusChange, Timeouts,
};
use crate::health::Availability;

pub(crate) fn agent(id: &str, backends: &[&str], auth: BackendAuth) -> Agent {
    let backend =
        |url: &&str| Backend { url: BackendUrl::parse(url).unwrap(), priority: 0, weight: 1.try_into().unwrap() };
    let card = Card {
        document: serde_json::json!({}),
        text: "{}".into(),
        version: 1,
        fetched_at: 0,
        etag: None,
        signature: SignatureOutcome::Unsigned,
        paths: CardPaths::default(),
    };
    Agent {
        id: AgentId::try_from(id).unwrap(),
        name: id.to_owned(),
        description: String::new(),
        capabilities: Vec::new(),
        tags: Vec::new(),
        skills: Vec::new(),
        backends: backends.iter().map(backend).collect(),
        card_url: None,
        auth,
        health_endpoint: None,
        health_check: HealthCheck::default(),
        heartbeat: None,
        timeouts: Timeouts::default(),
        circuit_breaker: CircuitBreaker::default(),
        max_concurrent: None,
        a2a: A2aSettings::default(),
        discovery: AgentDiscovery::default(),
        identity_headers: IdentityHeaders::default(),
        status: AgentStatus::Active,
        status_change: StatusChange::default(),
        card_signatures: CardSignatures::default(),
        card: Arc::new(card),
        earlier_cards: Vec::new(),
        sync_error: None,
        managed_by: None,
        created_at: 0,
        updated_at: 0,
    }
}

/// An agent that speaks one dialect, so that the others are translated.
pub(crate) fn translated(id: &str, backends: &[&str]) -> Agent {
    let mut it = agent(id, backends, BackendAuth::None);
    let paths = CardPaths { rpc: Some("/".to_owned()), rest: None, dialects: vec![Dialect::JsonRpc1] };
    it.card = Arc::new(Card { paths, ..(*it.card).clone() });
    assert!(it.needs_translation());
    it
}

pub(crate) fn bearer() -> BackendAuth {
    BackendAuth::Bearer { token: Secret::Inline(SecretText::new("given".to_owned())) }
}

pub(crate) fn edge() -> Edge {
    Edge {
        listen: ([0, 0, 0, 0], 8080).into(),
        control_plane: UpstreamAddress { host: "127.0.0.1".to_owned(), port: 8082 },
        max_body_bytes: 1 << 20,
        response_statistics: false,
        certificate: None,
        upstream_ca: "/etc/ssl/certs/ca-certificates.crt".into(),
        filter: PolicyFilter::Wasm(FilterModule::new(b"\0asm")),
        translator: FilterModule::new(b"\0asm"),
    }
}

pub(crate) fn ready(value: &str) -> CredentialValue {
    CredentialValue::Ready(SecretText::new(value.to_owned()))
}

/// A snapshot of agents with their credentials.
pub(crate) fn snapshot(generation: u64, agents: &[(Agent, CredentialValue)]) -> Arc<Snapshot> {
    snapshot_of(&edge(), generation, agents)
}

/// The same at an edge of one's own.
pub(crate) fn snapshot_of(edge: &Edge, generation: u64, agents: &[(Agent, CredentialValue)]) -> Arc<Snapshot> {
    let document = document(agents.iter().map(|(agent, _)| agent));
    let policy = PolicyResource::new(&edge.filter, &document, &RenderedPolicy::of(&document));
    let resources: Vec<_> =
        agents.iter().map(|(agent, value)| AgentResources::new(agent, value, &Availability::default())).collect();
    let parts = SnapshotParts {
        generation: Generation::new(generation),
        edge: &EdgeResources::new(edge),
        policy: &policy,
        translator: &TranslatorResource::new(&edge.translator, &translation()),
    };
    Arc::new(Snapshot::new(&parts, &resources.iter().collect::<Vec<_>>(), None).unwrap())
}

fn translation() -> SettingsDocument {
    serde_json::from_str(r#"{"version":1,"maxBodyBytes":1048576}"#).unwrap()
}

/// A snapshot of agents without credentials, each at `http://127.0.0.1:{port}`.
pub(crate) fn plain(generation: u64, agents: &[(&str, u16)]) -> Arc<Snapshot> {
    let agent = |(id, port): &(&str, u16)| {
        (agent(id, &[&format!("http://127.0.0.1:{port}")], BackendAuth::None), CredentialValue::Missing)
    };
    snapshot(generation, &agents.iter().map(agent).collect::<Vec<_>>())
}

pub(crate) fn document<'a>(agents: impl Iterator<Item = &'a Agent>) -> PolicyDocument {
    let entry = |agent: &Agent| AgentDocument::new(agent.id.clone());
    PolicyDocument {
        version: VERSION,
        generation: 1,
        gateway: serde_json::from_str(r#"{"publicUrl":"http://127.0.0.1:8080"}"#).unwrap(),
        issuers: vec![serde_json::from_str(r#"{"issuer":"https://i","audiences":["a"],"jwks":{"keys":[]}}"#).unwrap()],
        permissions: Vec::new(),
        default_limit: None,
        agents: agents.map(entry).collect(),
        revocations: Vec::new(),
    }
}

/// An Envoy on a delta stream, without the network.
pub(crate) struct FakeEnvoy {
    session: Session,
    pub(crate) table: NodeTable,
    snapshot: Arc<Snapshot>,
    /// What it has, by kind and name: version.
    pub(crate) has: BTreeMap<(ResourceKind, String), String>,
    waiting: Vec<DeltaDiscoveryResponse>,
    /// Everything received, as `kind +name -name`.
    log: Vec<String>,
}

impl FakeEnvoy {
    pub(crate) fn connect(snapshot: &Arc<Snapshot>) -> Self {
        let table = NodeTable::new(|| 7);
        let connection = table.connect(NodeIdentity { id: "edge".to_owned(), ..Default::default() }, StreamKind::Delta);
        Self {
            session: Session::new(connection),
            table,
            snapshot: snapshot.clone(),
            has: BTreeMap::new(),
            waiting: Vec::new(),
            log: Vec::new(),
        }
    }

    /// Subscribed to everything an Envoy wants, all acknowledged.
    pub(crate) fn running(snapshot: &Arc<Snapshot>) -> Self {
        let mut envoy = Self::connect(snapshot);
        envoy.subscribe(ResourceKind::Cluster, &[]);
        envoy.subscribe(ResourceKind::Listener, &[]);
        envoy.subscribe(ResourceKind::Extension, &["tollgate", "tollgate-translator"]);
        envoy.acknowledge_all();
        envoy.log.clear();
        envoy
    }

    pub(crate) fn subscribe(&mut self, kind: ResourceKind, names: &[&str]) {
        self.ask(kind, |request| request.resource_names_subscribe = names.iter().map(|it| (*it).to_owned()).collect());
    }

    /// Sends a request of a kind.
    pub(crate) fn ask(&mut self, kind: ResourceKind, fill: impl FnOnce(&mut DeltaDiscoveryRequest)) {
        let mut request = DeltaDiscoveryRequest { type_url: kind.type_url().to_owned(), ..Default::default() };
        fill(&mut request);
        delta::request(&mut self.session, request, &self.snapshot);
        self.receive();
    }

    pub(crate) fn publish(&mut self, snapshot: &Arc<Snapshot>) {
        self.snapshot = snapshot.clone();
        self.session.wake();
        self.receive();
    }

    /// Answers the oldest response of a kind; `refusal`: with a NACK.
    pub(crate) fn answer(&mut self, kind: ResourceKind, refusal: Option<&str>) {
        let at = self.waiting.iter().position(|it| it.type_url == kind.type_url()).expect("a response to answer");
        let response = self.waiting.remove(at);
        for resource in response.resources {
            let named = refusal.is_some_and(|reason| reason.contains(&resource.name));
            if !named {
                self.has.insert((kind, resource.name), resource.version);
            }
        }
        for name in response.removed_resources {
            self.has.remove(&(kind, name));
        }
        let error = refusal.map(|reason| Status { code: 13, message: reason.to_owned(), details: Vec::new() });
        self.ask(kind, |request| {
            request.response_nonce = response.nonce;
            request.error_detail = error;
        });
    }

    /// Whether a response of a kind waits for an answer.
    pub(crate) fn owes(&self, kind: ResourceKind) -> bool {
        self.waiting.iter().any(|it| it.type_url == kind.type_url())
    }

    pub(crate) fn acknowledge_all(&mut self) {
        while let Some(response) = self.waiting.first() {
            let kind = ResourceKind::from_type_url(&response.type_url).unwrap();
            self.answer(kind, None);
        }
    }

    /// What came since the last look.
    pub(crate) fn seen(&mut self) -> Vec<String> {
        std::mem::take(&mut self.log)
    }

    fn receive(&mut self) {
        for response in delta::responses(&mut self.session, &self.snapshot) {
            let kind = ResourceKind::from_type_url(&response.type_url).unwrap();
            let added = response.resources.iter().map(|it| format!(" +{}", it.name));
            let removed = response.removed_resources.iter().map(|name| format!(" -{name}"));
            self.log.push(format!("{}{}", kind.as_str(), added.chain(removed).collect::<String>()));
            self.waiting.push(response);
        }
    }
}
