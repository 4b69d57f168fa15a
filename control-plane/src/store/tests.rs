//! Durability, sealing, and what survives.

use std::{convert::Infallible, num::NonZeroU32, path::Path, sync::Arc, time::Duration};

use proptest::prelude::*;
use serde_json::json;
use tollgate_policy::document::{Dialect, TaskIsolation, WebhookMode, WebhooksDocument};

use super::{Change, SealingKey, Store, StoreError, WriteError};
use crate::domain::*;

const PLANTED: &str = "planted-secret-4711";

pub(super) fn key() -> SealingKey {
    SealingKey::from_base64("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=").unwrap()
}

pub(super) fn open(dir: &Path) -> Store {
    Store::open(dir, &key()).unwrap()
}

pub(super) async fn put(store: &Store, changes: Vec<Change>) -> Generation {
    store.write(move |_| Ok::<_, Infallible>(changes)).await.unwrap()
}

fn row(scope: &str) -> Permission {
    let limit =
        Some(tollgate_policy::document::LimitDocument { requests_per_minute: Some(7), burst: None, unlimited: false });
    let scope = Scope::try_from(scope).unwrap();
    Permission {
        scope,
        agents: vec!["a*".to_owned()],
        operations: Vec::new(),
        limit,
        operation_limits: Default::default(),
        max_concurrent: NonZeroU32::new(4),
        managed_by: Some(ApplySet::try_from("team-a").unwrap()),
    }
}

fn skill(name: &str) -> Skill {
    Skill {
        name: name.to_owned(),
        description: "d".to_owned(),
        instructions: "i".to_owned(),
        tools: vec!["tool".to_owned()],
    }
}

fn agent(id: &str, auth: BackendAuth) -> Agent {
    let document = json!({"name": id, "zeta": 1, "alpha": {"unknown": [1.5, null]}});
    let card = Card {
        text: format!(" {document}\n").into(),
        document,
        version: 3,
        fetched_at: 5,
        etag: Some("\"e\"".to_owned()),
        signature: SignatureOutcome::Verified(VerifiedSignature {
            key_id: "k".to_owned(),
            algorithm: "ES256".to_owned(),
            form: CardForm::Known,
            uncovered: vec!["zeta".to_owned()],
        }),
        paths: CardPaths { rpc: Some("/rpc".to_owned()), rest: None, dialects: vec![Dialect::JsonRpc03] },
    };
    Agent {
        id: AgentId::try_from(id).unwrap(),
        name: id.to_owned(),
        description: "d".to_owned(),
        capabilities: vec!["c".to_owned()],
        tags: vec!["t".to_owned()],
        skills: vec![skill("n")],
        backends: vec![Backend {
            url: BackendUrl::parse("https://agent.example/base").unwrap(),
            priority: 1,
            weight: NonZeroU32::MIN,
        }],
        card_url: Some("https://agent.example/card".parse().unwrap()),
        auth,
        health_endpoint: Some("/health".to_owned()),
        health_check: HealthCheck { interval: Duration::from_secs(7), ..HealthCheck::default() },
        heartbeat: Some(Heartbeat { interval: Duration::from_secs(30), misses_allowed: 3 }),
        timeouts: Timeouts {
            request: Some(Duration::from_millis(1500)),
            stream_idle: None,
            connect: Some(Duration::from_secs(2)),
        },
        circuit_breaker: CircuitBreaker { max_requests: NonZeroU32::new(9), ..CircuitBreaker::default() },
        max_concurrent: NonZeroU32::new(8),
        a2a: A2aSettings {
            translation: Translation::Off,
            task_isolation: TaskIsolation::Caller,
            webhooks: WebhooksDocument { mode: WebhookMode::Off, allow_http: true, hosts: vec!["h".to_owned()] },
            grpc: Some(BackendUrl::parse("http://agent.example:50051").unwrap()),
        },
        discovery: AgentDiscovery {
            listed: Listed::Public,
            proposed_by: Some("https://catalog.example/ai-catalog.json".parse().unwrap()),
        },
        identity_headers: IdentityHeaders::Sent,
        status: AgentStatus::Inactive,
        status_change: StatusChange {
            by: ChangedBy::Caller { client: "ops".to_owned(), subject: Some("olga".to_owned()) },
            at: 7,
            reason: Some("r".to_owned()),
        },
        card_signatures: CardSignatures {
            policy: SignaturePolicy::Require,
            keys: CardKeySource::Url("https://agent.example/keys".parse().unwrap()),
        },
        earlier_cards: vec![Arc::new(CardVersion {
            number: 2,
            signature: SignatureOutcome::Ignored,
            ..card.to_version(&[skill("before")])
        })],
        card: Arc::new(card),
        sync_error: Some("e".to_owned()),
        managed_by: Some(ApplySet::default()),
        created_at: 1,
        updated_at: 2,
    }
}

fn secret() -> Secret {
    Secret::from_written(PLANTED.to_owned())
}

fn every_auth() -> Vec<BackendAuth> {
    let oauth = OAuthClient {
        token_url: "https://idp.example/token".parse().unwrap(),
        client_id: "id".to_owned(),
        client_secret: secret(),
        method: TokenAuthMethod::Form,
        scopes: vec!["s".to_owned()],
        audience: Some("a".to_owned()),
        resource: None,
    };
    vec![
        BackendAuth::None,
        BackendAuth::OAuthClientCredentials(oauth),
        BackendAuth::ApiKey { header: "x-key".to_owned(), key: secret() },
        BackendAuth::Bearer { token: Secret::from_written("env:TOKEN".to_owned()) },
        BackendAuth::Basic { username: "u".to_owned(), password: Secret::from_written("file:/run/p".to_owned()) },
    ]
}

pub(super) fn one_of_each() -> Vec<Change> {
    let client = Client {
        id: ClientId::try_from("client").unwrap(),
        name: "n".to_owned(),
        scopes: vec![Scope::try_from("s:1").unwrap()],
        secrets: vec![ClientSecretHash { phc: "$argon2id$".to_owned(), expires_at: Some(9) }],
        disabled: true,
        created_at: 3,
    };
    let issuer = ExternalIssuer {
        issuer: "https://idp/with/slashes".to_owned(),
        audiences: vec!["a".to_owned()],
        algorithms: vec!["RS256".to_owned()],
        claims: tollgate_policy::document::ClaimNames::default(),
        scope_prefix: Some("p/".to_owned()),
        source: JwksSource::Url("https://idp/jwks".parse().unwrap()),
        jwks: json!({"keys": []}),
        refresh_error: None,
    };
    let key = SigningKey {
        kid: "k".to_owned(),
        algorithm: SigningAlgorithm::Rs256,
        private_key: zeroize::Zeroizing::new(PLANTED.as_bytes().to_vec()),
        public_jwk: json!({"kid": "k"}),
        active_from: 4,
        retires_at: Some(5),
    };
    let agents = every_auth().into_iter().enumerate();
    let mut changes: Vec<Change> =
        agents.map(|(at, auth)| Change::PutAgent(agent(&format!("agent-{at}"), auth))).collect();
    changes.extend([
        Change::PutPermission(row("all")),
        Change::PutClient(client),
        Change::PutIssuer(issuer),
        Change::PutCardKeys(vec![SigningKey { kid: "card".to_owned(), ..key.clone() }]),
        Change::PutSigningKeys(vec![key]),
    ]);
    changes
}

/// Two registries hold the same, whatever their `Arc`s.
pub(super) fn check_same(left: &Registry, right: &Registry) {
    assert_eq!(left.generation, right.generation);
    assert_eq!(left.agents, right.agents);
    assert_eq!(left.permissions, right.permissions);
    assert_eq!(left.clients, right.clients);
    assert_eq!(left.issuers, right.issuers);
    assert_eq!(left.signing_keys, right.signing_keys);
    assert_eq!(left.card_keys, right.card_keys);
}

fn copied(dir: &Path) -> tempfile::TempDir {
    fn copy(from: &Path, to: &Path) {
        for entry in std::fs::read_dir(from).unwrap().map(Result::unwrap) {
            let target = to.join(entry.file_name());
            if entry.file_type().unwrap().is_dir() {
                std::fs::create_dir(&target).unwrap();
                copy(&entry.path(), &target);
            } else {
                std::fs::copy(entry.path(), target).unwrap();
            }
        }
    }
    let to = tempfile::tempdir().unwrap();
    copy(dir, to.path());
    to
}

#[tokio::test]
async fn every_kind_of_record_survives_a_restart_unchanged() {
    let dir = tempfile::tempdir().unwrap();
    let before = {
        let store = open(dir.path());
        assert_eq!(put(&store, one_of_each()).await.get(), 1);
        store.registry()
    };
    assert_eq!(before.agents.len(), 5);
    check_same(&before, &open(dir.path()).registry());
}

#[test]
fn a_holder_that_is_ending_is_waited_for() {
    let dir = tempfile::tempdir().unwrap();
    let held = open(dir.path());
    let (opens, opened) = std::sync::mpsc::channel();
    let lets_go = std::thread::spawn(move || {
        opened.recv().unwrap();
        drop(held);
    });
    opens.send(()).unwrap();
    drop(open(dir.path()));
    lets_go.join().unwrap();
}

#[test]
fn a_holder_that_stays_is_told_of() {
    let dir = tempfile::tempdir().unwrap();
    let _held = open(dir.path());
    let refused = Store::open(dir.path(), &key()).err().unwrap();
    assert!(matches!(refused, StoreError::Database(_)), "{refused}");
}

#[tokio::test]
async fn a_card_keeps_the_order_of_its_members() {
    let dir = tempfile::tempdir().unwrap();
    put(&open(dir.path()), one_of_each()).await;
    let registry = open(dir.path()).registry();
    let text = registry.agents.values().next().unwrap().card.document.to_string();
    assert!(text.find("zeta") < text.find("alpha"), "{text}");
}

#[tokio::test]
async fn deleted_records_stay_deleted() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    put(&store, one_of_each()).await;
    let mut changes: Vec<Change> = store.registry().agents.keys().cloned().map(Change::DeleteAgent).collect();
    changes.extend([
        Change::DeletePermission(Scope::try_from("all").unwrap()),
        Change::DeleteClient(ClientId::try_from("client").unwrap()),
        Change::DeleteIssuer("https://idp/with/slashes".to_owned()),
        Change::PutSigningKeys(Vec::new()),
        Change::PutCardKeys(Vec::new()),
    ]);
    put(&store, changes).await;
    drop(store);
    check_same(&open(dir.path()).registry(), &Registry { generation: Generation::new(2), ..Registry::default() });
}

#[tokio::test]
async fn a_refused_or_empty_write_changes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    put(&store, vec![Change::PutPermission(row("a"))]).await;
    let refused = store.write(|_| Err::<Vec<Change>, _>("no")).await;
    assert!(matches!(refused, Err(WriteError::Refused("no"))));
    assert_eq!(put(&store, Vec::new()).await.get(), 1);
    assert_eq!(store.registry().permissions.len(), 1);
}

#[tokio::test]
async fn a_subscriber_is_told_of_a_generation_that_can_be_read() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let mut generations = store.subscribe();
    put(&store, vec![Change::PutPermission(row("a"))]).await;
    generations.changed().await.unwrap();
    assert_eq!(*generations.borrow_and_update(), store.registry().generation);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn writers_that_come_together_each_get_a_generation_and_see_those_before() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let write = |at: usize| {
        let store = store.clone();
        async move {
            let decide = move |registry: &Registry| {
                assert_eq!(registry.permissions.len() as u64, registry.generation.get());
                Ok::<_, Infallible>(vec![Change::PutPermission(row(&format!("s{at}")))])
            };
            let generation = store.write(decide).await.unwrap();
            assert!(store.registry().generation >= generation);
            generation.get()
        }
    };
    let mut generations = futures::future::join_all((0..64).map(|at| tokio::spawn(write(at)))).await;
    let mut numbers: Vec<u64> = generations.drain(..).map(Result::unwrap).collect();
    numbers.sort_unstable();
    assert_eq!(numbers, (1..=64).collect::<Vec<u64>>());
    drop(store);
}

#[tokio::test]
async fn no_secret_can_be_read_in_any_file() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    put(&store, one_of_each()).await;
    drop(store);
    let files = std::fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_file());
    let mut read = 0;
    for bytes in files.map(|path| std::fs::read(path).unwrap()) {
        read += bytes.len();
        assert!(!bytes.windows(PLANTED.len()).any(|window| window == PLANTED.as_bytes()));
    }
    assert!(read > 0);
}

#[tokio::test]
async fn a_record_that_another_key_sealed_is_named() {
    let dir = tempfile::tempdir().unwrap();
    put(&open(dir.path()), vec![Change::PutAgent(agent("weather", every_auth().swap_remove(2)))]).await;
    let other = SealingKey::from_base64("HxECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=").unwrap();
    let error = Store::open(dir.path(), &other).err().unwrap();
    assert!(matches!(&error, StoreError::Record { table: "agents", key, .. } if key == "weather"), "{error}");
    assert!(!format!("{error:?}").contains(PLANTED));
}

#[tokio::test]
async fn a_record_of_a_later_schema_is_refused_by_name() {
    let dir = tempfile::tempdir().unwrap();
    {
        let db = sled::open(dir.path()).unwrap();
        db.insert(b"clients/c", br#"{"schema":4,"record":{}}"#).unwrap();
        db.flush().unwrap();
    }
    let error = Store::open(dir.path(), &key()).err().unwrap().to_string();
    assert_eq!(error, "record clients/c cannot be read: has schema 4, this server reads 1 to 3");
}

#[tokio::test]
async fn a_record_from_before_statuses_is_active_or_inactive_and_nobody_knows_since_when() {
    let dir = tempfile::tempdir().unwrap();
    {
        let db = sled::open(dir.path()).unwrap();
        for (key, active) in [("agents/on", "true"), ("agents/off", "false")] {
            let record = r#"{"schema":2,"record":{"name":"n","description":"","capabilities":[],"tags":[],"skills":[],
                "backends":[{"url":"http://b/","priority":0,"weight":1}],"card_url":null,"auth":{"type":"none"},
                "health_endpoint":null,"heartbeat":null,"request_timeout_ms":null,"stream_idle_ms":null,
                "identity_headers":false,"active":ACTIVE,"sync_error":null,"created_at":1,"updated_at":2,
                "card":{"text":"{\"name\":\"n\"}","version":1,"fetched_at":5,"etag":null,"rpc":"/","rest":null}}}"#;
            db.insert(key, record.replace("ACTIVE", active).into_bytes()).unwrap();
        }
        db.insert("permissions/s", &br#"{"schema":2,"record":{"agents":["a"]}}"#[..]).unwrap();
        db.flush().unwrap();
    }
    let registry = open(dir.path()).registry();
    let status = |id| registry.agents[&AgentId::try_from(id).unwrap()].status;
    assert_eq!((status("on"), status("off")), (AgentStatus::Active, AgentStatus::Inactive));
    assert!(registry.agents.values().all(|agent| agent.status_change == StatusChange::default()));
    let made_by = |row: &Permission| row.managed_by.clone();
    assert_eq!(registry.permissions.values().map(|row| made_by(row)).collect::<Vec<_>>(), [None]);
}

#[tokio::test]
async fn a_record_from_before_card_versions_reads_as_their_first() {
    let dir = tempfile::tempdir().unwrap();
    {
        let db = sled::open(dir.path()).unwrap();
        let record = br#"{"schema":1,"record":{"name":"n","description":"","capabilities":[],"tags":[],"skills":[],
            "backends":[{"url":"http://b/","priority":0,"weight":1}],"card_url":null,"auth":{"type":"none"},
            "health_endpoint":null,"heartbeat":null,"request_timeout_ms":null,"stream_idle_ms":null,
            "identity_headers":false,"active":true,"sync_error":null,"created_at":1,"updated_at":2,
            "card":{"document":{"name":"n"},"fetched_at":5,"etag":null,"rpc":"/","rest":null}}}"#;
        db.insert(b"agents/old", &record[..]).unwrap();
        db.flush().unwrap();
    }
    let registry = open(dir.path()).registry();
    let agent = &registry.agents[&AgentId::try_from("old").unwrap()];
    assert_eq!(agent.card_signatures, CardSignatures::default());
    assert_eq!(agent.health_check, HealthCheck::default());
    assert_eq!(agent.discovery, AgentDiscovery::default());
    let [version] = &agent.card_versions()[..] else { panic!("one version") };
    assert_eq!((version.number, &*version.text, version.fetched_at), (1, r#"{"name":"n"}"#, 5));
    assert_eq!(version.signature, SignatureOutcome::Unchecked);
}

/// What the version before this one wrote: no `discovery`, and versions of cards without skills.
#[tokio::test]
async fn a_record_from_before_discovery_is_private_and_its_versions_have_no_skills() {
    let dir = tempfile::tempdir().unwrap();
    {
        let db = sled::open(dir.path()).unwrap();
        let record = br#"{"schema":2,"record":{"name":"n","description":"","capabilities":[],"tags":[],
            "skills":[{"name":"s","description":"","instructions":"","tools":[]}],
            "backends":[{"url":"http://b/","priority":0,"weight":1}],"card_url":null,"auth":{"type":"none"},
            "health_endpoint":null,"heartbeat":null,"request_timeout_ms":null,"stream_idle_ms":null,
            "identity_headers":false,"max_concurrent":null,
            "a2a":{"no_translation":false,"task_isolation":"none","webhooks":{},"grpc":null},
            "active":true,"sync_error":null,"created_at":1,"updated_at":2,
            "card_signatures":{"policy":"ignore","jwks":null,"jwks_url":null},
            "card":{"text":"{}","version":2,"fetched_at":5,"etag":null,"signature":"unsigned","rpc":"/","rest":null,
                    "dialects":["jsonrpc/1.0"]},
            "earlier_cards":[{"number":1,"text":"{}","fetched_at":4,"etag":null,"signature":"unsigned"}]}}"#;
        db.insert(b"agents/old", &record[..]).unwrap();
        db.flush().unwrap();
    }
    let registry = open(dir.path()).registry();
    let agent = &registry.agents[&AgentId::try_from("old").unwrap()];
    assert_eq!(agent.discovery, AgentDiscovery::default());
    let skills: Vec<usize> = agent.card_versions().iter().map(|version| version.skills.len()).collect();
    assert_eq!(skills, [0, 1], "the current one has the record's");
}

/// What is on disk at the moment of a crash is what a copy taken then holds.
fn check_crash(writes: &[(bool, u8)], crash_after: usize) {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let dir = tempfile::tempdir().unwrap();
        let store = open(dir.path());
        let mut crash = None;
        for (at, (delete, name)) in writes.iter().enumerate() {
            let row = row(&format!("s{name}"));
            let change = if *delete { Change::DeletePermission(row.scope) } else { Change::PutPermission(row) };
            put(&store, vec![change]).await;
            if at == crash_after {
                crash = Some((store.registry(), copied(dir.path())));
            }
        }
        if let Some((acknowledged, copy)) = crash {
            check_same(&acknowledged, &open(copy.path()).registry());
        }
    });
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn a_crash_loses_no_acknowledged_write(
        writes in proptest::collection::vec((any::<bool>(), 0_u8..8), 1..24),
        crash_after in 0_usize..24,
    ) {
        check_crash(&writes, crash_after);
    }
}
