//! Where callers' tokens come from: the embedded issuer, and external ones whose keys change.

use serde_json::{Value, json};
use tollgate_tests::{
    Backend, Gateway, Issuer,
    backend::CardAnswer,
    door::Door,
    issuer::{AUDIENCE, SignedBy},
    wait,
};

fn form(id: &str, secret: &str, more: &str) -> String {
    format!("grant_type=client_credentials&client_id={id}&client_secret={secret}{more}")
}

#[test]
fn a_token_of_the_embedded_issuer_opens_what_its_scopes_say() {
    let gateway = Gateway::shared();
    let backend = Backend::start();
    gateway.register("embedded", &backend);
    let (id, secret) = gateway.client("e2e-embedded", &["agents:embedded:read", "agents:embedded:write"]);
    let response = gateway.token_request(&form(&id, &secret, "")).send();
    assert_eq!(response.status, 200, "{}", response.text());
    assert_eq!(response.header("cache-control"), Some("no-store"));
    let token = response.json()["access_token"].as_str().expect("a token").to_owned();
    assert_eq!(gateway.rpc("embedded", "SendMessage").bearer(&token).send().status, 200);
    assert_eq!(gateway.rpc("embedded", "CreateTaskPushNotificationConfig").bearer(&token).send().status, 403);
}

#[test]
fn a_client_may_ask_for_less_but_not_for_more() {
    let gateway = Gateway::shared();
    let backend = Backend::start();
    gateway.register("subset", &backend);
    let (id, secret) = gateway.client("e2e-subset", &["agents:subset:read", "agents:subset:write"]);
    let ask = |scope: &str| gateway.token_request(&form(&id, &secret, &format!("&scope={scope}"))).send();
    let less = ask("agents%3Asubset%3Aread");
    assert_eq!(less.json()["scope"], "agents:subset:read");
    let token = less.json()["access_token"].as_str().expect("a token").to_owned();
    assert_eq!(gateway.rpc("subset", "GetTask").bearer(&token).send().status, 200);
    assert_eq!(gateway.rpc("subset", "SendMessage").bearer(&token).send().status, 403);
    let more = ask("gateway%3Aadmin");
    assert_eq!((more.status, &more.json()["error"]), (400, &json!("invalid_scope")));
}

#[test]
fn wrong_secrets_get_no_token() {
    let gateway = Gateway::shared();
    let (id, secret) = gateway.client("e2e-wrong", &["agents:x:read"]);
    for (name, body) in [
        ("a wrong secret", form(&id, "not-it", "")),
        ("another client's id", form("e2e-nobody", &secret, "")),
        ("no secret", format!("grant_type=client_credentials&client_id={id}")),
    ] {
        let response = gateway.token_request(&body).send();
        assert_eq!((response.status, &response.json()["error"]), (401, &json!("invalid_client")), "{name}");
        assert!(response.header("www-authenticate").is_some(), "{name}");
    }
    let other_grant = gateway.token_request(&form(&id, &secret, "").replace("client_credentials", "password")).send();
    assert_eq!((other_grant.status, &other_grant.json()["error"]), (400, &json!("unsupported_grant_type")));
}

#[test]
fn basic_works_and_both_ways_at_once_do_not() {
    let gateway = Gateway::shared();
    let (id, secret) = gateway.client("e2e-basic", &["agents:x:read"]);
    use base64::{Engine, engine::general_purpose::STANDARD};
    let basic = format!("Basic {}", STANDARD.encode(format!("{id}:{secret}")));
    let alone = gateway.token_request("grant_type=client_credentials").header("authorization", &basic).send();
    assert_eq!(alone.status, 200, "{}", alone.text());
    let both = gateway.token_request(&form(&id, &secret, "")).header("authorization", &basic).send();
    assert_eq!(both.status, 400, "RFC 6749 section 2.3: {}", both.text());
}

#[test]
fn a_rotated_secret_overlaps_and_a_deleted_client_is_gone() {
    let gateway = Gateway::shared();
    let (id, old) = gateway.client("e2e-rotated", &["agents:x:read"]);
    let rotated = gateway.admin_ok("POST", "/admin/clients/e2e-rotated/rotate", Some(&json!({"overlapSeconds": 600})));
    let new = rotated["clientSecret"].as_str().expect("the new secret").to_owned();
    assert_ne!(old, new);
    let status = |secret: &str| gateway.token_request(&form(&id, secret, "")).send().status;
    assert_eq!((status(&old), status(&new)), (200, 200));
    gateway.admin_ok("DELETE", "/admin/clients/e2e-rotated", None);
    assert_eq!((status(&old), status(&new)), (401, 401));
}

#[test]
fn metadata_and_keys_are_open_and_agree() {
    let gateway = Gateway::shared();
    let metadata = gateway.request("GET", "/.well-known/oauth-authorization-server").send();
    assert_eq!(metadata.status, 200, "{}", metadata.text());
    let below = |name: &str| -> String {
        let url = metadata.json()[name].as_str().expect("a URL").to_owned();
        url.strip_prefix(&gateway.public_url()).expect("below the public URL").to_owned()
    };
    assert_eq!(metadata.json()["issuer"], gateway.public_url());
    assert_eq!(below("token_endpoint"), "/oauth2/token");
    let keys = gateway.request("GET", &below("jwks_uri")).send();
    assert_eq!(keys.status, 200);
    assert!(!keys.json()["keys"].as_array().expect("keys").is_empty());
    assert!(!keys.text().contains("\"d\""), "no private part");
}

#[test]
fn two_issuers_do_not_vouch_for_each_other() {
    let gateway = Gateway::shared();
    let backend = Backend::start();
    gateway.register("two-issuers", &backend);
    let second = Issuer::new("https://second.test");
    gateway.register_issuer(&second);
    let call = |token: &str| gateway.rpc("two-issuers", "GetTask").bearer(token).send().status;
    let scope = "agents:two-issuers:read";
    assert_eq!(call(&second.token("c", scope)), 200);
    let mut claims = second.claims("c", scope);
    claims["iss"] = json!(gateway.issuer.name);
    assert_eq!(call(&second.sign(SignedBy::Rsa, &claims)), 401);
    gateway.admin_ok("DELETE", "/admin/issuers/https%3A%2F%2Fsecond.test?wait=applied", None);
    assert_eq!(call(&second.token("c", scope)), 401);
}

#[test]
fn a_key_that_appears_at_the_jwks_url_is_fetched_when_a_token_names_it() {
    let gateway = Gateway::shared();
    let backend = Backend::start();
    gateway.register("jwks-url", &backend);
    let (before, after) = (Issuer::new("https://rotating.test"), Issuer::new("https://rotating.test"));
    // The key set is served where a backend serves its card: any path that ends so.
    let server = Backend::with(Door::Open, CardAnswer::Raw(before.jwks().to_string().into_bytes()));
    let url = format!("{}/agent-card.json", server.url());
    let body = json!({"issuer": before.name, "audiences": [AUDIENCE], "jwksUrl": url});
    gateway.admin_ok("POST", "/admin/issuers?wait=applied", Some(&body));
    let call = |issuer: &Issuer| {
        gateway.rpc("jwks-url", "GetTask").bearer(&issuer.token("c", "agents:jwks-url:read")).send().status
    };
    assert_eq!((call(&before), call(&after)), (200, 401));
    let both: Vec<Value> = [before.jwks(), after.jwks()]
        .iter()
        .flat_map(|set| set["keys"].as_array().cloned().unwrap_or_default())
        .collect();
    server.set_card(CardAnswer::Raw(json!({"keys": both}).to_string().into_bytes()));
    wait::until("the new key", || (call(&after) == 200).then_some(()));
    assert_eq!(call(&before), 200);
}
