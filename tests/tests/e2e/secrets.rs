//! Planted secrets are looked for wherever something is written or answered: logs, the admin API, Envoy's config dump, the data
//! directory.

use std::{fs, path::Path};

use serde_json::json;
use tollgate_tests::{
    Backend, Gateway,
    backend::CardAnswer,
    cards::CardShape,
    door::{ClientAuth, Door, Expiry, TokenEndpoint},
    gateway::{ADMIN_SECRET, Settings},
};

const KEY: &str = "planted-key-c0ffee";
const TOKEN: &str = "planted-token-decaf";
const PASSWORD: &str = "planted-password-f00d";
const CLIENT_SECRET: &str = "planted-backend-client-secret";

#[test]
fn planted_secrets_are_nowhere_to_be_found() {
    let gateway = Gateway::start(Settings { more: "[log]\nlevel = \"trace\"\n".into(), ..Settings::default() });
    let (client_secret, caller_token) = use_every_secret(&gateway);
    // base64 of "user:" and the password.
    let basic = "dXNlcjpwbGFudGVkLXBhc3N3b3JkLWYwMGQ=";
    let planted = [
        KEY,
        TOKEN,
        PASSWORD,
        basic,
        CLIENT_SECRET,
        "planted-backend-token-1",
        ADMIN_SECRET,
        &client_secret,
        &caller_token,
    ];
    let places = [
        ("the logs", gateway.logs()),
        ("the agents", gateway.admin("GET", "/admin/agents", None).text()),
        ("an agent", gateway.admin("GET", "/admin/agents/secret-oauth", None).text()),
        ("the clients", gateway.admin("GET", "/admin/clients", None).text()),
        ("the issuers", gateway.admin("GET", "/admin/issuers", None).text()),
        ("the nodes", gateway.admin("GET", "/admin/nodes", None).text()),
        ("Envoy's configuration", gateway.envoy("/config_dump?include_eds").text()),
        ("Envoy's clusters", gateway.envoy("/clusters").text()),
        ("Envoy's counters", gateway.envoy("/stats").text()),
    ];
    for (place, text) in &places {
        assert!(text.len() > 20, "{place} is empty");
        for secret in planted {
            assert!(!text.contains(secret), "{place} shows {secret}");
        }
    }
    gateway.stop_control();
    assert_not_on_disk(&gateway.data(), &planted);
}

/// Registers an agent of each kind, calls it, gets refused; returns a client's secret and a caller's token.
fn use_every_secret(gateway: &Gateway) -> (String, String) {
    let oauth = Backend::with(
        Door::OAuth(TokenEndpoint::new(ClientAuth::Basic, Expiry::Seconds(3_600))),
        CardAnswer::Card(CardShape::V1),
    );
    let oauth_config = json!({"type": "oauth2_client_credentials", "tokenUrl": format!("{}/oauth/token", oauth.url()),
        "clientId": "backend-client", "clientSecret": CLIENT_SECRET});
    let open = Backend::start();
    for (id, backend, auth) in [
        ("secret-key", &open, json!({"type": "api_key", "headerName": "x-key", "apiKey": KEY})),
        ("secret-bearer", &open, json!({"type": "bearer", "token": TOKEN})),
        ("secret-basic", &open, json!({"type": "basic", "username": "user", "password": PASSWORD})),
        ("secret-oauth", &oauth, oauth_config),
    ] {
        gateway.register_with(id, backend, &json!({"authConfig": auth}));
        let token = gateway.token(&format!("agents:{id}:read"));
        assert_eq!(gateway.rpc(id, "GetTask").bearer(&token).send().status, 200, "{id}");
    }
    let (id, secret) = gateway.client("secret-client", &["agents:secret-key:read"]);
    let form = format!("grant_type=client_credentials&client_id={id}&client_secret={secret}");
    let token = gateway.token_request(&form).send().json()["access_token"].as_str().expect("a token").to_owned();
    assert_eq!(gateway.rpc("secret-key", "SendMessage").bearer(&token).send().status, 403);
    assert_eq!(gateway.token_request(&form.replace(&secret, &format!("{secret}x"))).send().status, 401);
    // A record that is refused, with its secrets in it.
    let refused = json!({"agentId": "Bad Id", "backendUrl": open.url(), "authConfig": {"type": "bearer", "token": TOKEN, "extra": KEY}});
    let answer = gateway.admin("POST", "/admin/agents/register", Some(&refused));
    assert_eq!(answer.status, 400);
    assert!(!answer.text().contains(TOKEN) && !answer.text().contains(KEY), "{}", answer.text());
    (secret, token)
}

fn assert_not_on_disk(directory: &Path, planted: &[&str]) {
    let mut files = 0;
    for entry in fs::read_dir(directory).expect("the data directory") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            assert_not_on_disk(&path, planted);
            continue;
        }
        files += 1;
        let bytes = fs::read(&path).expect("readable");
        for secret in planted {
            let found = bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
            assert!(!found, "{} holds {secret}", path.display());
        }
    }
    assert!(files > 0 || directory.ends_with("blobs"), "{} is empty", directory.display());
}
