//! What we render, as a real Envoy takes it. Runs where `TOLLGATE_ENVOY` names an Envoy and `TOLLGATE_WASM` the filter module (`cargo
//! xtask test` sets both); elsewhere there is nothing to ask.

use std::{collections::BTreeSet, net::SocketAddr, path::Path, sync::Arc, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    process::{Child, Command},
    sync::watch,
    time::timeout,
};
use tokio_util::sync::CancellationToken;

use super::{
    CredentialValue, Edge, FilterModule, NodeStatus, NodeTable, PolicyFilter, ResourceKind, Snapshot, TrafficReports,
    fixtures::{self, agent, ready, snapshot_of},
    serve,
};
use crate::{
    bootstrap::{self, BootstrapOptions},
    domain::{Agent, BackendAuth, BackendUrl, Generation, Heartbeat, Secret, SecretText},
    health::Sample,
};

const PATIENCE: Duration = Duration::from_secs(60);
const PLANTED: &str = "planted-secret";

struct Nobody;

impl TrafficReports for Nobody {
    fn backends_seen(&self, _: &str, _: &[Sample]) {}
}

/// A control plane's xDS port, and an Envoy that was started on it.
struct Stage {
    xds: SocketAddr,
    admin: SocketAddr,
    edge: Edge,
    snapshots: watch::Sender<Option<Arc<Snapshot>>>,
    _envoy: Child,
}

async fn free_address() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap()
}

impl Stage {
    /// `None`: there is no Envoy to ask.
    async fn set() -> Option<Self> {
        let (envoy, filter) = (std::env::var("TOLLGATE_ENVOY").ok()?, std::env::var("TOLLGATE_WASM").ok()?);
        let (xds, admin) = (free_address().await, free_address().await);
        let module = |file: &Path| FilterModule::new(&std::fs::read(file).unwrap());
        let translator = module(&Path::new(&filter).with_file_name("tollgate_translator.wasm"));
        let module = module(Path::new(&filter));
        let edge =
            Edge { listen: free_address().await, filter: PolicyFilter::Wasm(module), translator, ..fixtures::edge() };
        let options = BootstrapOptions {
            node_id: "edge".to_owned(),
            cluster: "test".to_owned(),
            xds: xds.to_string(),
            admin_port: admin.port(),
            admin_address: "127.0.0.1".to_owned(),
            tls_ca: None,
            tls_cert: None,
            tls_key: None,
        };
        let config = bootstrap::render(&options).unwrap();
        let mut command = Command::new(envoy);
        command.args(["--config-yaml", &config, "--use-dynamic-base-id", "--concurrency", "1", "-l", "error"]);
        let envoy = command.kill_on_drop(true).spawn().unwrap();
        Some(Self { xds, admin, edge, snapshots: watch::Sender::new(None), _envoy: envoy })
    }

    /// Serves until the token is cancelled.
    async fn serve(&self) -> (NodeTable, CancellationToken) {
        let (nodes, stopping) = (NodeTable::new(|| 7), CancellationToken::new());
        let listener = TcpListener::bind(self.xds).await.unwrap();
        let feed = self.snapshots.subscribe();
        let quota = crate::quota::simulation::server();
        tokio::spawn(serve(listener, None, feed, nodes.clone(), Arc::new(Nobody), quota, stopping.clone()));
        (nodes, stopping)
    }

    fn publish(&self, edge: &Edge, generation: u64, agents: &[(Agent, CredentialValue)]) {
        self.snapshots.send_replace(Some(snapshot_of(edge, generation, agents)));
    }

    async fn admin(&self, path: &str) -> String {
        let mut stream = TcpStream::connect(self.admin).await.unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nhost: admin\r\nconnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    }
}

/// Whether a node has everything of these kinds up to `generation`.
fn has(nodes: &[NodeStatus], kinds: &[ResourceKind], generation: u64) -> bool {
    let wanted: BTreeSet<_> = kinds.iter().copied().collect();
    nodes.iter().any(|node| {
        let subscribed: BTreeSet<_> = node.kinds.keys().copied().collect();
        subscribed.is_superset(&wanted) && node.kinds.values().all(|kind| kind.acked >= Generation::new(generation))
    })
}

/// Checked, promising heartbeats, translated, with a gRPC interface: at `urls`.
fn looked_after(id: &str, urls: &[&str]) -> (Agent, CredentialValue) {
    let mut it = fixtures::translated(id, urls);
    it.health_endpoint = Some("/health".to_owned());
    it.heartbeat = Some(Heartbeat { interval: Duration::from_secs(10), misses_allowed: 2 });
    it.a2a.grpc = Some(BackendUrl::parse("http://127.0.0.1:50051").unwrap());
    (it, CredentialValue::Missing)
}

fn one_of_each() -> Vec<(Agent, CredentialValue)> {
    let secret = || Secret::Inline(SecretText::new("never rendered".to_owned()));
    let key = BackendAuth::ApiKey { header: "x-api-key".to_owned(), key: secret() };
    let basic = BackendAuth::Basic { username: "u".to_owned(), password: secret() };
    let bearer = fixtures::bearer;
    vec![
        (agent("plain", &["http://127.0.0.1:1"], BackendAuth::None), CredentialValue::Missing),
        (agent("many", &["http://127.0.0.1:1", "http://127.0.0.2:1"], key), ready(PLANTED)),
        (agent("named", &["http://localhost:1/base"], bearer()), ready(PLANTED)),
        (agent("tls", &["https://localhost:1"], basic), ready(PLANTED)),
        (
            agent("tls-many", &["https://127.0.0.1:1", "https://localhost:2"], BackendAuth::None),
            CredentialValue::Missing,
        ),
        (agent("without", &["http://127.0.0.1:1"], bearer()), CredentialValue::Missing),
        (agent("expired", &["http://127.0.0.1:1"], bearer()), CredentialValue::Expired),
        looked_after("after", &["http://127.0.0.1:1"]),
        looked_after("after-many", &["http://127.0.0.1:1", "http://127.0.0.2:1"]),
        looked_after("after-named", &["http://localhost:1", "http://localhost:2"]),
    ]
}

#[tokio::test]
async fn envoy_accepts_every_resource_and_a_restart_sends_none_again() {
    let Some(stage) = Stage::set().await else { return };
    let agents = one_of_each();
    stage.publish(&stage.edge, 1, &agents);
    let (nodes, stopping) = stage.serve().await;
    let all = |nodes: &[NodeStatus]| has(nodes, &ResourceKind::ALL, 1);
    let status = timeout(PATIENCE, nodes.until(all)).await.expect("Envoy takes everything");
    assert!(status[0].kinds.values().all(|kind| kind.rejection.is_none()), "{status:?}");
    let stats = stage.admin("/stats?filter=update_rejected").await;
    let mut rejections = stats.lines().filter(|line| line.contains("update_rejected")).peekable();
    assert!(rejections.peek().is_some() && rejections.all(|line| line.ends_with(": 0")), "{stats}");
    let dump = stage.admin("/config_dump?include_eds").await;
    assert!(dump.contains("agent-tls-many"), "{dump}");
    assert!(!dump.contains(PLANTED));

    // The control plane comes back at a later generation, and nothing is different.
    stopping.cancel();
    nodes.until(|nodes| nodes[0].disconnected_at.is_some()).await;
    stage.publish(&stage.edge, 9, &agents);
    let (nodes, _stopping) = stage.serve().await;
    let all = |nodes: &[NodeStatus]| has(nodes, &ResourceKind::ALL, 9);
    let status = timeout(PATIENCE, nodes.until(all)).await.expect("Envoy comes back");
    assert!(status[0].kinds.values().all(|kind| kind.sent == Generation::default()), "{status:?}");
}

#[tokio::test]
async fn envoys_refusal_is_told_in_its_own_words_and_spares_the_rest() {
    let Some(stage) = Stage::set().await else { return };
    let edge = Edge { upstream_ca: "/nowhere/ca.pem".into(), ..stage.edge.clone() };
    stage.publish(&edge, 1, &one_of_each());
    let (nodes, _stopping) = stage.serve().await;
    let refused = |nodes: &[NodeStatus]| {
        let secrets = nodes.first().and_then(|node| node.kinds.get(&ResourceKind::Secret));
        secrets.is_some_and(|kind| kind.rejection.is_some())
    };
    let status = timeout(PATIENCE, nodes.until(refused)).await.expect("Envoy refuses");
    let rejection = status[0].kinds[&ResourceKind::Secret].rejection.clone().unwrap();
    assert!(rejection.reason.contains("/nowhere/ca.pem"), "{rejection:?}");
    stage.publish(&edge, 2, &one_of_each()[..3]);
    timeout(PATIENCE, nodes.until(|nodes| has(nodes, &[ResourceKind::Extension], 2))).await.expect("the rest goes on");
}
