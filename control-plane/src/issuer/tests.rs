//! The issuer over HTTP: what it answers, and that the filter's own verifier believes its tokens.

use std::{convert::Infallible, sync::Arc, time::Duration};

use axum::{Router, body::Body};
use http::{HeaderMap, Request, StatusCode, header};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tollgate_policy::{
    document::IssuerDocument,
    token::{Issuers, NoHost, TokenCache, authenticate},
};
use tower::ServiceExt;

use super::{Issuer, Rotation, hash_secret, router};
use crate::{
    config::EmbeddedIssuer,
    domain::{Client, ClientId, Scope, SecretText, SigningAlgorithm},
    store::{Change, SealingKey, Store},
};

const NOW: u64 = 1_700_000_000;
const SECRET: &str = "s3cret";

struct Setup {
    _dir: tempfile::TempDir,
    router: Router,
}

fn settings(algorithm: SigningAlgorithm) -> EmbeddedIssuer {
    EmbeddedIssuer {
        issuer: "https://gw.example".to_owned(),
        audience: "https://gw.example".to_owned(),
        algorithm,
        token_ttl: Duration::from_secs(900),
        rotation: Duration::from_secs(30 * 86_400),
        overlap: Duration::from_secs(3600),
    }
}

fn client(id: &str, disabled: bool) -> Change {
    Change::PutClient(Client {
        id: ClientId::try_from(id).unwrap(),
        name: id.to_owned(),
        scopes: ["agents:weather:read", "team"].map(|scope| Scope::try_from(scope).unwrap()).to_vec(),
        secrets: vec![hash_secret(&SecretText::new(SECRET.to_owned()))],
        disabled,
        created_at: 0,
    })
}

async fn setup(algorithm: SigningAlgorithm) -> Setup {
    let dir = tempfile::tempdir().unwrap();
    let key = SealingKey::load_or_create(&dir.path().join("key")).unwrap();
    let store = Store::open(&dir.path().join("db"), &key).unwrap();
    let clients = || Ok::<_, Infallible>(vec![client("app", false), client("off", true)]);
    store.write(move |_| clients()).await.unwrap();
    Rotation::new((&settings(algorithm)).into(), store.clone(), || NOW).turn().await.unwrap();
    let issuer = Issuer::new(settings(algorithm), "https://gw.example".parse().unwrap(), store, || NOW);
    Setup { _dir: dir, router: router(issuer) }
}

impl Setup {
    async fn send(&self, request: Request<Body>) -> (StatusCode, HeaderMap, Value) {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (head, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        (head.status, head.headers, serde_json::from_slice(&body).unwrap_or(Value::Null))
    }

    async fn get(&self, path: &str) -> Value {
        let (status, _, body) = self.send(Request::get(path).body(Body::empty()).unwrap()).await;
        assert_eq!(status, StatusCode::OK);
        body
    }

    async fn token(&self, id: &str, secret: &str, extra: &str) -> (StatusCode, HeaderMap, Value) {
        let body = format!("grant_type=client_credentials&client_id={id}&client_secret={secret}{extra}");
        let request = Request::post("/oauth2/token")
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(Body::from(body))
            .unwrap();
        self.send(request).await
    }

    async fn check_refused(&self, id: &str, secret: &str, extra: &str, status: u16, code: &str) {
        let (found, headers, body) = self.token(id, secret, extra).await;
        assert_eq!((found.as_u16(), &body["error"]), (status, &json!(code)), "{id} {extra}");
        assert_eq!(headers[header::CACHE_CONTROL], "no-store");
        assert_eq!(headers.contains_key(header::WWW_AUTHENTICATE), status == 401);
    }
}

#[tokio::test]
async fn the_filters_verifier_believes_what_the_issuer_makes() {
    for algorithm in [SigningAlgorithm::Es256, SigningAlgorithm::Rs256, SigningAlgorithm::EdDsa] {
        let setup = setup(algorithm).await;
        let (status, headers, body) = setup.token("app", SECRET, "&scope=team").await;
        assert_eq!(status, StatusCode::OK, "{body}");
        assert_eq!(headers[header::CACHE_CONTROL], "no-store");
        assert_eq!((&body["token_type"], &body["scope"]), (&json!("Bearer"), &json!("team")));
        assert_eq!(body["expires_in"], 900);
        let document: IssuerDocument = serde_json::from_value(json!({
            "issuer": "https://gw.example",
            "audiences": ["https://gw.example"],
            "jwks": setup.get("/.well-known/jwks.json").await,
        }))
        .unwrap();
        let issuers = Issuers::compile(&[document], 0).unwrap();
        let header = format!("Bearer {}", body["access_token"].as_str().unwrap());
        let believed = |now| authenticate(&issuers, &mut TokenCache::new(1, 8), Some(header.as_bytes()), now, &NoHost);
        let caller = believed(NOW).unwrap();
        assert_eq!((caller.client(), caller.subject()), ("app", Some("app")));
        assert_eq!(caller.scopes(), [Scope::try_from("team").unwrap()]);
        assert!(believed(NOW + 901).is_err());
    }
}

#[tokio::test]
async fn without_a_scope_a_client_gets_all_of_its_own() {
    let setup = setup(SigningAlgorithm::Es256).await;
    let (_, _, body) = setup.token("app", SECRET, "").await;
    assert_eq!(body["scope"], "agents:weather:read team");
}

#[tokio::test]
async fn refusals_say_what_rfc_6749_says() {
    let setup = setup(SigningAlgorithm::Es256).await;
    setup.check_refused("app", "wrong", "", 401, "invalid_client").await;
    setup.check_refused("nobody", SECRET, "", 401, "invalid_client").await;
    setup.check_refused("off", SECRET, "", 401, "invalid_client").await;
    setup.check_refused("app", SECRET, "&scope=team+gateway:admin", 400, "invalid_scope").await;
    setup.check_refused("app", SECRET, "&scope=team&scope=team", 400, "invalid_request").await;
    setup.check_refused("app", SECRET, "&resource=https://gw.example.evil/", 400, "invalid_target").await;
}

#[tokio::test]
async fn a_resource_below_the_gateway_is_a_fine_target() {
    let setup = setup(SigningAlgorithm::Es256).await;
    let (status, _, _) = setup.token("app", SECRET, "&resource=https://gw.example/agents/weather").await;
    assert_eq!(status, StatusCode::OK);
}

#[tokio::test]
async fn an_oversize_request_is_refused() {
    let setup = setup(SigningAlgorithm::Es256).await;
    let (status, _, _) = setup.token("app", &"x".repeat(20_000), "").await;
    assert_eq!(status, StatusCode::PAYLOAD_TOO_LARGE);
}

#[tokio::test]
async fn the_metadata_names_the_issuer_and_its_endpoints() {
    let setup = setup(SigningAlgorithm::Es256).await;
    let metadata = setup.get("/.well-known/oauth-authorization-server").await;
    assert_eq!(metadata["issuer"], "https://gw.example");
    assert_eq!(metadata["token_endpoint"], "https://gw.example/oauth2/token");
    assert_eq!(metadata["jwks_uri"], "https://gw.example/.well-known/jwks.json");
}

#[tokio::test]
async fn no_private_member_of_a_key_is_published() {
    for algorithm in [SigningAlgorithm::Es256, SigningAlgorithm::Rs256, SigningAlgorithm::EdDsa] {
        let jwks = setup(algorithm).await.get("/.well-known/jwks.json").await;
        let key = jwks["keys"][0].as_object().unwrap();
        assert!(["d", "p", "q", "dp", "dq", "qi", "k"].iter().all(|name| !key.contains_key(*name)), "{key:?}");
    }
}

#[tokio::test]
async fn a_rotation_publishes_the_next_key_before_it_signs() {
    let dir = tempfile::tempdir().unwrap();
    let key = SealingKey::load_or_create(&dir.path().join("key")).unwrap();
    let store = Store::open(&dir.path().join("db"), &key).unwrap();
    let settings = settings(SigningAlgorithm::Es256);
    Rotation::new((&settings).into(), store.clone(), || NOW).turn().await.unwrap();
    Rotation::new((&settings).into(), store.clone(), || NOW + 30 * 86_400 - 60).turn().await.unwrap();
    let kids: Vec<String> = store.registry().signing_keys.iter().map(|key| key.kid.clone()).collect();
    assert_eq!(kids.len(), 2);
    let issuer = Issuer::new(settings, "https://gw.example".parse().unwrap(), store.clone(), || NOW);
    let app = Arc::new(client_named("app"));
    for (now, kid) in [(NOW + 30 * 86_400 - 60, &kids[0]), (NOW + 31 * 86_400, &kids[1])] {
        let token = issuer.mint(&app, &[], now).unwrap().token;
        assert_eq!(header_of(&token)["kid"], json!(kid));
    }
}

fn client_named(id: &str) -> Client {
    let Change::PutClient(client) = client(id, false) else { unreachable!("client() puts a client") };
    client
}

fn header_of(token: &str) -> Value {
    use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
    let header = BASE64_URL_SAFE_NO_PAD.decode(token.split('.').next().unwrap()).unwrap();
    serde_json::from_slice(&header).unwrap()
}
