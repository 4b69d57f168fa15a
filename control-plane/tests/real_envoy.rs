//! What we render, as a real Envoy takes it. Runs where `TOLLGATE_ENVOY` names an Envoy (1.40 or newer) and `TOLLGATE_FILTER` a filter
//! module; elsewhere the end-to-end tests of the workspace cover it.

use std::{collections::BTreeMap, net::SocketAddr, path::PathBuf, process::Stdio, sync::Arc, time::Duration};

use tokio::{
    net::TcpListener,
    process::{Child, Command},
    sync::watch,
};
use tokio_util::sync::CancellationToken;
use tollgate::{
    bootstrap::{self, BootstrapOptions},
    domain::*,
    xds::*,
};
use tollgate_policy::document::*;

struct Nobody;
impl BackendRefusals for Nobody {
    fn backend_refused(&self, agent: &AgentId) {
        eprintln!("REFUSED {agent}");
    }
}

fn clock() -> u64 {
    0
}

fn agent(id: &str, backends: &[&str], auth: BackendAuth) -> Agent {
    Agent {
        id: AgentId::try_from(id).unwrap(),
        name: id.to_owned(),
        description: String::new(),
        capabilities: vec![],
        tags: vec![],
        skills: vec![],
        backends: backends
            .iter()
            .map(|url| Backend { url: BackendUrl::parse(url).unwrap(), priority: 3, weight: 1.try_into().unwrap() })
            .collect(),
        card_url: None,
        auth,
        health_endpoint: None,
        heartbeat: None,
        timeouts: Timeouts::default(),
        identity_headers: IdentityHeaders::Withheld,
        status: AgentStatus::Active,
        card: Arc::new(Card {
            document: serde_json::Value::Null,
            fetched_at: 0,
            etag: None,
            paths: CardPaths::default(),
        }),
        sync_error: None,
        created_at: 0,
        updated_at: 0,
    }
}

fn document(agents: &[Agent]) -> PolicyDocument {
    PolicyDocument {
        version: VERSION,
        generation: 1,
        gateway: serde_json::from_str(r#"{"publicUrl":"http://127.0.0.1:8080"}"#).unwrap(),
        issuers: vec![],
        permissions: vec![],
        default_limit: None,
        agents: agents
            .iter()
            .map(|agent| serde_json::from_value(serde_json::json!({"id": agent.id})).unwrap())
            .collect(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn envoy_accepts_everything() {
    let (Ok(envoy), Ok(filter)) = (std::env::var("TOLLGATE_ENVOY"), std::env::var("TOLLGATE_FILTER")) else { return };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let xds = listener.local_addr().unwrap();
    let (sender, receiver) = watch::channel(None);
    let nodes = NodeTable::new(clock);
    let stop = CancellationToken::new();
    tokio::spawn(serve(listener, None, receiver, nodes.clone(), Arc::new(Nobody), stop.clone()));
    let edge = Edge {
        listen: "127.0.0.1:28080".parse().unwrap(),
        control_plane: UpstreamAddress { host: "127.0.0.1".into(), port: 28082 },
        max_body_bytes: 1 << 20,
        certificate: None,
        upstream_ca: "/etc/ssl/certs/ca-certificates.crt".into(),
        module: FilterModule::new(&std::fs::read(filter).unwrap()),
    };
    let text = |text: &str| Secret::Inline(SecretText::new(text.into()));
    let agents = vec![
        agent("one", &["http://127.0.0.1:9101"], BackendAuth::None),
        agent("eds", &["http://127.0.0.1:9101", "http://127.0.0.2:9101"], BackendAuth::None),
        agent("dns", &["http://localhost:9101/base"], BackendAuth::Bearer { token: text("x") }),
        agent("tls", &["https://example.com"], BackendAuth::ApiKey { header: "x-api-key".into(), key: text("x") }),
        agent(
            "tls2",
            &["https://10.0.0.1:8443", "https://10.0.0.2:8443"],
            BackendAuth::Basic { username: "u".into(), password: text("x") },
        ),
        agent("missing", &["http://127.0.0.1:9101"], BackendAuth::Bearer { token: text("x") }),
        agent("awaited", &["http://127.0.0.1:9101"], BackendAuth::Bearer { token: text("x") }),
    ];
    let publish = |generation: u64, agents: &[Agent]| {
        let doc = document(agents);

        let policy = PolicyResource::new(&edge.module, &doc, RenderedPolicy::of(&doc));
        let resources: Vec<_> = agents
            .iter()
            .map(|agent| {
                AgentResources::new(
                    agent,
                    &match agent.id.as_str() {
                        "missing" => CredentialValue::Missing,
                        "awaited" => CredentialValue::Awaited,
                        _ => CredentialValue::Ready(SecretText::new("planted-secret".into())),
                    },
                )
            })
            .collect();
        let parts = SnapshotParts {
            generation: Generation::new(generation),
            edge: &EdgeResources::new(&edge),
            agents: resources.iter().collect(),
            policy: &policy,
        };
        sender.send_replace(Some(Arc::new(Snapshot::new(&parts, None).unwrap())));
    };
    publish(1, &agents);
    let options = BootstrapOptions {
        node_id: "test".into(),
        cluster: "c".into(),
        xds: xds.to_string(),
        admin_port: 29901,
        admin_address: "127.0.0.1".into(),
        tls_ca: None,
        tls_cert: None,
        tls_key: None,
    };
    let config = bootstrap::render(&options).unwrap();
    let mut child = Command::new(envoy)
        .args(["--config-yaml", &config, "--use-dynamic-base-id", "--concurrency", "2", "-l", "warn"])
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    println!("{:?}", nodes.applied(Generation::new(1), Duration::from_secs(8)).await);
    println!("{:#?}", nodes.nodes());
    tokio::time::sleep(Duration::from_secs(std::env::var("HOLD").map_or(3, |it| it.parse().unwrap()))).await;
    println!("{:#?}", nodes.nodes());
    child.kill().await.unwrap();
}
