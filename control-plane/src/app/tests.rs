//! The server as a whole: started, asked, stopped, started again.

mod searching;

use std::{collections::BTreeMap, path::Path};

use serde_json::Value;
use tokio::{sync::oneshot, task::JoinHandle};

use super::{Bound, FoundationError, StartError, TaskError, bind};
use crate::config::{Config, Listen};

/// The smallest module there is: magic and version (WebAssembly core specification section 5.5.16).
const MODULE: &[u8] = b"\0asm\x01\0\0\0";

fn config(dir: &Path, extra: &str) -> Config {
    let filter = dir.join("filter.wasm");
    for module in ["filter.wasm", "tollgate_translator.wasm"] {
        std::fs::write(dir.join(module), MODULE).unwrap();
    }
    let (filter, data) = (filter.display(), dir.join("data"));
    let ports = "[listen]\nadmin = \"127.0.0.1:0\"\ndiscovery = \"127.0.0.1:0\"\nxds = \"127.0.0.1:0\"";
    let file = format!("data_dir = {data:?}\n{ports}\n[gateway]\nfilter = \"{filter}\"\n{extra}");
    Config::parse(&file, &BTreeMap::new()).unwrap()
}

async fn bound(dir: &Path, extra: &str) -> Result<Bound, StartError> {
    bind(config(dir, extra), &BTreeMap::new()).await
}

struct Server {
    addresses: Listen,
    stop: oneshot::Sender<()>,
    running: JoinHandle<Result<(), TaskError>>,
}

impl Server {
    async fn start(dir: &Path, extra: &str) -> Self {
        let bound = bound(dir, extra).await.unwrap();
        let (stop, stopped) = oneshot::channel();
        let addresses = bound.addresses();
        let running = tokio::spawn(bound.run(async move { drop(stopped.await) }));
        Self { addresses, stop, running }
    }

    async fn stop(self) {
        self.stop.send(()).unwrap();
        self.running.await.unwrap().unwrap();
    }

    /// A token of the made administrator.
    async fn admin_token(&self, dir: &Path, address: std::net::SocketAddr) -> String {
        let text = std::fs::read_to_string(dir.join("data/admin-credentials.json")).unwrap();
        let credentials: Value = serde_json::from_str(&text).unwrap();
        let request = reqwest::Client::new()
            .post(format!("http://{address}/oauth2/token"))
            .basic_auth(credentials["clientId"].as_str().unwrap(), credentials["clientSecret"].as_str())
            .form(&[("grant_type", "client_credentials")]);
        let answer: Value = request.send().await.unwrap().json().await.unwrap();
        assert_eq!(answer["scope"], "gateway:admin");
        answer["access_token"].as_str().unwrap().to_owned()
    }

    async fn get(&self, address: std::net::SocketAddr, path: &str) -> (u16, String) {
        let response = reqwest::get(format!("http://{address}{path}")).await.unwrap();
        (response.status().as_u16(), response.text().await.unwrap())
    }
}

fn refused(outcome: Result<Bound, StartError>) -> StartError {
    match outcome {
        Ok(_) => panic!("it started"),
        Err(error) => error,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_first_start_makes_what_it_needs_and_the_made_administrator_gets_in() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(dir.path(), "").await;
    let Listen { admin, discovery, .. } = server.addresses;
    assert_eq!(server.get(admin, "/readyz").await, (200, "ready\n".to_owned()));
    assert_eq!(server.get(admin, "/admin/agents").await.0, 401);
    server.admin_token(dir.path(), discovery).await;
    let token = server.admin_token(dir.path(), admin).await;
    let agents = reqwest::Client::new().get(format!("http://{admin}/admin/agents")).bearer_auth(&token);
    assert_eq!(agents.send().await.unwrap().status(), 200);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_admin_api_is_behind_the_gateway_only_where_it_is_made_public() {
    for (extra, status) in [("", 404), ("admin = \"public\"", 401)] {
        let dir = tempfile::tempdir().unwrap();
        let server = Server::start(dir.path(), extra).await;
        assert_eq!(server.get(server.addresses.discovery, "/admin/agents").await.0, status);
        assert_eq!(server.get(server.addresses.discovery, "/agents").await.0, 401);
        server.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restart_comes_up_at_the_same_generation_with_the_same_keys() {
    let dir = tempfile::tempdir().unwrap();
    let mut seen = Vec::new();
    for _ in 0..2 {
        let server = Server::start(dir.path(), "").await;
        let tokens = server.get(server.addresses.discovery, "/.well-known/jwks.json").await.1;
        let cards = server.get(server.addresses.discovery, "/.well-known/agent-card-jwks.json").await.1;
        assert!(cards.contains("ES256") && cards != tokens, "{cards}");
        seen.push((tokens, cards));
        server.stop().await;
    }
    assert_eq!(seen[0], seen[1]);
    let registry = bound(dir.path(), "").await.unwrap().foundation.store.registry();
    assert_eq!(registry.generation.get(), 4);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cards_can_be_left_unsigned() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(dir.path(), "[cards]\nsign = false").await;
    let keys = server.get(server.addresses.discovery, "/.well-known/agent-card-jwks.json").await;
    assert_eq!(keys, (200, "{\"keys\":[]}".to_owned()));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_health_routes_are_on_the_private_port_only() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(dir.path(), "").await;
    assert_eq!(server.get(server.addresses.admin, "/healthz").await.0, 200);
    assert_ne!(server.get(server.addresses.discovery, "/healthz").await.0, 200);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_the_embedded_issuer_there_is_no_token_endpoint() {
    let dir = tempfile::tempdir().unwrap();
    let alone = refused(bound(dir.path(), "[issuer]\nembedded = false").await);
    assert!(matches!(alone, StartError::Foundation(FoundationError::NoIssuer)), "{alone}");
    let external = "[bootstrap_issuer]\nissuer = \"https://idp\"\njwks = \"https://idp.invalid/jwks\"";
    let server = Server::start(dir.path(), &format!("[issuer]\nembedded = false\n{external}")).await;
    for path in ["/.well-known/jwks.json", "/.well-known/oauth-authorization-server"] {
        assert_eq!(server.get(server.addresses.admin, path).await.0, 404, "{path}");
    }
    server.stop().await;
}

#[tokio::test]
async fn a_port_in_use_is_said_before_anything_is_made() {
    let dir = tempfile::tempdir().unwrap();
    let taken = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut config = config(dir.path(), "");
    config.listen.xds = taken.local_addr().unwrap();
    let error = refused(bind(config, &BTreeMap::new()).await);
    assert!(error.to_string().starts_with("listen.xds = 127.0.0.1:"), "{error}");
    assert!(!dir.path().join("data").exists());
}

#[tokio::test]
async fn a_second_server_on_the_same_data_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let _first = bound(dir.path(), "").await.unwrap();
    let error = refused(bound(dir.path(), "").await);
    assert!(matches!(error, StartError::Foundation(FoundationError::Registry { .. })), "{error}");
}

#[tokio::test]
async fn a_missing_filter_module_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let mut config = config(dir.path(), "");
    config.gateway.filter = dir.path().join("absent.wasm");
    let error = refused(bind(config, &BTreeMap::new()).await);
    assert!(error.to_string().contains("absent.wasm"), "{error}");
}
