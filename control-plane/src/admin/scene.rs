//! A control plane for router tests: a real store in a temporary directory, a real loopback backend with a card, a gate whose tokens
//! say what they are good for.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use axum::{Router, body::Body};
use http::{Method, Request, Response, StatusCode, header};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::task::JoinHandle;
use tollgate_policy::document::RevocationDocument;
use tower::ServiceExt;
use url::Url;

use crate::{
    admin::{self, AdminState},
    broker::{Broker, Edges},
    card_sync::{self, CardSync},
    cards::{CardFetcher, CardGateway, CardShelf, CardSigner, CardVerifier, GatewaySecurity, samples},
    config::{CardSigning, DiscoverySettings, KeySource, PublicUrl, SecretSettings},
    discovery::{self, DiscoveryState},
    domain::{AgentId, UnixSeconds},
    fake_backend::{FakeBackend, Reply, outbound},
    gate::{Gate, Sight, Unverified, Visitor},
    health::HealthBoard,
    issuer::{JwksReader, Rotation},
    quota::{FleetTable, UsageTable},
    search::{Indexer, Search},
    secrets::SecretSource,
    sources::Sources,
    store::{SealingKey, Store},
    xds::NodeTable,
};

/// The time, always.
pub(crate) const NOW: UnixSeconds = 1_767_225_600;

/// A control plane and what its agents run on.
pub(crate) struct Scene {
    pub(crate) state: AdminState,
    pub(crate) backend: FakeBackend,
    pub(crate) search: Search,
    indexing: JoinHandle<()>,
    _dir: TempDir,
    router: Router,
}

/// An answer, read whole.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: http::HeaderMap,
    pub(crate) text: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("not JSON: {}", self.text))
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    pub(crate) fn code(&self) -> String {
        self.json()["error"]["code"].as_str().unwrap_or_default().to_owned()
    }

    pub(crate) fn field(&self) -> String {
        self.json()["error"]["details"]["field"].as_str().unwrap_or_default().to_owned()
    }
}

/// Tokens: `admin`, the ids of the agents that may be seen, with spaces, or `heart-of:` an agent.
struct Words;

struct Bearer(String);

impl Gate for Words {
    fn admit(&self, authorization: Option<&[u8]>) -> Result<Arc<dyn Visitor>, Unverified> {
        let text = std::str::from_utf8(authorization.ok_or(Unverified::NoToken)?).unwrap_or_default();
        let bad = Unverified::BadToken { description: "the token is not good" };
        let token = text.strip_prefix("Bearer ").filter(|token| *token != "bad").ok_or(bad)?;
        Ok(Arc::new(Bearer(token.to_owned())))
    }
}

impl Visitor for Bearer {
    fn client(&self) -> &str {
        "tester"
    }
    fn subject(&self) -> Option<&str> {
        Some("tess")
    }
    fn is_admin(&self) -> bool {
        self.0 == "admin"
    }
    fn is_cut_off_by(&self, revocation: &RevocationDocument, _: UnixSeconds) -> bool {
        revocation.client.as_deref() == Some("tester")
    }
    fn sight(&self) -> Sight {
        Sight { scopes: self.0.split(' ').map(str::to_owned).collect() }
    }
    fn renewed(&self) -> Arc<dyn Visitor> {
        Arc::new(Self(self.0.clone()))
    }
    fn may_see(&self, agent: &AgentId) -> bool {
        self.0.split(' ').any(|id| id == agent.as_str())
    }
    fn may_beat(&self, agent: &AgentId) -> bool {
        self.0 == format!("heart-of:{agent}")
    }
}

impl Scene {
    pub(crate) async fn new() -> Self {
        Self::with_sources(Vec::new()).await
    }

    /// The same with discovery sources.
    pub(crate) async fn with_sources(sources: Vec<Url>) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let key = SealingKey::load_or_create(&dir.path().join("key")).unwrap();
        let store = Store::open(&dir.path().join("registry"), &key).unwrap();
        let backend = FakeBackend::start(Reply::ok("")).await;
        backend.answer("/.well-known/agent-card.json", card_reply(&backend));
        let settings = SecretSettings {
            key: KeySource::DataDir,
            env: vec!["TEST_*".to_owned()],
            file_dirs: vec![dir.path().join("secrets")],
        };
        let env = BTreeMap::from([("TEST_KEY".to_owned(), "planted-env".to_owned())]);
        let secrets = SecretSource::new(&settings, &env);
        let outbound = outbound();
        let broker = Broker::new(outbound.clone(), secrets.clone(), Edges { clock: || NOW, jitter: || 0.5 });
        tokio::spawn(broker.clone().run(tokio_util::sync::CancellationToken::new()));
        let public_url: PublicUrl = "https://gw.example".parse().unwrap();
        let security = GatewaySecurity::embedded(&public_url);
        let signer = CardSigner::new(store.clone(), &public_url, || NOW);
        let cards = CardFetcher::new(&outbound, Arc::new(broker.clone()), CardVerifier::new(&outbound, Vec::new()));
        let edges = card_sync::Edges { clock: || NOW, jitter: || 0.5 };
        let settings = DiscoverySettings { sources, interval: Duration::from_secs(3600), max_agents: 3 };
        let sources = Sources::new(store.clone(), &outbound, cards.clone(), &public_url, settings, || NOW);
        let state = AdminState {
            sources,
            sync: CardSync::new(store.clone(), Arc::new(cards.clone()), edges),
            store: store.clone(),
            gate: Arc::new(Words),
            cards,
            shelf: CardShelf::new(CardGateway { public_url, security, grpc_domain: None }, Some(signer)),
            broker,
            keys: JwksReader::new(&outbound, secrets.clone()),
            secrets,
            outbound,
            nodes: NodeTable::new(|| NOW),
            health: HealthBoard::new(|| NOW),
            fleet: FleetTable::default(),
            usage: UsageTable::default(),
            embedded_issuer: Some("https://gw.example".to_owned()),
            clock: || NOW,
        };
        let search = Search::default();
        let indexing = tokio::spawn(Indexer::new(search.clone(), store.clone(), None).run());
        let discovery = DiscoveryState {
            store,
            gate: state.gate.clone(),
            shelf: state.shelf.clone(),
            fetcher: state.cards.clone(),
            health: state.health.clone(),
            embedded_issuer: state.embedded_issuer.clone(),
            search: search.clone(),
        };
        let router = admin::router(state.clone()).merge(discovery::router(discovery));
        Self { state, backend, search, indexing, _dir: dir, router }
    }

    /// Makes the key that cards are signed with, and the next one if `now` is late enough; without it they are served unsigned.
    pub(crate) async fn turn_card_keys(&self, now: fn() -> UnixSeconds) {
        let week = Duration::from_secs(7 * 86_400);
        let signing = CardSigning { rotation: 4 * week, overlap: Duration::from_secs(60), retention: week };
        Rotation::new((&signing).into(), self.state.store.clone(), now).turn().await.unwrap();
    }

    /// Serves the same on a loopback port until the test ends, and says where.
    pub(crate) async fn listen(&self) -> String {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(axum::serve(listener, self.router.clone()).into_future());
        url
    }

    /// Leaves what the search does in the background to another.
    pub(crate) fn stop_indexing(&self) {
        self.indexing.abort();
    }

    /// Returns when searches see everything that was written.
    pub(crate) async fn searchable(&self) {
        self.search.caught_up(self.state.store.registry().generation).await;
    }

    /// Sends a request as it is.
    pub(crate) async fn send(&self, request: Request<Body>) -> Answer {
        let response: Response<Body> = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        Answer { status: parts.status, headers: parts.headers, text: String::from_utf8(bytes.to_vec()).unwrap() }
    }

    /// Sends a request with a token.
    pub(crate) async fn call(&self, token: &str, method: Method, path: &str, body: Option<&Value>) -> Answer {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::AUTHORIZATION, format!("Bearer {token}"))
            .header(header::CONTENT_TYPE, "application/json; charset=utf-8");
        let body = body.map_or(Body::empty(), |body| Body::from(body.to_string()));
        self.send(request.body(body).unwrap()).await
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.call("admin", Method::GET, path, None).await
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Answer {
        self.call("admin", Method::POST, path, Some(&body)).await
    }

    pub(crate) async fn put(&self, path: &str, body: Value) -> Answer {
        self.call("admin", Method::PUT, path, Some(&body)).await
    }

    pub(crate) async fn delete(&self, path: &str) -> Answer {
        self.call("admin", Method::DELETE, path, None).await
    }

    /// A registration that is taken; `more` goes over it.
    pub(crate) fn record(&self, id: &str, more: Value) -> Value {
        let mut record = json!({"agentId": id, "backendUrl": self.backend.url("/").as_str()});
        for (field, value) in more.as_object().unwrap() {
            record[field] = value.clone();
        }
        record
    }

    /// Registers an agent.
    pub(crate) async fn register(&self, id: &str, more: Value) -> Answer {
        let answer = self.post("/admin/agents/register", self.record(id, more)).await;
        assert!(answer.status.is_success(), "{answer:?}");
        answer
    }
}

/// A card of that backend.
pub(crate) fn card_reply(backend: &FakeBackend) -> Reply {
    let origin = backend.url("/").to_string();
    Reply::ok(&samples::hybrid(origin.trim_end_matches('/')).to_string())
}
