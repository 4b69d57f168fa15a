//! What backends are given in place of the caller's token: every kind of credential, kept fresh, never shown.

use std::{fs, sync::atomic::Ordering};

use serde_json::{Value, json};
use tollgate_tests::{
    Backend, Gateway, Response,
    backend::CardAnswer,
    cards::CardShape,
    door::{ClientAuth, Door, Expiry, Service, TokenEndpoint},
    gateway::Settings,
    wait,
};

const ALL: &str = "agents:ID:read agents:ID:write agents:ID:push";

fn behind(door: Door) -> Backend {
    Backend::with(door, CardAnswer::Card(CardShape::V1))
}

fn call(gateway: &Gateway, id: &str) -> u16 {
    answer(gateway, id).status
}

fn answer(gateway: &Gateway, id: &str) -> Response {
    gateway.rpc(id, "GetTask").bearer(&gateway.token(&ALL.replace("ID", id))).send()
}

/// The `authConfig` that opens an OAuth door.
fn oauth(backend: &Backend, method: &str) -> Value {
    json!({
        "type": "OAUTH2_CLIENT_CREDENTIALS", "tokenUrl": format!("{}/oauth/token", backend.url()), "clientId": "backend-client",
        "clientSecret": "planted-backend-client-secret", "tokenEndpointAuthMethod": method, "scopes": ["one", "two"],
    })
}

/// A backend behind `door` is registered with `auth`; its card is fetched and a call arrives through the door.
#[track_caller]
fn check(id: &str, door: Door, auth: impl Fn(&Backend) -> Value) {
    let gateway = Gateway::shared();
    let backend = behind(door);
    gateway.register_with(id, &backend, &json!({"authConfig": auth(&backend)}));
    assert_eq!(call(gateway, id), 200);
    assert_eq!(backend.calls().len(), 1);
}

#[test]
fn an_api_key_goes_in_the_header_of_choice() {
    check(
        "key-door",
        Door::Header("x-api-key", "planted-api-key".into()),
        |_| json!({"type": "api_key", "headerName": "X-API-Key", "apiKey": "planted-api-key"}),
    );
}

#[test]
fn a_bearer_token_replaces_the_callers() {
    check(
        "bearer-door",
        Door::Header("authorization", "Bearer planted-bearer".into()),
        |_| json!({"type": "bearer", "token": "planted-bearer"}),
    );
}

#[test]
fn basic_credentials_are_encoded() {
    check(
        "basic-door",
        Door::Header("authorization", "Basic dXNlcjpwbGFudGVkOnBhc3M=".into()),
        |_| json!({"type": "Basic", "username": "user", "password": "planted:pass"}),
    );
}

#[test]
fn oauth_with_basic_client_authentication() {
    let endpoint = TokenEndpoint::new(ClientAuth::Basic, Expiry::Seconds(3_600));
    check("oauth-basic", Door::OAuth(endpoint), |backend| oauth(backend, "client_secret_basic"));
}

#[test]
fn oauth_with_the_client_in_the_form() {
    let endpoint = TokenEndpoint::new(ClientAuth::Form, Expiry::Seconds(3_600));
    check("oauth-form", Door::OAuth(endpoint), |backend| oauth(backend, "client_secret_post"));
}

#[test]
fn oauth_tokens_that_do_not_say_when_they_expire() {
    let endpoint = TokenEndpoint::new(ClientAuth::Basic, Expiry::Unsaid);
    check("oauth-unsaid", Door::OAuth(endpoint), |backend| oauth(backend, "client_secret_basic"));
}

#[test]
fn a_token_the_backend_no_longer_takes_is_replaced() {
    let gateway = Gateway::shared();
    let backend = behind(Door::OAuth(TokenEndpoint::new(ClientAuth::Basic, Expiry::Seconds(3_600))));
    gateway.register_with("oauth-revoked", &backend, &json!({"authConfig": oauth(&backend, "client_secret_basic")}));
    assert_eq!(call(gateway, "oauth-revoked"), 200);
    let Door::OAuth(endpoint) = backend.door() else { unreachable!("an OAuth door") };
    endpoint.issued.fetch_add(1, Ordering::SeqCst);
    wait::until("a new token after the backend's 401", || (call(gateway, "oauth-revoked") == 200).then_some(()));
}

#[test]
fn a_token_that_a_translated_agent_no_longer_takes_is_replaced() {
    let gateway = Gateway::shared();
    let door = Door::OAuth(TokenEndpoint::new(ClientAuth::Basic, Expiry::Seconds(3_600)));
    let backend = Backend::with(door, CardAnswer::Card(CardShape::V1Rest));
    let more = json!({"authConfig": oauth(&backend, "client_secret_basic")});
    gateway.register_with("oauth-translated", &backend, &more);
    let send = || {
        let params = json!({"message": {"messageId": "m", "role": "ROLE_USER", "parts": [{"text": "hi"}]}});
        let body = json!({"jsonrpc": "2.0", "id": 1, "method": "SendMessage", "params": params});
        let request = gateway.request("POST", "/agents/oauth-translated").header("a2a-version", "1.0").json(&body);
        request.bearer(&gateway.token(&ALL.replace("ID", "oauth-translated"))).send()
    };
    assert_eq!(send().status, 200);
    let Door::OAuth(endpoint) = backend.door() else { unreachable!("an OAuth door") };
    endpoint.issued.fetch_add(1, Ordering::SeqCst);
    let refused = send();
    assert_eq!((refused.status, &refused.json()["error"]["code"]), (502, &json!(-32047)), "{}", refused.text());
    wait::until("a new token after the backend's 401", || (send().status == 200).then_some(()));
    let usage = gateway.admin_ok("GET", "/admin/usage?agent=oauth-translated", None);
    assert!(usage["usage"][0]["total"]["unauthorized"].as_u64() >= Some(1), "{usage}");
}

#[test]
fn a_token_about_to_expire_is_replaced_before_it_does() {
    let gateway = Gateway::shared();
    let backend = behind(Door::OAuth(TokenEndpoint::new(ClientAuth::Basic, Expiry::Seconds(4))));
    gateway.register_with("oauth-short", &backend, &json!({"authConfig": oauth(&backend, "client_secret_basic")}));
    let Door::OAuth(endpoint) = backend.door() else { unreachable!("an OAuth door") };
    wait::until("the second token, without a call in between", || {
        (endpoint.issued.load(Ordering::SeqCst) >= 2).then_some(())
    });
    wait::until("the new token in Envoy", || (call(gateway, "oauth-short") == 200).then_some(()));
}

#[test]
fn a_failed_registration_leaves_the_working_credential() {
    let gateway = Gateway::shared();
    let backend = behind(Door::OAuth(TokenEndpoint::new(ClientAuth::Basic, Expiry::Seconds(3_600))));
    let good = json!({"authConfig": oauth(&backend, "client_secret_basic")});
    gateway.register_with("oauth-kept", &backend, &good);
    let mut wrong = oauth(&backend, "client_secret_basic");
    wrong["clientSecret"] = json!("not-the-secret");
    let record = json!({"agentId": "oauth-kept", "name": "x", "backendUrl": backend.url(), "authConfig": wrong});
    let response = gateway.admin("POST", "/admin/agents/register", Some(&record));
    assert!((400..600).contains(&response.status), "{}", response.text());
    assert!(!response.text().contains("not-the-secret"));
    assert_eq!(call(gateway, "oauth-kept"), 200);
}

/// A call ends at the gateway as its own fault: 502 in its own words, no challenge to the caller, nothing at the backend.
#[track_caller]
fn check_bad_gateway(gateway: &Gateway, id: &str, backend: &Backend) {
    let before = (backend.calls().len(), backend.refused().len());
    let response = answer(gateway, id);
    assert_eq!(response.status, 502, "{}", response.text());
    let error = &response.json()["error"];
    assert_eq!(
        (&error["code"], &error["data"][0]["reason"]),
        (&json!(-32047), &json!("NO_BACKEND_CREDENTIAL")),
        "{error}"
    );
    assert!(error["message"].as_str().is_some_and(|message| message.contains("credential")), "{error}");
    assert_eq!(response.header("content-type"), Some("application/json"));
    assert_eq!(response.header("www-authenticate"), None);
    assert_eq!((backend.calls().len(), backend.refused().len()), before, "the backend was called");
}

/// Calls until the backend is reached again; until then the gateway goes on to say that the fault is its own.
#[track_caller]
fn wait_until_served(gateway: &Gateway, id: &str) {
    wait::until("a credential again", || match call(gateway, id) {
        200 => Some(()),
        status => {
            assert_eq!(status, 502, "neither served nor the gateway's fault");
            None
        }
    });
}

#[test]
fn a_credential_that_cannot_be_fetched_is_the_gateways_fault_until_it_can() {
    let gateway = Gateway::start(Settings::default());
    let backend = behind(Door::OAuth(TokenEndpoint::new(ClientAuth::Basic, Expiry::Seconds(3_600))));
    let Door::OAuth(endpoint) = backend.door() else { unreachable!("an OAuth door") };
    gateway.register_with("oauth-away", &backend, &json!({"authConfig": oauth(&backend, "client_secret_basic")}));
    assert_eq!(call(&gateway, "oauth-away"), 200);
    // Started again, neither the control plane nor Envoy remembers a token.
    endpoint.set_service(Service::Down);
    gateway.stop_control();
    gateway.restart_control();
    gateway.restart_envoy();
    check_bad_gateway(&gateway, "oauth-away", &backend);
    let credential = gateway.admin_ok("GET", "/admin/agents/oauth-away", None)["credential"].clone();
    assert_eq!(credential["state"], "failed", "{credential}");
    assert!(credential["lastError"].is_string(), "{credential}");
    endpoint.set_service(Service::Up);
    wait_until_served(&gateway, "oauth-away");
    assert!(backend.refused().is_empty(), "{:?}", backend.refused());
}

#[test]
fn an_expired_credential_is_taken_back_and_the_caller_told_whose_fault_it_is() {
    let gateway = Gateway::shared();
    let backend = behind(Door::OAuth(TokenEndpoint::new(ClientAuth::Basic, Expiry::Seconds(3))));
    let Door::OAuth(endpoint) = backend.door() else { unreachable!("an OAuth door") };
    gateway.register_with("oauth-expired", &backend, &json!({"authConfig": oauth(&backend, "client_secret_basic")}));
    endpoint.set_service(Service::Refusing);
    wait::until("the token's end", || match call(gateway, "oauth-expired") {
        502 => Some(()),
        status => {
            assert_eq!(status, 200, "the last token is good until it ends");
            None
        }
    });
    check_bad_gateway(gateway, "oauth-expired", &backend);
    endpoint.set_service(Service::Up);
    wait_until_served(gateway, "oauth-expired");
    assert!(backend.refused().is_empty(), "{:?}", backend.refused());
}

#[test]
fn secrets_by_reference_follow_their_file_and_stay_within_bounds() {
    let gateway = Gateway::start(Settings {
        variables: vec![("E2E_KEY".into(), "planted-env-key".into()), ("OTHER_KEY".into(), "planted-other".into())],
        ..Settings::default()
    });
    let auth = |secret: &str| json!({"authConfig": {"type": "api_key", "headerName": "x-api-key", "apiKey": secret}});
    let from_env = behind(Door::Header("x-api-key", "planted-env-key".into()));
    gateway.register_with("env-key", &from_env, &auth("env:E2E_KEY"));
    assert_eq!(call(&gateway, "env-key"), 200);

    let file = gateway.data().parent().expect("a directory").join("secrets/key");
    fs::write(&file, "planted-file-key\n").expect("written");
    let from_file = Backend::start();
    gateway.register_with("file-key", &from_file, &auth(&format!("file:{}", file.display())));
    let arrives = |value: &str| {
        assert_eq!(call(&gateway, "file-key"), 200);
        (from_file.calls().last().expect("arrived").header("x-api-key") == Some(value)).then_some(())
    };
    arrives("planted-file-key").expect("the file's content, without the end of line");
    fs::write(&file, "planted-new-key").expect("written");
    wait::until("the file's new content", || arrives("planted-new-key"));

    for outside in ["env:OTHER_KEY", "env:PATH", "file:/etc/hostname", "file:../outside"] {
        let mut record = auth(outside);
        record["agentId"] = json!("outside");
        record["backendUrl"] = json!(from_file.url());
        let response = gateway.admin("POST", "/admin/agents/register", Some(&record));
        assert_eq!(response.status, 400, "{outside}: {}", response.text());
        assert_eq!(response.json()["error"]["details"]["field"], "authConfig.apiKey", "{outside}");
    }
}

#[test]
fn an_agent_that_refuses_the_credential_is_a_bad_gateway_and_not_the_callers_fault() {
    let gateway = Gateway::shared();
    let (open, closed) = (Backend::start(), behind(Door::Header("x-key", "right".to_owned())));
    let record = json!({
        "agentId": "refuses", "backendUrl": closed.url(),
        "agentCardUrl": format!("{}/.well-known/agent-card.json", open.url()),
        "authConfig": {"type": "api_key", "headerName": "x-key", "apiKey": "wrong"},
    });
    gateway.admin_ok("POST", "/admin/agents/register?wait=applied", Some(&record));
    let token = gateway.token(&ALL.replace("ID", "refuses"));
    let rpc = answer(gateway, "refuses");
    let rest = gateway.request("GET", "/agents/refuses/tasks/t").bearer(&token).send();
    for response in [&rpc, &rest] {
        assert_eq!((response.status, response.header("retry-after")), (502, Some("1")), "{}", response.text());
        assert_eq!(response.header("www-authenticate"), None);
    }
    assert_eq!(rpc.json()["error"]["code"], -32047);
    assert_eq!(rest.json()["error"]["details"][0]["reason"], "BACKEND_REFUSED_CREDENTIAL");
    assert_eq!(closed.refused().len(), 2, "once each: it is not sent again");
}
