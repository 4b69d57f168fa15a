//! Embedders behind an API, from the settings to the answer of a search.

use std::time::Duration;

use serde_json::json;

use super::*;
use crate::{
    admin::scene::card_reply,
    fake_backend::{FakeBackend, Reply},
    search::stand_in::{Says, StandIn},
};

const CARD: &str = "/.well-known/agent-card.json";

fn openai(base_url: &url::Url, more: &str) -> String {
    let openai = format!("[search.openai]\nbase_url = \"{base_url}\"\nmodel = \"tiny\"\n{more}");
    format!("[outbound]\nallow_private = [\"127.0.0.0/8\"]\n[search]\nsemantic = \"openai\"\n{openai}")
}

impl Server {
    /// The answer to a request with a token.
    async fn post(&self, address: std::net::SocketAddr, token: &str, path: &str, body: &Value) -> Value {
        let request = reqwest::Client::new().post(format!("http://{address}{path}")).bearer_auth(token).json(body);
        request.send().await.unwrap().json().await.unwrap()
    }

    /// A token of a client that may read agent `a`.
    async fn token(&self, admin_token: &str) -> String {
        let client = json!({"clientId": "reader", "scopes": ["agents:a:read"]});
        let made = self.post(self.addresses.admin, admin_token, "/admin/clients", &client).await;
        let request = reqwest::Client::new()
            .post(format!("http://{}/oauth2/token", self.addresses.discovery))
            .basic_auth("reader", made["clientSecret"].as_str())
            .form(&[("grant_type", "client_credentials")]);
        let answer: Value = request.send().await.unwrap().json().await.unwrap();
        answer["access_token"].as_str().unwrap_or_else(|| panic!("{made} {answer}")).to_owned()
    }
}

async fn eventually(is_so: impl AsyncFn() -> bool) {
    let wait = async {
        while !is_so().await {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), wait).await.expect("it happens in half a minute");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_whose_embedder_is_down_starts_and_searches_by_words_until_it_is_up() {
    let (dir, stand_in) = (tempfile::tempdir().unwrap(), StandIn::start().await);
    let backend = FakeBackend::start(Reply::ok("")).await;
    backend.answer(CARD, card_reply(&backend));
    stand_in.says(Says::Status(503));
    let server = Server::start(dir.path(), &openai(&stand_in.url("/v1"), "")).await;
    let Listen { admin, discovery, .. } = server.addresses;
    eventually(async || server.get(admin, "/readyz").await.0 == 200).await;
    let admin_token = server.admin_token(dir.path(), admin).await;
    let agent = json!({"agentId": "a", "description": "Counts parcels.", "backendUrl": backend.url("/").as_str()});
    server.post(admin, &admin_token, "/admin/agents/register", &agent).await;
    let token = server.token(&admin_token).await;
    let query = json!({"query": "parcel"});
    let answer = server.post(discovery, &token, "/search", &query).await;
    assert_eq!((&answer["mode"], &answer["totalMatches"]), (&json!("lexical"), &json!(1)), "{answer}");
    stand_in.says(Says::Vectors);
    eventually(async || server.post(discovery, &token, "/search", &query).await["mode"] == "semantic").await;
    server.stop().await;
}

/// As the server says it before it ends.
async fn told(extra: &str) -> String {
    let dir = tempfile::tempdir().unwrap();
    format!("{:#}", anyhow::Error::from(refused(bound(dir.path(), extra).await)))
}

#[tokio::test]
async fn what_an_embedder_cannot_do_without_is_missed_at_the_start() {
    let url: url::Url = "https://models.example/v1".parse().unwrap();
    assert_eq!(
        told(&openai(&url, "api_key = \"env:ABSENT\"")).await,
        "search.openai.api_key cannot be read: variable ABSENT is not set"
    );
    let absent = told(&openai(&url, "api_key = \"file:/nowhere/key\"")).await;
    assert!(absent.starts_with("search.openai.api_key cannot be read: file /nowhere/key "), "{absent}");
    assert_eq!(
        told("[search]\nsemantic = \"bedrock\"\n[search.bedrock]\nregion = \"eu-central-1\"").await,
        "search.bedrock.access_key_id cannot be read: variable AWS_ACCESS_KEY_ID is not set"
    );
    let metadata = "http://169.254.169.254/v1".parse().unwrap();
    assert_eq!(
        told(&openai(&metadata, "")).await,
        "search.openai.base_url cannot be used: the host 169.254.169.254 is not allowed: it is link-local"
    );
}

#[tokio::test]
async fn the_usual_variables_of_aws_are_taken_where_the_settings_name_none() {
    let dir = tempfile::tempdir().unwrap();
    let config = config(dir.path(), "[search]\nsemantic = \"bedrock\"\n[search.bedrock]\nregion = \"eu-central-1\"");
    let env = [("AWS_ACCESS_KEY_ID", "AKID"), ("AWS_SECRET_ACCESS_KEY", "key"), ("AWS_SESSION_TOKEN", "token")];
    let env = env.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    bind(config, &env).await.map(drop).unwrap();
}
