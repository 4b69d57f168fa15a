//! From the registry to what is published, over a real store.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use tokio_util::sync::{CancellationToken, DropGuard};
use tollgate_policy::{
    document::{LimitDocument, OperationLimitsDocument},
    token::{Issuers, NoHost, TokenFault},
};

use super::{Published, Reconciler};
use crate::{
    broker::{Broker, Edges},
    config::Config,
    domain::{
        AgentStatus, BackendAuth, Client, ClientId, Generation, Heartbeat, Permission, Scope, SigningAlgorithm,
        SigningKey,
    },
    health::{Beat, HealthBoard, Report},
    issuer::{KeySchedule, Rotation, Signer},
    outbound::Outbound,
    secrets::SecretSource,
    store::{Change, SealingKey, Store},
    xds::{
        ResourceKind, Snapshot,
        fixtures::{self, agent},
    },
};

struct Running {
    store: Store,
    published: Published,
    health: HealthBoard,
    dir: tempfile::TempDir,
    stopping: DropGuard,
}

fn reconciler(store: &Store) -> (Reconciler, Published, HealthBoard) {
    let config = Arc::new(Config::parse("", &BTreeMap::new()).unwrap());
    let edges = Edges { clock: || 1000, jitter: || 0.5 };
    let outbound = Outbound::new(config.outbound.clone()).unwrap();
    let broker = Broker::new(outbound, SecretSource::new(&config.secrets, &BTreeMap::new()), edges);
    let health = HealthBoard::new(|| 1000);
    let (reconciler, published) =
        Reconciler::new(store.clone(), broker, health.clone(), config, &fixtures::edge()).unwrap();
    (reconciler, published, health)
}

impl Running {
    fn start(dir: tempfile::TempDir) -> Self {
        let key = SealingKey::load_or_create(&dir.path().join("key")).unwrap();
        let store = Store::open(dir.path(), &key).unwrap();
        let (reconciler, published, health) = reconciler(&store);
        let stopping = CancellationToken::new();
        tokio::spawn(reconciler.run(stopping.clone()));
        Self { store, published, health, dir, stopping: stopping.drop_guard() }
    }

    async fn write(&self, changes: Vec<Change>) -> Generation {
        self.store.write(move |_| Ok::<_, ()>(changes)).await.unwrap()
    }

    /// The snapshot once it shows `generation`.
    async fn at(&self, generation: Generation) -> Arc<Snapshot> {
        let mut snapshots = self.published.snapshots();
        let there = |it: &Option<Arc<Snapshot>>| it.as_ref().is_some_and(|it| it.generation() >= generation);
        snapshots.wait_for(there).await.unwrap().clone().unwrap()
    }

    async fn after(&self, changes: Vec<Change>) -> Arc<Snapshot> {
        let generation = self.write(changes).await;
        self.at(generation).await
    }
}

fn policy_version(snapshot: &Snapshot) -> String {
    snapshot.resource(ResourceKind::Extension, "tollgate").unwrap().version().to_owned()
}

fn put(id: &str) -> Change {
    Change::PutAgent(agent(id, &["http://127.0.0.1:1"], BackendAuth::None))
}

fn client() -> Change {
    let id = ClientId::try_from("c").unwrap();
    let (name, scopes, secrets) = (String::new(), Vec::new(), Vec::new());
    Change::PutClient(Client { id, name, scopes, secrets, disabled: false, created_at: 0 })
}

fn row(limit: Option<LimitDocument>) -> Change {
    let scope = Scope::try_from("s").unwrap();
    Change::PutPermission(Permission {
        scope,
        agents: vec!["*".to_owned()],
        operations: Vec::new(),
        limit,
        operation_limits: OperationLimitsDocument::default(),
        max_concurrent: None,
        managed_by: None,
    })
}

#[tokio::test]
async fn an_agent_is_published_while_it_is_active() {
    let running = Running::start(tempfile::tempdir().unwrap());
    let shown = running.after(vec![put("a"), put("b")]).await;
    assert!(shown.resource(ResourceKind::Cluster, "agent-a").is_some());
    let mut inactive = agent("a", &["http://127.0.0.1:1"], BackendAuth::None);
    inactive.status = AgentStatus::Inactive;
    let hidden = running.after(vec![Change::PutAgent(inactive)]).await;
    assert!(hidden.resource(ResourceKind::Cluster, "agent-a").is_none());
    assert!(hidden.resource(ResourceKind::Cluster, "agent-b").is_some());
    assert_ne!(policy_version(&shown), policy_version(&hidden));
}

#[tokio::test]
async fn what_does_not_concern_the_policy_does_not_send_it_again() {
    let running = Running::start(tempfile::tempdir().unwrap());
    let before = running.after(vec![put("a")]).await;
    let after = running.after(vec![client()]).await;
    assert!(after.generation() > before.generation());
    assert_eq!(policy_version(&before), policy_version(&after));
    let moved = agent("a", &["http://127.0.0.1:2"], BackendAuth::None);
    let moved = running.after(vec![Change::PutAgent(moved)]).await;
    assert_eq!(policy_version(&before), policy_version(&moved), "a backend is the cluster's business");
    assert_ne!(before.resource(ResourceKind::Cluster, "agent-a"), moved.resource(ResourceKind::Cluster, "agent-a"));
}

#[tokio::test]
async fn agents_that_come_do_not_send_the_translation_again() {
    let running = Running::start(tempfile::tempdir().unwrap());
    let translator = |snapshot: &Snapshot| {
        snapshot.resource(ResourceKind::Extension, "tollgate-translator").unwrap().version().to_owned()
    };
    let before = running.after(vec![put("a")]).await;
    let translated = running.after(vec![Change::PutAgent(fixtures::translated("b", &["http://127.0.0.1:2"]))]).await;
    assert_eq!(translator(&before), translator(&translated));
    assert_ne!(policy_version(&before), policy_version(&translated));
}

#[tokio::test]
async fn versions_survive_a_restart() {
    let running = Running::start(tempfile::tempdir().unwrap());
    running.after(vec![put("a")]).await;
    let before = running.after(vec![client()]).await;
    drop(running.stopping);
    let after = reconciler(&running.store).1.snapshots().borrow().clone().unwrap();
    assert_eq!(policy_version(&before), policy_version(&after));
    assert_eq!(before.resource(ResourceKind::Cluster, "agent-a"), after.resource(ResourceKind::Cluster, "agent-a"));
    drop(running.dir);
}

#[tokio::test]
async fn a_policy_that_the_filter_would_refuse_is_not_published() {
    let running = Running::start(tempfile::tempdir().unwrap());
    let good = running.after(vec![put("a")]).await;
    let zero = LimitDocument { requests_per_minute: Some(0), burst: None, unlimited: false };
    running.write(vec![row(Some(zero))]).await;
    let mut faults = running.published.fault.subscribe();
    let fault = faults.wait_for(Option::is_some).await.unwrap().clone().unwrap();
    assert!(fault.contains("permissions[0].limit"), "{fault}");
    let current = running.published.snapshots().borrow().clone().unwrap();
    assert_eq!(current.generation(), good.generation());
    running.after(vec![row(None), put("b")]).await;
    faults.wait_for(Option::is_none).await.unwrap();
}

#[tokio::test]
async fn agents_that_came_with_a_refused_policy_are_published_once_it_is_mended() {
    let running = Running::start(tempfile::tempdir().unwrap());
    running.after(vec![put("a")]).await;
    let zero = LimitDocument { requests_per_minute: Some(0), burst: None, unlimited: false };
    running.write(vec![row(Some(zero)), put("b"), Change::DeleteAgent("a".try_into().unwrap())]).await;
    running.published.fault.subscribe().wait_for(Option::is_some).await.unwrap();
    let mended = running.after(vec![row(None)]).await;
    let is_there = |id: &str| {
        let cluster = mended.resource(ResourceKind::Cluster, &format!("agent-{id}")).is_some();
        (cluster, running.published.policy().unwrap().agent(id).is_some())
    };
    assert_eq!((is_there("a"), is_there("b")), ((false, false), (true, true)));
}

#[tokio::test]
async fn agents_that_stay_as_they_are_are_not_put_together_again() {
    let running = Running::start(tempfile::tempdir().unwrap());
    let before = running.after(vec![put("a"), put("b")]).await;
    let after = running.after(vec![row(None)]).await;
    assert_ne!(policy_version(&before), policy_version(&after));
    let clusters = |snapshot: &Snapshot| Arc::as_ptr(snapshot.set(ResourceKind::Cluster));
    assert_eq!(clusters(&before), clusters(&after));
    let moved = running.after(vec![Change::PutAgent(agent("a", &["http://127.0.0.1:2"], BackendAuth::None))]).await;
    assert_ne!(clusters(&after), clusters(&moved));
}

#[tokio::test]
async fn a_new_signing_key_is_a_new_policy() {
    let running = Running::start(tempfile::tempdir().unwrap());
    let before = running.after(vec![put("a")]).await;
    let jwk =
        serde_json::json!({"kty":"OKP","crv":"Ed25519","kid":"k","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"});
    let key = SigningKey {
        kid: "k".to_owned(),
        algorithm: SigningAlgorithm::EdDsa,
        private_key: vec![1].into(),
        public_jwk: jwk,
        active_from: 0,
        retires_at: None,
    };
    let after = running.after(vec![Change::PutSigningKeys(vec![key])]).await;
    assert_ne!(policy_version(&before), policy_version(&after));
    assert!(running.published.policy().unwrap().issuers().knows_key("http://127.0.0.1:8080", "k"));
}

/// A token for everything, signed by `key`.
fn token(key: &SigningKey) -> String {
    let header = serde_json::json!({"alg": "ES256", "kid": key.kid, "typ": "at+jwt"});
    let gateway = "http://127.0.0.1:8080";
    let claims = serde_json::json!({
        "iss": gateway, "aud": gateway, "sub": "app", "client_id": "app", "exp": 2000, "scope": "gateway:admin",
    });
    let [header, claims] = [header, claims].map(|part| BASE64_URL_SAFE_NO_PAD.encode(part.to_string()));
    let signature = Signer::new(key).unwrap().sign(format!("{header}.{claims}").as_bytes()).unwrap();
    format!("{header}.{claims}.{}", BASE64_URL_SAFE_NO_PAD.encode(signature))
}

#[tokio::test]
async fn a_token_that_a_card_key_signed_is_not_believed() {
    let dir = tempfile::tempdir().unwrap();
    let store =
        Store::open(&dir.path().join("db"), &SealingKey::load_or_create(&dir.path().join("key")).unwrap()).unwrap();
    let config = Config::parse("", &BTreeMap::new()).unwrap();
    let (issuer, signing) = (config.issuer.clone().unwrap(), config.cards.signing.unwrap());
    for schedule in [KeySchedule::from(&issuer), KeySchedule::from(&signing)] {
        Rotation::new(schedule, store.clone(), || 1000).turn().await.unwrap();
    }
    let registry = store.registry();
    let Ok(issuers) = Issuers::compile(&super::policy_document(&registry, &config).issuers, 0) else {
        panic!("compiles")
    };
    let verify = |key: &SigningKey| tollgate_policy::token::verify(&issuers, token(key).as_bytes(), 1000, &NoHost);
    assert!(verify(&registry.signing_keys[0]).is_ok());
    assert_eq!(verify(&registry.card_keys[0]).err(), Some(TokenFault::UnknownKey));
}

#[tokio::test]
async fn a_backend_that_says_it_drains_changes_its_endpoints_alone_and_needs_no_generation() {
    let running = Running::start(tempfile::tempdir().unwrap());
    let mut agent = agent("a", &["http://127.0.0.1:1"], BackendAuth::None);
    agent.heartbeat = Some(Heartbeat { interval: Duration::from_secs(10), misses_allowed: 2 });
    let before = running.after(vec![Change::PutAgent(agent.clone())]).await;
    let beat = Beat { report: Report::Draining, backend: None, detail: None };
    let mut snapshots = running.published.snapshots();
    running.health.beat(&agent.id, &beat).unwrap();
    let version = |snapshot: &Snapshot, kind| snapshot.resource(kind, "agent-a").unwrap().version().to_owned();
    let differs = |it: &Option<Arc<Snapshot>>| {
        it.as_ref().is_some_and(|it| version(it, ResourceKind::Endpoints) != version(&before, ResourceKind::Endpoints))
    };
    let after = snapshots.wait_for(differs).await.unwrap().clone().unwrap();
    assert_eq!(after.generation(), before.generation());
    assert_eq!(version(&after, ResourceKind::Cluster), version(&before, ResourceKind::Cluster));
    assert_eq!(policy_version(&after), policy_version(&before));
}
