//! Governed calls: both bindings, both versions, streams, what the backend sees and what callers are told when refused.

use serde_json::{Value, json};
use tollgate_tests::{
    Backend, Gateway, Response,
    backend::{CardAnswer, EVENTS},
    cards::CardShape,
    door::Door,
};

fn agent(id: &str) -> Backend {
    let backend = Backend::start();
    Gateway::shared().register(id, &backend);
    backend
}

fn token(id: &str, classes: &[&str]) -> String {
    let scopes: Vec<String> = classes.iter().map(|class| format!("agents:{id}:{class}")).collect();
    Gateway::shared().token(&scopes.join(" "))
}

const ALL: [&str; 3] = ["read", "write", "push"];

#[test]
fn json_rpc_reaches_the_backend_at_its_own_path() {
    let gateway = Gateway::shared();
    let backend = agent("rpc-path");
    let body =
        json!({"method": "SendMessage", "params": {"message": {"parts": [{"text": "hi"}]}}, "id": 0, "jsonrpc": "2.0"});
    let request = |path: &str| gateway.request("POST", path).bearer(&token("rpc-path", &["read", "write"])).json(&body);
    for path in ["/agents/rpc-path", "/agents/rpc-path/"] {
        let response = request(path).header("a2a-version", "1.0").header("traceparent", "00-1-2-01").send();
        assert_eq!(response.status, 200, "{}", response.text());
        assert_eq!(response.header("x-backend"), Some("recorder"));
    }
    for call in backend.calls() {
        assert_eq!((call.method.as_str(), call.path.as_str()), ("POST", "/"));
        assert_eq!(String::from_utf8_lossy(&call.body), body.to_string(), "the body passes byte for byte");
        assert_eq!(call.header("a2a-version"), Some("1.0"));
        assert_eq!(call.header("traceparent"), Some("00-1-2-01"));
    }
}

#[test]
fn http_json_reaches_the_backend_with_its_query() {
    let gateway = Gateway::shared();
    let backend = Backend::start();
    // The card offers 1.0 alone; what passes here is the path.
    gateway.register_with("rest-path", &backend, &json!({"translation": "off"}));
    let token = token("rest-path", &ALL);
    for (method, path, arrives) in [
        ("POST", "/agents/rest-path/message:send", "/message:send"),
        ("POST", "/agents/rest-path/v1/message:send?a=1&b=%20", "/v1/message:send?a=1&b=%20"),
        ("GET", "/agents/rest-path/tasks?pageSize=5", "/tasks?pageSize=5"),
        ("GET", "/agents/rest-path/tasks/t-1", "/tasks/t-1"),
        ("POST", "/agents/rest-path/tasks/t-1:cancel", "/tasks/t-1:cancel"),
        ("GET", "/agents/rest-path/tenant-a/tasks/t-1", "/tenant-a/tasks/t-1"),
        ("DELETE", "/agents/rest-path/tasks/t-1/pushNotificationConfigs/c", "/tasks/t-1/pushNotificationConfigs/c"),
    ] {
        let mut request = gateway.request(method, path).bearer(&token);
        if method == "POST" {
            request = request.json(&json!({"message": {"parts": []}}));
        }
        let response = request.send();
        assert_eq!(response.status, 200, "{method} {path}: {}", response.text());
        let call = backend.calls().pop().expect("arrived");
        assert_eq!((call.method.as_str(), call.path.as_str()), (method, arrives));
    }
}

#[test]
fn the_paths_of_the_card_are_the_paths_that_are_called() {
    let gateway = Gateway::shared();
    let backend = Backend::with(Door::Open, CardAnswer::Card(CardShape::Hybrid));
    gateway.register("base-paths", &backend);
    let token = token("base-paths", &ALL);
    let send = |path: &str| {
        gateway
            .request("POST", path)
            .bearer(&token)
            .json(&json!({"jsonrpc": "2.0", "id": 1, "method": "GetTask"}))
            .send()
    };
    assert_eq!(send("/agents/base-paths").status, 200);
    assert_eq!(send("/agents/base-paths/message:send?x=1").status, 200);
    let paths: Vec<String> = backend.calls().into_iter().map(|call| call.path).collect();
    assert_eq!(paths, ["/a2a/rpc", "/a2a/rest/message:send?x=1"]);
}

#[test]
fn streams_pass_event_for_event() {
    let gateway = Gateway::shared();
    let _backend = agent("streams");
    let token = token("streams", &["write"]);
    let rpc = gateway.rpc("streams", "SendStreamingMessage").bearer(&token).send();
    let rest =
        gateway.request("POST", "/agents/streams/message:stream").bearer(&token).json(&json!({"message": {}})).send();
    for response in [rpc, rest] {
        assert_eq!(response.status, 200, "{}", response.text());
        assert_eq!(response.header("content-type"), Some("text/event-stream"));
        assert_eq!(response.text(), EVENTS);
    }
}

#[test]
fn the_backend_sees_neither_the_callers_token_nor_forged_identity() {
    let gateway = Gateway::shared();
    let backend = agent("clean");
    let request = gateway.rpc("clean", "GetTask").bearer(&token("clean", &ALL));
    let response = request
        .header("x-tollgate-route", "control-plane")
        .header("x-tollgate-cluster", "agent-other")
        .header("x-tollgate-subject", "admin")
        .header("X-Tollgate-Client", "admin")
        .header("x-envoy-upstream-rq-timeout-ms", "1")
        .header("x-custom", "kept")
        .send();
    assert_eq!(response.status, 200, "{}", response.text());
    let call = backend.only_call();
    assert_eq!(call.header("authorization"), None);
    assert_eq!(call.header("x-custom"), Some("kept"));
    let ours: Vec<&str> = call.headers.iter().map(|(name, _)| name.as_str()).filter(|name| is_ours(name)).collect();
    assert!(ours.is_empty(), "{ours:?}");
}

fn is_ours(name: &str) -> bool {
    name.starts_with("x-tollgate") || name.starts_with("x-envoy-upstream") || name == "x-envoy-original-path"
}

#[test]
fn a_backend_that_is_to_know_its_callers_is_told() {
    let gateway = Gateway::shared();
    let backend = Backend::start();
    gateway.register_with("told", &backend, &json!({"identityHeaders": true}));
    let forged = gateway.rpc("told", "GetTask").bearer(&token("told", &ALL)).header("x-tollgate-subject", "admin");
    assert_eq!(forged.send().status, 200);
    let call = backend.only_call();
    assert_eq!(call.header("x-tollgate-subject"), Some("subject-of-e2e-client"));
    assert_eq!(call.header("x-tollgate-client"), Some("e2e-client"));
}

#[test]
fn a_readers_json_rpc_is_decided_by_its_body() {
    let gateway = Gateway::shared();
    let backend = agent("reader");
    let send = |method: &str| gateway.rpc("reader", method).bearer(&token("reader", &["read"])).send();
    for method in ["GetTask", "tasks/get", "SubscribeToTask", "tasks/resubscribe"] {
        assert_eq!(send(method).status, 200, "{method}");
    }
    // Its card has no extended one: the agent is not even asked.
    assert_eq!(send("GetExtendedAgentCard").json()["error"]["code"], -32007);
    assert_eq!(backend.calls().len(), 4);
    for method in [
        "SendMessage",
        "message/send",
        "CancelTask",
        "tasks/cancel",
        "message/stream",
        "CreateTaskPushNotificationConfig",
    ] {
        let response = send(method);
        assert_eq!(response.status, 403, "{method}: {}", response.text());
        assert_eq!(response.json()["id"], json!(7), "the request's id comes back");
    }
    assert_eq!(backend.calls().len(), 4, "refused calls arrive nowhere");
}

#[test]
fn an_inline_webhook_needs_the_push_scope() {
    let gateway = Gateway::shared();
    let backend = agent("webhooks");
    let params = json!({"message": {"parts": []}, "configuration": {"taskPushNotificationConfig": {"url": "https://hook.example.com"}}});
    let rpc = json!({"jsonrpc": "2.0", "id": 1, "method": "SendMessage", "params": params});
    let send = |path: &str, classes: &[&str], body: &Value| {
        gateway.request("POST", path).bearer(&token("webhooks", classes)).json(body).send().status
    };
    assert_eq!(send("/agents/webhooks", &["read", "write"], &rpc), 403);
    assert_eq!(send("/agents/webhooks/message:send", &["read", "write"], &params), 403);
    assert!(backend.calls().is_empty());
    assert_eq!(send("/agents/webhooks", &ALL, &rpc), 200);
    assert_eq!(send("/agents/webhooks/message:send", &ALL, &params), 200);
}

#[test]
fn denials_speak_the_callers_binding() {
    let gateway = Gateway::shared();
    let _backend = agent("denials");
    let reader = token("denials", &["read"]);
    let rpc = gateway.rpc("denials", "SendMessage").bearer(&reader).send();
    assert_eq!(rpc.status, 403);
    let error = &rpc.json()["error"];
    assert!(error["code"].is_i64() && error["message"].is_string() && error["data"].is_array(), "{error}");
    assert_eq!(rpc.json()["jsonrpc"], "2.0");
    let rest =
        gateway.request("POST", "/agents/denials/message:send").bearer(&reader).json(&json!({"message": {}})).send();
    assert_eq!(rest.status, 403);
    assert_eq!(rest.json()["error"]["code"], 403);
    assert_eq!(rest.json()["error"]["status"], "PERMISSION_DENIED");
    let listing = gateway.request("GET", "/agents").send();
    assert_eq!((listing.status, &listing.json()["error"]["code"]), (401, &json!("TOKEN_MISSING")));
    assert_scope(&rpc, "agents:denials:write");
    assert_scope(&rest, "agents:denials:write");
}

#[track_caller]
fn assert_scope(response: &Response, scope: &str) {
    let challenge = response.header("www-authenticate").unwrap_or_default();
    assert!(challenge.contains("insufficient_scope") && challenge.contains(scope), "{challenge}");
}

#[test]
fn a_missing_token_is_told_where_to_look() {
    let gateway = Gateway::shared();
    let _backend = agent("challenge");
    let challenge =
        gateway.rpc("challenge", "GetTask").send().header("www-authenticate").expect("a challenge").to_owned();
    assert!(!challenge.contains("error="), "RFC 6750 section 3.1: {challenge}");
    let begin = challenge.find("resource_metadata=\"").expect("RFC 9728") + 19;
    let url = &challenge[begin..][..challenge[begin..].find('"').expect("quoted")];
    let path = url.strip_prefix(&gateway.public_url()).expect("below the public URL");
    let metadata = gateway.request("GET", path).send();
    assert_eq!(metadata.status, 200, "{path}: {}", metadata.text());
    assert_eq!(metadata.json()["resource"], format!("{}/agents/challenge", gateway.public_url()));
}

#[test]
fn an_unknown_agent_and_a_forbidden_one_look_alike() {
    let gateway = Gateway::shared();
    let _backend = agent("forbidden");
    let token = gateway.token("agents:something-else:read");
    let answer = |id: &str| {
        let response = gateway.rpc(id, "GetTask").bearer(&token).send();
        let said = response.text() + response.header("www-authenticate").unwrap_or_default();
        (response.status, said.replace(id, "ID"))
    };
    assert_eq!(answer("forbidden"), answer("nonexistent"));
    assert_eq!(answer("forbidden").0, 403);
}

#[test]
fn a_permission_row_grants_by_glob() {
    let gateway = Gateway::shared();
    let (inside, outside) = (agent("team-a-one"), agent("team-b-one"));
    let row = json!({"agents": ["team-a-*"], "operations": ["read", "write"]});
    gateway.admin_ok("PUT", "/admin/permissions/team.a?wait=applied", Some(&row));
    let token = gateway.token("team.a");
    assert_eq!(gateway.rpc("team-a-one", "SendMessage").bearer(&token).send().status, 200);
    assert_eq!(gateway.rpc("team-b-one", "SendMessage").bearer(&token).send().status, 403);
    gateway.admin_ok("DELETE", "/admin/permissions/team.a?wait=applied", None);
    assert_eq!(gateway.rpc("team-a-one", "SendMessage").bearer(&token).send().status, 403);
    assert_eq!((inside.calls().len(), outside.calls().len()), (1, 0));
}

#[test]
fn the_admin_scope_opens_the_admin_api_and_no_agent() {
    let gateway = Gateway::shared();
    let backend = agent("not-for-admins");
    let token = gateway.token("gateway:admin");
    assert_eq!(gateway.request("GET", "/admin/agents").bearer(&token).send().status, 200);
    assert_eq!(gateway.rpc("not-for-admins", "GetTask").bearer(&token).send().status, 403);
    assert!(backend.calls().is_empty());
}

#[test]
fn a_disabled_agent_is_gone_until_it_is_enabled() {
    let gateway = Gateway::shared();
    let backend = agent("disabled");
    let token = token("disabled", &ALL);
    let call = || gateway.rpc("disabled", "GetTask").bearer(&token).send().status;
    let set = |status: &str| {
        gateway.admin_ok("PATCH", "/admin/agents/disabled/status?wait=applied", Some(&json!({"status": status})));
    };
    set("inactive");
    assert!(matches!(call(), 403 | 404));
    gateway.register("disabled", &backend);
    assert!(matches!(call(), 403 | 404), "registering again does not revive it");
    set("active");
    assert_eq!(call(), 200);
}
